"""What follows from measurements: made up here, with recommendations worked out by hand."""

from dataclasses import replace

import pytest

from mnist_batch.options import Device, PredictorChoice
from mnist_batch.tuning.recommendation import (
    Measurement,
    Stage,
    best,
    binding,
    noise_notes,
    predict_command,
)

NUMPY, KERAS = PredictorChoice.NUMPY, PredictorChoice.KERAS


def part(name: Stage, images_per_s: int, workers: int) -> Measurement:
    """Return a measurement of reading, decoding or the whole."""
    return Measurement(name, workers, 2048, images_per_s, [1, 1, 1])


def network(
    images_per_s: int,
    batch_size: int,
    device: Device = Device.CPU,
    predictor: PredictorChoice = KERAS,
) -> Measurement:
    """Return a measurement of the network with two workers."""
    seconds = [1, 1, 1]
    return Measurement(Stage.NETWORK, 2, batch_size, images_per_s, seconds, predictor, device)


READ, DECODE = part(Stage.READ, 2000, 2), part(Stage.DECODE, 300, 2)


def test_the_median_round_counts() -> None:
    """One slow round changes nothing; the spread is that of the middle half."""
    found = Measurement(Stage.READ, 2, 2048, 100, [0.2, 0.1, 0.3, 9.0, 0.2])
    assert found.median_s == pytest.approx(0.2)
    assert found.images_per_s == pytest.approx(500)
    assert found.iqr_s == pytest.approx(0.1)  # sorted: 0.1 0.2 0.2 0.3 9.0
    assert found.spread == pytest.approx(0.5)


def test_the_smallest_batch_within_the_noise_is_best() -> None:
    """970 of 1000 is, 969 is not."""
    found = [READ, network(969, 256), network(970, 1024), network(1000, 4096), network(990, 9999)]
    assert best(found, Stage.NETWORK).batch_size == 1024


def test_noise_of_the_best_counts() -> None:
    """Its median is 1.1 s and its middle half 0.2 s wide: 1.314 x 0.182 / sqrt(4) is 0.119."""
    noisy = replace(network(1100, 4096), seconds=[1, 1, 1.2, 1.2])
    assert best([network(880, 256), network(882, 1024), noisy], Stage.NETWORK).batch_size == 1024


def test_a_gpu_is_taken_where_it_is_faster() -> None:
    """By more than the noise; then in its own smallest batch."""
    cpu = [network(400, 256), network(410, 4096)]
    gpu = [network(100, 256, Device.GPU), network(900, 4096, Device.GPU)]
    assert best([*cpu, *gpu], Stage.NETWORK) is gpu[1]
    assert best([*cpu, network(411, 256, Device.GPU)], Stage.NETWORK) is cpu[0]


def test_the_fewest_workers_within_the_noise_are_best() -> None:
    """Two here: the other two add nothing."""
    found = [part(Stage.WHOLE, speed, workers) for workers, speed in ((1, 90), (2, 178), (4, 180))]
    assert best(found, Stage.WHOLE).workers == 2


def test_the_slowest_part_on_all_workers_binds() -> None:
    """Decoding on one worker does not count."""
    found = binding([READ, part(Stage.DECODE, 150, 1), DECODE, network(200, 256, predictor=NUMPY)])
    assert found.stage is Stage.NETWORK
    assert found.images_per_s == {Stage.READ: 2000, Stage.DECODE: 300, Stage.NETWORK: 200}
    assert found.record()["images_per_s"] == {"read": 2000, "decode": 300, "network": 200}


def test_the_advice_is_about_what_binds() -> None:
    """And about what there is: raw pixels have nothing to decode, a GPU is there already."""
    slow, fast = network(200, 256), network(9000, 256)
    assert "mnist-batch pack" in binding([READ, DECODE, fast]).advice
    assert "as pack writes them" in binding([READ, fast]).advice
    assert binding([READ, DECODE, slow]).advice == "a GPU or a smaller network would help"
    on_gpu, on_numpy = network(200, 256, Device.GPU), network(200, 256, predictor=NUMPY)
    assert binding([READ, DECODE, on_gpu]).advice.startswith("a faster GPU")
    assert binding([READ, DECODE, on_numpy]).advice.startswith("more cores")


def test_a_record_says_all() -> None:
    """With names that carry their units."""
    assert network(500, 256).record() == {
        "part": "network",
        "predictor": "keras",
        "device": "cpu",
        "batch_size": 256,
        "workers": 2,
        "images_per_s": 500,
        "median_s": 1.0,
        "iqr_s": 0.0,
        "rounds": 3,
        "images_per_round": 500,
    }


def test_noise_is_told_from_a_tenth_on() -> None:
    """The middle half of the noisy rounds is 0.2 s of 1.1 s wide, 18 %."""
    quiet = network(1000, 256)
    noisy = replace(quiet, seconds=[1, 1, 1.2, 1.2])
    assert noise_notes([quiet]) == []
    assert "differ by up to 18%" in noise_notes([quiet, noisy])[0]


def test_the_command_can_be_copied() -> None:
    """Names are quoted for the shell; options without a value are left out."""
    assert predict_command(["my digits"], {"model": None, "batch_size": 256}) == (
        "mnist-batch predict 'my digits' --out predictions.parquet --batch-size 256"
    )
    assert predict_command([], {}) == "mnist-batch predict INPUT --out predictions.parquet"
