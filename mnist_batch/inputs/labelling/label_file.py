"""A file of labels."""

from collections.abc import Mapping, Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.labels import INSTEAD, class_numbers, texts_of
from mnist_batch.inputs.labelling.numbering import DIGIT_LABELS, Numbering
from mnist_batch.inputs.labelling.spellings import find_spellings, same_path
from mnist_batch.inputs.labelling.tables import check_once, name_column, read_table
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import FORMULA, shortened

_TYPES = {
    "file_name": pa.string(),
    "source": pa.string(),
    "row": pa.int64(),
    "label": pa.string(),
}


class LabelFile:
    """Labels from a CSV file with the columns `file_name` (or `source`), `label`, maybe `row`.

    `file_name` and `label` are the Hugging Face imagefolder convention; a CSV file of predictions
    with corrected labels works too. Names are written as the column `source` has them. Labels for
    rows of Parquet files need the column `row`.

    Attributes:
        path: the file.
        sha256: of the bytes that were read: the file may be another by the time that it is used.
        has_rows: whether it has the column `row`.
        example: an image that it names; None where it names none.
        texts: its labels as they stand, each once.
    """

    def __init__(
        self,
        path: Place,
        numbering: Numbering = DIGIT_LABELS,
        instead: str = INSTEAD,
        *,
        column: str = "label",
    ) -> None:
        """Read the file.

        Args:
            path: the file.
            numbering: what its labels mean.
            instead: what to do about a label that means no class.
            column: the name of the column of labels.

        Raises:
            LabelError: it cannot be read, lacks a column, names an image twice, or holds a label
                that means no class.
        """
        self.path = path
        table, self.sha256, lines = read_table(path, {**_TYPES, column: pa.string()})
        self._lines = lines
        if "row" in table.column_names and table["row"].null_count:
            raise LabelError(f"{path}: the column row has empty cells; expected whole numbers")
        source_column = name_column(path, table)
        check_once(path, table, column)
        self.has_rows = "row" in table.column_names
        source = table[source_column].combine_chunks()
        if source.null_count:
            line = lines[source.is_null().index(True).as_py()]
            raise LabelError(f"{path}, line {line}: a label without a {source_column}")
        if source_column == "source":  # written by this package, with formulas guarded
            source = pc.replace_substring_regex(source, f"^'({FORMULA})", r"\1")
        source = source.dictionary_encode()
        self._codes, codes = _codes(source.dictionary)
        self.example: str | None = next(iter(self._codes), None)
        rows = table["row"].to_numpy() if self.has_rows else np.zeros(len(table), np.int64)
        if len(wrong := np.flatnonzero((rows < 0) | (rows >= _MOST_ROWS))):
            raise LabelError(
                f"{path}, line {lines[wrong[0]]}: row {rows[wrong[0]]}; expected a number from 0 on"
            )
        keys = _keys(codes[source.indices.to_numpy()], rows)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        twice = np.flatnonzero(self._keys[1:] == self._keys[:-1])
        if len(twice):
            line = int(order[twice[0] + 1])
            raise LabelError(
                f"{path}, line {lines[line]}: its image has a label already; name each image once"
            )
        values = table[column].combine_chunks()
        labels = class_numbers(values, lambda i: f"{path}, line {lines[i]}", numbering, instead)
        self.texts = texts_of(values)
        self._labels = labels.take(pa.array(order))
        self._names, self._order = source, order
        self._asked = np.zeros(len(order), np.bool_)  # whether `lookup` has found each key
        self._lacking: tuple[str, int] | None = None  # the least that it has not found

    def find_spellings(self, images: Mapping[str, str]) -> None:
        """Know images too that the file names in another way, see `spellings.find_spellings`.

        `images` are paths by the names by which they will be looked up.
        """
        others = images.keys() - self._codes.keys()
        if others and not self.has_rows and len(self._codes):
            found = find_spellings(images, self._codes.keys())
            self._codes |= {name: self._codes[line] for name, line in found.items()}

    def lookup(self, sources: Sequence[str], rows: npt.NDArray[np.int64]) -> pa.Array:
        """Return the labels of images as Arrow integers, null where the file names none.

        Args:
            sources: the column `source` of each image, or one source for all of them.
            rows: int64 (n,), the row of each image in its source.
        """
        codes = np.array([self._codes.get(source, -1) for source in sources], np.int64)
        keys = _keys(codes, rows)
        if not len(self._keys):
            self._note_lacking(sources, rows, np.ones(len(rows), np.bool_))
            return pa.nulls(len(keys), self._labels.type)
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        missing = (self._keys[found] != keys) | (rows < 0) | (rows >= _MOST_ROWS)
        self._asked[found[~missing]] = True
        self._note_lacking(sources, rows, missing)
        return self._labels.take(pa.array(found, mask=missing))

    def _note_lacking(
        self,
        sources: Sequence[str],
        rows: npt.NDArray[np.int64],
        missing: npt.NDArray[np.bool_],
    ) -> None:
        """Keep the least of the images without a line, however they are looked up.

        Threads do so in any order, and in other steps than who reads whole parts.
        """
        if not missing.any():
            return
        named = sources if len(sources) == len(rows) else [*sources] * len(rows)
        least = min(compress(named, missing))
        if self._lacking is None or least <= self._lacking[0]:
            places = np.flatnonzero(missing & np.array([name == least for name in named]))
            one = least, int(rows[places].min())
            self._lacking = min(self._lacking or one, one)

    def note(self, labelled: int, rows: int) -> str:
        """Return the note that some of the images that were looked up have no label.

        It names one without a line, and the first line for none of them.
        """
        images = "1 image" if rows == 1 else f"{rows:,} images"
        said = [f"{self.path} labels {labelled:,} of {images}"]
        if self._lacking:
            said.append(f"it has no line for {_place(*self._lacking)}")
        lines = np.sort(self._order[~self._asked])
        if len(lines):
            first = self._names[int(lines[0])].as_py()
            said.append(
                f"lines for none of the images: {len(lines):,}, the first (line "
                f"{self._lines[lines[0]]}) for {shortened(first)!r}"
            )
            if not labelled:
                said.append("a line names an image by the end of its path")
        return "; ".join(said)


def _codes(names: pa.Array) -> tuple[dict[str, int], npt.NDArray[np.int64]]:
    """Return a number for each name, the same for `a.png` and `./a.png`; by name and by place."""
    codes = {name: code for code, name in enumerate(names.to_pylist())}
    if pc.any(pc.match_substring_regex(names, r"(^|/)\.?/")).as_py():
        first: dict[str, int] = {}
        codes = {name: first.setdefault(same_path(name), code) for name, code in codes.items()}
    return codes, np.fromiter(codes.values(), np.int64, len(codes))


def _place(source: str, row: int) -> str:
    return f"{shortened(source)!r}, row {row:,}" if row else repr(shortened(source))


def _keys(codes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return one int64 per (source, row), of rows below `_MOST_ROWS`."""
    return (codes.astype(np.int64) << 40) + rows


_MOST_ROWS = 2**40
"""More rows than any file has."""
