"""Files `metadata.csv` and `metadata.jsonl` in folders of images: their labels and other columns.

As Hugging Face's `imagefolder` has it, a file tells of the images in its folder and in those below
it that have no file of their own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.errors import ColumnError
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.finding.listing import Folder
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.spellings import find_spellings, same_path
from mnist_batch.inputs.labelling.tables import JSON_LINES, name_column, read_table
from mnist_batch.remote.addresses import Place, place_of


def metadata_by_folder(root: Folder, names: Iterable[str]) -> dict[str, Place]:
    """Return files of labels by their folders, as `NamedFiles.metadata`.

    Where a folder has both, it is `metadata.csv`.

    Args:
        root: the INPUT folder.
        names: of the files, relative to it.
    """
    found: dict[str, Place] = {}
    for name in sorted(names, key=lambda name: name.endswith(JSON_LINES)):
        found.setdefault(name[: name.rfind("/") + 1], place_of(str(root / name)))
    return found


def metadata_labels(
    names: Sequence[str],
    paths: Sequence[str],
    metadata: Mapping[str, Place],
    column: str,
    read: Callable[[Place], LabelFile],
) -> list[tuple[npt.NDArray[np.int64], pa.Array, LabelFile]]:
    """Return the labels of images of which files of labels tell; those without labels do not count.

    Args:
        names: of the images, relative to the INPUT.
        paths: where they are.
        metadata: files of labels by their folders.
        column: the name of the column of labels.
        read: reads a file of labels.

    Returns:
        For each file the places of the images that it tells of, int64 (k,), their labels (k,), and
        the file.

    Raises:
        LabelError: a file cannot be read, or holds a label that is none.
    """
    labelled = {folder: path for folder, path in metadata.items() if has_column(path, column)}
    found = []
    for folder, places in _of_folders(names, labelled):
        file = read(labelled[folder])
        own = [text_of_path(names[place][len(folder) :]) for place in places.tolist()]
        file.find_spellings(dict(zip(own, (paths[at] for at in places.tolist()), strict=True)))
        found.append((places, file.lookup(own, np.zeros(len(own), np.int64)), file))
    return found


def has_column(path: Place, name: str) -> bool:
    """Tell whether a file of labels has a column.

    Raises:
        LabelError: it cannot be read.
    """
    return name in read_table(path, {name: pa.string()}).table.column_names


def _of_folders(
    names: Sequence[str], folders: Iterable[str]
) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """Return for each folder the places of the names for which it is the next one above."""
    known = {*folders}
    if not known:
        return []
    if known == {""}:
        return [("", np.arange(len(names)))]

    @lru_cache(1000)
    def above(folder: str) -> str | None:
        while folder not in known:
            if not folder:
                return None
            folder = folder[: folder.rfind("/", 0, -1) + 1]
        return folder

    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if (folder := above(name[: name.rfind("/") + 1])) is not None:
            places.setdefault(folder, []).append(place)
    return [(folder, np.array(found, np.int64)) for folder, found in places.items()]


def metadata_columns(
    names: Sequence[str],
    paths: Sequence[str],
    metadata: Mapping[str, Place],
    columns: Sequence[str],
) -> dict[str, pa.Array]:
    """Return those of some columns that files of labels have, for all images: Arrow strings (n,).

    The first three arguments are those of `metadata_labels`.

    Raises:
        LabelError: a file cannot be read, or has no column of file names.
        ColumnError: it has one of the columns twice, or names an image twice.
    """
    found: dict[str, list[str | None]] = {}
    for folder, places in _of_folders(names, metadata):
        table = MetadataColumns(metadata[folder], columns)
        own = [text_of_path(names[place][len(folder) :]) for place in places.tolist()]
        spelled = find_spellings(
            dict(zip(own, (paths[at] for at in places.tolist()), strict=True)), table.files
        )
        own = [spelled.get(name, name) for name in own]
        for name in table.names:
            values = found.setdefault(name, [None] * len(names))
            for place, value in zip(places, table.column(name, own).to_pylist(), strict=True):
                values[place] = value
    return {name: pa.array(found[name], pa.string()) for name in columns if name in found}


class MetadataColumns:
    """Some columns of a file, as text: just as it is written, null where a cell is empty.

    Attributes:
        names: those of the columns that the file has.
        files: what it calls the images.
    """

    def __init__(self, path: Place, names: Sequence[str]) -> None:
        """Read the file.

        Raises:
            LabelError: it cannot be read, or has no column of file names.
            ColumnError: it has one of the columns twice, or names an image twice.
        """
        types = dict.fromkeys(["file_name", "source", *names], pa.string())
        table, _, numbers = read_table(path, types, null_values=[""])
        self.names = [name for name in names if name in table.column_names]
        for name in self.names:
            if (count := table.column_names.count(name)) > 1:
                raise ColumnError(f"{path}: {count} columns {name!r}; rename all but one")
        files = table[name_column(path, table)].to_pylist()
        self._lines = {name: line for line, name in enumerate(files)}
        self.files = self._lines.keys()
        seen: set[str | None] = set()
        for number, name in zip(numbers, files, strict=True):
            path_of = name and same_path(name)
            if path_of in seen:
                raise ColumnError(
                    f"{path}, line {number}: its image is named already; name each image once"
                )
            seen.add(path_of)
        self._columns = table.select(self.names).combine_chunks()

    def column(self, name: str, files: Sequence[str]) -> pa.Array:
        """Return the values of a column for files, as the folder names them: Arrow strings (n,)."""
        if name not in self.names:
            return pa.nulls(len(files), pa.string())
        lines = pa.array([self._lines.get(file) for file in files], pa.int64())
        values = self._columns[name].take(lines)
        return pa.concat_arrays(values.chunks or [pa.array([], pa.string())])
