"""Pictures of several digits through the whole command: errors, or rows with number and box."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.errors import InputError
from mnist_batch.schema import BOX, DIGIT
from mnist_batch.synthetic.generator import draw_digits
from tests.support.command import run
from tests.support.images import Pixels

DIGITS, TRUTH = draw_digits(60, seed=12)
"""Digits in MNIST form, and what they are."""

COUNTS = (3, 1, 5, 2, 1, 8, 4)
"""Digits in each picture of `forms`."""


def form(digits: Pixels, columns: int = 10) -> bytes:
    """Return digits written on white paper, in lines of some columns, as a PNG."""
    rows = -(-len(digits) // columns)
    sheet = Image.new("L", (60 * min(columns, len(digits)) + 20, 70 * rows + 20), 255)
    for place, digit in enumerate(digits):
        one = Image.fromarray(255 - digit).resize((56, 56), Image.Resampling.BICUBIC)
        sheet.paste(one, (10 + 60 * (place % columns), 10 + 70 * (place // columns)))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def truth() -> list[list[int]]:
    """Return what the digits of each picture are."""
    ends = np.cumsum(COUNTS)
    return [TRUTH[end - count : end].tolist() for end, count in zip(ends, COUNTS, strict=True)]


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file of pictures with `COUNTS` digits, labelled by their first, in small groups."""
    path = tmp_path_factory.mktemp("forms") / "forms.parquet"
    starts = np.cumsum((0, *COUNTS))
    images = [form(DIGITS[a : a + n]) for a, n in zip(starts, COUNTS, strict=False)]
    labels = pa.array([one[0] for one in truth()], pa.int8())
    table = pa.table({"image": pa.array(images, pa.binary()), "label": labels})
    pq.write_table(table, path, row_group_size=2)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a predictions file, Parquet or CSV, as text."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [dict(row) for row in csv.DictReader(file)]
    return list(pq.read_table(path).to_pylist())


def test_one_of_several_digits_is_never_said_to_be_the_picture(forms: Path, tmp_path: Path) -> None:
    """By default such a picture is a row with an error; others have their prediction."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(forms, out, report=False)
    table = pq.read_table(out)
    assert table.column_names[-1] == "error"
    said = "pictures that show several digits: 5; --several split reads each digit"
    assert said in summary.notes
    for count, row in zip(COUNTS, table.to_pylist(), strict=True):
        if count == 1:
            assert row["prediction"] == row["label"]
        else:
            said = f"several digits: {count} side by side"
            assert (row["prediction"], row["error"]) == (None, said)


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_digits_in_several_lines_are_told_so(columns: int, tmp_path: Path) -> None:
    """They are numbered line by line."""
    (tmp_path / "form.png").write_bytes(form(DIGITS[:10], columns))
    (batch,) = mnist_batch.stream(tmp_path / "form.png")
    lines = 10 // columns + (10 % columns > 0)
    assert f"10 in {lines} lines" in batch["error"][0].as_py()
    (batch,) = mnist_batch.stream(tmp_path / "form.png", several="split")
    assert batch["prediction"].to_pylist() == TRUTH[:10].tolist()


def test_each_digit_is_a_row_with_its_number_and_its_box(forms: Path, tmp_path: Path) -> None:
    """Left to right; a label counts only where the picture has one digit."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(forms, out, several="split", report=False)
    table = pq.read_table(out)
    assert [table.schema.field(name) for name in table.column_names[-2:]] == [DIGIT, BOX]
    rows = iter(table.to_pylist())
    for number, digits in enumerate(truth()):
        found = [next(rows) for _ in digits]
        assert [row["row"] for row in found] == [number] * len(digits)
        assert [row["digit"] for row in found] == list(range(len(digits)))
        assert [row["prediction"] for row in found] == digits
        assert found[0]["label"] == (digits[0] if len(digits) == 1 else None)
        for place, row in enumerate(found):
            left, top, width, height = row["box"]
            assert 10 + 60 * place <= left < left + width <= 66 + 60 * place
            assert 10 <= top < top + height <= 66
    assert summary.metrics.labelled == summary.metrics.correct == COUNTS.count(1)
    assert summary.run is not None
    assert summary.run["options"]["several"] == "split"
    said = (
        f"pictures that show several digits: 5 of {len(COUNTS)}; each digit is a row, which makes "
        f"{sum(COUNTS)}, and a label counts only where a picture shows one"
    )
    assert said in summary.notes


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (3, 2)])
def test_rows_do_not_depend_on_batches_and_workers(
    forms: Path, tmp_path: Path, batch_size: int, workers: int
) -> None:
    """But for the last bit of a probability, as ever: where a row lies in its block counts."""
    arguments: Any = {
        "several": "split",
        "report": False,
        "probabilities": True,
        "content_hash": True,
    }
    mnist_batch.predict(forms, tmp_path / "a.parquet", **arguments)
    mnist_batch.predict(
        forms, tmp_path / "b.parquet", batch_size=batch_size, workers=workers, **arguments
    )
    one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("a", "b"))
    rounded = ["confidence", "probabilities"]
    assert one.drop_columns(rounded).equals(other.drop_columns(rounded))
    first, second = (np.stack(table["probabilities"].to_numpy()) for table in (one, other))
    assert np.abs(first - second).max() < 1e-6


