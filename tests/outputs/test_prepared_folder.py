"""Pictures of what was prepared: the original on the left, what the network saw on the right."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

import mnist_batch
from mnist_batch import Progress, Summary
from mnist_batch.decoding.decode import decode_image
from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inputs.parquet.packed import PACKED
from mnist_batch.outputs.packed.packed_file import PackedWriter
from mnist_batch.preprocessing.mnist_form import to_mnist_form
from mnist_batch.synthetic import generator
from tests.support.full_disk import limited_file_size

pytestmark = pytest.mark.usefixtures("models_read_here")

Pixels = NDArray[np.uint8]

FORMED = generator.draw_digits(10)[0]
NEGATIVE: Pixels = 255 - FORMED[3]
GREY = 128


def drawing(size: tuple[int, int] = (200, 100), mode: str = "L") -> Image.Image:
    """Return dark ink on light paper, in colour where `mode` has it."""
    paper, ink = ((250, 240, 200), (20, 20, 160)) if mode == "RGB" else (240, 30)
    image = Image.new(mode, size, paper)
    width, height = size
    image.paste(ink, (width // 3, height // 5, width // 3 + max(1, height // 8), height * 4 // 5))
    image.paste(ink, (width // 3, height // 5, width // 2, height // 5 + max(1, height // 10)))
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401
    """Return an image as a file's bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(image: Pixels) -> bytes:
    """Return pixels as PNG."""
    return encoded(Image.fromarray(image))


def shown(path: Path) -> Pixels:
    """Return the pixels of a picture."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def halves(path: Path) -> tuple[Pixels, Pixels]:
    """Return the left half of a picture and the right one; between them is a gap of grey."""
    pixels = shown(path)
    assert pixels.shape[:2] == (280, 568)
    assert (pixels[:, 280:288] == GREY).all()
    return pixels[:, :280], pixels[:, 288:]


def enlarged(image: Pixels, times: int) -> Pixels:
    """Return an image whose pixels are squares."""
    return np.kron(image, np.ones((times, times), np.uint8))


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files, and their folders."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def pictures(folder: Path) -> set[str]:
    """Return the names of all files in a folder and below, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def predict(inputs: Any, model: Path, tmp_path: Path, **options: Any) -> Summary:  # noqa: ANN401
    """Predict without a report; the pictures go to `seen`."""
    options.setdefault("report", False)
    options.setdefault("save_prepared", tmp_path / "seen")
    return mnist_batch.predict(inputs, tmp_path / "out.parquet", model=model, **options)


def write_packed(path: Path, rows: list[dict[str, Any]], prepare: str = "never") -> Path:
    """Write a packed file by hand; of what is left out rows are ordinary ones of raw pixels."""
    ordinary = {"image": NEGATIVE.tobytes(), "row": 0, "prepared": False}
    writer = PackedWriter(path)
    writer.write(pa.RecordBatch.from_pylist([ordinary | row for row in rows], PACKED))
    writer.close({"options": {"prepare": prepare}})
    return path


# What is drawn


def test_the_right_half_is_what_the_network_saw(tmp_path: Path, model: Path) -> None:
    """Each of its pixels a square of ten by ten, none smoothed."""
    paper = drawing((90, 120), "RGB")
    folder = write_files(tmp_path / "in", {"a.png": encoded(paper), "b.png": png(NEGATIVE)})
    predict(folder, model, tmp_path)
    expected = to_mnist_form(np.asarray(paper.convert("L"))).image
    assert expected is not None
    _, right = halves(tmp_path / "seen" / "a.png.png")
    np.testing.assert_array_equal(right, enlarged(expected, 10)[..., None].repeat(3, axis=2))
    _, right = halves(tmp_path / "seen" / "b.png.png")
    np.testing.assert_array_equal(right, enlarged(FORMED[3], 10))


