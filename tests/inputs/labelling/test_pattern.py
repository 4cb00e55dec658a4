"""Labels from the names of files, by a pattern."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.pattern import LabelPattern
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions


@pytest.mark.parametrize(
    ("pattern", "path", "label"),
    [
        (r"(\d)\.png", "/in/img_7.png", "7"),
        (r"(\d)\.png", "/in/img_7.jpg", None),
        (r"^(\d)-", "/in/3-001.png", "3"),
        (r"^(\d)-", "/9-x/a.png", None),
        (r"digit_(\d)/", "/in/digit_4/001.png", "4"),
        (r"(?i)IMG_(\d)", "/in/img_5.png", "5"),
        (r"_(\d)_(?:\d)", "/in/a_1_2.png", "1"),
        (r"([()])\(\)", "/in/(()", "("),
        (r"a|x(\d)", "/in/a1.png", None),
        (r"(?P<digit>\d)$", "/in/picture8", "8"),
        (r"(\d)", "/in/line\nbreak6.png", "6"),
        (r"(\d)", "/in/4/", None),
    ],
)
def test_the_group_is_the_label(pattern: str, path: str, label: str | None) -> None:
    """Searched for in the name, or with a `/` in the path."""
    assert LabelPattern(pattern).texts([path]).to_pylist() == [label]


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        (r"(\d", "missing ): (\\d; expected one group"),
        (r"\d\.png", "no group in it; expected one group"),
        ("", "no group in it"),
        (r"(?=a)(\d)", "invalid perl operator: (?=; expected"),
        (r"(\d)\1", "invalid escape sequence"),
        (r"(\d{1000}){1000}", "invalid repetition size"),
        (r"\d)(", "unexpected )"),
        (r"_(\d)_(\d)", "several groups in it; write those that are no label as (?:...)"),
        (r"a()\.png", "its group is empty"),
        (r"a(?P<digit>)", "its group is empty"),
        ("(a)" * 1000, "label_pattern has 3,000 characters; expected one group"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, part: str) -> None:
    """In one line that says what is wrong, and what was expected."""
    with pytest.raises(LabelError) as caught:
        LabelPattern(pattern)
    assert part in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(?:a|a)*(b)", "(?:(?:a*)*)*(b)", "(.*)(?:.*)(?:.*)(?:.*)x"]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    """Those that take Python's `re` ages on such a name are searched for at once."""
    assert LabelPattern(pattern).texts(["/" + "a" * 5000 + "!"] * 50).null_count == 50


@given(st.lists(st.text("ab01._-", max_size=12), max_size=8))
def test_it_finds_what_python_finds(names: list[str]) -> None:
    """The leftmost match, as an independent implementation of such patterns has it."""
    pattern = r"[ab_](\d)[._-]"
    found = LabelPattern(pattern).texts([f"/in/{name}" for name in names]).to_pylist()
    matches = [re.search(pattern, name) for name in names]
    assert found == [match and match[1] for match in matches]


def labels_of(folder: Path, **arguments: str) -> list[int | None]:
    """Return the labels of the files of a folder."""
    opened = open_inputs([folder], ReadOptions.of(**arguments))
    return [
        label
        for shard in opened.shards
        for batch in shard.read(3)
        for label in batch.label.to_pylist()
    ]


def test_labels_come_from_names_only_where_they_are_asked_for(tmp_path: Path) -> None:
    """The pattern stands before names of folders; what is no digit is an error with the file."""
    for name in ("1/a_7.png", "1/b_3.png", "1/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert labels_of(tmp_path) == [1, 1, 1]
    assert labels_of(tmp_path, label_pattern=r"_(\d)\.png") == [7, 3, None]
    with pytest.raises(LabelError, match=r"1/a_7.png: label 'a' is not a digit"):
        labels_of(tmp_path, label_pattern=r"(\w)_\d")
    with pytest.raises(LabelError, match="labels and label_pattern both say"):
        labels_of(tmp_path, label_pattern=r"(\d)", labels="none")
