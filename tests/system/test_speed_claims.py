"""The documents say no more of speed than the run that the repository keeps."""

import re
from pathlib import Path

import pytest

from benchmarks.claims import BLOCKS, DOCUMENTS, KEPT, TABLE, without_blocks, written
from benchmarks.results import Result, Row, Run, read_run
from benchmarks.table import markdown

PROJECT = Path(__file__).parent.parent.parent
PROSE = sorted(
    {
        *(path for path in PROJECT.glob("*.md") if path.name != "CHANGELOG.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob("mnist_batch/*.md"),
    }
)
# A number of images by second, or a factor of speed, in digits or in words.
CLAIM = re.compile(
    r"\d[\d,.]*\s+(?:images/s|images (?:a|per) second|a second)"
    r"|\b(?:\d[\d,.]*|two|three|four|five|ten|twenty|hundred)\s+times\s+(?:as\s+fast|faster|the\s+speed)"
    r"|\b(?:twice|half)\s+as\s+fast"
    r"|\d\s?x\s+(?:as fast|faster)"
)
DATED = re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d+\.\d+\.\d+\b")


def _undated(text: str) -> list[str]:
    """Return the claims of paragraphs, items of lists and tables that have no date or version."""
    prose = re.sub(r"^```.*?^```$", "", without_blocks(text), flags=re.MULTILINE | re.DOTALL)
    paragraphs = re.split(r"\n\s*\n|\n(?=- )", prose)
    return [
        found[0] for part in paragraphs if not DATED.search(part) for found in CLAIM.finditer(part)
    ]


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_speed_has_a_date_or_is_written_from_the_run_that_is_kept(path: Path) -> None:
    """A number that nobody can tell the age of is neither."""
    assert _undated(path.read_text()) == []


def test_the_documents_are_as_the_run_that_is_kept() -> None:
    """`make benchmark-docs` writes them; by hand nothing between the marks may be changed."""
    run = read_run(KEPT)
    for path in DOCUMENTS:
        assert path.read_text() == written(path.read_text(), run), path
    assert TABLE.read_text() == markdown(run)


def test_every_block_stands_in_a_document() -> None:
    """And has a beginning and an end."""
    texts = [path.read_text() for path in DOCUMENTS]
    names = [name for text in texts for name in re.findall(r"<!-- benchmark: (\S+) -->", text)]
    assert sorted(names) == sorted(BLOCKS)
    assert sum(text.count("<!-- end -->") for text in texts) == len(names)


@pytest.mark.parametrize(
    "text",
    [
        "It is 20 times faster.",
        "It is twice as\nfast.",
        "mnist-batch reads 900,000 images/s.",
        "Pillow decodes 25,000 a second.",
        "Measured on 2026-11-27.\n\nIt runs ten times as fast.",
        "- 3 times the speed\n- of 0.4.0 it is said",
    ],
)
def test_a_claim_without_a_date_is_found(text: str) -> None:
    """Also where the next paragraph or item has one."""
    assert len(_undated(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "It was 20 times as fast as 0.4.0.",
        "900,000 images/s (two cores,\n2026-11-27).",
        "It tries twenty times as many files.",
        "```console\n$ mnist-batch\nspeed 1,053 images/s\n```",
        "<!-- benchmark: headline -->900,000 images/s<!-- end -->",
    ],
)
def test_a_dated_claim_is_none_to_be_found(text: str) -> None:
    """Nor is what a command prints, or what is written from the run."""
    assert _undated(text) == []


def test_a_block_is_written_between_its_marks() -> None:
    """1,000 images in 0.5 s are 2,000 a second, whatever stood there."""
    row = Row("Ways, PNG Parquet (100), 1,000 images", "mnist-batch", 1000, ratio_of="mnist-batch")
    machine = {"cores": 2, "versions": {"mnist-batch": "0.9.0"}}
    run = Run([Result(row, [0.5, 0.5])], machine, {}, {}, "2026-01-02T03:04:05", quick=False)
    text = "- <!-- benchmark: headline -->\n  9,000,000 images a second\n  <!-- end -->\nmore"
    found = written(text, run)
    assert "2,000 images a second on 2 cores, from 1,000 PNG images in Parquet" in " ".join(
        found.split()
    )
    assert "version 0.9.0, 2026-01-02" in " ".join(found.split())
    assert "9,000,000" not in found
    assert found.startswith("- <!-- benchmark: headline -->\n  **It is fast.**")
    assert found.endswith("\n  <!-- end -->\nmore")


def test_a_block_that_nobody_knows_is_an_error() -> None:
    """Else it would stay empty."""
    run = Run([], {}, {}, {}, "", quick=False)
    with pytest.raises(KeyError, match="unknown"):
        written("<!-- benchmark: unknown --><!-- end -->", run)
