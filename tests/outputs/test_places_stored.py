"""Outputs on object storage lie apart from one another and from what is read, too."""

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.places import (
    Claim,
    check_apart,
    check_not_read,
    check_outside,
    claims_of_predictions,
    is_inside,
)

OUT = "s3://digits/a/out.parquet"


def test_no_output_replaces_another() -> None:
    """Be it the same object, or one in a folder that is for another alone."""
    claims = claims_of_predictions(OUT)
    check_apart([*claims, Claim("s3://digits/a/out.report", "the report")])
    check_apart([*claims, Claim("gs://digits/a/out.parquet", "the report")])
    for place in (OUT, f"{OUT}/", f"{OUT}.staging/report", f"{OUT}/report"):
        with pytest.raises(OutputError, match=r"would hold both|is for .* alone"):
            check_apart([*claims, Claim(place, "the report")])


def test_a_folder_holds_what_begins_with_it_and_a_slash() -> None:
    """Not what only begins with its name."""
    assert is_inside(OUT, "s3://digits/a/")
    assert is_inside(OUT, "s3://digits")
    assert not is_inside("s3://digits/ab", "s3://digits/a")
    assert not is_inside("az://digits/a/out.parquet", "s3://digits/a")


def test_no_output_lies_where_the_next_run_reads() -> None:
    """In an INPUT folder, or where a glob matches."""
    check_outside([OUT], [], ["s3://digits/b", "s3://digits/b/*.parquet", "digits"])
    with pytest.raises(OutputError, match="lies in the INPUT folder s3://digits/a"):
        check_outside([OUT], [], ["s3://digits/a"])
    with pytest.raises(OutputError, match="is matched by s3://digits/a/"):
        check_outside([OUT], [], ["s3://digits/a/*.parquet"])
    with pytest.raises(OutputError, match="is matched by s3://digits/"):
        check_outside([], ["s3://digits/a/report"], ["s3://digits/**/*.png"])


def test_no_output_is_one_of_the_files_that_are_read() -> None:
    """By its address."""
    check_not_read([OUT], ["s3://digits/b/out.parquet", "gs://digits/a/out.parquet"])
    with pytest.raises(OutputError, match="is read by this run"):
        check_not_read([OUT], ["s3://digits/b.parquet", OUT])
