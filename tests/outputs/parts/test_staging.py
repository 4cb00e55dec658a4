"""What a place of parts tells by the names and the contents of its files."""

from mnist_batch.outputs.parts.staging import outputs_in, rows_in


def test_names_of_parts_tell_their_rows() -> None:
    """Those of today and of earlier releases; other files hold none."""
    names = [
        "lock",
        "manifest.json",
        "part-0123456789abcdef-000000-32768-00c0ffee.arrow",
        "part-000001-7-00c0ffee.arrow",
        "part-000001-7-00c0ffee.arrow.tmp",
    ]
    assert rows_in(names) == 32775


def test_committed_outputs_are_those_of_the_same_file() -> None:
    """A damaged record, or one of another file, tells of none."""
    assert outputs_in(b'["1 2 3", ["/a.csv", "/a.report"]]', "1 2 3") == {"/a.csv", "/a.report"}
    for content in (b'["1 2 4", ["/a.csv"]]', b"", b"[]", b"7", b"[" * 100_000):
        assert outputs_in(content, "1 2 3") == frozenset()
