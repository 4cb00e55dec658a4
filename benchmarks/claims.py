"""What the documents say of speed: written from the run that the repository keeps.

`python -m benchmarks.claims [RUN.json]`. A run, where one is named, is kept first, in
`benchmarks/results/run.json`, with its table and its picture. Then the text between the marks
`<!-- benchmark: NAME -->` and `<!-- end -->` of the documents is written anew. A test holds the
documents against the run that is kept, so no number in them is older than it or better.
"""

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.picture import write_picture
from benchmarks.results import NETWORK, Result, Run, read_run
from benchmarks.table import listed, markdown, processor, ratio_with_interval, rounded
from benchmarks.ways import described
from benchmarks.workers import PROJECT

KEPT = PROJECT / "benchmarks" / "results" / "run.json"
TABLE = PROJECT / "benchmarks" / "RESULTS.md"
PICTURE = PROJECT / "examples" / "benchmark.png"
DOCUMENTS = (PROJECT / "README.md", PROJECT / "docs" / "speed.md")

OURS = "mnist-batch"
_BLOCK = re.compile(r"(<!-- benchmark: ([\w-]+) -->)(\s*).*?(\s*)(<!-- end -->)", re.DOTALL)
_WAYS, _WARM, _PROCESS = "Ways, ", "Whole command in a warm process", "Whole command as a process"
_MEMORY, _START, _WORKERS, _CNN = (
    "Memory of the whole",
    "Start: the whole",
    "Workers, ",
    "A small CNN",
)
_IN_SUMMARY = (OURS, "Daft", "tf.data, predict", "pandas, Pillow, predict")
_WIDTH = 115


def written(text: str, run: Run) -> str:
    """Return a document with its blocks as the run has them.

    Raises:
        KeyError: a block has a name that is none of `BLOCKS`.
        ValueError: the run lacks what a block says.
    """
    return _BLOCK.sub(lambda m: f"{m[1]}{m[3]}{BLOCKS[m[2]](run)}{m[4]}{m[5]}", text)


def without_blocks(text: str) -> str:
    """Return a document without what is written from the run."""
    return _BLOCK.sub("", text)


def headline(run: Run) -> str:
    """Return the fastest of the speeds that are compared with another way's, in a sentence."""
    ours = [
        (name, one)
        for name, results in _groups(run, _WAYS)
        for one in results
        if one.row.name == OURS and one.seconds
    ]
    if not ours:
        raise ValueError(f"{OURS} was not run beside other ways")
    name, best = max(ours, key=lambda pair: pair[1].images_per_s or 0)
    return _filled(
        f"**It is fast.** {rounded(best.images_per_s or 0)} images a second on "
        f"{run.machine['cores']} cores, from {best.row.rows:,} PNG images "
        f"{'in Parquet' if 'Parquet' in name else 'in a folder'} to written predictions (in a warm "
        f"process, without the report, version {_version(run)}, {run.time[:10]}). "
        "[How this was measured](docs/speed.md).",
        indent="  ",
    )


def summary(run: Run) -> str:
    """Return a short table of ways from Parquet, with ratios, below a line of what was measured."""
    groups = [(name, results) for name, results in _groups(run, _WAYS) if "Parquet" in name]
    there = {one.row.name for _, results in groups for one in results}
    ways = [way for way in _IN_SUMMARY if way in there]
    ratio = f"{OURS} over it [95 %]"
    table = [["images/s", *(head for name, _ in groups for head in (name, ratio))]]
    for way in ways:
        cells = [f"**{way}**" if way == OURS else way]
        for _, results in groups:
            one = next((one for one in results if one.row.name == way), None)
            cells += ["", ""] if one is None else [_speed(one), ratio_with_interval(run.ratio(one))]
        table.append(cells)
    said = (
        "From PNG in Parquet to written predictions, warm, without a report; "
        f"[more](docs/speed.md). {_said(run)}"
    )
    return f"{_filled(said, indent='')}\n\n{_table(table)}"


def about(run: Run) -> str:
    """Return when and on what the run was, and of which commit."""
    dirty = " with changes that are in no commit" if run.commit["dirty"] else ""
    return _filled(
        f"{_said(run)} The code is that of commit {run.commit['id'][:12]}{dirty}. "
        f"The model is the default one (SHA-256 {run.data['model_sha256'][:16]}...). "
        f"Packages: {listed(run.machine['versions'])}.",
        indent="",
    )


def ways(run: Run) -> str:
    """Return a table for each thing that ways read."""
    parts = []
    for name, results in _groups(run, _WAYS):
        table = [["", "what it is", "images/s", "CPU us", "MB", f"{OURS} over it"]]
        table += [
            [
                f"**{OURS}**" if one.row.name == OURS else one.row.name,
                described(one.row.name),
                _speed(one),
                _cpu(one),
                "" if one.reason else _megabytes(one),
                ratio_with_interval(run.ratio(one)),
            ]
            for one in results
        ]
        parts.append(f"{name}:\n\n{_table(table)}")
    return "\n\n".join(parts)


def whole(run: Run) -> str:
    """Return the speeds of the whole command."""
    table = [["with the report", "images/s", "CPU us"]]
    for prefix, what in ((_WARM, "warm"), (_PROCESS, "whole process")):
        for _, results in _groups(run, prefix):
            table += [[f"{one.row.name}, {what}", _speed(one), _cpu(one)] for one in results]
    return _table(table)


