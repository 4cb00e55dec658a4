"""What is told of INPUTs: counted by hand on folders and files of known images."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

import mnist_batch
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inference.workers import Progress
from mnist_batch.inspection.images import Place, Rows
from mnist_batch.inspection.inputs import Size, inspect_input
from mnist_batch.synthetic import generator
from tests.support.deep_folders import deep_folder
from tests.support.forms.arrays import write_idx

DIGITS, _ = generator.draw_digits(20)  # in MNIST form, 0 to 9 twice
Picture = NDArray[np.uint8]


def png(picture: Picture) -> bytes:
    """Return a picture as PNG."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    return content.getvalue()


def large(digit: Picture, side: int = 140) -> Picture:
    """Return a digit as a picture of another size, light on dark."""
    return np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))


def save(folder: Path, **pictures: Picture | Image.Image | bytes) -> None:
    """Write pictures into a folder, or what is none; a name's last `_` stands for the point."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        path = folder / ".".join(name.rsplit("_", 1))
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path)


def test_digits_like_mnists_are_all_in_form(digits_folder: Path, digits_parquet: Path) -> None:
    """From files and from Parquet; nothing is odd about them."""
    found = inspect_input([digits_folder, digits_parquet])
    assert (found.rows, found.readable, found.in_mnist_form) == (1080, 1080, 1080)
    assert (found.image_files, found.parquet_files) == (30, 1)
    assert (found.formats, found.colours) == ({"PNG": 1080}, {"grey": 1080})
    assert (found.light_on_dark, found.dark_on_light) == (1080, 0)
    assert found.sizes.commonest == [Size(28, 28, 1080)]
    assert (found.labels, found.unlabelled) == ([108] * 10, 0)
    assert (found.no_digit.count, found.several_digits.count) == (0, 0)
    assert (found.unreadable, found.passed_over) == ({}, {})
    assert [note for note in found.notes if "decoder was compiled" not in note] == []
    assert found.conflicts.count == 0
    assert found.repeats.count == 30  # those of the folder are the first of the file
    assert found.repeats.first[0][0] == Place("digits.parquet", 0)


def test_mnist_is_all_in_form(mnist: Path) -> None:
    """All 70,000 images, each there once; so many of each digit as Yann LeCun's page says."""
    found = inspect_input(mnist)
    assert (found.rows, found.in_mnist_form, found.light_on_dark) == (70_000, 70_000, 70_000)
    assert (found.formats, found.colours) == ({"PNG": 70_000}, {"grey": 70_000})
    assert found.labels == [6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958]
    assert (found.repeats.count, found.conflicts.count, found.unreadable) == (0, 0, {})


# Images


def test_formats_colours_and_sizes_are_counted(tmp_path: Path) -> None:
    """Most frequent first, by what is in the files and not by their names."""
    see_through = Image.fromarray(255 - large(DIGITS[8], 60)).convert("RGBA")
    see_through.putpixel((0, 0), (255, 255, 255, 0))
    save(
        tmp_path / "in",
        a_png=large(DIGITS[3], 60),
        b_png=large(DIGITS[4], 60),
        c_jpg=Image.fromarray(large(DIGITS[5], 100)).convert("RGB"),
        d_bmp=DIGITS[6],
        e_gif=png(np.pad(large(DIGITS[7], 60), ((0, 0), (20, 20)))),
        f_webp=see_through,
    )
    found = inspect_input(tmp_path / "in")
    assert found.formats == {"PNG": 3, "JPEG": 1, "BMP": 1, "WEBP": 1}
    assert found.colours == {"grey": 4, "colour": 1, "transparent": 1}
    assert found.sizes.distinct == 4
    assert found.sizes.commonest[0] == Size(60, 60, 3)
    assert found.sizes.least == Size(28, 28, 1)
    assert found.sizes.largest == Size(100, 100, 1)
    assert Size(100, 60, 1) in found.sizes.commonest


def test_of_many_sizes_the_commonest_are_told(tmp_path: Path) -> None:
    """Five, and how many there are; the least and the largest are so by their pixels."""
    for side in range(40, 60):
        save(tmp_path / "in", **{f"{side}_png": large(DIGITS[2], side)})
    save(tmp_path / "in", wide_png=large(DIGITS[2], 100)[40:55])
    sizes = inspect_input(tmp_path / "in").sizes
    assert (sizes.distinct, len(sizes.commonest)) == (21, 5)
    assert (sizes.least, sizes.largest) == (Size(100, 15, 1), Size(59, 59, 1))


def test_polarity_is_that_of_the_strokes(tmp_path: Path) -> None:
    """In form, not in form at 28x28, and of another size."""
    save(
        tmp_path / "in",
        formed_png=DIGITS[3],
        moved_png=np.roll(DIGITS[4], 6, axis=1),
        inverted_png=255 - DIGITS[5],
        light_png=large(DIGITS[6]),
        dark_png=255 - large(DIGITS[7]),
    )
    found = inspect_input(tmp_path / "in")
    assert (found.light_on_dark, found.dark_on_light, found.in_mnist_form) == (3, 2, 1)


