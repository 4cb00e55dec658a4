"""The command as a whole: help, version, exit statuses, and what it imports."""

import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.cli import COMMANDS
from tests.support.command import run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "absent", "--out", "o.csv"], r"absent: no such file or folder"),
        (["predict", "empty", "--out", "o.csv"], r"empty: a folder that holds no files"),
        (["predict", "a.txt", "--out", "o.csv"], r"a\.txt: by its suffix no file of digits"),
        (["predict", "a.png", "--out", "o.xlsx"], r"o\.xlsx: no format has the suffix"),
        (["predict", "a.png", "--out", "present.csv"], r"present\.csv exists already"),
        (["predict", "a.png", "--out", "present.csv/no/o.csv"], r"present\.csv is not a folder"),
        (["predict", "absent", "--out", "new/new/o.csv"], r"absent: no such file or folder"),
        (["predict", "a.png", "--out", "new/o.csv", "--model", "no.h5"], r"no\.h5: model cannot"),
        (["predict", "a.png", "--out", "o.csv", "--model", "no.h5"], r"no\.h5: model cannot be"),
        (["predict", "a.png", "--out", "o.csv", "--model", "a.txt"], r"a\.txt: not a Keras model"),
        (["predict", "a.png", "--out", "o.csv", "--labels", "no.csv"], r"no\.csv: No such file"),
        (["predict", "bad.parquet", "--out", "o.csv"], r"bad\.parquet: not a readable Parquet"),
        (["predict", "a.png", "a.png", "--out", "o.csv"], r"named by two INPUTs"),
        (["predict", "-", "--out", "o.csv"], r"-: no path came on standard input"),
        (["evaluate", "absent.parquet"], r"absent\.parquet"),
        (["evaluate", "bad.parquet"], r"bad\.parquet"),
        (["evaluate", "a.txt"], r"a\.txt is no predictions file"),
        (["evaluate", "gone"], r"gone does not exist; name a predictions file"),
        (["generate", "--out", "full"], r"full"),
        (["benchmark", "absent"], r"absent: no such file or folder"),
        (["benchmark", "a.png", "--model", "a.txt"], r"a\.txt: not a Keras model"),
        (["inspect", "absent"], r"absent: no such file or folder"),
        (["inspect", "bad.parquet"], r"bad\.parquet: not a readable Parquet"),
        (["inspect", "no.h5"], r"no\.h5: model cannot be read"),
        (["pack", "absent", "--out", "o.parquet"], r"absent: no such file or folder"),
        (["pack", "a.png", "--out", "o.csv"], r"o\.csv: a packed file is Parquet"),
        (["pack", "a.png", "--out", "present.parquet"], r"present\.parquet exists already"),
        (["pack", "bad.parquet", "--out", "o.parquet"], r"bad\.parquet: not a readable Parquet"),
        (["pack", "said.parquet", "--out", "o.parquet"], r"said\.parquet: .* column 'label' is m"),
        (["predict", "said.parquet", "--out", "o.csv"], r"said\.parquet: .* column 'label' is mi"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    """On standard error, no traceback, nothing begun."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "present.csv").write_text("old")
    (tmp_path / "present.parquet").write_text("old")
    with pq.ParquetWriter(tmp_path / "said.parquet", pa.schema({"image": pa.binary(784)})) as said:
        said.add_key_value_metadata({"mnist_batch_packed": '{"format": 1}'})
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    before = sorted(tmp_path.rglob("*"))
    ended = run(*arguments, cwd=tmp_path, input="")
    assert ended.returncode == 1, ended
    assert re.fullmatch(rf"error: .*{message}.*\n", ended.stderr), ended.stderr
    assert ended.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "present.csv").read_text() == "old"


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "a.png", "--out", "o.csv", "--batch-size", "0"],
        ["predict", "a.png", "--out", "o.csv", "--scale", "0-2"],
        ["predict", "a.png", "--out", "o.csv", "--prepare", "sometimes"],
        ["predict", "a.png", "--out", "o.csv", "--report", "r", "--no-report"],
        ["benchmark", "--batch-sizes", "0"],
        ["benchmark", "--batch-sizes", "256,,512"],
        ["benchmark", "--batch-sizes", "many"],
        ["benchmark", "--seconds", "-1"],
        ["inspect"],
        ["inspect", "a.png", "m.h5"],
        ["inspect", "m.h5", "m.keras"],
        ["inspect", "a.png", "--data", "a.png"],
        ["inspect", "a.png", "--workers", "0"],
        ["pack", "a.png"],
        ["pack", "a.png", "--out", "o.parquet", "--workers", "0"],
        ["generate", "--out", "digits", "--style", "watercolour"],
        ["train", "--augment", "--epochs", "0"],
        ["unknown"],
    ],
)
def test_wrong_usage_is_status_2(tmp_path: Path, arguments: list[str]) -> None:
    """With what was expected on standard error."""
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert "Usage" in ended.stderr
    assert ended.stdout == ""


def test_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    """An escape sequence in a file's name is shown, not sent."""
    ended = run("predict", f"{tmp_path}/\x1b[2Jevil\n.png", "--out", tmp_path / "out.csv")
    assert ended.returncode == 1
    assert "\x1b" not in ended.stderr
    assert ended.stderr.count("\n") == 1


_MODULES = """
import sys
sys.argv = ["mnist-batch", *sys.argv[1:]]
from mnist_batch.cli import main
try:
    main()
except SystemExit as end:
    own = "mnist_batch."
    print(
        sorted(name for name in sys.modules if "." not in name or name.startswith(own)),
        file=sys.stderr,
    )
    sys.exit(end.code)
"""


def _imported(*arguments: object) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", _MODULES, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stderr


def test_a_dense_model_imports_no_tensorflow(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Nor Keras, nor what else takes long and is not needed: that is why it starts so soon."""
    imported = _imported("predict", digits_folder, "--model", model, "--out", tmp_path / "out.csv")
    assert "'numpy'" in imported
    for name in ("tensorflow", "keras", "huggingface_hub", "pandas", "scipy"):
        assert f"'{name}'" not in imported
    measured = _imported(
        *("benchmark", digits_folder, "--model", model),
        *("--batch-sizes", "256", "--seconds", "0", "--quiet"),
    )
    assert "'keras'" not in measured
    without_report = _imported(
        *("predict", digits_folder, "--model", model, "--no-report"),
        *("--out", tmp_path / "other.csv"),
    )
    assert "'matplotlib'" not in without_report


def test_a_format_is_imported_where_a_file_has_it(
    tmp_path: Path, digits_folder: Path, digits_parquet: Path
) -> None:
    """So that none makes the start of a run on the others longer."""
    modules = {
        "Parquet": "mnist_batch.inputs.parquet.files",
        "NumPy": "mnist_batch.inputs.arrays.numpy_files",
        "IDX": "mnist_batch.inputs.arrays.idx_files",
        "CSV": "mnist_batch.inputs.tables.csv_files",
    }
    for source, expected in ((digits_folder, set()), (digits_parquet, {"Parquet"})):
        out = tmp_path / f"{source.name}.csv"
        imported = _imported("predict", source, "--no-report", "--out", out)
        assert "'mnist_batch.inputs.formats'" in imported
        assert "'h5py'" not in imported  # nor does the model of this package need it
        assert {kind for kind, name in modules.items() if f"'{name}'" in imported} == expected


def test_a_local_run_imports_nothing_for_other_machines(
    tmp_path: Path, digits_folder: Path, digits_parquet: Path
) -> None:
    """Neither Ray, obstore and the hub's library, nor this package's modules for them."""
    libraries = {"ray", "obstore", "huggingface_hub", "concurrent"}
    own = (
        *("mnist_batch.remote.", "mnist_batch.inputs.remote", "mnist_batch.inputs.hub"),
        *("mnist_batch.inputs.finding.find_remote", "mnist_batch.outputs.stored"),
        *("mnist_batch.outputs.dataset.dataset_sink", "mnist_batch.outputs.dataset.shards"),
        *("mnist_batch.engines.part_job", "mnist_batch.engines.processes"),
        *("mnist_batch.engines.ray_cluster", "mnist_batch.commands.runs.hub"),
        "mnist_batch.reports.evaluation.stored_report",
    )
    for source in (digits_folder, digits_parquet):
        out = tmp_path / f"{source.name}.parquet"
        imported = {*literal_eval(_imported("predict", source, "--quiet", "--out", out))}
        assert "mnist_batch.reports.report" in imported
        assert not imported & libraries
        assert {name for name in imported if name.startswith(own)} == {
            "mnist_batch.remote.addresses"  # which tells that no place is remote
        }


def test_help_imports_nothing_that_takes_long() -> None:
    """Not even numpy."""
    imported = _imported("predict", "--help")
    for name in ("numpy", "pyarrow", "PIL", "matplotlib", "h5py"):
        assert f"'{name}'" not in imported
    for folder in ("evaluation", "nights", "reports", "commands"):
        assert f"'mnist_batch.{folder}" not in imported


def test_every_command_has_help_with_an_example() -> None:
    """One that begins with the command itself."""
    assert COMMANDS
    for name in COMMANDS:
        ended = run(name, "--help")
        assert f"Example: mnist-batch {name} " in ended.stdout


def test_version_is_the_packages() -> None:
    """As installed."""
    from importlib.metadata import version

    first, second = run("--version").stdout.splitlines()
    assert first == f"mnist-batch {version('mnist-batch')}"
    assert second.startswith("PNG decoder: compiled code")
