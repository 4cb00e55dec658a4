"""What a run makes is usable to it, and its output is as the user's umask says."""

import os
import shlex
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_batch.outputs.parts.parts_folder import staging_folder
from tests.support.command import COMMAND
from tests.support.confined import confined


@contextmanager
def _started(
    folder: Path, umask: str, *arguments: object, listed: Path = Path(os.devnull)
) -> Iterator["subprocess.Popen[str]"]:
    """Start the command as an ordinary user under a umask; `listed` is its standard input."""
    command = shlex.join([*COMMAND, *map(str, arguments)])
    with (
        confined(folder, user=True) as prefix,
        listed.open() as stdin,
        subprocess.Popen(
            [*prefix, "sh", "-c", f"umask {umask}; exec {command}"],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        ) as process,
    ):
        yield process


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("umask", "mode"), [("777", 0), ("277", 0o400), ("377", 0o400), ("022", 0o644), ("000", 0o666)]
)
def test_a_run_completes_under_any_umask(
    tmp_path: Path, digits_folder: Path, umask: str, mode: int
) -> None:
    """With its report and its pictures; nothing of it is left behind."""
    shutil.copytree(digits_folder, tmp_path / "in")
    tmp_path.chmod(0o755)
    out, pictures = tmp_path / "out.parquet", tmp_path / "pictures"
    arguments = [tmp_path / "in", "--out", out, "--save-prepared", pictures, "--quiet"]
    with _started(tmp_path, umask, "predict", *arguments) as process:
        _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert _mode(out) == mode
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"in", "out.parquet", "out.report", "pictures"}
    assert _mode(tmp_path / "out.report" / "metrics.json") == mode
    assert _mode(tmp_path / "out.report") & 0o700 == 0o700


def test_a_run_is_resumed_under_a_umask_that_masks_all(tmp_path: Path) -> None:
    """By the same user, who can enter the folder of the parts and read them."""
    paths = tmp_path / "paths"  # each a row, of a file that is missing
    paths.write_text("\n".join(f"nowhere/{number}.png" for number in range(20_000)))
    tmp_path.chmod(0o755)
    out = tmp_path / "out.parquet"
    arguments = ["predict", "-", "--out", out, "--no-report", "--max-errors", "100%"]
    with _started(tmp_path, "777", *arguments, listed=paths) as process:
        while process.poll() is None and not any(staging_folder(out).glob("part-*.arrow")):
            time.sleep(0.002)
        process.kill()
    assert not out.exists()
    with _started(tmp_path, "777", *arguments, "--resume", listed=paths) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "of 20,000 rows were there already" in errors
    assert (_mode(out), staging_folder(out).exists()) == (0, False)
