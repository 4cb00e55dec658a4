"""What becomes of the benchmarks' measurements: results, ratios, tables, comparisons."""

import json
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import Comparison, choose
from benchmarks.picture import write_picture
from benchmarks.results import NETWORK, Result, Row, Run, read_run
from benchmarks.table import COLUMNS, HEADINGS, markdown, terminal_table
from mnist_batch.tuning.ratios import Verdict

MACHINE = {
    "node": "desk",
    "system": "Linux",
    "cpu": {"brand_raw": "Some Processor"},
    "cores": 2,
    "memory_bytes": 8 * 2**30,
    "load": 0.5,
    "keras_backend": "tensorflow",
    "versions": {"python": "3.11.7", "numpy": "2.4.6"},
}
DATA = {"name": "generated", "sha256": "ab" * 32, "model": "MNIST.h5", "model_sha256": "cd" * 32}
OURS = Row("Ways", "mnist-batch", 1000, threads=2, ratio_of="mnist-batch")
PEER = Row("Ways", "a peer", 1000, ratio_of="mnist-batch")
ABSENT = Row("Ways", "an absent peer", 1000, ratio_of="mnist-batch")


def _run(
    *results: Result,
    node: str = "desk",
    time: str = "2026-01-01T00:00:00",
    quick: bool = False,
    **data: str,
) -> Run:
    commit = {"id": "0123456789abcdef", "dirty": False}
    return Run(results, {**MACHINE, "node": node}, commit, {**DATA, **data}, time, quick)


def _timed(row: Row, *seconds: float, calibration_s: float = 1.0) -> Result:
    """Return a result whose calibration took as long beside each round."""
    return Result(row, seconds, calibration_s=[calibration_s] * len(seconds))


def _record(
    row: Row, *seconds: float, peak: int | None = None, calibration_s: float = 1.0
) -> dict[str, Any]:
    """Return what pytest-benchmark writes of one benchmark."""
    beside = {
        "peak_memory_bytes": peak,
        "cpu_s": [2 * value for value in seconds],
        "calibration_s": [calibration_s] * len(seconds),
    }
    return {
        "extra_info": {**asdict(row), **beside, "data": "generated"},
        "stats": {"data": list(seconds)},
    }


def _write_run(
    path: Path,
    *records: dict[str, Any],
    not_run: Sequence[Any] = (),
    node: str = "desk",
    time: str = "2026-01-01T00:00:00",
) -> Path:
    record = {
        "benchmarks": records,
        "not_run": list(not_run),
        "machine_info": {**MACHINE, "node": node},
        "commit_info": {"id": "0123456789abcdef", "dirty": True},
        "data": DATA,
        "datetime": time,
        "quick": False,
    }
    path.write_text(json.dumps(record))
    return path


def test_the_turns_of_a_way_are_one_result(tmp_path: Path) -> None:
    """Its rounds are those of all turns, its peak is the highest."""
    turns = [_record(OURS, 1.0, peak=10), _record(PEER, 8.0), _record(OURS, 3.0, peak=30)]
    run = read_run(_write_run(tmp_path / "run.json", *turns))
    assert run.results == [
        Result(OURS, [1.0, 3.0], 30, cpu_s=[2.0, 6.0], calibration_s=[1.0, 1.0]),
        Result(PEER, [8.0], None, cpu_s=[16.0], calibration_s=[1.0]),
    ]


def test_what_the_repository_keeps_of_a_run_reads_as_the_run(tmp_path: Path) -> None:
    """All but the name of the machine."""
    missing = {"row": asdict(ABSENT), "reason": "no such package"}
    records = [_record(OURS, 1.0, 2.0, peak=10), _record(PEER, 8.0)]
    records[1]["extra_info"]["versions"] = {"pyarrow": "25.0.1"}
    run = read_run(_write_run(tmp_path / "run.json", *records, not_run=[missing]))
    (tmp_path / "kept.json").write_text(json.dumps(run.record()))
    kept = read_run(tmp_path / "kept.json")
    assert kept.results == run.results
    assert markdown(kept) == markdown(run)
    assert "desk" not in (tmp_path / "kept.json").read_text()


def test_the_versions_of_a_way_stand_beside_its_result(tmp_path: Path) -> None:
    """They are of its own environment, not of this one."""
    record = _record(PEER, 1.0)
    record["extra_info"]["versions"] = {"pyarrow": "25.0.1"}
    run = read_run(_write_run(tmp_path / "run.json", record))
    assert "- ways: a peer (pyarrow 25.0.1)" in markdown(run)


