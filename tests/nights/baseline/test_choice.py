"""What a night is held against."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import SUCCESS
from mnist_batch.nights.baseline.choice import HeldAgainst, check_against, hold_against
from mnist_batch.nights.baseline.contents import Contents, read_contents
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.night_folder import PREDICTIONS
from mnist_batch.nights.runs import Runs
from tests.support.dataset_folders import write_dataset
from tests.support.nights import DOUBTFUL, night, write_night
from tests.support.predictions_files import write_predictions

MISSED = (GateResult("regression", passed=False, message="worse", missed_nights=1),)


class _Nights:
    """Nights with predictions, a letter for each image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Night] = []

    def contents(self, images: str) -> Contents:
        return read_contents(self._predictions(self.folder / "tonight.parquet", images))

    def add(self, images: str, **fields: object) -> Night:
        data = self.contents(images).digest
        made = night(len(self.made) + 1, data=data, **fields)
        folder = write_night(self.folder, made)
        self._predictions(folder / PREDICTIONS, images)
        self.made.append(made)
        return made

    def held(self, against: str, images: str = "abcd") -> HeldAgainst:
        return self.all_held(against, images)[0]

    def all_held(self, against: str, images: str = "abcd") -> list[HeldAgainst]:
        return [*hold_against(Runs(self.folder), self.made, against, self.contents(images))]

    def _predictions(self, path: Path, images: Sequence[str]) -> Path:
        some: list[int | None] = [1] * len(images)
        return write_predictions(path, some, some, further={"content": list(images)})


@pytest.fixture
def nights(tmp_path: Path) -> _Nights:
    """No nights yet."""
    return _Nights(tmp_path)


def test_predictions_that_were_removed_are_said_to_be(nights: _Nights) -> None:
    """Of tonight's very images, or of images that nobody can tell any more."""
    same, other = nights.add("abcd"), nights.add("wxyz")
    for one in (same, other):
        (nights.folder / one.name / PREDICTIONS).unlink()
    held = nights.held("passed")
    assert (held.night, held.why) == (same, f"the predictions of {same.name} were removed")
    held = nights.held("passed", "bcde")
    assert held.night == other
    assert held.why == (
        "no night that has passed its gates is over the same images and still has its predictions"
    )


def test_passed_is_the_last_night_of_the_same_images_that_missed_no_gate(nights: _Nights) -> None:
    """So the night after a bad one is held against a good one."""
    nights.add("abcd")
    good = nights.add("abcx")
    nights.add("abcd", gates=MISSED, status=5)
    nights.add("abcd", gates=MISSED, status=0)  # within the patience
    nights.add("wxyz")
    held = nights.held("passed")
    assert held == HeldAgainst(good.name, good, nights.folder / good.name / PREDICTIONS, "")


def test_few_rows_that_are_newly_wrong_are_no_base(nights: _Nights) -> None:
    """Six of ninety: they may be worse; where as many are newly right, the night is a base."""
    nights.add("abcd")
    even = nights.add("abcd", against=replace(DOUBTFUL, newly_right=6))
    nights.add("abcd", against=DOUBTFUL)
    assert nights.held("passed").night == even


def test_previous_is_the_night_before_whether_it_passed_or_not(nights: _Nights) -> None:
    """One over other images is shown and not compared."""
    nights.add("abcd")
    bad = nights.add("abcd", gates=MISSED)
    assert nights.held("previous").night == bad
    other = nights.add("wxyz")
    assert nights.held("previous") == HeldAgainst(
        other.name, other, None, f"{other.name} is over other images"
    )


def test_best_is_the_most_accurate_of_the_same_images_and_the_latest_of_equal_ones(
    nights: _Nights,
) -> None:
    """A night without labels has no accuracy; three rows that are right prove little."""
    nights.add("abcd", correct=980)
    best = nights.add("abcd", correct=980)
    nights.add("abcd", correct=970)
    nights.add("wxyz", correct=998)
    nights.add("abcd", correct=0, scored=0)
    nights.add("abcd", correct=3, scored=3)  # Wilson's interval begins at 0.44
    assert nights.held("best").night == best


def test_a_night_is_named_by_its_folder_and_a_file_by_its_path(nights: _Nights) -> None:
    """A name comes before a word, and a file before neither."""
    first = nights.add("abcd")
    nights.add("abcd")
    assert nights.held(first.name).night == first
    file = str(nights.folder / "tonight.parquet")
    assert nights.held(file) == HeldAgainst(file, None, Path(file), "")