def test_small_originals_are_enlarged_by_whole_pixels(tmp_path: Path, model: Path) -> None:
    """As far as they fit, in the middle of the left half; what remains is grey."""
    wide = drawing((100, 40))
    folder = write_files(tmp_path / "in", {"a.png": png(NEGATIVE), "b.png": encoded(wide)})
    predict(folder, model, tmp_path)
    left, _ = halves(tmp_path / "seen" / "a.png.png")
    np.testing.assert_array_equal(left, enlarged(NEGATIVE, 10))
    left, _ = halves(tmp_path / "seen" / "b.png.png")
    np.testing.assert_array_equal(left[100:180, 40:240], enlarged(np.asarray(wide), 2))
    left = left.copy()
    left[100:180, 40:240] = GREY
    assert (left == GREY).all()


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((141, 280), (141, 280)), ((560, 280), (280, 140)), ((300, 900), (93, 280)), ((9, 2), (9, 2))],
)
def test_originals_keep_their_proportions(
    tmp_path: Path, model: Path, size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    """Large ones shrunk to 280 pixels; up to half a pixel."""
    paper = Image.new("L", size, 200)
    predict(write_files(tmp_path / "in", {"a.png": encoded(paper)}), model, tmp_path)
    left, _ = halves(tmp_path / "seen" / "a.png.png")
    rows, columns = np.nonzero(left != GREY)
    times = 31 if size == (9, 2) else 1
    assert np.ptp(columns) + 1 == fitted[0] * times
    assert np.ptp(rows) + 1 == fitted[1] * times
    assert (left[left != GREY] == 200).all()


def test_a_line_of_many_pixels_is_still_seen(tmp_path: Path, model: Path) -> None:
    """No side shrinks to nothing."""
    line = encoded(Image.new("L", (30_000, 3), 200))
    predict(write_files(tmp_path / "in", {"a.png": line}), model, tmp_path, prepare="never")
    left, _ = halves(tmp_path / "seen" / "a.png.png")
    assert ((left == 200).sum(axis=1) == 280).sum() == 1


def test_colours_stay(tmp_path: Path, model: Path) -> None:
    """Of a JPEG of many pixels as well, which is not decoded in full."""
    paper = drawing((1280, 1280), "RGB")
    files = {"a.jpg": encoded(paper, "JPEG", quality=95), "b.png": encoded(paper)}
    predict(write_files(tmp_path / "in", files), model, tmp_path)
    expected = np.asarray(paper.resize((280, 280), Image.Resampling.BOX), np.int16)
    for name in ("a.jpg.png", "b.png.png"):
        left, _ = halves(tmp_path / "seen" / name)
        assert np.abs(left[:50] - expected[:50]).max() <= 12
        assert np.abs(left[100:200, 95:120] - expected[100:200, 95:120]).max() <= 12


def test_transparency_lies_over_white(tmp_path: Path, model: Path) -> None:
    """Or over black where the ink is white, as the network's image was made."""
    for name, ink in (("dark", (0, 0, 90)), ("white", (255, 255, 255))):
        image = Image.new("RGBA", (140, 140), (0, 0, 0, 0))
        image.paste((*ink, 255), (60, 20, 80, 120))
        write_files(tmp_path / "in", {f"{name}.png": encoded(image)})
    predict(tmp_path / "in", model, tmp_path)
    for name, ink, ground in (("dark", (0, 0, 90), 255), ("white", (255, 255, 255), 0)):
        left, _ = halves(tmp_path / "seen" / f"{name}.png.png")
        assert (left[40:240, 120:160] == ink).all()
        assert (left[:, :120] == ground).all()


def test_originals_are_upright(tmp_path: Path, model: Path) -> None:
    """EXIF orientation 6: the top row of the picture stands in the file as its left column."""
    upright = drawing((100, 140))
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    content = encoded(lying, "PNG", exif=exif)
    predict(write_files(tmp_path / "in", {"a.png": content}), model, tmp_path)
    left, _ = halves(tmp_path / "seen" / "a.png.png")
    np.testing.assert_array_equal(left[:, 40:240], enlarged(np.asarray(upright), 2))


@pytest.mark.parametrize("kind", ["1", "P", "I;16", "LA", "CMYK"])
def test_originals_of_every_mode_are_drawn(tmp_path: Path, model: Path, kind: str) -> None:
    """Black ink on white, whatever the file calls it."""
    pixels = np.full((140, 140), 255, np.uint8)
    pixels[20:120, 60:80] = 0
    image = Image.fromarray(pixels)
    image = (
        Image.fromarray(pixels.astype(np.uint16) * 257) if kind == "I;16" else image.convert(kind)
    )
    assert image.mode == kind
    path = write_files(tmp_path / "in", {"a.tif": encoded(image, "TIFF")})
    predict(path, model, tmp_path)
    left, _ = halves(tmp_path / "seen" / "a.tif.png")
    left = left if left.ndim == 2 else left[..., 0]
    np.testing.assert_array_equal(left, enlarged(pixels, 2))


# Which rows have a picture


def test_only_what_was_changed_has_a_picture(tmp_path: Path, model: Path) -> None:
    """An image in MNIST form has none, and one that cannot be read has none."""
    files = {
        "0/formed.png": png(FORMED[0]),
        "1/negative.png": png(NEGATIVE),
        "1/broken.png": png(NEGATIVE)[:60],
        "2/empty.png": b"",
        "2/paper.jpg": encoded(drawing(), "JPEG"),
    }
    summary = predict(write_files(tmp_path / "in", files), model, tmp_path)
    assert pictures(tmp_path / "seen") == {"1/negative.png.png", "2/paper.jpg.png"}
    assert (summary.prepared_folder, summary.prepared_pictures) == (tmp_path / "seen", 2)


def test_where_no_digit_was_found_the_right_half_is_dark(tmp_path: Path, model: Path) -> None:
    """The picture shows what was looked at in vain."""
    empty = Image.new("RGB", (56, 56), (250, 240, 200))
    summary = predict(write_files(tmp_path / "in", {"a.png": encoded(empty)}), model, tmp_path)
    assert summary.metrics.errors_by_reason == {"no digit found": 1}
    left, right = halves(tmp_path / "seen" / "a.png.png")
    assert (left == (250, 240, 200)).all()
    assert (right == 0).all()


def test_always_and_never_have_the_pictures_of_what_they_change(
    tmp_path: Path, model: Path
) -> None:
    """`always` changes every image, `never` resizes what is not 28x28."""
    paper = drawing((56, 40))
    folder = write_files(
        tmp_path / "in", {"formed.png": png(FORMED[0]), "paper.png": encoded(paper)}
    )
    predict(folder, model, tmp_path, prepare="always")
    assert pictures(tmp_path / "seen") == {"formed.png.png", "paper.png.png"}
    predict(folder, model, tmp_path, prepare="never", overwrite=True)
    assert pictures(tmp_path / "seen") == {"paper.png.png"}
    expected = np.asarray(paper.resize((28, 28), Image.Resampling.LANCZOS, reducing_gap=3.0))
    np.testing.assert_array_equal(
        halves(tmp_path / "seen/paper.png.png")[1], enlarged(expected, 10)
    )


@pytest.mark.parametrize("batch_size", [1, 7, 2048])
def test_rows_of_parquet_are_named_by_their_number(
    tmp_path: Path, model: Path, batch_size: int
) -> None:
    """Encoded images and raw pixels; wherever the batches are cut."""
    images = [FORMED[digit] if digit % 2 else 255 - FORMED[digit] for digit in range(10)]
    columns = {
        "coded": pa.array(map(png, images)),
        "raw": pa.array([image.tobytes() for image in images], pa.binary(784)),
    }
    for name, column in columns.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": column}), tmp_path / "in" / f"{name}.parquet")
    predict(tmp_path / "in", model, tmp_path, batch_size=batch_size)
    names = {f"{name}.parquet/{row}.png" for name in columns for row in range(0, 10, 2)}
    assert pictures(tmp_path / "seen") == names
    for name in names:
        row = int(Path(name).stem)
        left, right = halves(tmp_path / "seen" / name)
        np.testing.assert_array_equal(left, enlarged(images[row], 10))
        np.testing.assert_array_equal(right, enlarged(FORMED[row], 10))


def test_what_was_prepared_when_it_was_packed_is_left_out(tmp_path: Path, model: Path) -> None:
    """The original is gone, also of what held no digit; a note says how many there are."""
    blank = encoded(Image.new("L", (50, 50), 255))
    files = {"a.png": png(FORMED[0]), "b.png": encoded(drawing()), "c.png": blank, "d.png": b""}
    mnist_batch.pack(write_files(tmp_path / "in", files), tmp_path / "packed.parquet")
    summary = predict(tmp_path / "packed.parquet", model, tmp_path)
    assert pictures(tmp_path / "seen") == set()
    assert summary.prepared_pictures == 0
    assert summary.notes[-2:] == [
        f"pictures of images prepared or without a digit, written to {tmp_path / 'seen'}: 0",
        "prepared images without a picture, since they were prepared when they were packed, and "
        "a packed file holds no originals: 2",
    ]


def test_what_is_prepared_only_now_has_its_stored_pixels(tmp_path: Path, model: Path) -> None:
    """Of a file that was packed with `never`; but not of what was resized for it."""
    packed = write_packed(
        tmp_path / "packed.parquet",
        [{"source": "a.jpg"}, {"source": "b.jpg", "prepared": True}, {"source": "c", "row": 4}],
    )
    summary = predict(packed, model, tmp_path)
    assert pictures(tmp_path / "seen") == {"a.jpg.png", "c/4.png"}
    left, right = halves(tmp_path / "seen" / "a.jpg.png")
    np.testing.assert_array_equal(left, enlarged(NEGATIVE, 10))
    np.testing.assert_array_equal(right, enlarged(FORMED[3], 10))
    assert summary.notes[-1].endswith("originals: 1")


# Names


def test_files_that_differ_only_in_their_suffix_have_two_pictures(
    tmp_path: Path, model: Path
) -> None:
    """And a folder may be called as a picture would be."""
    images = {"a.png": 255 - FORMED[1], "a.tif": 255 - FORMED[2], "a.png.png/a.png": NEGATIVE}
    files = {name: encoded(Image.fromarray(image)) for name, image in images.items()}
    predict(write_files(tmp_path / "in", files), model, tmp_path)
    names = {"a.png": "a.png.png", "a.tif": "a.tif.png", "a.png.png/a.png": "a.png%2Epng/a.png.png"}
    assert pictures(tmp_path / "seen") == set(names.values())
    for name, picture in names.items():
        np.testing.assert_array_equal(
            halves(tmp_path / "seen" / picture)[0], enlarged(images[name], 10)
        )


def test_no_source_leads_out_of_the_folder(tmp_path: Path, model: Path) -> None:
    """Nor does one fail the run; those of a packed file come from anywhere."""
    sources = [
        "../../outside.png",
        str(tmp_path / "absolute.png"),
        "a/../../../b.png",
        "..",
        "//",
        "/",
        r"C:\windows\a.png",
        "nul",
        "a\0b\n",
        "x" * 5000,
        "y/" * 3000 + "a.png",
        "é" * 200 + "/b",
        "seen/\U0001f642.png",
    ]
    rows = [{"source": source} for source in sources]
    # So deep that what leads out still lies where this test may look.
    deep = tmp_path / "outer" / "inner" / "deep"
    deep.mkdir(parents=True)
    packed = write_packed(deep / "packed.parquet", rows)
    before = pictures(tmp_path)
    summary = predict(packed, model, deep)
    assert summary.prepared_pictures == len(sources)
    assert len(pictures(deep / "seen")) == len(sources)
    within = "outer/inner/deep"
    written = pictures(tmp_path) - before
    assert {name for name in written if not name.startswith(f"{within}/seen/")} == {
        f"{within}/out.parquet"
    }


def test_a_row_that_is_named_twice_has_two_pictures(tmp_path: Path, model: Path) -> None:
    """The later one by its place in the output: a packed file can say what it wants."""
    rows = [{"source": source} for source in ("a", "a", "a~3", "a")]
    packed = write_packed(tmp_path / "packed.parquet", rows)
    for batch_size in (1, 3, 100):
        summary = predict(packed, model, tmp_path, batch_size=batch_size, overwrite=True)
        assert summary.prepared_pictures == 4
        assert pictures(tmp_path / "seen") == {"a.png", "a~1.png", "a~3.png", "a~3~3.png"}


# The folder


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Four images that are to be prepared."""
    files = {f"{digit}/a.png": png(255 - FORMED[digit]) for digit in range(4)}
    return write_files(tmp_path / "in", files)


ALL = {f"{digit}/a.png.png" for digit in range(4)}


def test_the_summary_and_a_note_say_how_many_and_where(
    tmp_path: Path, digits: Path, model: Path
) -> None:
    """And nothing is said where no pictures were wanted."""
    folder = tmp_path / "seen"
    summary = predict(digits, model, tmp_path)
    assert (
        summary.notes[-1]
        == f"pictures of images prepared or without a digit, written to {folder}: 4"
    )
    record = json.loads(json.dumps(summary.record()))
    assert (record["prepared_folder"], record["prepared_pictures"]) == (str(folder), 4)
    summary = predict(digits, model, tmp_path, save_prepared=None, overwrite=True)
    assert not any("pictures" in note for note in summary.notes)
    assert (summary.prepared_folder, summary.prepared_pictures) == (None, 0)
    assert summary.record()["prepared_folder"] is None


def test_nothing_to_show_is_an_empty_folder(tmp_path: Path, model: Path) -> None:
    """So that who looks there need not ask whether there was a run."""
    predict(write_files(tmp_path / "in", {"a.png": png(FORMED[0])}), model, tmp_path)
    assert list((tmp_path / "seen").iterdir()) == []


def test_pictures_of_an_earlier_run_are_replaced_only_when_asked(
    tmp_path: Path, digits: Path, model: Path
) -> None:
    """Then none of them is left."""
    predict(digits, model, tmp_path)
    (digits / "3" / "a.png").unlink()
    with pytest.raises(OutputError, match=r"seen is not empty.*overwrite=True"):
        mnist_batch.predict(
            digits, tmp_path / "b.csv", model=model, save_prepared=tmp_path / "seen"
        )
    assert pictures(tmp_path / "seen") == ALL
    assert not (tmp_path / "b.csv").exists()
    predict(digits, model, tmp_path, overwrite=True)
    assert pictures(tmp_path / "seen") == ALL - {"3/a.png.png"}


def test_somebodys_picture_is_never_removed(tmp_path: Path, digits: Path, model: Path) -> None:
    """Although it is a PNG, and has the name of one of ours."""
    predict(digits, model, tmp_path)
    Image.fromarray(NEGATIVE).save(tmp_path / "seen" / "2" / "a.png.png")
    before = {path: path.read_bytes() for path in (tmp_path / "seen").rglob("*.png")}
    with pytest.raises(OutputError, match=r"seen holds 2/a\.png\.png, which no earlier run wrote"):
        predict(digits, model, tmp_path, overwrite=True)
    assert {path: path.read_bytes() for path in (tmp_path / "seen").rglob("*.png")} == before


def test_until_the_end_the_earlier_pictures_stay(tmp_path: Path, digits: Path, model: Path) -> None:
    """And are the new ones then, all at once."""
    predict(digits, model, tmp_path)
    for path in digits.rglob("*.png"):
        path.write_bytes(png(NEGATIVE))
    first = (tmp_path / "seen" / "0" / "a.png.png").read_bytes()
    seen = []

    def progress(_: Progress) -> None:
        seen.append((tmp_path / "seen" / "0" / "a.png.png").read_bytes())

    predict(digits, model, tmp_path, overwrite=True, batch_size=1, progress=progress)
    assert seen == [first] * 4
    assert (tmp_path / "seen" / "0" / "a.png.png").read_bytes() != first


@pytest.mark.parametrize("exists", [False, True])
def test_an_interrupted_run_leaves_nothing(
    tmp_path: Path, digits: Path, model: Path, exists: bool
) -> None:
    """Neither pictures nor hidden folders; the earlier ones are as they were."""
    if exists:
        predict(digits, model, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def interrupt(done: Progress) -> None:
        if done.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(digits, model, tmp_path, overwrite=True, batch_size=1, progress=interrupt)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (tmp_path / "seen").exists() is exists
    assert not list(tmp_path.glob(".*"))


NOT_WRITTEN = (
    "the pictures of --save-prepared are not written to {} ({}); to write them, predict again with "
    "--overwrite"
)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_full_disk_costs_the_pictures_and_no_prediction(
    tmp_path: Path, model: Path, earlier: bool
) -> None:
    """A note says why they are missing; what takes room goes at once, and what was there stays."""
    noise = np.random.default_rng(0).integers(0, 255, (280, 280, 3), np.uint8)
    small = encoded(drawing())
    folder = write_files(tmp_path / "in", {"0.png": small, "2.png": small})
    if earlier:
        predict(folder, model, tmp_path, prepare="never")
    before = pictures(tmp_path / "seen")
    write_files(folder, {"1.png": encoded(Image.fromarray(noise))})
    seen = []

    def progress(_: Progress) -> None:
        seen.append(len(list(tmp_path.glob(".seen.*.tmp"))))

    options = {"prepare": "never", "batch_size": 1, "overwrite": earlier, "progress": progress}
    with limited_file_size(20_000):
        summary = predict(folder, model, tmp_path, **options)
    assert seen == [1, 0, 0]
    assert summary.notes[-1] == NOT_WRITTEN.format(tmp_path / "seen", "File too large")
    assert (summary.prepared_folder, summary.prepared_pictures) == (None, 0)
    assert len(pq.read_table(tmp_path / "out.parquet")) == 3
    assert pictures(tmp_path / "seen") == before
    left = {"in", "out.parquet", *(["seen"] if earlier else [])}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_whatever_a_picture_raises_costs_no_prediction(
    tmp_path: Path, digits: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where memory runs out, say."""

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", fail)
    summary = predict(digits, model, tmp_path)
    assert summary.notes[-1] == NOT_WRITTEN.format(tmp_path / "seen", "MemoryError")
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.parquet"}


def test_a_picture_that_came_meanwhile_is_kept(tmp_path: Path, digits: Path, model: Path) -> None:
    """The predictions are written then, the pictures are not."""

    def intrude(_: Progress) -> None:
        write_files(tmp_path / "seen", {"mine.png": b"mine"})

    summary = predict(digits, model, tmp_path, progress=intrude)
    assert "pictures of --save-prepared are not written" in summary.notes[-1]
    assert "seen is not empty" in summary.notes[-1]
    assert pictures(tmp_path / "seen") == {"mine.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "seen", "out.parquet"}


def test_one_run_at_a_time_writes_pictures(tmp_path: Path, digits: Path, model: Path) -> None:
    """A second one is refused at once, through a link to the folder too, and touches nothing."""
    (tmp_path / "link").symlink_to("seen")

    def run_again(progress: Progress) -> None:
        for folder in (tmp_path / "seen", tmp_path / "link"):
            with pytest.raises(OutputInUseError, match="another run is writing it"):
                mnist_batch.predict(
                    digits, tmp_path / "b.csv", model=model, save_prepared=folder, overwrite=True
                )
        assert progress.total == 4

    predict(digits, model, tmp_path, progress=run_again)
    assert pictures(tmp_path / "seen") == ALL
    assert {path.name for path in tmp_path.iterdir()} == {"in", "seen", "link", "out.parquet"}


def test_pictures_within_the_input_are_refused(tmp_path: Path, digits: Path, model: Path) -> None:
    """The next run would read them as digits."""
    for folder in (digits, digits / "new"):
        with pytest.raises(OutputError, match="lies in the INPUT folder"):
            predict(digits, model, tmp_path, save_prepared=folder)
    with pytest.raises(OutputError, match="new: is matched by"):
        predict(f"{digits}/**/*.png", model, tmp_path, save_prepared=digits / "new")
    assert pictures(tmp_path) == {f"in/{digit}/a.png" for digit in range(4)}


def test_other_outputs_and_the_input_stand_apart(tmp_path: Path, digits: Path, model: Path) -> None:
    """The folder is replaced as a whole, with all that is in it."""
    folder = tmp_path / "seen"
    with pytest.raises(OutputError, match="hold both the report and the pictures of"):
        predict(digits, model, tmp_path, report=folder)
    with pytest.raises(OutputError, match="which is for the pictures"):
        predict(digits, model, tmp_path, report=folder / "report")
    with pytest.raises(OutputError, match=r"out\.parquet: lies in .*which is for the pictures"):
        predict(digits, model, tmp_path, save_prepared=tmp_path)
    predict(digits, model, tmp_path)
    with pytest.raises(OutputError, match=r"1: lies in .*which is for the pictures"):
        predict(folder / "1", model, tmp_path, overwrite=True)
    assert pictures(folder) == ALL


def test_a_picture_is_a_picture_for_the_decoder(tmp_path: Path, digits: Path, model: Path) -> None:
    """Nothing odd in the file: this package reads it as it reads any."""
    predict(digits, model, tmp_path)
    pixels = decode_image((tmp_path / "seen" / "1" / "a.png.png").read_bytes())
    assert isinstance(pixels, np.ndarray)
    np.testing.assert_array_equal(pixels, shown(tmp_path / "seen" / "1" / "a.png.png"))
