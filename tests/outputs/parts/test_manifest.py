"""What the parts of an unfinished output are bound to."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mnist_batch.inputs.shards import Piece, Shard
from mnist_batch.options import Share
from mnist_batch.outputs.parts.manifest import Manifest, is_manifest
from mnist_batch.outputs.parts.parts import Part


def _part(rows: int, *shards: tuple[str, str]) -> Part:
    """Return a part of shards, by their sources and fingerprints, with so many rows in all."""
    pieces = []
    for number, (source, fingerprint) in enumerate(shards):
        shard = SimpleNamespace(source=source, rows=0 if number else rows)
        pieces.append(Piece(cast("Shard", shard), fingerprint, size_bytes=0, cost=0))
    return Part(0, pieces)


MANIFEST = Manifest(
    version="1.2.3",
    model="abc",
    options={"prepare": "auto", "labels": None, "batch_size": 7},
    parts=[_part(10, ("a.png", "f0")), _part(5, ("k.png", "f1"), ("m.png", "f2"))],
    kernels={"blas": "OpenBLAS Zen"},
)


def test_a_manifest_is_read_by_other_releases() -> None:
    """As this release writes it, so that its parts can be resumed."""
    assert json.loads(MANIFEST.text("a1")) == {
        "format": 3,
        "attempt": "a1",
        "version": "1.2.3",
        "model": "abc",
        "options": {"prepare": "auto", "labels": None, "batch_size": 7},
        "parts": [[10, "f0"], [5, "f1", "f2"]],
        "kernels": {"blas": "OpenBLAS Zen"},
        "share": None,
        "output": "file",
    }


def test_an_equal_manifest_has_no_differences() -> None:
    """As it is after a way through JSON."""
    assert list(MANIFEST.differences(MANIFEST.text("a1").encode())) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": "2"}, "version was 1.2.3, and is 2 now"),
        ({"model": "def"}, "model was abc, and is def now"),
        (
            {"options": {"prepare": "never", "labels": None, "batch_size": 7}},
            "prepare was auto, and is never now",
        ),
        (
            {"options": {"prepare": "auto", "labels": "a.csv", "batch_size": 7}},
            "labels was None, and is a.csv now",
        ),
        (
            {"options": {"prepare": "auto", "labels": None, "batch_size": 8}},
            "batch-size was 7, and is 8 now",
        ),
        (
            {"options": {"prepare": "auto", "labels": None, "batch_size": 7, "more": 1}},
            "more was None, and is 1 now",
        ),
        (
            {"parts": [_part(10, ("a.png", "f0")), _part(5, ("k.png", "f1"), ("m.png", "x"))]},
            "names, sizes or times of files have changed, from m.png on",
        ),
        (
            {"kernels": {"blas": "OpenBLAS SkylakeX"}},
            "blas was OpenBLAS Zen, and is OpenBLAS SkylakeX now",
        ),
        ({"share": Share(2, 3)}, "--shard was left out, and is 2/3 now"),
    ],
)
def test_what_differs_is_said(changes: dict[str, Any], expected: str) -> None:
    """What it was, and what it is now."""
    assert list(replace(MANIFEST, **changes).differences(MANIFEST.text("a1").encode())) == [
        expected
    ]


def test_another_number_of_rows_is_said() -> None:
    """A file more or less is the usual change."""
    more = replace(MANIFEST, parts=[*MANIFEST.parts, _part(1, ("z.png", "f3"))])
    assert list(more.differences(MANIFEST.text("a1").encode())) == [
        "the input had 15 rows, and has 16 now"
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"format": 3, "parts": []}',
        '{"format": 3, "version": 3, "model": "", "options": [], "parts": 4}',
        '{"format": 3, "version": "", "model": "", "options": {}, "parts": [{}]}',
    ],
)
def test_a_damaged_manifest_is_said(text: str) -> None:
    """Whatever it holds, nothing is raised."""
    assert is_manifest(text.encode())
    assert list(MANIFEST.differences(text.encode()))[-1] == "its manifest.json is damaged"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"mine": 1}',
        b'{"format": 1}',
    ],
)
def test_what_is_no_manifest_is_told_apart(content: bytes) -> None:
    """A file of that name may be anyone's."""
    assert not is_manifest(content)
    assert is_manifest(MANIFEST.text("a1").encode())


def test_another_format_is_said() -> None:
    """That of another release may mean anything."""
    text = MANIFEST.text("a1").replace('"format": 3', '"format": 1')
    assert list(MANIFEST.differences(text.encode())) == ["its format was 1, and is 3 now"]


def test_a_run_is_named_after_all_that_its_parts_depend_on() -> None:
    """The same for each attempt, processor and share, and another where anything differs."""
    others = [
        replace(MANIFEST, version="1.2.4"),
        replace(MANIFEST, options={}),
        replace(MANIFEST, parts=[_part(10, ("a.png", "f0")), _part(5, ("k.png", "f1"))]),
    ]
    names = [manifest.run() for manifest in (MANIFEST, replace(MANIFEST), *others)]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert all(len(name) == 16 for name in names)
    assert replace(MANIFEST, kernels={"blas": "OpenBLAS SkylakeX"}).run() == names[0]
    assert replace(MANIFEST, share=Share(2, 3)).run() == names[0]
    assert MANIFEST.text("a1") != MANIFEST.text("a2")


def test_the_parts_of_a_share_are_its_own() -> None:
    """All where none is named."""
    shares = [replace(MANIFEST, share=Share(number, 2)).own_parts for number in (1, 2)]
    assert [part for share in shares for part in share] == [*MANIFEST.own_parts] == MANIFEST.parts
    assert [*map(len, shares)] == [1, 1]