def test_rows_of_other_batch_sizes_are_other_results(tmp_path: Path) -> None:
    """Though they are called the same."""
    rows = [Row(NETWORK, "NumPy", 4096, batch_size=size) for size in (1, 16)]
    run = read_run(_write_run(tmp_path / "run.json", *(_record(row, 1.0) for row in rows)))
    assert [result.row for result in run.results] == rows


def test_a_row_that_was_not_run_has_a_reason_and_no_time(tmp_path: Path) -> None:
    """It is never a zero."""
    missing = {"row": asdict(ABSENT), "reason": "no such package"}
    run = read_run(_write_run(tmp_path / "run.json", _record(OURS, 1.0), not_run=[missing]))
    absent = run.results[1]
    assert (absent.seconds, absent.reason, absent.images_per_s) == ((), "no such package", None)
    assert run.ratio(absent) is None


def test_a_file_of_other_benchmarks_is_refused(tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "other.json").write_text('{"benchmarks": []}')
    (tmp_path / "cut.json").write_text('{"benchmarks": [')
    for name in ("other", "cut"):
        with pytest.raises(ValueError, match=rf"{name}\.json: not a run"):
            read_run(tmp_path / f"{name}.json")


def test_speed_is_by_the_geometric_mean() -> None:
    """1,000 images in 1, 2 and 4 seconds are 500 a second."""
    assert Result(OURS, [4.0, 1.0, 2.0]).images_per_s == pytest.approx(500)


@pytest.mark.parametrize(
    ("seconds", "iqr"), [([5.0], 0), ([1.0, 2.0, 4.0, 9.0], 5), ([1.0, 2.0, 3.0, 5.0, 8.0], 4)]
)
def test_the_interquartile_range(seconds: list[float], iqr: float) -> None:
    """Of an even number between the medians of the halves, of an odd one by Wikipedia's method 3.

    1.5 and 6.5 of the four, 0.25 * 1 + 0.75 * 2 and 0.75 * 5 + 0.25 * 8 of the five.
    """
    assert Result(OURS, seconds).iqr_s == iqr


def test_the_ratio_to_a_peer_says_how_many_times_as_fast_we_are() -> None:
    """2 seconds against its 5; we are not compared with ourselves."""
    ours, peer = Result(OURS, [2.0, 20.0]), Result(PEER, [5.0, 50.0])
    run = _run(ours, peer)
    ratio = run.ratio(peer)
    assert ratio is not None
    # In each turn alike, though the second was slower for both.
    assert (ratio.ratio, ratio.low, ratio.high) == pytest.approx((2.5, 2.5, 2.5))
    assert run.ratio(ours) is None


def test_a_single_turn_gives_no_ratio() -> None:
    """Its interval would be without end."""
    peer = Result(PEER, [5.0])
    assert _run(Result(OURS, [2.0]), peer).ratio(peer) is None


def test_the_interval_of_a_speed_is_students() -> None:
    """The logarithms 0 and ln 4: their mean is ln 2, and t of one degree of freedom 12.706."""
    low, high = Result(OURS, [1.0, 4.0]).interval_s
    reach = 12.7062 * math.log(2)
    assert (math.log(low), math.log(high)) == pytest.approx(
        (math.log(2) - reach, math.log(2) + reach), rel=1e-5
    )
    assert Result(OURS, [3.0]).interval_s == pytest.approx((3, 3))


def test_the_ratio_of_two_workers_says_how_many_times_as_fast_they_are() -> None:
    """6 seconds of one worker against 4 of two."""
    one = Result(Row("Workers", "1 worker", 10, threads=1, ratio_to="1 worker"), [6.0, 6.0])
    two = Result(Row("Workers", "2 workers", 10, threads=2, ratio_to="1 worker"), [4.0, 4.0])
    ratio = _run(one, two).ratio(two)
    assert ratio is not None
    assert ratio.ratio == pytest.approx(1.5)


def test_the_ratio_is_per_image() -> None:
    """A peer with half of the images in the same time is half as fast."""
    half = Result(Row("Ways", "a peer", 500, ratio_of="mnist-batch"), [2.0, 2.0])
    ratio = _run(Result(OURS, [2.0, 2.0]), half).ratio(half)
    assert ratio is not None
    assert ratio.ratio == pytest.approx(2)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(width: int) -> None:
    """Names are wrapped, numbers stand whole."""
    long = Row("Ways", "a peer whose name is longer than the column of names, by far", 1_234_567)
    table = terminal_table(_run(Result(OURS, [0.5, 0.5]), Result(long, [1.0])), width)
    assert max(map(len, table.splitlines())) <= width
    assert "2,000" in table
    assert "1,230,000" in table


