"""The folder of `--save-prepared`: each image that was changed, beside what the network saw."""

import hashlib
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from mnist_batch.decoding.decode import decode_to_show
from mnist_batch.errors import OutputError
from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.mnist import SIDE
from mnist_batch.outputs.atomic import StagedFolder, behind_links, output_errors
from mnist_batch.schema import ImageBatch, Images, Reason

PANEL = 10 * SIDE
"""Pixels of a side of each half of a picture."""

GAP = 8
"""Pixels between them."""

_GROUND = "#808080"
"""Grey, from which paper and a dark screen both stand out."""

_MARK = ("Software", "mnist-batch --save-prepared")
"""Keyword and text of a tEXt chunk (PNG specification, 11.3.3) by which a picture of ours is known.
Pillow writes it right behind the header."""


class PreparedFolder:
    """Pictures of images that were brought to MNIST form, unseen until `commit`.

    There is one for each image that was changed, and for each in which no digit was found: its
    original on the left, fitted into 280x280, and the 28x28 that the network saw on the right, ten
    times as large. What they are called is said in `picture_names`. It is a context that leaves
    nothing behind; one picture is in memory at a time.

    Attributes:
        folder: where the pictures go.
        written: how many there are.
        left_out: images without one: they were changed when they were packed, and of these a
            packed file holds no originals.
    """

    def __init__(self, folder: Path, *, overwrite: bool, apart: Iterable[str | Path] = ()) -> None:
        """Check that pictures can be written; nothing is touched.

        Args:
            folder: new or empty; also of an earlier run where `overwrite` is true.
            overwrite: replace the pictures of an earlier run.
            apart: other outputs and the inputs, none of which may lie in the folder.

        Raises:
            OutputError: one of them does, or the folder is neither new nor empty nor one that may
                be replaced, or cannot be written.
        """
        self.folder = folder
        self.written = 0
        self.left_out = 0
        whole = behind_links(folder)
        for path in map(Path, apart):
            if behind_links(path).is_relative_to(whole):
                raise OutputError(
                    f"{path}: lies in {folder}, which is for the pictures of --save-prepared "
                    "alone; name another folder for these"
                )
        from PIL.PngImagePlugin import PngInfo  # 5 ms, for which most runs have no use

        self._staged = StagedFolder(folder, overwrite=overwrite, ours=_is_ours)
        self._info = PngInfo()
        self._info.add_text(*_MARK)

    def __enter__(self) -> "PreparedFolder":
        """Return the folder, ready to be written."""
        self._path = self._staged.begin()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was not committed."""
        self._staged.discard()

    def write(self, first: int, batch: PredictedBatch) -> None:
        """Write the pictures of a batch.

        Args:
            first: place in the whole stream of the batch's first row, from 0.
            batch: predictions with their originals.

        Raises:
            OutputError: the disk refuses.
        """
        assert batch.originals is not None
        sources, rows = batch.predictions.column("source"), batch.predictions.column("row")
        changed = _changed(batch.predictions)
        at_hand = _at_hand(batch.originals)
        self.left_out += int((changed & ~at_hand).sum())
        for place in np.flatnonzero(changed & at_hand).tolist():
            name = picture_name(sources[place].as_py(), rows[place].as_py())
            picture = side_by_side(_original(batch.originals, place), batch.images[place])
            self._write(name, first + place, picture)
            self.written += 1

    def commit(self) -> None:
        """Put the folder in its place.

        Raises:
            OutputError: files came to be there meanwhile, or the disk refuses.
        """
        self._staged.commit()

    def notes(self) -> list[str]:
        """Return what the user should know of the pictures, one sentence each."""
        notes = [
            f"pictures of images prepared or without a digit, written to {self.folder}: "
            f"{self.written:,}"
        ]
        if self.left_out:
            notes.append(
                "prepared images without a picture, since they were prepared when they were "
                f"packed, and a packed file holds no originals: {self.left_out:,}"
            )
        return notes

    def _write(self, name: str, place: int, picture: Image.Image) -> None:
        path = self._path / name
        with output_errors(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Some file systems do not tell a from A, and a packed file may name a row twice.
            while path.exists():
                path = path.with_name(f"{path.name.removesuffix(SUFFIX)}~{place}{SUFFIX}")
            # Run lengths: for enlarged pixels smaller than zlib's usual way, in half the time.
            picture.save(path, "PNG", pnginfo=self._info, compress_type=zlib.Z_RLE)


def side_by_side(original: Image.Image, image: Images) -> Image.Image:
    """Return the picture of an image: what came in, and what the network saw.

    Args:
        original: of any size, mode L or RGB.
        image: uint8 (28, 28).

    Returns:
        The original's mode, 568x280 pixels.
    """
    picture = Image.new(original.mode, (2 * PANEL + GAP, PANEL), _GROUND)
    left = _fitted(original)
    picture.paste(left, ((PANEL - left.width) // 2, (PANEL - left.height) // 2))
    right = Image.fromarray(image).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    picture.paste(right, (PANEL + GAP, 0))
    return picture


def _fitted(original: Image.Image) -> Image.Image:
    """Return an image that fits into a half: shrunk, or enlarged by a whole number."""
    longer = max(original.size)
    if longer <= PANEL:
        times = PANEL // longer
        size = original.width * times, original.height * times
        return original.resize(size, Image.Resampling.NEAREST)
    width, height = (max(1, round(side * PANEL / longer)) for side in original.size)
    # In two steps, see `decode.resized`.
    return original.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _original(read: ImageBatch, place: int) -> Image.Image:
    if isinstance(read.images, pa.Array):
        return decode_to_show(read.images[place].as_py(), PANEL)
    return Image.fromarray(read.images[place])


def has_pictures(predictions: pa.RecordBatch) -> bool:
    """Tell whether there is a row among predictions that gets a picture."""
    return bool(_changed(predictions).any())


def _changed(predictions: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Return which rows are shown: what was changed, and what held nothing to bring to form."""
    no_digit = pc.starts_with(predictions.column("error"), str(Reason.NO_DIGIT))
    shown = pc.or_(predictions.column("prepared"), pc.fill_null(no_digit, False))
    changed: npt.NDArray[np.bool_] = shown.to_numpy(zero_copy_only=False)
    return changed


