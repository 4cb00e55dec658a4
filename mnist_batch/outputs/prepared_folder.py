"""Write the folder of `--save-prepared`: each prepared image, beside what the network saw.

A picture has the name of its image's source. A source is a path from outside: it may be absolute,
climb by `..`, or hold what a file system has no name for. Its components are escaped, by `%` and
two hexadecimal digits a byte, as in a URL (RFC 3986, 2.1): names stay readable and distinct.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from mnist_batch.decoding.decode import decode_to_show
from mnist_batch.decoding.limits import read_header
from mnist_batch.errors import OutputError
from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.mnist import SIDE
from mnist_batch.outputs.atomic import StagedFolder
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.places import is_inside
from mnist_batch.outputs.targets import output_errors, why_failed
from mnist_batch.schema import ImageBatch, Images, Reason, holds_rows

PANEL, GAP = 10 * SIDE, 8
"""Pixels of the side of each half of a picture, and between the halves."""

_BACKGROUND = "#808080"
"""Grey, from which paper and a dark screen both stand out."""

_ENOUGH = 2048
"""Pixels of the sides, at least, of a large JPEG that is decoded smaller to cut a digit out."""

_MARGIN = 0.15
"""Margin around one of several digits on each side, in its longer sides."""

_MARK = ("Software", "mnist-batch --save-prepared")
"""Keyword and text of the tEXt chunk (PNG specification, 11.3.3) that marks our pictures. Pillow
writes it right behind the header."""


class PreparedFolder(StagedFolder):
    """A folder of pictures of prepared images, invisible until `commit`, locked by its context.

    There is a picture of each image that was prepared, and of each without a digit: on the left the
    original, fitted into 280x280; on the right the 28x28 that the network saw, ten times as large.
    `picture_name` names them. The context removes what is not committed; one picture is in memory
    at a time. Pictures that cannot be written are no reason to lose predictions: `failure` says
    why, and the folder stays as it was.

    Attributes:
        written: the number of pictures.
        left_out: the number of images without a picture: they were prepared when they were packed,
            and a packed file holds no originals of these.
        failure: why there are no pictures; None where nothing has failed.
    """

    def __init__(self, folder: Path, *, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
        """Check that pictures can be written; touch nothing.

        Raises:
            OutputError: an input lies in the folder; the folder cannot be written; it is not empty,
                unless `overwrite` is true and it is an earlier run's.
        """
        for path in map(Path, inputs):
            if is_inside(path, folder):
                raise OutputError(
                    f"{path}: lies in {folder}, which is for the pictures of --save-prepared "
                    "alone; name another folder for these"
                )
        from PIL.PngImagePlugin import PngInfo  # it takes 5 ms, and most runs do not use it

        super().__init__(folder, overwrite=overwrite, ours=_is_ours)
        self.written = 0
        self.left_out = 0
        self.failure: str | None = None
        self._info = PngInfo()
        self._info.add_text(*_MARK)
        self._in_use = OutputLock(folder)

    def __enter__(self) -> "PreparedFolder":
        """Return the folder, kept from other runs and ready to be written.

        Raises:
            OutputInUseError: another run writes pictures there.
            OutputError: the system refuses, or another run has written pictures there since.
        """
        with ExitStack() as entered:
            entered.enter_context(self._in_use)
            self.check()
            self.begin()
            entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was not committed, and let other runs in."""
        self.discard()
        self._in_use.__exit__()

    def write(self, first: int, batch: PredictedBatch) -> None:
        """Write the pictures of a batch with originals; `first` counts all rows before it."""
        if self.failure is None:
            with self._guest():
                self._write_all(first, batch)

    def commit(self) -> None:
        """Put the pictures in place; those of an earlier run are removed."""
        if self.failure is None:
            with self._guest():
                super().commit()

    def notes(self) -> list[str]:
        """Return what the user should know of the pictures, one sentence each."""
        if self.failure is not None:
            return [
                *self._in_use.notes,
                f"the pictures of --save-prepared are not written to {self.target} "
                f"({self.failure}); to write them, predict again with --overwrite",
            ]
        notes = [
            *self._in_use.notes,
            f"pictures of images prepared or without a digit, written to {self.target}: "
            f"{self.written:,}",
        ]
        if self.left_out:
            notes.append(
                "prepared images without a picture, since they were prepared when they were "
                f"packed, and a packed file holds no originals: {self.left_out:,}"
            )
        return notes

    @contextmanager
    def _guest(self) -> Iterator[None]:
        """Give the pictures up where they cannot be written, and the room that they take."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the predictions are what counts
            self.failure = why_failed(error)
            self.written = 0
            self.discard()

    def _write_all(self, first: int, batch: PredictedBatch) -> None:
        assert batch.originals is not None
        sources, rows = batch.predictions.column("source"), batch.predictions.column("row")
        shown = _shown(batch.predictions)
        originals = _originals(batch.originals)
        parents = np.arange(len(originals))
        numbers, boxes = pa.nulls(len(shown)), pa.nulls(len(shown))
        if batch.split is not None:
            parents = batch.split.parents
            alone = pa.array(batch.split.alone[parents])
            numbers = pc.if_else(alone, None, batch.split.number)
            boxes = pc.if_else(alone, None, batch.split.box)
        originals = originals[parents]
        self.left_out += int((shown & ~originals).sum())
        for place in np.flatnonzero(shown & originals).tolist():
            name = picture_name(sources[place].as_py(), rows[place].as_py(), numbers[place].as_py())
            original = _original(batch.originals, int(parents[place]), boxes[place].as_py())
            picture = side_by_side(original, batch.images[place])
            self._write(name, first + place, picture)
            self.written += 1

    def _write(self, name: str, place: int, picture: Image.Image) -> None:
        path = self._new / name
        with output_errors(self.target):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Some file systems do not tell a from A, and a packed file may name a row twice.
            while path.exists():
                path = path.with_name(f"{path.name.removesuffix(SUFFIX)}~{place}{SUFFIX}")
            # Run lengths: enlarged pixels get smaller than by zlib's default, in half the time.
            picture.save(path, "PNG", pnginfo=self._info, compress_type=zlib.Z_RLE)


def side_by_side(original: Image.Image, image: Images) -> Image.Image:
    """Return an image's picture, 568x280 pixels: the original, and what the network saw.

    The original is of any size and of mode L or RGB, which the picture keeps; `image` is uint8
    (28, 28).
    """
    picture = Image.new(original.mode, (2 * PANEL + GAP, PANEL), _BACKGROUND)
    left = _fitted(original)
    picture.paste(left, ((PANEL - left.width) // 2, (PANEL - left.height) // 2))
    right = Image.fromarray(image).resize((PANEL, PANEL), Image.Resampling.NEAREST)
    picture.paste(right, (PANEL + GAP, 0))
    return picture


def _fitted(original: Image.Image) -> Image.Image:
    """Return an image that fits into a half: reduced, or enlarged by a whole number."""
    longer = max(original.size)
    if longer <= PANEL:
        times = PANEL // longer
        size = original.width * times, original.height * times
        return original.resize(size, Image.Resampling.NEAREST)
    width, height = (max(1, round(side * PANEL / longer)) for side in original.size)
    # In two steps, see `decode.resized`.
    return original.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _original(read: ImageBatch, place: int, box: Sequence[int] | None) -> Image.Image:
    """Return the image at a place; of one of several digits the box, with a margin."""
    if box is None:
        return _whole(read, place, PANEL)
    original = _whole(read, place, _ENOUGH)
    stored = SIDE
    if isinstance(read.images, pa.Array):
        header = read_header(read.images[place].as_py())
        stored = max(header.width, header.height)
    left, top, width, height = (edge * max(original.size) / stored for edge in box)
    margin = _MARGIN * max(width, height)
    return original.crop(
        (left - margin, top - margin, left + width + margin, top + height + margin)
    )


def _whole(read: ImageBatch, place: int, side: int) -> Image.Image:
    if isinstance(read.images, pa.Array):
        shown = decode_to_show(read.images[place].as_py(), side)
    else:
        shown = Image.fromarray(read.images[place])
    return shown.transpose(Image.Transpose.TRANSPOSE) if read.transposed else shown


def has_pictures(predictions: pa.RecordBatch) -> bool:
    """Tell whether some of the predictions get a picture."""
    return bool(_shown(predictions).any())


def _shown(predictions: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Return the rows that get a picture, bool (n,): prepared images, and those without a digit."""
    no_digit = pc.starts_with(predictions.column("error"), str(Reason.NO_DIGIT))
    either = pc.or_(predictions.column("prepared"), pc.fill_null(no_digit, False))
    return np.asarray(either, np.bool_)


