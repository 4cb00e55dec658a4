"""What examples/cluster/ offers to copy is right: each file is read by its rules, each line runs.

The lines run as Slurm, Kubernetes and GitHub would run them, on drawn digits in other folders.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import mnist_batch
from mnist_batch.synthetic import generator

PROJECT = Path(__file__).parent.parent.parent
EXAMPLES = PROJECT / "examples" / "cluster"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder in the place of the storage that all machines see, with its predictions there."""
    _write_digits(tmp_path / "digits")
    mnist_batch.predict(tmp_path / "digits", tmp_path / "one.parquet", report=False)
    return tmp_path


def _write_digits(folder: Path) -> None:
    """Write digits, and a file that is none: it costs no shard."""
    generator.write_folder(folder, 30)
    (folder / "unreadable.png").write_bytes(b"no image")


def _run(words: list[str], folder: Path, **environment: str) -> None:
    """Run a command in a folder, with `mnist-batch` on the PATH; it has to work."""
    ended = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PATH": PATH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def _check_merged(predictions: Path, shared: Path) -> None:
    """Check that predictions are those of one machine, with a report of theirs."""
    assert pq.read_table(predictions).equals(pq.read_table(shared / "one.parquet"))
    assert predictions.with_suffix(".report").joinpath("samples.png").exists()


def test_slurm_predicts_its_array_and_joins_it(shared: Path) -> None:
    """A task of it that ran already leaves its shard; one that was lost is made again."""
    text = (EXAMPLES / "slurm_shard.sh").read_text()
    ((first, last),) = re.findall(r"^#SBATCH --array=(\d+)-(\d+)$", text, re.MULTILINE)
    (of,) = re.findall(r"^of=(\d+)$", text, re.MULTILINE)
    assert (first, last) == ("1", of)
    folders = {"DIGITS": str(shared / "digits"), "SHARDS": str(shared / "shards")}
    for number in [*range(1, int(of) + 1), 3]:
        task = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "1"}
        _run(["bash", str(EXAMPLES / "slurm_shard.sh")], shared, **folders, **task)
    _run(["bash", str(EXAMPLES / "slurm_merge.sh")], shared, **folders)
    _check_merged(shared / "shards.parquet", shared)


def test_kubernetes_predicts_an_indexed_job_and_joins_it(shared: Path) -> None:
    """As many pods as shards; what runs in them is the same shell as here."""
    jobs = list(yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text()))
    shards, merge = (_command(job, shared) for job in jobs)
    spec = jobs[0]["spec"]
    assert (spec["completionMode"], spec["template"]["spec"]["restartPolicy"]) == (
        "Indexed",
        "Never",
    )
    assert spec["completions"] == spec["parallelism"]
    assert f"/{spec['completions']}" in shards[-1]
    assert f"-eq {spec['completions']}" in merge[-1]
    for index in [*range(spec["completions"]), 2]:
        _run(shards, shared, JOB_COMPLETION_INDEX=str(index))
    _run(merge, shared)
    _check_merged(shared / "predictions.parquet", shared)


def _command(job: dict[str, Any], shared: Path) -> list[str]:
    """Return the command of the pods of a job, with another folder for their volume."""
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    (volume,) = container["volumeMounts"]
    words: list[str] = container["command"]
    return [word.replace(volume["mountPath"], str(shared)) for word in words]


def test_github_predicts_a_matrix_and_joins_it(shared: Path) -> None:
    """Each job has a checkout of its own, with times of its own."""
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    jobs = workflow["jobs"]
    matrix = jobs["shard"]["strategy"]["matrix"]["shard"]
    merging = shared / "merge"
    for number in matrix:
        checkout = shared / f"checkout-{number}"
        _write_digits(checkout / "examples" / "digits")
        for line in _lines(jobs["shard"], number):
            _run(["bash", "-euc", line], checkout)
        merging.mkdir(exist_ok=True)
        (checkout / f"shard-{number}").rename(merging / f"shard-{number}")
    (merging / "examples").symlink_to(shared / "checkout-1" / "examples")
    assert jobs["merge"]["needs"] == "shard"
    for line in _lines(jobs["merge"], 0):
        _run(["bash", "-euc", line], merging)
    _check_merged(merging / "predictions.parquet", shared)


def _lines(job: dict[str, Any], shard: int) -> list[str]:
    """Return what the steps of a job run but for installing; all others are actions of GitHub's."""
    steps = [step for step in job["steps"] if step.get("name") != "Install"]
    for step in steps:
        assert "run" in step or re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])
    lines = [step["run"] for step in steps if "run" in step]
    return [
        line.replace("${{ matrix.shard }}", str(shard)).replace(".venv/bin/", "") for line in lines
    ]
