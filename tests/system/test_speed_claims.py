"""The documents say no more of speed than the run that the repository keeps."""

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks import claims
from benchmarks.claims import BLOCKS, DOCUMENTS, KEPT, TABLE, lacking, without_blocks, written
from benchmarks.results import NETWORK, Result, Row, Run, read_run
from benchmarks.table import markdown

PROJECT = Path(__file__).parent.parent.parent
PROSE = sorted(
    {
        *(path for path in PROJECT.glob("*.md") if path.name != "CHANGELOG.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob("mnist_batch/*.md"),
    }
)
NUMBER = (
    r"(?:\d[\d,.]*|(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty"
    r"|thirty|forty|fifty|sixty|hundred|thousand)(?:\s+(?:hundred|thousand))?)"
)
# Images by second, time by image, or a factor or share of speed, in digits or in words.
CLAIM = re.compile(
    rf"\b{NUMBER}\s+(?:images/s|images\s+(?:a|per|each|every)\s+second|a\s+second)\b"
    rf"|\b{NUMBER}\s*(?:[munµ]s|(?:milli|micro|nano)seconds?)\s+(?:(?:an?|per|each)\s+image|to\b)"
    rf"|\b(?:{NUMBER}\s+times|twice|half|thrice)\s+(?:as\s+(?:fast|slow|quick|long)|the\s+(?:speed|time))"
    rf"|\b(?:{NUMBER}\s*(?:times|x|%|percent)|twice|a\s+(?:third|quarter|half|tenth))\s+(?:faster|slower|quicker)"
    rf"|\b{NUMBER}\s?x\s+as\s+fast",
    re.IGNORECASE,
)
DATED = re.compile(r"\b20\d\d-\d\d-\d\d\b|\b\d+\.\d+\.\d+\b")


MACHINE = {
    "system": "Linux",
    "cores": 2,
    "memory_bytes": 8 * 2**30,
    "keras_backend": "tensorflow",
    "load": 0.5,
    "versions": {"mnist-batch": "0.9.0", "python": "3.11.7"},
    "cpu": {"brand_raw": "Some Processor"},
}
DATA = {"name": "MNIST", "sha256": "ab" * 32, "model": "MNIST.h5", "model_sha256": "cd" * 32}


def _run(*results: Result) -> Run:
    """Return a run of a changed checkout."""
    commit = {"id": "0123456789abcdef", "dirty": True}
    return Run(list(results), MACHINE, commit, DATA, "2026-01-02T03:04:05", quick=False)


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


def test_the_run_that_is_kept_has_every_part() -> None:
    """A part that nobody ran would say nothing in the documents."""
    assert lacking(read_run(KEPT)) == []
    assert not any("Not run." in path.read_text() for path in DOCUMENTS)


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
        "NumPy takes 1.0 us an image.",
        "A photograph takes 5 ms an image.",
        "It is fifteen times slower.",
        "Pillow is 30 % quicker.",
        "It is half as slow.",
        "Two thousand images a second.",
        "It takes three times as long.",
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
    run = _run(Result(row, [0.5, 0.5]))
    text = "- <!-- benchmark: headline -->\n  9,000,000 images a second\n  <!-- end -->\nmore"
    found = written(text, run)
    assert "2,000 images a second on 2 cores, from 1,000 PNG images in Parquet" in " ".join(
        found.split()
    )
    assert "version 0.9.0, 2026-01-02" in " ".join(found.split())
    assert "9,000,000" not in found
    assert found.startswith("- <!-- benchmark: headline -->\n  **It is fast.**")
    assert found.endswith("\n  <!-- end -->\nmore")


PARTS = (
    *("Ways, a", "Whole command in a warm process, a", "Whole command as a process, a"),
    *("Memory of the whole command: all", "Start: the whole process", "Workers, a", "A small CNN"),
)


def test_a_run_that_lacks_a_part_is_told() -> None:
    """A reason why a row was not run stands for it."""
    rows = [Row(part, "mnist-batch", 10) for part in PARTS]
    assert lacking(_run(*(Result(row, [1.0]) for row in rows))) == []
    others = [Result(row, [1.0]) for row in rows if not row.group.startswith(("Ways", "Workers"))]
    absent = Result(rows[0], (), reason="no such package")
    assert lacking(_run(*others, absent)) == ["Workers"]
    assert BLOCKS["ways"](_run(*others, absent)).endswith("| not run: no such package |  |  |  |")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "run.json does not exist; run `make benchmark` first"),
        ("{", "not a run of these benchmarks"),
        ("partial", "run.json lacks Whole command in a warm process; Whole command as a process; "),
        ("without", "mnist-batch was not run beside other ways"),
    ],
)
def test_nothing_is_written_from_a_run_that_does_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, why: str
) -> None:
    """One line says why."""
    path, document = tmp_path / "run.json", tmp_path / "document.md"
    rows = [Result(Row(part, "mnist-batch", 10), [1.0]) for part in PARTS]
    others = [Result(Row(PARTS[0], "Daft", 10), [1.0]), *rows[1:]]
    texts = {
        name: json.dumps(_run(*results).record())
        for name, results in (("partial", rows[:1]), ("without", others))
    }
    if content is not None:
        path.write_text(texts.get(content, content))
    document.write_text("<!-- benchmark: headline --><!-- end -->")
    monkeypatch.setattr(claims, "DOCUMENTS", [document])
    for name in ("TABLE", "KEPT", "PICTURE"):
        monkeypatch.setattr(claims, name, tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["claims", str(path)])
    with pytest.raises(SystemExit, match=re.escape(why)):
        claims.main()
    assert document.read_text() == "<!-- benchmark: headline --><!-- end -->"
    assert not any((tmp_path / name).exists() for name in ("TABLE", "KEPT", "PICTURE"))


def test_a_run_is_kept_with_all_that_is_written_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commit stands in the document, and whether it is all of the code.

    A warning says where it is none of this history.
    """
    path, document = tmp_path / "run.json", tmp_path / "document.md"
    path.write_text(
        json.dumps(_run(*(Result(Row(part, "mnist-batch", 10), [1.0]) for part in PARTS)).record())
    )
    document.write_text("<!-- benchmark: about --><!-- end -->")
    monkeypatch.setattr(claims, "DOCUMENTS", [document])
    for name in ("TABLE", "KEPT", "PICTURE"):
        monkeypatch.setattr(claims, name, tmp_path / f"{name}.png")
    monkeypatch.setattr(sys, "argv", ["claims", str(path)])
    claims.main()
    text = " ".join(document.read_text().split())
    assert "that of commit 0123456789ab with changes that are in no commit." in text
    assert read_run(tmp_path / "KEPT.png") == read_run(path)
    assert (tmp_path / "PICTURE.png").read_bytes().startswith(b"\x89PNG")
    assert "warning: commit 0123456789ab is not in the history" in capsys.readouterr().err


def test_a_ratio_is_the_quotient_of_the_speeds_beside_it() -> None:
    """Rounds of 1 and 4 s are 2 s by their geometric mean, those of 1 and 16 s 4 s."""
    ours, peer = (
        Result(Row("Ways, PNG Parquet", name, 1000, ratio_of="mnist-batch"), seconds)
        for name, seconds in (("mnist-batch", [1.0, 4.0]), ("Daft", [1.0, 16.0]))
    )
    text = BLOCKS["summary"](_run(ours, peer))
    assert "| **mnist-batch** | 500 |  |" in text
    assert re.search(r"\| Daft \| 250 \| 2\.00 \[", text)


def test_the_words_for_the_picture_are_of_what_it_shows() -> None:
    """The network by batch size only where it was run."""
    network = Result(Row(NETWORK, "NumPy", 4096, batch_size=16), [1.0])
    assert BLOCKS["picture"](_run()) == (
        "![Images per second of each program](../examples/benchmark.png)"
    )
    assert "program, and of the network by batch size]" in BLOCKS["picture"](_run(network))


def test_a_block_that_nobody_knows_is_an_error() -> None:
    """Else it would stay empty."""
    run = Run([], {}, {}, {}, "", quick=False)
    with pytest.raises(KeyError, match="unknown"):
        written("<!-- benchmark: unknown --><!-- end -->", run)