def _originals(read: ImageBatch) -> npt.NDArray[np.bool_]:
    """Return the rows whose original image was read, bool (n,)."""
    readable = np.asarray(read.error.is_null(), np.bool_)
    return readable if read.prepared is None else readable & ~read.prepared


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return "\0".join(_MARK).encode() in file.read(200)


SUFFIX = ".png"

_LONGEST_COMPONENT = 230
"""Bytes of a component of a path: file systems take 255, some for the suffix and for numbers."""

_LONGEST_NAME = 512
"""Bytes of a name with its folders: systems take 1,024 to 4,096, with the path before it."""

_FORBIDDEN = frozenset('"%*:<>?\\|')
"""Characters that Windows forbids in names, beside control characters, and our escape sign. Source,
also of the two below: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_NUMBER = re.compile("-?[0-9]+(-[0-9]+)?")
_LOST_END = re.compile(r"[. ]$")
_LIKE_A_PICTURE = re.compile(rf"\{SUFFIX}$", re.IGNORECASE)


def picture_name(source: str, row: int, digit: int | None = None) -> str:
    """Return the name of the picture of a row: a relative path, `/`-separated, that never climbs.

    For an image file it is `<source>.png`; for a row of a Parquet file, or any row but the first of
    a source, `<source>/<row>.png`; for one of several digits `<source>/<row>-<digit>.png`. A name
    that is too long is cut, and ends in a hash of all of it.
    """
    *folders, last = map(_harmless, source.split("/"))
    if holds_rows(source) or row or digit is not None:
        number = str(row) if digit is None else f"{row}-{digit}"
        folders, last = [*folders, last], number
    elif _NUMBER.fullmatch(last):  # a file of this name is no row
        last = _first_escaped(last)
    name = "/".join([*(_as_folder(folder) for folder in folders), last])
    if len(name.encode()) > _LONGEST_NAME:
        name = _cut(last, whole=name)
    return name + SUFFIX


def _harmless(component: str) -> str:
    """Return a component of a path as a name that every file system takes literally."""
    if not component:
        return _escaped("/")
    name = "".join(
        _escaped(character) if character in _FORBIDDEN or not character.isprintable() else character
        for character in component
    )
    if _DEVICE.fullmatch(name):
        name = _first_escaped(name)
    # So `.` and `..` lead nowhere.
    name = _LOST_END.sub(lambda end: _escaped(end[0]), name)
    return name if len(name.encode()) <= _LONGEST_COMPONENT else _cut(name, whole=name)


def _as_folder(component: str) -> str:
    """Return a folder's name that no picture has, as that of `a` would have for `a.png/b`."""
    return _LIKE_A_PICTURE.sub(lambda end: _escaped(".") + end[0][1:], component)


def _first_escaped(name: str) -> str:
    return _escaped(name[0]) + name[1:]


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _cut(name: str, *, whole: str) -> str:
    """Return the beginning of a name, `%~`, which no other name has, and a hash."""
    beginning = name.encode()[:150].decode(errors="ignore")
    return f"{beginning}%~{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