def test_the_table_says_what_was_not_run_and_what_ratios_are() -> None:
    """A line for the absent one, with its reason; the direction of ratios in the title."""
    absent = Result(ABSENT, (), reason="no such package")
    ours = Row("Ways", "mnist-batch", 1000, ratio_of="mnist-batch", timed="from disk to disk")
    peer = Result(PEER, [4.0, 8.0])
    table = terminal_table(_run(Result(ours, [1.0, 2.0]), peer, absent), 80)
    lines = table.splitlines()
    assert lines[2:5] == ["Ways", "  timed: from disk to disk", "  ratio: mnist-batch over the row"]
    assert "  an absent peer: not run: no such package" in lines
    assert [line.split()[-3:] for line in lines if "a peer" in line] == [
        ["4.00", "[4.00,", "4.00]"]
    ]


def test_every_column_is_explained() -> None:
    """In the lines above the table, in the terminal and in Markdown."""
    for heading in HEADINGS[1:]:
        assert any(heading in column.partition(": ")[0] + column for column in COLUMNS)
    assert all(f"- {column}" in markdown(_run(Result(OURS, [1.0]))) for column in COLUMNS)


def test_markdown_has_the_same_numbers_and_the_facts() -> None:
    """One table a group, and the data and the machine above."""
    absent = Result(ABSENT, (), reason="no such package")
    ours = Result(OURS, [0.5, 2.0], 3_000_000, cpu_s=[0.002, 0.004])
    text = markdown(_run(ours, Result(PEER, [2.0, 8.0]), absent))
    assert "| mnist-batch | 1,000 | 150% | 2 | 3.00 |  | 2 | 3 |  |" in text
    assert "| a peer | 250 | 150% | 2 |  |  |  |  | 4.00 [4.00, 4.00] |" in text
    assert "| an absent peer | not run: no such package |" in text
    for fact in ("generated", "abababab", "MNIST.h5", "cdcdcdcd", "Some Processor", "0123456789ab"):
        assert fact in text


def test_seconds_are_shown_where_there_are_no_images() -> None:
    """The start of a process."""
    assert "| --help | 0.25 s |" in markdown(_run(Result(Row("Start", "--help", None), [0.25])))


