"""Paths of any kind, in every command: one line and status 1, also for an ordinary user."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import run
from tests.support.confined import confined

# Each is refused wherever it stands: `*` is the suffix that the place asks for.
PATHS = {
    "below a closed folder": "closed/x*",
    "deep below a closed folder": "closed/x/y*",
    "a name of over 255 bytes": "n" * 300 + "*",
    "a folder of over 255 bytes": "n" * 300 + "/x*",
    "255 characters of 4 bytes": "\U0001f600" * 255 + "*",
    "a path of over 4,096 bytes": "d/" * 2500 + "x*",
    "below a file": "file/x*",
    "below a link to itself": "loop/x*",
    "below a link to nowhere": "dangling/x*",
    "bytes that are not UTF-8": os.fsdecode(b"\xff/\xfe") + "*",
    "a line break and an escape": "a\nb\x1b[2J/x*",
    "a home that nobody is told of": "~/x*",
}

# `@` is the path, with the suffix behind it; `sound` are pictures, `p.csv` their predictions.
CALLS = {
    "predict INPUT": "predict @.png --out o.csv --no-report",
    "predict FOLDER": "predict @ --out o.csv --no-report",
    "predict GLOB": "predict @/*.png --out o.csv --no-report",
    "predict --out": "predict sound --out @.csv --no-report",
    "predict --out --resume": "predict sound --out @.csv --no-report --resume",
    "predict --report": "predict sound --out o.csv --report @",
    "predict --save-prepared": "predict sound --out o.csv --no-report --save-prepared @",
    "predict --model": "predict sound --out o.csv --no-report --model @.h5",
    "predict --labels": "predict sound --out o.csv --no-report --labels @.csv",
    "evaluate FILE": "evaluate @.parquet --no-report",
    "evaluate --report": "evaluate p.csv --report @",
    "evaluate --images": "evaluate p.csv --images @ --no-report",
    "train --data": "train --data @ --out t.h5",
    "train --out": "train --data sound --out @.h5",
    "train --report": "train --data sound --out t.h5 --report @",
    "pack INPUT": "pack @.parquet --out k.parquet",
    "pack --out": "pack sound --out @.parquet",
    "inspect INPUT": "inspect @.png",
    "inspect MODEL": "inspect @.keras",
    "inspect --data": "inspect m.h5 --data @",
    "benchmark INPUT": "benchmark @",
    "benchmark --model": "benchmark --model @.h5",
    "generate FILE": "generate --out @.parquet",
}

# All calls in one process, since each would take half a second by itself.
DRIVER = """
import contextlib, io, json, sys, traceback
from mnist_batch import cli
ends = {}
for name, words in json.load(sys.stdin).items():
    sys.argv, said = ["mnist-batch", *words], io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.main()
            status = 0
        except SystemExit as end:
            status = end.code
        except BaseException:
            status = traceback.format_exc()
    ends[name] = status, said.getvalue()
json.dump(ends, sys.stdout)
"""


def _words(call: str, path: str) -> list[str]:
    """Return the words of a call with a path in the place of `@` and of the suffix behind it."""

    def with_path(word: str) -> str:
        if not word.startswith("@"):
            return word
        suffix, _, below = word[1:].partition("/")
        return path.replace("*", suffix) + (f"/{below}" if below else "")

    return [with_path(word) for word in call.split(" ")]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int | str, str]]:
    """Return status and standard error of all calls with all paths, made as an ordinary user."""
    folder = tmp_path_factory.mktemp("paths")
    shutil.copytree(Path("examples/digits/7").resolve(), folder / "sound")
    shutil.copy(Path("mnist_batch/MNIST.h5").resolve(), folder / "m.h5")
    assert (
        run(
            "predict",
            folder / "sound",
            "--out",
            folder / "p.csv",
            "--no-report",
            "--labels",
            "none",
        ).stderr
        == ""
    )
    (folder / "closed").mkdir()
    (folder / "file").touch()
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("gone")
    calls = {
        f"{call}, {kind}": _words(CALLS[call], path)
        for call in CALLS
        for kind, path in PATHS.items()
    }
    with confined(folder, user=True) as prefix:
        (folder / "closed").chmod(0)
        try:
            done = subprocess.run(
                [*prefix, sys.executable, "-c", DRIVER],
                input=json.dumps(calls),
                capture_output=True,
                text=True,
                check=False,
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            )
        finally:
            (folder / "closed").chmod(0o700)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int | str, str]] = json.loads(done.stdout)
    left = {path.name for path in folder.iterdir()}
    assert left == {"sound", "m.h5", "p.csv", "closed", "file", "loop", "dangling"}
    return found


@pytest.mark.parametrize("call", CALLS)
def test_each_path_is_refused_in_one_line(
    ends: dict[str, tuple[int | str, str]], call: str
) -> None:
    """The line says what is wrong; nothing is written, and there is no traceback."""
    for kind, path in PATHS.items():
        status, said = ends[f"{call}, {kind}"]
        assert status == 1, f"{kind}: {status} {said}"
        assert re.fullmatch(r"error: .*[:;,].*\n", said), kind
        assert len(said) < 2 * len(path) + 400, kind


@pytest.mark.parametrize(
    "words",
    [
        "predict x --out o.csv --batch-size 9223372036854775808",
        "predict x --out o.csv --batch-size -0",
        "predict x --out o.csv --workers 1000000000000000000000000000000",
        "predict x --out o.csv --max-errors=nan",
        "predict x --out o.csv --max-errors=1e400",
        "predict x --out o.csv --min-accuracy=nan",
        "predict x --out o.csv --min-accuracy=1e400",
        f"predict x --out o.csv --sample-seed {'9' * 5000}",
        "train --data x --batch-size 9223372036854775808",
        "train --data x --epochs 9223372036854775808",
        "train --data x --validation-split nan",
        "benchmark x --seconds inf",
        "benchmark x --seconds nan",
        f"benchmark x --batch-sizes {'9' * 5000}",
        "generate --out x --count 0",
        "generate --out x --count \u0663",
        "generate --out x --seed -1",
    ],
)
def test_a_number_that_cannot_be_is_wrong_usage(tmp_path: Path, words: str) -> None:
    """Numbers past 64 bits, without end or without digits end with status 2 and no traceback."""
    done = run(*words.split(" "), cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Invalid value" in done.stderr
    assert len(done.stderr) < 1000
    assert not [*tmp_path.iterdir()]
