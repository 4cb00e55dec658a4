"""What `pip install mnist-batch` brings does all but what an extra is for, and that it says."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mnist_batch.machine.extras import LIBRARIES
from tests.support.core_environment import PROJECT, CoreEnvironment, installed_with
from tests.support.linear_model import write_linear_model
from tests.support.model_files import config_of, hdf5_model
from tests.support.onnx_files import dense

CONV = {
    "class_name": "Conv2D",
    "config": {"name": "c", "filters": 4, "kernel_size": [3, 3], "activation": "relu"},
}
FOR_KERAS = "needs Keras and TensorFlow, which are not installed; pip install 'mnist-batch[keras]'"

WITHOUT_KERAS = "NumPy runs this model, without Keras"


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> CoreEnvironment:
    """The environment of the core."""
    return CoreEnvironment(tmp_path_factory.mktemp("core") / "environment")


@pytest.fixture
def folder(tmp_path: Path, digits_folder: Path) -> Path:
    """A working folder with digits, a model of each kind, and nothing else."""
    (tmp_path / "digits").symlink_to(digits_folder)
    write_linear_model(tmp_path / "linear.h5")
    (tmp_path / "cnn.h5").write_bytes(hdf5_model(config_of(CONV)))
    (tmp_path / "model.onnx").write_bytes(dense())
    return tmp_path


def test_the_core_has_none_of_the_libraries_of_extras(core: CoreEnvironment) -> None:
    """Nor is one found by a dependency of a dependency."""
    tell = f"from importlib.util import find_spec; print(*map(find_spec, {list(LIBRARIES)}))"
    assert core.run("-c", tell, folder=core.python.parent).stdout.split() == ["None"] * len(
        LIBRARIES
    )


def test_each_extra_brings_the_libraries_that_the_package_says() -> None:
    """`all` is the others together."""
    extras = dict(PROJECT["optional-dependencies"])
    assert extras.pop("all") == [f"mnist-batch[{','.join(sorted(extras))}]"]
    for extra, requirements in extras.items():
        brought = {one.metadata["Name"].lower() for one in installed_with(requirements)}
        for module, library in LIBRARIES.items():
            if library.extra == extra:
                assert module.replace("_", "-") in {name.replace("_", "-") for name in brought}
    assert {library.extra for library in LIBRARIES.values()} == set(extras)


def test_the_commands_work_in_the_core(core: CoreEnvironment, folder: Path) -> None:
    """All but `train`: with reports and pictures, as after `pip install mnist-batch`."""

    def ran(*arguments: object, status: int = 0) -> str:
        done = core.command(*arguments, folder=folder)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    assert "Example" in ran("--help")
    ran("demo", "hundred")
    ran("generate", "--count", "50", "--out", "drawn.parquet", "--seed", "3")
    told = json.loads(ran("predict", "hundred", "--out", "a.parquet", "--json"))
    assert told["accuracy"] == 1.0
    assert {"index.html", "confusion_matrix.png", "samples.png"} <= {
        Path(name).name for name in told["report_files"]
    }
    ran("predict", "hundred", "--out", "b.csv", "--model", "linear.h5", "--no-report")
    ran("evaluate", "a.parquet", "--report", "again")
    ran("compare", "a.parquet", "b.csv", "--out", "compared", status=5)
    ran("pack", "hundred", "--out", "packed.parquet")
    assert pq.read_metadata(folder / "packed.parquet").num_rows == 100
    assert "100" in ran("inspect", "packed.parquet")
    assert "numpy" in ran("inspect", "linear.h5")
    ran("nightly", "hundred", "--runs", "nights", "--name", "first")
    ran("nightly", "hundred", "--runs", "nights", "--name", "second")
    ran("history", "nights")
    assert (folder / "nights" / "index.html").is_file()
    assert "numpy" in ran("benchmark", "drawn.parquet", "--seconds", "0.01", "--batch-sizes", "64")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "predict digits --out o.parquet --predictor keras --model linear.h5",
            f"linear.h5: --predictor keras {FOR_KERAS}",
        ),
        (
            "predict digits --out o.parquet --device gpu --model linear.h5",
            f"linear.h5: --device gpu {FOR_KERAS}; with --device cpu {WITHOUT_KERAS}",
        ),
        (
            "predict digits --out o.parquet --model cnn.h5",
            f"cnn.h5: its network (Conv2D is not a layer that NumPy runs) {FOR_KERAS}",
        ),
        (
            "nightly digits --runs nights --model cnn.h5",
            f"cnn.h5: its network (Conv2D is not a layer that NumPy runs) {FOR_KERAS}",
        ),
        (
            "benchmark digits --model cnn.h5",
            f"cnn.h5: its network (Conv2D is not a layer that NumPy runs) {FOR_KERAS}",
        ),
        ("train --data digits --out new.h5", f"train {FOR_KERAS}"),
        (
            "train --out new.h5 --augment",
            "train needs Keras, TensorFlow and huggingface_hub, which are not installed; "
            "pip install 'mnist-batch[keras,hub]'",
        ),
        (
            "predict digits --out o.parquet --model model.onnx",
            "model.onnx: an ONNX file needs ONNX Runtime, which is not installed; "
            "pip install 'mnist-batch[onnx]'",
        ),
        *(
            (
                f"{command} hf://datasets/ylecun/mnist{more}",
                "hf://datasets/ylecun/mnist needs huggingface_hub, which is not installed; "
                "pip install 'mnist-batch[hub]'",
            )
            for command, more in (
                ("predict", " --out o.parquet"),
                ("pack", " --out o.parquet"),
                ("inspect", ""),
                ("benchmark", ""),
                ("nightly", " --runs nights"),
            )
        ),
    ],
)
def test_what_needs_an_extra_says_how_to_install_it(
    core: CoreEnvironment, folder: Path, line: str, said: str
) -> None:
    """In one line, before anything is written."""
    before = {*folder.rglob("*")}
    done = core.command(*line.split(), folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {said}\n"
    assert {*folder.rglob("*")} - before == set()


@pytest.mark.parametrize(
    ("name", "extra"), [("cnn.h5", "keras"), ("model.onnx", "onnx")], ids=["Keras", "ONNX"]
)
def test_a_model_that_nothing_runs_here_is_inspected_all_the_same(
    core: CoreEnvironment, folder: Path, name: str, extra: str
) -> None:
    """The file says its layers, and the inspection what would run them."""
    done = core.command("inspect", name, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["predictor"] is None
    assert found["why"].endswith(f"pip install 'mnist-batch[{extra}]'")
    assert found["layers"]


CALLS = {
    "load_model('cnn.h5')": FOR_KERAS,
    "load_model('linear.h5', device='gpu')": f'{FOR_KERAS}; with device="cpu" {WITHOUT_KERAS}',
    "load_model('linear.h5', predictor='keras')": f'linear.h5: predictor="keras" {FOR_KERAS}',
    "train('digits')": f"train {FOR_KERAS}",
    "predict('digits', 'o.csv', model='model.onnx')": "pip install 'mnist-batch[onnx]'",
    "list(stream('hf://datasets/ylecun/mnist'))": "pip install 'mnist-batch[hub]'",
}


def test_a_program_gets_an_error_of_the_package(core: CoreEnvironment, folder: Path) -> None:
    """One that it can catch, with the command in it, and options told as arguments."""
    program = "from mnist_batch import *\nfrom mnist_batch.errors import MissingExtraError\n"
    for call in CALLS:
        program += f"try:\n    {call}\nexcept MissingExtraError as error:\n    print(error)\n"
    done = core.run("-c", program, folder=folder)
    assert done.stderr == ""
    said: Sequence[str] = done.stdout.splitlines()
    assert len(said) == len(CALLS)
    for line, end in zip(said, CALLS.values(), strict=True):
        assert line.endswith(end)
