"""Rows of two files that are one image: by source and row, path, content, or a column."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.pairing import Pairing, _join, _pair_by_content, pair_rows
from mnist_batch.evaluation.comparison.predicted_rows import UNKNOWN, PredictedRows, read_rows
from tests.support.predictions_files import write_predictions

Row = tuple[str, int]
Columns = Mapping[str, Sequence[object]]


def pairing(
    tmp_path: Path,
    base: Sequence[Row],
    new: Sequence[Row],
    base_columns: Columns | None = None,
    new_columns: Columns | None = None,
    on: str | None = None,
) -> Pairing:
    """Return the pairs of two files of the given rows and further columns."""
    files = []
    for name, rows, further in (("base", base, base_columns), ("new", new, new_columns)):
        digits = [1] * len(rows)
        path = write_predictions(
            tmp_path / f"{name}.parquet",
            digits,
            digits,
            sources=[source for source, _ in rows],
            rows=[row for _, row in rows],
            further=further,
        )
        files.append(read_rows(path, ("path", "content", *([on] if on else []))))
    before, after = files
    return pair_rows(before, after, on)


def pairs(found: Pairing) -> list[tuple[int, int]]:
    """Return the places of each pair, base and new."""
    return list(zip(found.base.tolist(), found.new.tolist(), strict=True))


def of(source: str, *rows: int) -> list[Row]:
    """Return rows of one source."""
    return [(source, row) for row in rows]


def test_rows_of_one_source_and_row_are_one_image(tmp_path: Path) -> None:
    """In whatever order they stand; the pairs are in the order of the new file."""
    found = pairing(tmp_path, [*of("a", 0, 1), *of("b", 0)], [*of("b", 0), *of("a", 1, 0)])
    assert pairs(found) == [(2, 0), (1, 1), (0, 2)]
    assert found.joined_on == "source and row"


def test_equal_files_are_joined_row_by_row(tmp_path: Path) -> None:
    """As they are when a run is made again."""
    found = pairing(tmp_path, of("a", *range(100)), of("a", *range(100)))
    assert pairs(found) == [(place, place) for place in range(100)]


def test_rows_of_one_file_alone_are_left_out(tmp_path: Path) -> None:
    """Of a data set that grew, the base's images are compared."""
    found = pairing(tmp_path, of("a", 0, 1), of("a", 5, 1, 2, 3, 0, 4))
    assert pairs(found) == [(1, 1), (0, 4)]


def test_a_file_of_another_name_is_joined_on_path(tmp_path: Path) -> None:
    """On the name that the image itself carries, where it is there."""
    columns = {"path": ["x.png", "y.png", None]}
    renamed = {"path": ["y.png", "x.png", None]}
    found = pairing(tmp_path, of("monday", 0, 1, 2), of("tuesday", 0, 1, 2), columns, renamed)
    assert (found.joined_on, pairs(found)) == ("path", [(1, 0), (0, 1)])


def test_without_paths_rows_are_joined_on_content(tmp_path: Path) -> None:
    """Two rows of one content are one image: the first is joined with the first, and so on."""
    found = pairing(
        tmp_path,
        of("monday", 0, 1, 2),
        of("tuesday", 0, 1, 2, 3),
        {"content": ["aa", "bb", "aa"]},
        {"content": ["aa", "cc", "aa", "aa"]},
    )
    assert (found.joined_on, pairs(found)) == ("content", [(0, 0), (2, 2)])
    assert found.ambiguous == 0


def test_a_path_that_several_rows_have_is_left_out(tmp_path: Path) -> None:
    """Nobody knows which of them is which; how many there are is said."""
    found = pairing(
        tmp_path,
        of("monday", 0, 1, 2, 3),
        of("tuesday", 0, 1, 2, 3),
        {"path": ["x", "x", "y", "z"]},
        {"path": ["x", "y", "z", "x"]},
    )
    assert (pairs(found), found.ambiguous) == ([(2, 1), (3, 2)], 2)


def test_an_image_that_was_replaced_is_no_pair(tmp_path: Path) -> None:
    """Where both files know the content; how many there are is said."""
    found = pairing(
        tmp_path,
        of("a", 0, 1, 2),
        of("a", 0, 1, 2),
        {"content": ["aa", "bb", None]},
        {"content": ["aa", "zz", "cc"]},
    )
    assert (pairs(found), found.replaced) == ([(0, 0), (2, 2)], 1)


def test_other_images_under_the_old_names_are_found_by_content(tmp_path: Path) -> None:
    """As a file that was shuffled."""
    found = pairing(
        tmp_path,
        of("a", 0, 1, 2),
        of("a", 0, 1, 2),
        {"content": ["aa", "bb", "cc"]},
        {"content": ["cc", "aa", "bb"]},
    )
    assert (found.joined_on, pairs(found)) == ("content", [(2, 0), (0, 1), (1, 2)])


def test_an_image_that_was_put_in_moves_no_other(tmp_path: Path) -> None:
    """Those before it are joined on source and row, those after it on content."""
    before = [f"{number:03}" for number in range(100)]
    found = pairing(
        tmp_path,
        of("a", *range(100)),
        of("a", *range(101)),
        {"content": before},
        {"content": [*before[:55], "new", *before[55:]]},
    )
    assert pairs(found) == [(place, place + (place >= 55)) for place in range(100)]
    assert (found.joined_on, found.replaced) == ("source and row, else content", 0)
    assert found.is_verified.all()