def more(run: Run) -> str:
    """Return workers, a CNN, and the start of a process."""
    table = [["", "", "ratio"]]
    for prefix in (_WORKERS, _CNN):
        for group, results in _groups(run, prefix, keep=True):
            table += [
                [
                    f"{group}: {one.row.name}",
                    _measured(one),
                    ratio_with_interval(run.ratio(one)),
                ]
                for one in results
            ]
    for _, results in _groups(run, _START):
        table += [[f"whole process: {one.row.name}", _measured(one), ""] for one in results]
    return _table(table)


def memory(run: Run) -> str:
    """Return the peak memory of the whole command."""
    table = [["whole command, with its report", "peak MB"]]
    for _, results in _groups(run, _MEMORY):
        table += [[one.row.name, _megabytes(one)] for one in results]
    return _table(table)


def picture(run: Run) -> str:
    """Return the picture, and in words what it shows of this run."""
    has_network = any(one.seconds for one in run.groups().get(NETWORK, ()))
    more = ", and of the network by batch size" if has_network else ""
    return f"![Images per second of each program{more}](../examples/{PICTURE.name})"


BLOCKS: Mapping[str, Callable[[Run], str]] = {
    "headline": headline,
    "summary": summary,
    "about": about,
    "ways": ways,
    "whole": whole,
    "more": more,
    "memory": memory,
    "picture": picture,
}
"""What stands between marks, by their name."""


def lacking(run: Run) -> list[str]:
    """Return the parts of the documents of which a run has no row, nor the reason why not."""
    parts = (_WAYS, _WARM, _PROCESS, _MEMORY, _START, _WORKERS, _CNN)
    return [part.removesuffix(", ") for part in parts if not list(_groups(run, part))]


def main() -> None:
    """Keep a run where one is named, and write the documents from what is kept.

    Raises:
        SystemExit: there is no such run, or it lacks a part of the documents; nothing is written.
    """
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else KEPT
    try:
        run = read_run(path)
        if parts := lacking(run):
            sys.exit(f"{path} lacks {'; '.join(parts)}; run all of `make benchmark`")
        found = {document: written(document.read_text(), run) for document in DOCUMENTS}
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} does not exist; run `make benchmark` first")
    except ValueError as error:
        sys.exit(f"{error}; run `make benchmark` again")
    found[TABLE] = markdown(run)
    found[KEPT] = json.dumps(run.record(), indent=1) + "\n"
    write_picture(run, PICTURE)
    for document, text in found.items():
        document.write_text(text)
    if not _is_in_history(run.commit["id"]):
        print(
            f"warning: commit {run.commit['id'][:12]} is not in the history of this checkout, so "
            "nobody will find what was measured; run `make benchmark` again",
            file=sys.stderr,
        )


def _is_in_history(commit: str) -> bool:
    command = ["git", "merge-base", "--is-ancestor", commit, "HEAD"]
    try:
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)
    except OSError:  # there is no git
        return False
    return ended.returncode == 0


def _groups(run: Run, prefix: str, *, keep: bool = False) -> Iterator[tuple[str, Sequence[Result]]]:
    """Yield the groups that begin so, without the beginning unless to `keep`, and their results."""
    for name, results in run.groups().items():
        done = [one for one in results if one.seconds or one.reason]
        if name.startswith(prefix) and done:
            yield name if keep else name.removeprefix(prefix), done


def _said(run: Run) -> str:
    machine = run.machine
    return (
        f"{'A quick run' if run.quick else 'A run'} of {run.time[:10]}, version {_version(run)}, "
        f"on {machine['cores']} cores ({processor(run)}, load before the run "
        f"{machine['load']:.1f}), Python {machine['versions']['python']}, on "
        f"{'MNIST' if run.data['name'] == 'MNIST' else 'drawn digits'}."
    )


def _version(run: Run) -> str:
    return str(run.machine["versions"][OURS])


def _measured(result: Result) -> str:
    """Return a speed, or the seconds of what is not about images; or why there is none."""
    if result.reason:
        return f"not run: {result.reason}"
    speed = result.images_per_s
    return f"{result.mean_s:.2f} s" if speed is None else f"{rounded(speed)} images/s"


def _speed(result: Result) -> str:
    return _measured(result).removesuffix(" images/s")


def _cpu(result: Result) -> str:
    cpu = None if result.reason else result.median_cpu_s
    return "" if cpu is None or not result.row.rows else f"{cpu / result.row.rows * 1e6:,.1f}"


def _megabytes(result: Result) -> str:
    peak = result.peak_memory_bytes
    if result.reason:
        return f"not run: {result.reason}"
    return "" if peak is None else f"{peak / 1e6:,.0f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return Markdown: the first column to the left, the others of numbers to the right."""
    if len(rows) == 1:
        return "Not run."
    texts = {k for k, cell in enumerate(rows[0]) if k == 0 or cell == "what it is"}
    rule = ["---" if k in texts else "---:" for k in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [rows[0], rule, *rows[1:]])


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)


if __name__ == "__main__":
    main()
