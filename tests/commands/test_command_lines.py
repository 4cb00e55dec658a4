"""The line that repeats a run in a shell."""

from pathlib import Path

from mnist_batch.commands.command_lines import nightly_line, predict_line, train_line
from mnist_batch.options import (
    ModelOptions,
    OutputOptions,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadOptions,
    Scale,
)


def test_a_plain_run_has_a_plain_line() -> None:
    """No option is told that is as it is by default."""
    plain = PredictOptions()
    assert predict_line(["digits/"], Path("out.csv"), None, plain) == (
        "mnist-batch predict digits/ --out out.csv"
    )
    assert nightly_line(["digits/"], Path("nights"), None, plain) == (
        "mnist-batch nightly digits/ --runs nights"
    )


def test_a_line_holds_what_predictions_and_report_depend_on() -> None:
    """In words that a shell takes; an INPUT that begins as an option does is a path."""
    options = PredictOptions(
        ReadOptions.of("image", "truth", "labels.csv", ["camera", "day"]),
        ModelOptions(PredictorChoice.NUMPY, Scale.BYTES, batch_size=100),
        OutputOptions(sample_seed=3, slices=("day",)),
        Prepare.NEVER,
        workers=2,
        probabilities=True,
        content_hash=True,
    )
    said = (
        "--model m.h5 --predictor numpy --scale 0-255 --prepare never --image-column image "
        "--label-column truth --labels labels.csv --batch-size 100 --workers 2 --sample-seed 3 "
        "--keep-column camera --slice day --probabilities"
    )
    assert predict_line(["-a b", "-"], Path("o.csv"), "m.h5", options) == (
        f"mnist-batch predict './-a b' - --out o.csv {said} --content-hash"
    )
    assert nightly_line(["a"], Path("n"), Path("m.h5"), options) == (
        f"mnist-batch nightly a --runs n {said}"
    )


def test_the_line_of_a_training_holds_what_was_chosen() -> None:
    """What is so by default is left out."""
    default = {"epochs": None, "validation_split": None, "seed": None}
    assert train_line("a b", Path("m.h5"), default, augment=False) == (
        "mnist-batch train --data 'a b' --out m.h5"
    )
    chosen = {"epochs": 3, "validation_split": 0.5, "seed": 7}
    assert train_line(Path("d"), Path("m.h5"), chosen, augment=True) == (
        "mnist-batch train --data d --out m.h5 --augment --epochs 3 --validation-split 0.5 --seed 7"
    )
