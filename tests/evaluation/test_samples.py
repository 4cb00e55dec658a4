"""The chosen rows depend on the seed and the stream, not on how the stream was cut."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch.evaluation.samples import SampleChooser, Samples, _splitmix64
from mnist_batch.schema import PREDICTIONS

N = 100


def stream(n: int = N) -> pa.RecordBatch:
    """Return predictions; every seventh row has none, every third no label."""
    columns = {
        "source": [f"{place // 10}.parquet" for place in range(n)],
        "row": [place % 10 for place in range(n)],
        "label": [None if place % 3 == 0 else place % 10 for place in range(n)],
        "prediction": [None if place % 7 == 0 else (place + 1) % 10 for place in range(n)],
        "confidence": [None if place % 7 == 0 else place / 128 for place in range(n)],
        "prepared": [False] * n,
        "error": ["not an image" if place % 7 == 0 else None for place in range(n)],
    }
    return pa.RecordBatch.from_pydict(columns, schema=PREDICTIONS)


def stream_images(n: int = N) -> NDArray[np.uint8]:
    """Return images whose pixels all hold the place of the row."""
    return np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None], (n, 28, 28))


def chosen(seed: int = 0, size: int = 10, n: int = N) -> Samples:
    """Return the samples of the stream added as one batch, with images."""
    chooser = SampleChooser(seed, size)
    chooser.add(0, stream(n), stream_images(n))
    return chooser.samples()


def test_the_random_numbers_are_splitmix64s() -> None:
    """First outputs for the seed 1234567 on rosettacode.org, for 0 of the reference in C."""
    assert _splitmix64(1234567, np.arange(5, dtype=np.uint64)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert _splitmix64(0, np.arange(1, dtype=np.uint64)).tolist() == [0xE220A8397B1DCDAF]
    assert _splitmix64(1234567, np.arange(3, 5, dtype=np.uint64)).tolist() == [
        4593380528125082431,
        16408922859458223821,
    ]


@settings(deadline=None)
@given(
    cuts=st.sets(st.integers(1, N - 1)),
    order=st.randoms(use_true_random=False),
    seed=st.integers(-(2**70), 2**70),
)
def test_cuts_and_order_change_nothing(cuts: set[int], order: object, seed: int) -> None:
    """Any partition of the stream, in any order of its parts, gives the same samples."""
    parts = list(pairwise([0, *sorted(cuts), N]))
    order.shuffle(parts)  # type: ignore[attr-defined]  # hypothesis' Random
    chooser = SampleChooser(seed)
    for start, end in parts:
        chooser.add(start, stream().slice(start, end - start), stream_images()[start:end])
    found, expected = chooser.samples(), chosen(seed)
    np.testing.assert_array_equal(found.index, expected.index)
    np.testing.assert_array_equal(found.row, expected.row)
    assert (found.source, found.label) == (expected.source, expected.label)
    assert found.prediction == expected.prediction
    assert found.images is not None
    np.testing.assert_array_equal(found.images[:, 0, 0], expected.index)


def test_samples_hold_the_rows_of_the_stream_in_its_order() -> None:
    """Every attribute's entry i is the same row."""
    samples = chosen()
    places = samples.index.tolist()
    assert places == sorted(places)
    assert len(set(places)) == 10
    batch = stream()
    expected = batch.take(pa.array(places)).to_pydict()
    assert samples.source == expected["source"]
    assert samples.row.tolist() == expected["row"]
    assert samples.label == expected["label"]
    assert samples.prediction == expected["prediction"]
    assert samples.confidence == expected["confidence"]
    assert samples.images is not None
    assert samples.images.dtype == np.uint8
    np.testing.assert_array_equal(samples.images, stream_images()[places])


def test_rows_without_a_prediction_take_no_part() -> None:
    """Even when all others are chosen."""
    samples = chosen(size=N)
    assert samples.index.tolist() == [place for place in range(N) if place % 7]


def test_a_short_stream_is_chosen_whole() -> None:
    """Fewer rows than asked for are no error, nor is none."""
    assert chosen(n=5).index.tolist() == [1, 2, 3, 4]
    empty = chosen(n=0)
    assert empty.index.dtype == np.int64
    assert (empty.source, empty.images) == ([], None)


def test_another_seed_chooses_other_rows() -> None:
    """And the same seed the same rows."""
    assert chosen(1).index.tolist() == chosen(1).index.tolist()
    assert chosen(1).index.tolist() != chosen(2).index.tolist()


def test_every_row_is_chosen_about_equally_often() -> None:
    """2000 seeds choose 10 of 85 rows: 235 times each, within 5 standard deviations of 14."""
    batch = stream()
    counts: Counter[int] = Counter()
    for seed in range(2000):
        chooser = SampleChooser(seed)
        chooser.add(0, batch)
        counts.update(chooser.samples().index.tolist())
    assert len(counts) == 85
    assert all(165 < count < 306 for count in counts.values())


def test_without_images_there_are_none() -> None:
    """Evaluation reads predictions only, and adds the images when it has looked them up."""
    chooser = SampleChooser(0)
    chooser.add(0, stream())
    samples = chooser.samples()
    assert samples.images is None
    complete = samples.with_images(stream_images()[samples.index])
    assert complete.images is not None
    assert complete.source == samples.source
    np.testing.assert_array_equal(complete.images[:, 0, 0], samples.index)


def test_the_batch_of_images_is_not_kept() -> None:
    """The samples own their pixels, so that a reader may use its buffer again."""
    images = stream_images().copy()
    chooser = SampleChooser(0)
    chooser.add(0, stream(), images)
    images[:] = 255
    samples = chooser.samples()
    assert samples.images is not None
    np.testing.assert_array_equal(samples.images[:, 0, 0], samples.index)
