"""Whatever becomes of the processes of a cluster, it predicts what threads predict."""

import re
import subprocess
from pathlib import Path

import pyarrow as pa

from tests.support.crashing import KILL
from tests.support.ray_cluster import RayCluster
from tests.support.ray_runs import over, retried, rows, wait_for


def test_workers_that_are_killed_or_stopped_in_mid_part_cost_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Their parts are predicted again: at once, and when the deadline is met. Ray says nothing."""
    out = tmp_path / "out.parquet"
    killed = over(digits / "1" / "00011.png", tmp_path / "killed")
    stopped = over(digits / "4" / "00044.png", tmp_path / "stopped")
    done = cluster.run(
        *("predict", digits, "--out", out, "--no-report", "--json", "--part-timeout", 6),
        deed=f"if {killed}: {KILL}\nif {stopped}: {KILL.replace('KILL', 'STOP')}",
    )
    # On a busy machine another one may meet it too.
    assert re.fullmatch(r"a worker died 1, met its deadline \d", retried(done))
    assert rows(out) == rows(expected)


def test_a_node_that_is_lost_in_mid_part_costs_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Its part is predicted on another one."""
    out, flag = tmp_path / "out.parquet", tmp_path / "flag"
    # The driver is connected to the first node, and would be lost with it.
    first, whole = f"node != {cluster.nodes[0]!r} and once({str(flag) + '-'!r})", f"{flag}.tmp"
    tell = f"open({whole!r}, 'w').write(node); os.rename({whole!r}, {str(flag)!r})"
    deed = f"if {first}: {tell}; time.sleep(600)"
    process = cluster.start("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    wait_for(flag.exists)
    cluster.remove(flag.read_text())
    cluster.nodes.append(cluster.add())
    said = process.communicate()
    done = subprocess.CompletedProcess("predict", process.returncode, *said)
    assert retried(done) == "a node was lost 1"
    assert rows(out) == rows(expected)


def test_a_node_that_joins_with_another_version_predicts_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Ray gives it tasks that wait at once; the run goes on without it."""
    out, begun, joined, go = (tmp_path / name for name in ("out.parquet", "begun", "joined", "go"))
    (tmp_path / "other" / "mnist_batch").mkdir(parents=True)
    (tmp_path / "other" / "mnist_batch" / "__init__.py").write_text(
        f"open({str(joined)!r}, 'w').close()\n__version__ = '0.0.1'\n"
    )
    deed = f"""
open({str(begun)!r}, "w").close()
while not os.path.exists({str(go)!r}):
    time.sleep(0.02)
"""
    process = cluster.start("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    wait_for(begun.exists)
    other = cluster.add(tmp_path / "other")
    wait_for(joined.exists)
    go.touch()
    _, said = process.communicate()
    cluster.nodes.append(other)
    cluster.remove(other)
    assert process.returncode == 0, said
    # It may be over before the node has answered.
    why = "note: a node was left out: node 127.0.0.1 has mnist-batch 0.0.1, and this machine has "
    assert all(line.startswith(why) for line in said.splitlines()), said
    assert rows(out) == rows(expected)


def test_a_part_whose_last_other_node_is_lost_goes_back_to_the_one_it_left(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """A worker died over it there, so it waits for another node: for ever, once these have gone."""
    out, killed, begun = (tmp_path / name for name in ("out.parquet", "killed", "begun"))
    first, others = cluster.nodes[0], cluster.nodes[1:]
    deed = f"""
if node != {first!r}:
    open({str(begun)!r} + node, "w").close()
    time.sleep(600)
elif once({str(killed)!r}):
    {KILL}
"""
    process = cluster.start("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    flags = killed, *(Path(f"{begun}{node}") for node in others)
    wait_for(lambda: all(flag.exists() for flag in flags))
    for node in others:
        cluster.remove(node)
    said = process.communicate()
    cluster.nodes += [cluster.add() for _ in others]
    done = subprocess.CompletedProcess("predict", process.returncode, *said)
    assert retried(done) == "a node was lost 2, a worker died 1"
    assert rows(out) == rows(expected)


def test_a_part_is_tried_elsewhere_where_a_node_does_not_see_its_files(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Its rows would say that good images are missing. One worker sees none after its first."""
    out = tmp_path / "out.parquet"
    deed = f"""
if once({str(tmp_path / "blind")!r}):
    import numpy as np
    from mnist_batch.inputs import image_files
    image_files._read_at_once = lambda paths: None
    image_files.read_file = lambda path: (None, "missing file")
    image_files.file_states = lambda paths, portable: np.full((len(paths), 4), -1)
"""
    done = cluster.run("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    assert retried(done).startswith("a node did not see the INPUT ")
    assert rows(out) == rows(expected)


def test_an_attempt_that_ends_late_changes_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """It writes the file that the one in its place writes, while that is being written."""
    out = tmp_path / "out.parquet"
    image, second = digits / "2" / "00022.png", tmp_path / "second"
    deed = f"""
if {over(image, tmp_path / "first")}:
    while not os.path.exists({str(second)!r}):
        time.sleep(0.02)
elif {over(image, second)}:
    time.sleep(1.5)
"""
    done = cluster.run(
        *("predict", digits, "--out", out, "--no-report", "--json", "--part-timeout", 5),
        deed=deed,
        cancels=False,
    )
    assert re.fullmatch(r"met its deadline \d", retried(done))
    assert rows(out) == rows(expected)


def test_a_part_that_meets_its_deadline_each_time_ends_the_run(
    cluster: RayCluster, tmp_path: Path, digits: Path
) -> None:
    """In one line; what is finished stays."""
    out = tmp_path / "out.parquet"
    done = cluster.run(
        *("predict", digits, "--out", out, "--part-timeout", 1, "--workers", 1),
        deed="time.sleep(60)",
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: 8 rows from 0/")
    assert line.endswith("were not done within 1 s, 3 times; pass a longer --part-timeout")
    assert not out.exists()


def test_an_image_that_kills_each_worker_is_a_row_with_an_error(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """All other rows are as they were."""
    out = tmp_path / "out.parquet"
    crashing = (digits / "3" / "00033.png").read_bytes()
    deed = f"if content == {crashing!r}: {KILL}"
    done = cluster.run("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    assert done.returncode == 3
    before, after = rows(expected), rows(out)
    changed = [row for row, old in zip(after, before, strict=True) if row != old]
    assert [row["error"] for row in changed] == ["crashed the decoder"]
