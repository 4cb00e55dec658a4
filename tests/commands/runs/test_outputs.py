"""All that a run writes: refused at once where it cannot be written, locked while it is."""

from pathlib import Path

import pytest

from mnist_batch.commands.runs.outputs import RunOutputs
from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.options import OutputOptions, PredictOptions


def _outputs(out: Path, wanted: OutputOptions | None = None) -> RunOutputs:
    return RunOutputs(out, [], PredictOptions(output=wanted or OutputOptions()), None)


def test_what_cannot_be_written_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    """An output of another format, one that exists, and pictures where the report goes."""
    there = tmp_path / "there.parquet"
    there.write_bytes(b"mine")
    with pytest.raises(OutputError, match="no format has the suffix"):
        _outputs(tmp_path / "out.xyz")
    with pytest.raises(OutputError, match="exists already"):
        _outputs(there)
    with pytest.raises(OutputError, match="would hold both"):
        _outputs(tmp_path / "out.parquet", OutputOptions(save_prepared=tmp_path / "out.report"))
    assert [path.name for path in tmp_path.iterdir()] == ["there.parquet"]
    assert there.read_bytes() == b"mine"


def test_one_run_at_a_time_writes_a_report(tmp_path: Path) -> None:
    """The second is refused while the first is at work, and goes on after it."""
    out, other, report = (tmp_path / name for name in ("a.parquet", "b.parquet", "a.report"))
    with _outputs(out), pytest.raises(OutputInUseError), _outputs(other, OutputOptions(report)):
        pass
    with _outputs(other, OutputOptions(report)):
        pass
    assert list(tmp_path.iterdir()) == []