def _at_hand(read: ImageBatch) -> npt.NDArray[np.bool_]:
    """Return which rows were read as they once were."""
    at_hand: npt.NDArray[np.bool_] = read.error.is_null().to_numpy(zero_copy_only=False)
    return at_hand if read.prepared is None else at_hand & ~read.prepared


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return "\0".join(_MARK).encode() in file.read(200)


SUFFIX = ".png"

_LONGEST_PART = 230
"""Bytes of a part: file systems take 255, of which some are for the suffix and for numbers."""

_LONGEST_NAME = 512
"""Bytes of a name with its folders: systems take 1,024 to 4,096, with what stands before it."""

_FORBIDDEN = frozenset('"%*:<>?\\|')
"""What Windows forbids in names beside control characters, and the sign of what is replaced. See
https://learn.microsoft.com/windows/win32/fileio/naming-a-file, as for the two below."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_NUMBER = re.compile("-?[0-9]+")
_LOST_END = re.compile(r"[. ]$")
_LIKE_A_PICTURE = re.compile(rf"\{SUFFIX}$", re.IGNORECASE)


def picture_name(source: str, row: int) -> str:
    """Return the name of the picture of a row: `/`-separated, relative, below where it starts.

    Of an image file it is the source and `.png`; of a Parquet file's row, or of any but the first
    row of a source, `<source>/<row>.png`. What is too long is cut, and ends in a hash of it all.

    Args:
        source: the column `source` of the predictions; any text.
        row: the column `row`.
    """
    *folders, last = map(_harmless, source.split("/"))
    if source.lower().endswith(".parquet") or row:
        folders, last = [*folders, last], str(row)
    elif _NUMBER.fullmatch(last):  # a file of this name is no row
        last = _first_escaped(last)
    name = "/".join([*(_as_folder(folder) for folder in folders), last])
    if len(name.encode()) > _LONGEST_NAME:
        name = _cut(last, whole=name)
    return name + SUFFIX


def _harmless(part: str) -> str:
    """Return a part of a path that names just one thing, and that in the folder it stands in."""
    if not part:
        return _escaped("/")
    name = "".join(
        _escaped(character) if character in _FORBIDDEN or not character.isprintable() else character
        for character in part
    )
    if _DEVICE.fullmatch(name):
        name = _first_escaped(name)
    # The end of `.` and of `..` too, which then lead nowhere.
    name = _LOST_END.sub(lambda end: _escaped(end[0]), name)
    return name if len(name.encode()) <= _LONGEST_PART else _cut(name, whole=name)


def _as_folder(part: str) -> str:
    """Return a part that no picture has: the one of `a` is called like the folder of `a.png/b`."""
    return _LIKE_A_PICTURE.sub(lambda end: _escaped(".") + end[0][1:], part)


def _first_escaped(name: str) -> str:
    return _escaped(name[0]) + name[1:]


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _cut(name: str, *, whole: str) -> str:
    """Return the beginning of a name and a hash; `%~` stands in no other name."""
    beginning = name.encode()[:150].decode(errors="ignore")
    return f"{beginning}%~{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