def test_pictures_without_a_digit_and_with_several_are_named(tmp_path: Path) -> None:
    """The first few of each; those without one have no polarity."""
    two = np.hstack([large(DIGITS[4]), np.zeros((140, 60), np.uint8), large(DIGITS[7])])
    blank = np.full((60, 60), 255, np.uint8)
    save(tmp_path / "in", one_png=large(DIGITS[3]), two_png=two, dark_png=255 - two)
    save(tmp_path / "in", blank_png=blank, black_png=np.zeros((28, 28), np.uint8))
    found = inspect_input(tmp_path / "in")
    assert found.several_digits.count == 2
    assert list(found.several_digits.first) == [Place("dark.png", 0), Place("two.png", 0)]
    assert found.no_digit.count == 2
    assert list(found.no_digit.first) == [Place("black.png", 0), Place("blank.png", 0)]
    assert (found.light_on_dark, found.dark_on_light) == (2, 1)


def test_what_cannot_be_read_is_counted_by_reason(tmp_path: Path) -> None:
    """Most frequent first, the first few named; nothing else is said of it."""
    good = png(DIGITS[1])
    words = {f"w{i}_png": b"words" for i in range(7)}
    save(tmp_path / "in", **words, cut_png=good[: len(good) // 2], good_png=good, empty_png=b"")
    found = inspect_input(tmp_path / "in")
    assert (found.rows, found.readable) == (10, 1)
    assert list(found.unreadable) == ["not an image", "truncated", "no bytes"]
    assert found.unreadable["not an image"].count == 7
    names = [place.source for place in found.unreadable["not an image"].first]
    assert names == [f"w{i}.png" for i in range(5)]
    assert found.unreadable["truncated"].first == [Place("cut.png", 0)]
    assert sum(found.formats.values()) == sum(found.colours.values()) == 1
    assert (found.repeats.count, found.sizes.distinct) == (0, 1)


def test_folders_that_cannot_be_listed_are_rows_and_no_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows how many images are in one."""
    monkeypatch.chdir(tmp_path)
    save(Path("in"), a_png=DIGITS[3])
    deep_folder("in")
    found = inspect_input("in")
    assert (found.rows, found.image_files, found.readable) == (2, 1, 1)
    assert list(found.unreadable) == ["unreadable file"]


def test_nothing_readable_is_no_error(tmp_path: Path) -> None:
    """It is told; so is a file without rows."""
    save(tmp_path / "in", a_png=b"", b_png=b"words")
    found = inspect_input(tmp_path / "in")
    assert (found.rows, found.readable, found.sizes.least) == (2, 0, None)
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "none.parquet")
    found = inspect_input(tmp_path / "none.parquet")
    assert (found.rows, found.formats, found.labels) == (0, {}, [0] * 10)


@pytest.mark.parametrize("kind", ["raw", "packed"])
def test_images_that_are_not_encoded_are_told(kind: str, tmp_path: Path) -> None:
    """Their format is what they are stored as."""
    if kind == "packed":
        generator.write_folder(tmp_path / "digits", 20)
        path = tmp_path / "packed.parquet"
        mnist_batch.pack(tmp_path / "digits", path)
    else:
        path = tmp_path / "raw.parquet"
        rows = [image.tobytes() for image in [*DIGITS[:19], 255 - DIGITS[19]]]
        pq.write_table(pa.table({"image": pa.array(rows, pa.binary(784))}), path)
    found = inspect_input(path)
    assert found.formats == {"packed" if kind == "packed" else "raw pixels": 20}
    assert found.colours == {"grey": 20}
    assert found.sizes.commonest == [Size(28, 28, 20)]
    assert found.dark_on_light == (kind == "raw")


def test_rows_of_later_batches_are_named_last() -> None:
    """Five in all, however many are counted."""
    earlier = Rows(7, [Place("a.png", 0), Place("b.png", 0)])
    later = Rows(4, [Place(f"{i}.png", 0) for i in range(4)])
    assert earlier + later == Rows(11, [*earlier.first, *later.first[:3]])


# Labels and duplicates


def test_labels_are_counted(tmp_path: Path) -> None:
    """From folders, from a file, or none at all; of images that cannot be read too."""
    save(tmp_path / "in" / "3", a_png=DIGITS[3], b_png=b"words")
    save(tmp_path / "in" / "x", c_png=DIGITS[4])
    found = inspect_input(tmp_path / "in")
    assert (found.labels[3], sum(found.labels), found.unlabelled) == (2, 2, 1)
    (tmp_path / "labels.csv").write_text("file_name,label\nx/c.png,4\n")
    found = inspect_input(tmp_path / "in", labels=tmp_path / "labels.csv")
    assert (found.labels[4], sum(found.labels), found.unlabelled) == (1, 1, 2)
    assert inspect_input(tmp_path / "in", labels="none").unlabelled == 3


def test_columns_can_be_named(tmp_path: Path) -> None:
    """As for predict."""
    contents = [png(image) for image in DIGITS[:4]]
    table = pa.table({"left": contents, "right": contents, "digit": [0, 1, 2, 3]})
    pq.write_table(table, tmp_path / "two.parquet")
    with pytest.raises(InputError, match="name one with image_column"):
        inspect_input(tmp_path / "two.parquet")
    found = inspect_input(tmp_path / "two.parquet", image_column="left", label_column="digit")
    assert found.labels == [1] * 4 + [0] * 6


def test_the_same_pixels_are_the_same_image(tmp_path: Path) -> None:
    """Whatever the format and the name; another size or one other pixel is another image."""
    other = large(DIGITS[3]).copy()
    other[0, 0] += 1
    save(tmp_path / "in" / "3", a_png=DIGITS[3], b_bmp=DIGITS[3], c_tif=large(DIGITS[3]))
    save(tmp_path / "in" / "4", d_png=DIGITS[3], e_png=large(DIGITS[3]), f_png=other)
    found = inspect_input(tmp_path / "in")
    places = {name: Place(name, 0) for name in ("3/a.png", "3/b.bmp", "3/c.tif")}
    places |= {name: Place(name, 0) for name in ("4/d.png", "4/e.png")}
    assert found.repeats.count == 3
    assert found.repeats.first == [
        (places["3/b.bmp"], places["3/a.png"]),
        (places["4/d.png"], places["3/a.png"]),
        (places["4/e.png"], places["3/c.tif"]),
    ]
    assert found.conflicts.count == 2
    assert found.conflicts.first == [
        (places["3/a.png"], places["4/d.png"]),
        (places["3/c.tif"], places["4/e.png"]),
    ]


def test_duplicates_in_parquet_are_named_by_their_rows(tmp_path: Path) -> None:
    """Across files and batches."""
    generator.write_parquet(tmp_path / "a.parquet", 3000)
    table = pq.read_table(tmp_path / "a.parquet").slice(2900, 10)
    pq.write_table(table, tmp_path / "b.parquet")
    found = inspect_input([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert found.repeats.count == 10
    assert found.repeats.first[1] == (Place("b.parquet", 1), Place("a.parquet", 2901))


def test_files_that_are_passed_over_are_counted_by_suffix(tmp_path: Path) -> None:
    """Most frequent first."""
    save(tmp_path / "in", a_png=DIGITS[3], b_txt=b"", c_md=b"", d_txt=b"")
    assert inspect_input(tmp_path / "in").passed_over == {".txt": 2, ".md": 1}


# How it is read


def several(tmp_path: Path) -> Path:
    """Return a folder of some of each."""
    folder = tmp_path / "several"
    for i, digit in enumerate(DIGITS):
        save(folder / str(i % 10), **{f"{i}_png": digit, f"l{i}_jpg": 255 - large(digit)})
    save(folder, bad_png=b"words", same_png=DIGITS[0], blank_png=np.zeros((40, 40), np.uint8))
    return folder


def test_it_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    """Nor on where the compiled code is loaded."""
    folder = several(tmp_path)
    one = inspect_input(folder, workers=1)
    assert inspect_input(folder, workers=3) == one
    with pytest.raises(ValueError, match="at least 1"):
        inspect_input(folder, workers=0)


def test_progress_tells_of_rows_and_errors(tmp_path: Path) -> None:
    """After each batch."""
    told: list[Progress] = []
    inspect_input(several(tmp_path), progress=told.append)
    assert told[-1] == Progress(43, 43, 1)


def test_it_is_json(tmp_path: Path) -> None:
    """All of it, with the rows that are named."""
    record = json.loads(json.dumps(inspect_input(several(tmp_path)).record()))
    assert (record["rows"], record["readable"], record["image_files"]) == (43, 42, 43)
    assert record["unreadable"] == {
        "not an image": {"count": 1, "first": [{"source": "bad.png", "row": 0}]}
    }
    assert record["repeats"] == {
        "count": 1,
        "first": [[{"source": "same.png", "row": 0}, {"source": "0/0.png", "row": 0}]],
    }
    assert record["sizes"]["largest"] == {"width": 140, "height": 140, "images": 20}
    assert record["labels"] == {str(digit): 4 for digit in range(10)}
    assert record["unlabelled"] == 3


def test_what_cannot_be_read_as_a_whole_is_an_error(tmp_path: Path) -> None:
    """As for predict."""
    with pytest.raises(InputError, match="no such file"):
        inspect_input(tmp_path / "absent")
    contents = [png(image) for image in DIGITS[:2]]
    pq.write_table(pa.table({"image": contents, "label": [1, 11]}), tmp_path / "a.parquet")
    with pytest.raises(LabelError, match="label 11 is not a digit"):
        inspect_input(tmp_path / "a.parquet")


def test_files_of_other_formats_are_counted_by_their_names(tmp_path: Path) -> None:
    """Beside images and Parquet."""
    write_idx(tmp_path)
    found = inspect_input(tmp_path)
    assert (found.image_files, found.parquet_files) == (0, 0)
    assert found.other_files == {"IDX": 1}
    assert (found.rows, found.unlabelled, found.formats) == (100, 0, {"raw pixels": 100})