def test_a_row_without_content_is_where_its_image_is_not_found_elsewhere(tmp_path: Path) -> None:
    """Of source and row it is believed, unless the other row's content is in another place."""
    found = pairing(
        tmp_path,
        of("a", 0, 1, 2, 3),
        of("a", 0, 1, 2, 3),
        {"content": ["aa", None, "cc", None]},
        {"content": ["aa", "cc", "xx", None]},
    )
    assert pairs(found) == [(0, 0), (2, 1), (3, 3)]
    assert found.is_verified.tolist() == [True, True, False]


def test_without_content_the_way_that_pairs_more_is_taken(tmp_path: Path) -> None:
    """Half of the rows are found by source and row, and all by path."""
    columns = {"path": ["w", "x", "y", "z"]}
    rows = of("a", 0, 1, 2, 3), [*of("a", 0, 1), *of("b", 2, 3)]
    found = pairing(tmp_path, *rows, columns, columns)
    assert (found.joined_on, len(found)) == ("path", 4)


def test_a_named_column_that_repeats_tells_nothing(tmp_path: Path) -> None:
    """Be it the same in both files, row by row."""
    rows = of("a", 0, 1, 2, 3)
    column = {"scan": ["x", "x", "y", "z"]}
    found = pairing(tmp_path, rows, rows, column, column, on="scan")
    assert (pairs(found), found.ambiguous) == ([(2, 2), (3, 3)], 2)
    column = {"scan": ["x", "x", "y", "y"]}
    with pytest.raises(PredictionsError, match="have 0 images in common, by scan"):
        pairing(tmp_path, rows, rows, column, column, on="scan")


def test_a_named_column_is_believed(tmp_path: Path) -> None:
    """Also where the content differs, as of the same digits scanned anew; numbers are as text."""
    base, new = {"content": ["aa", "bb"]}, {"content": ["cc", "dd"]}
    found = pairing(
        tmp_path,
        of("a", 0, 1),
        of("a", 0, 1),
        {**base, "scan": ["1", "2"]},
        {**new, "scan": [2, 1]},
        on="scan",
    )
    assert (found.joined_on, pairs(found)) == ("scan", [(1, 0), (0, 1)])


def test_other_images_are_refused(tmp_path: Path) -> None:
    """Where less than half of the smaller file is in the other; the best way is named."""
    with pytest.raises(PredictionsError, match="have 1 image in common, by source and row, of 3"):
        pairing(tmp_path, of("a", 0, 1, 2, 3), of("a", 0, 8, 9))


def test_half_of_the_smaller_file_is_enough(tmp_path: Path) -> None:
    """Rounded up."""
    assert pairs(pairing(tmp_path, of("a", 0, 1, 2, 3), of("a", 0, 9))) == [(0, 0)]


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message names the file and the option that keeps the column."""
    with pytest.raises(PredictionsError, match=r"base\.parquet has no column scan .*keep_columns"):
        pairing(tmp_path, of("a", 0), of("a", 0), on="scan")
    with pytest.raises(
        PredictionsError, match=r"base\.parquet has no column content .*content_hash=True"
    ):
        pairing(tmp_path, of("a", 0), of("a", 0), on="content")


def test_empty_files_are_compared(tmp_path: Path) -> None:
    """They have nothing in common, and nothing else."""
    assert pairs(pairing(tmp_path, [], [])) == []
    assert pairs(pairing(tmp_path, of("a", 0), [])) == []


@given(st.lists(st.integers(-1, 5)), st.lists(st.integers(-1, 5)))
def test_repeated_rows_are_joined_as_often_as_both_have_them(
    base: list[int], new: list[int]
) -> None:
    """The k-th with the k-th, in order; -1 is a row without a key."""
    joined = _join(np.array(base, np.int64), np.array(new, np.int64), with_repeated=True)
    common = Counter(base) & Counter(new)
    del common[-1]
    assert Counter(base[place] for place in joined.base) == common
    assert [base[place] for place in joined.base] == [new[place] for place in joined.new]
    assert sorted(joined.new.tolist()) == joined.new.tolist()
    for key in common:
        places = [place for place in joined.base.tolist() if base[place] == key]
        assert places == [at for at, number in enumerate(base) if number == key][: common[key]]


_CONTENTS = st.lists(st.sampled_from([UNKNOWN, *range(5)]))


@given(_CONTENTS, _CONTENTS)
def test_each_content_is_paired_as_often_as_both_have_it(base: list[int], new: list[int]) -> None:
    """Whatever was put in, taken out or moved; rows that stand where they stood are pairs."""
    files = [
        PredictedRows(
            Path("a"),
            None,
            pa.table({"row": range(len(contents))}),
            {
                "source and row": np.arange(len(contents)),
                "content": np.array(contents, np.int64),
            },
        )
        for contents in (base, new)
    ]
    found = _pair_by_content(*files)
    verified = [one for one, sure in zip(pairs(found), found.is_verified, strict=True) if sure]
    common = Counter(base) & Counter(new)
    del common[UNKNOWN]
    assert Counter(base[place] for place, _ in verified) == common
    assert all(base[before] == new[now] for before, now in verified)
    stayed = {
        place
        for place, (one, other) in enumerate(zip(base, new, strict=False))
        if one == other != UNKNOWN
    }
    assert {(place, place) for place in stayed} <= {*verified}
    believed = {*pairs(found)} - {*verified}
    assert all(before == now and UNKNOWN in (base[before], new[now]) for before, now in believed)
    assert len({*found.base.tolist()}) == len({*found.new.tolist()}) == len(found)
    assert found.new.tolist() == sorted(found.new.tolist())
