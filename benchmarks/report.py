"""A run as a table, as Markdown and as a picture: `python -m benchmarks.report RUN.json`."""

import shutil
import sys
import textwrap
from pathlib import Path

from benchmarks.picture import write_picture
from benchmarks.results import read_run
from benchmarks.table import COLUMNS, facts, markdown, terminal_table


def main() -> None:
    """Print the table; write Markdown and picture beside the run."""
    path = Path(sys.argv[1])
    run = read_run(path)
    path.with_suffix(".md").write_text(markdown(run))
    write_picture(run, path.with_suffix(".png"))
    width = min(max(shutil.get_terminal_size((80, 24)).columns, 80), 120)
    for fact in (*facts(run), *COLUMNS):
        print(textwrap.fill(fact, width, subsequent_indent="  "))
    print(f"\n{terminal_table(run, width)}\n")
    for suffix in (".json", ".md", ".png"):
        print(path.with_suffix(suffix))


if __name__ == "__main__":
    main()
