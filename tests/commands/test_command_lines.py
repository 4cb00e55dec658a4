"""The line that repeats a run in a shell."""

from pathlib import Path

from mnist_batch.commands.command_lines import (
    evaluate_line,
    nightly_line,
    predict_line,
    shell_line,
    train_line,
)
from mnist_batch.options import (
    EngineChoice,
    EngineOptions,
    ModelOptions,
    OutputFormat,
    OutputOptions,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadOptions,
    Scale,
    Share,
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


def test_a_folder_has_its_slash_in_the_line() -> None:
    """However it was asked for."""
    options = PredictOptions(output=OutputOptions(format=OutputFormat.DATASET))
    for out in (Path("out"), "s3://bucket/out/"):
        line = predict_line(["digits/"], out, None, options)
        assert line == f"mnist-batch predict digits/ --out {str(out).rstrip('/')}/"


def test_a_shard_is_told_in_the_line() -> None:
    """As it is typed."""
    options = PredictOptions(output=OutputOptions(format=OutputFormat.DATASET), share=Share(2, 3))
    line = predict_line(["digits/"], Path("out"), None, options)
    assert line == "mnist-batch predict digits/ --out out/ --shard 2/3"


def test_a_line_holds_what_predictions_and_report_depend_on() -> None:
    """In words that a shell takes; an INPUT that begins as an option does is a path."""
    options = PredictOptions(
        ReadOptions.of(
            ["camera", "day"], image_column="image", label_column="truth", labels="labels.csv"
        ),
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


def test_the_line_of_a_cluster_names_no_address() -> None:
    """Another day the cluster is elsewhere."""
    engine = EngineOptions(EngineChoice.RAY, "10.0.0.1:6379", 30)
    assert predict_line(["a"], Path("o.csv"), None, PredictOptions(engine=engine)) == (
        "mnist-batch predict a --out o.csv --engine ray --part-timeout 30"
    )


def test_the_line_of_a_training_holds_what_was_chosen() -> None:
    """What is so by default is left out."""
    default = {"epochs": None, "validation_split": None, "seed": None}
    assert train_line("a b", Path("m.h5"), default, augment=False, read=ReadOptions()) == (
        "mnist-batch train --data 'a b' --out m.h5"
    )
    chosen = {"epochs": 3, "validation_split": 0.5, "seed": 7}
    assert train_line(Path("d"), Path("m.h5"), chosen, augment=True, read=ReadOptions()) == (
        "mnist-batch train --data d --out m.h5 --augment --epochs 3 --validation-split 0.5 --seed 7"
    )


def test_the_line_of_predict_holds_the_outputs_that_were_named() -> None:
    """Else what repeats it writes elsewhere."""
    named = PredictOptions(output=OutputOptions(report=Path("r"), save_prepared="p q"))
    assert predict_line(["a"], Path("o.csv"), None, named) == (
        "mnist-batch predict a --out o.csv --report r --save-prepared 'p q'"
    )
    without = PredictOptions(output=OutputOptions(report=False), isolate=True)
    assert predict_line(["a"], Path("o.csv"), None, without) == (
        "mnist-batch predict a --out o.csv --isolate --no-report"
    )


def test_the_line_of_evaluate_makes_the_report_again() -> None:
    """A name is never an option; a list that came on standard input has gone through."""
    assert evaluate_line([Path("-a.csv"), Path("b.csv")], Path("r")) == (
        "mnist-batch evaluate ./-a.csv b.csv --report r --overwrite"
    )
    line = evaluate_line(
        [Path("a.csv")], Path("r"), labels="l m.csv", slices=["day"], images=["b/", Path("c*")],
        image_column="scan 1", sample_seed=4,
    )  # fmt: skip
    assert line == (
        "mnist-batch evaluate a.csv --labels 'l m.csv' --slice day --images b/ --images 'c*' "
        "--image-column 'scan 1' --sample-seed 4 --report r --overwrite"
    )
    assert "--images" not in evaluate_line([Path("a.csv")], Path("r"), images=["b", "-"])


def test_a_shell_line_holds_only_what_a_terminal_shows() -> None:
    """Else what is copied from it would be another path."""
    words = ["a b", "it's", "x\n", "\udcff/\u00e9", "-y", ""]
    assert shell_line(words) == r"""'a b' 'it'"'"'s' $'x\x0a' $'\xff/\xc3\xa9' -y ''"""