def test_a_stopped_run_goes_on_bit_for_bit(forms: Path, tmp_path: Path) -> None:
    """Parts count pictures; what is kept of them is used again, and the report has its images."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.parquet").write_bytes(forms.read_bytes())
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    done: list[tuple[int, int]] = []

    class StopError(Exception):
        """Raised in the middle."""

    def stop(progress: mnist_batch.Progress) -> None:
        done.append((progress.done, progress.total))
        if progress.done > progress.total // 2:
            raise StopError

    mnist_batch.predict(folder, whole, several="split", workers=1)
    with pytest.raises(StopError):
        mnist_batch.predict(folder, out, several="split", workers=1, progress=stop)
    assert done[-1] == (len(COUNTS) * 7, len(COUNTS) * 12) or done[-1][0] > done[-1][1] // 2
    summary = mnist_batch.predict(folder, out, several="split", resume=True)
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert not summary.report_missing


def test_csv_has_the_box_as_text_and_is_evaluated_as_parquet(forms: Path, tmp_path: Path) -> None:
    """Four numbers with a space between them; with labels that come later they count the same."""
    late = tmp_path / "late.csv"
    lines = [f"forms.parquet,{row},{one[0]}" for row, one in enumerate(truth())]
    late.write_text("\n".join(["source,row,label", *lines]))
    records = []
    for suffix in ("parquet", "csv"):
        out = tmp_path / f"out.{suffix}"
        mnist_batch.predict(forms, out, several="split", labels="none")
        summary = mnist_batch.evaluate(out, labels=late, images=forms, overwrite=True)
        assert summary.metrics.labelled == COUNTS.count(1)
        assert summary.metrics.correct == COUNTS.count(1)
        assert (tmp_path / "out.report" / "samples.png").is_file()
        records.append(rows_of(out))
        for file in (tmp_path / "out.report").iterdir():
            file.unlink()
        (tmp_path / "out.report").rmdir()
    for parquet, text in zip(*records, strict=True):
        assert " ".join(map(str, parquet["box"])) == text["box"]
        assert str(parquet["digit"]) == text["digit"]


def test_pictures_that_network_and_user_see_are_those_of_each_digit(
    forms: Path, tmp_path: Path
) -> None:
    """With --save-prepared, a picture of one digit keeps its name."""
    folder = tmp_path / "seen"
    mnist_batch.predict(
        forms, tmp_path / "out.csv", several="split", report=False, save_prepared=folder
    )
    names = sorted(path.name for path in (folder / "forms.parquet").iterdir())
    expected = [
        f"{row}.png" if count == 1 else f"{row}-{digit}.png"
        for row, count in enumerate(COUNTS)
        for digit in range(count)
    ]
    assert names == sorted(expected)
    with Image.open(folder / "forms.parquet" / "0-1.png") as picture:
        original = np.asarray(picture)[:, :280]
    assert original.min() < 60  # ink of the digit, cut out of its paper
    assert (original == 255).mean() > 0.3


def test_mistakes_name_the_digit(forms: Path, tmp_path: Path) -> None:
    """A wrong row of a picture of one digit is in mistakes.csv, with number and box."""
    labels = tmp_path / "labels.csv"
    wrong = [f"forms.parquet,{row},{(one[0] + 1) % 10}" for row, one in enumerate(truth())]
    labels.write_text("\n".join(["source,row,label", *wrong]))
    mnist_batch.predict(forms, tmp_path / "out.csv", several="split", labels=labels)
    mistakes = rows_of(tmp_path / "out.report" / "mistakes.csv")
    assert [row["row"] for row in mistakes] == ["1", "4"]
    assert [row["digit"] for row in mistakes] == ["0", "0"]
    assert all(len(str(row["box"]).split()) == 4 for row in mistakes)
    page = (tmp_path / "out.report" / "index.html").read_text()
    assert "row 1, digit 0" in page


def test_runs_are_compared_digit_by_digit(forms: Path, tmp_path: Path) -> None:
    """Rows pair by source, row and digit: none is left out, and none is changed."""
    for name in ("a", "b"):
        mnist_batch.predict(forms, tmp_path / f"{name}.parquet", several="split", report=False)
    compared = mnist_batch.compare(tmp_path / "a.parquet", tmp_path / "b.parquet")
    comparison = compared.comparison
    assert comparison.pairs == comparison.new_rows == sum(COUNTS)


def test_the_page_of_a_comparison_shows_digits_that_changed(forms: Path, tmp_path: Path) -> None:
    """By their own images, from the pictures that were predicted; changes.csv names the digit."""
    base, new, page = tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "page"
    mnist_batch.predict(forms, new, several="split", report=False)
    table = pq.read_table(new)
    other = [(one + 1) % 10 if place == 4 else one for place, one in enumerate(TRUTH[: len(table)])]
    column = table.schema.get_field_index("prediction")
    pq.write_table(table.set_column(column, "prediction", pa.array(other, pa.int8())), base)
    mnist_batch.compare(base, new, out=page, images=forms)
    (row,) = rows_of(page / "changes.csv")
    assert (row["row"], row["digit"]) == ("2", "0")
    html = (page / "index.html").read_text()
    assert "row 2, digit 0" in html
    assert html.count("data:image/png") == 2  # what the network saw, and what it was made of


def test_nights_count_digits(forms: Path, tmp_path: Path) -> None:
    """A night predicts digits as rows; the next one compares them digit by digit."""
    for _ in range(2):
        night = mnist_batch.nightly(forms, tmp_path / "runs", several="split")
    assert night.summary.metrics.rows == sum(COUNTS)
    table = pq.read_table(night.summary.predictions)
    assert table["digit"].to_pylist() == [place for count in COUNTS for place in range(count)]


def test_what_cannot_be_split_is_refused(forms: Path, tmp_path: Path) -> None:
    """Nobody looks for digits in pictures that are not prepared."""
    with pytest.raises(InputError, match="finds the digits of a picture"):
        mnist_batch.predict(forms, tmp_path / "out.csv", several="split", prepare="never")
    assert not (tmp_path / "out.csv").exists()


def test_a_packed_file_holds_one_digit_a_row(forms: Path, tmp_path: Path) -> None:
    """Others are rows with the error, and stay so."""
    packed = tmp_path / "packed.parquet"
    summary = mnist_batch.pack(forms, packed)
    assert summary.errors_by_reason == {"several digits": len(COUNTS) - COUNTS.count(1)}
    (batch,) = mnist_batch.stream(packed, several="split")
    assert batch["digit"].to_pylist() == [0 if count == 1 else None for count in COUNTS]


def test_a_quick_look_shows_each_digit(tmp_path: Path) -> None:
    """The file's name is followed by the digit's number; JSON has number and box too."""
    (tmp_path / "code.png").write_bytes(form(DIGITS[:5]))
    shown = run("predict", tmp_path / "code.png", "--several", "split")
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()[1:]] == [*map(str, TRUTH[:5])]
    assert shown.stdout.splitlines()[-1].endswith("code.png, digit 4")
    rows = json.loads(run("predict", tmp_path / "code.png", "--several", "split", "--json").stdout)
    assert [row["digit"] for row in rows] == [0, 1, 2, 3, 4]
    assert all(len(row["box"]) == 4 for row in rows)
    refused = run("predict", tmp_path / "code.png")
    assert refused.returncode == 3
    assert "several digits: 5 side by side" in refused.stdout