def test_where_nothing_can_be_compared_it_is_said_why(nights: _Nights) -> None:
    """No nights; none that passed; none over the same images; predictions that were removed."""
    for word in ("passed", "previous", "best"):
        assert nights.held(word) == HeldAgainst("", None, None, "it is the first night")
    nights.add("abcd", gates=MISSED)
    assert nights.held("passed") == HeldAgainst(
        "", None, None, "no earlier night has passed its gates"
    )
    shown = nights.add("wxyz")
    assert nights.held("passed") == HeldAgainst(
        shown.name, shown, None, "no night that has passed its gates is over the same images"
    )
    (nights.folder / shown.name / PREDICTIONS).unlink()
    for against in ("previous", shown.name):
        assert nights.held(against).why == f"the predictions of {shown.name} were removed"


def test_a_night_whose_predictions_are_gone_is_passed_over(nights: _Nights) -> None:
    """The one before it may be whole."""
    whole = nights.add("abcd")
    gone = nights.add("abcd")
    (nights.folder / gone.name / PREDICTIONS).unlink()
    assert nights.held("passed").night == whole


@pytest.mark.parametrize("images", ["abcd", "abcx"])
def test_after_a_night_that_may_be_damaged_come_those_before_it(
    nights: _Nights, images: str
) -> None:
    """Who compares them sees it; after it come the others, and then that there is none."""
    whole, damaged = nights.add("abcd"), nights.add(images)
    (nights.folder / damaged.name / PREDICTIONS).write_bytes(b"PAR1")
    for word in ("passed", "best"):
        held = nights.all_held(word)
        assert [one.night for one in held] == [damaged, whole, damaged]
        assert [one.predictions is None for one in held] == [False, False, True]
    assert [one.night for one in nights.all_held("previous")] == [damaged]


def test_a_base_that_cannot_be_read_is_refused_before_anything_is_predicted(
    nights: _Nights,
) -> None:
    """A text, another table, predictions that were removed or are damaged: the message has both."""
    gone, damaged = nights.add("abcd").name, nights.add("abcd").name
    (nights.folder / gone / PREDICTIONS).unlink()
    (nights.folder / damaged / PREDICTIONS).write_bytes(b"PAR1")
    text, table = nights.folder / "text.parquet", nights.folder / "table.parquet"
    text.write_text("no table")
    pq.write_table(pa.table({"image": [b"1"]}), table)
    for wrong in (gone, damaged, str(text), str(table)):
        with pytest.raises(PredictionsError, match=rf"^against {re.escape(wrong)}: .+"):
            check_against(Runs(nights.folder), nights.made, wrong)


def test_each_part_of_a_folder_has_to_be_readable_before_anything_is_predicted(
    nights: _Nights,
) -> None:
    """The first is whole, and the second is cut."""
    options = {"sample_seed": 7, "prepare": "never"}
    record = {"options": options, "elapsed_s": 1.5, "images_per_s": None}
    folder = write_dataset(nights.folder / "all", [([1], [1]), ([2], [2])], record)
    check_against(Runs(nights.folder), nights.made, str(folder))
    (folder / "part-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(PredictionsError, match=r"^against .*part-00001\.parquet cannot be read"):
        check_against(Runs(nights.folder), nights.made, str(folder))


def test_what_is_no_night_and_no_file_is_refused_before_anything_is_predicted(
    nights: _Nights,
) -> None:
    """The message says what there is to choose from."""
    first = nights.add("abcd")
    file = nights.folder / "tonight.parquet"
    for fine in ("passed", "previous", "best", first.name, str(file)):
        check_against(Runs(nights.folder), nights.made, fine)
    for wrong in ("2024-10-31", str(nights.folder), f"{file}x", str(file.with_suffix(".csv"))):
        with pytest.raises(PredictionsError, match=r"no earlier night of .* and no predictions"):
            check_against(Runs(nights.folder), nights.made, wrong)


def test_a_file_in_object_storage_is_refused(tmp_path: Path) -> None:
    """The line says so, before anything is asked for."""
    with pytest.raises(PredictionsError, match="is read on this machine; download it"):
        check_against(Runs(tmp_path), [], "s3://digits/predictions.parquet")


def test_a_folder_of_predictions_is_taken(nights: _Nights, tmp_path: Path) -> None:
    """As a file is; one that is not whole is refused before anything is predicted."""
    folder = write_dataset(tmp_path / "all", [([1], [1]), ([2], [2])])
    check_against(Runs(tmp_path), [], f"{folder}/")
    (held,) = hold_against(Runs(tmp_path), [], str(folder), nights.contents("a"))
    assert (held.predictions, held.why) == (folder, "")
    (folder / SUCCESS).unlink()
    with pytest.raises(PredictionsError, match="all: is not whole"):
        check_against(Runs(tmp_path), [], str(folder))