def test_the_picture_is_drawn_also_of_a_run_without_peers(tmp_path: Path) -> None:
    """A PNG file in either case."""
    numpy = [Result(Row(NETWORK, "NumPy", 4096, batch_size=size), [1.0]) for size in (1, 16)]
    for name, results in (("whole.png", [Result(OURS, [1.0]), *numpy]), ("empty.png", [])):
        write_picture(_run(*results), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_row_is_judged_by_the_interval_of_its_ratio() -> None:
    """Half as fast with little spread is slower; with much of it nobody can tell."""
    steady, unsteady = Row("Ways", "steady", 10), Row("Ways", "unsteady", 10)
    before = _run(_timed(steady, 1.0, 1.01, 1.02), _timed(unsteady, 1.0, 1.01, 1.02))
    now = _run(
        _timed(steady, 2.0, 2.01, 2.02), _timed(unsteady, 1.0, 2.0, 4.0),
        time="2026-01-02T00:00:00",
    )  # fmt: skip
    comparison = choose([now, before])
    assert comparison == Comparison(before, now, same_machine=True)
    assert comparison is not None
    assert [one.interval.verdict() for one in comparison.changes] == [
        Verdict.SLOWER, Verdict.CANNOT_TELL,
    ]  # fmt: skip
    assert comparison.changes[1].interval.ratio == pytest.approx(0.505, abs=0.001)
    assert comparison.verdicts(5) == {Verdict.SLOWER: 1, Verdict.CANNOT_TELL: 1}
    # Not by as much as this: 2 is 98 per cent more than 1.01.
    assert comparison.verdicts(110) == {Verdict.CANNOT_TELL: 2}


def test_a_slower_machine_is_no_slower_code() -> None:
    """All takes twice as long, and so does the calibration."""
    before = _run(_timed(OURS, 1.0, 1.01, 1.02))
    now = _run(
        _timed(OURS, 2.0, 2.01, 2.02, calibration_s=2.0), time="2026-01-02T00:00:00", node="desk"
    )
    comparison = choose([before, now])
    assert comparison is not None
    assert comparison.verdicts(0) == {Verdict.CANNOT_TELL: 1}


def test_equal_code_is_seldom_called_slower_or_faster() -> None:
    """At most one comparison of sixty rows in twenty, though every row's rounds spread by 20 %."""
    source = random.Random(0)

    def run(time: str) -> Run:
        return _run(
            *(
                _timed(Row("Ways", str(k), 10), *(source.lognormvariate(0, 0.2) for _ in range(5)))
                for k in range(60)
            ),
            time=time,
        )

    wrong = 0
    for _ in range(40):
        comparison = choose([run("2026-01-01T00:00:00"), run("2026-01-02T00:00:00")])
        assert comparison is not None
        wrong += comparison.verdicts(0)[Verdict.CANNOT_TELL] < 60
    assert wrong <= 2


def test_rows_that_only_one_run_has_are_not_compared() -> None:
    """Nor those that were not run in one, nor those of a single round; what is gone is named."""
    single = Row("Start", "--help", None)
    before = _run(
        _timed(OURS, 1.0, 1.0), Result(PEER, (), reason="no such package"), _timed(single, 1.0)
    )
    now = _run(
        _timed(PEER, 1.0, 1.0), _timed(ABSENT, 1.0, 1.0), _timed(single, 9.0),
        time="2026-01-02T00:00:00",
    )  # fmt: skip
    comparison = choose([before, now])
    assert comparison is not None
    assert comparison.changes == []
    assert comparison.missing == [OURS]


def test_the_last_run_of_the_same_machine_is_taken() -> None:
    """Though one of another machine came later."""
    runs = [
        _run(Result(OURS, [1.0]), time="2026-01-01T00:00:00"),
        _run(Result(OURS, [2.0]), time="2026-01-02T00:00:00"),
        _run(Result(OURS, [3.0]), time="2026-01-03T00:00:00", node="other"),
        _run(Result(OURS, [4.0]), time="2026-01-04T00:00:00"),
    ]
    assert choose(runs) == Comparison(runs[1], runs[3], same_machine=True)


def test_a_quick_run_is_compared_with_a_quick_one() -> None:
    """A whole one between them has other numbers of images."""
    runs = [
        _run(Result(OURS, [1.0]), time="2026-01-01T00:00:00", quick=True),
        _run(Result(OURS, [2.0]), time="2026-01-02T00:00:00"),
        _run(Result(OURS, [3.0]), time="2026-01-03T00:00:00", quick=True),
    ]
    assert choose(runs) == Comparison(runs[0], runs[2], same_machine=True)


def test_another_machine_is_said_to_be_one() -> None:
    """Where there is no other run to compare with."""
    before = _run(Result(OURS, [1.0]), node="other")
    now = _run(Result(OURS, [9.0]), time="2026-01-02T00:00:00")
    assert choose([before, now]) == Comparison(before, now, same_machine=False)


def test_runs_on_other_data_are_not_compared() -> None:
    """Nor is a single run, or none."""
    before = _run(Result(OURS, [1.0]), name="MNIST")
    now = _run(Result(OURS, [1.0]), time="2026-01-02T00:00:00")
    assert choose([before, now]) is None
    assert choose([now]) is None
    assert choose([]) is None


@pytest.mark.parametrize(("node", "status"), [("desk", 1), ("other", 0)])
def test_make_benchmark_compare_fails_on_the_same_machine_only(
    tmp_path: Path, node: str, status: int
) -> None:
    """A row that takes twice as long; another machine warns. What cannot be read is passed over."""
    for kind in ("full", "quick"):
        (tmp_path / kind).mkdir()
    (tmp_path / "full" / "0000.json").write_text('{"benchmarks": []}')
    _write_run(
        tmp_path / "full" / "0001.json",
        _record(OURS, 1.0, 1.01, 1.02),
        _record(PEER, 4.0),
        node=node,
    )
    later = "2026-01-02T00:00:00"
    _write_run(tmp_path / "full" / "0002.json", _record(OURS, 2.0, 2.01, 2.02), time=later)
    command = [sys.executable, "-m", "benchmarks.compare", str(tmp_path), "--percent", "20"]
    project = Path(__file__).parent.parent.parent
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert ended.returncode == status
    assert "by more than 20 %: faster 0, slower 1, cannot tell 0" in ended.stdout
    assert f"not run this time: {PEER.group}: {PEER.name}" in ended.stdout
    assert "passed over: " in ended.stdout
    assert ("warning" in ended.stdout) == (status == 0)
