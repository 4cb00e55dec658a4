"""A folder of packed images as an INPUT: it is one, as a packed file is, or it is not whole."""

import os
from collections.abc import Sequence
from pathlib import Path

from mnist_batch.errors import InputError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, is_part_name, not_whole
from mnist_batch.inputs.dataset.manifest import Contents, DatasetManifest
from mnist_batch.inputs.files.opening import UNREADABLE, cause
from mnist_batch.inputs.finding.listing import Folder
from mnist_batch.inputs.shards import NamedFiles, PackedParts
from mnist_batch.machine.failures import raise_if_of_machine


def packed_folder(folder: Folder, typed: str) -> tuple[NamedFiles, str] | None:
    """Return the parts of a folder that `pack` wrote, and the folder that their names start from.

    None for any other folder.

    Args:
        folder: that which an INPUT names.
        typed: the INPUT.

    Raises:
        InputError: it is not whole, holds another part, or its manifest is damaged.
    """
    manifest = _manifest(folder, typed)
    if manifest is None or manifest.holds is not Contents.PACKED:
        return None
    there = _names(folder)
    if SUCCESS not in there:
        raise InputError(f"{typed}: {not_whole('pack')}")
    names = [part.name for part in manifest.parts]
    if missing := sorted({*names} - there):
        raise InputError(
            f"{folder / missing[0]}: is missing, and {MANIFEST} names it; copy all of the folder, "
            "or pack again"
        )
    if foreign := sorted(set(filter(is_part_name, there)) - {*names}):
        raise InputError(
            f"{folder / foreign[0]}: is a part that {MANIFEST} does not name; move it away, or "
            "pack again"
        )
    name = _name(folder, typed)
    above = typed.rstrip("/")
    parts = PackedParts(name, [part.rows for part in manifest.parts])
    sources = [f"{name}/{part}" for part in names]
    paths, objects = [str(folder / part) for part in names], None
    if not isinstance(folder, Path):
        from mnist_batch.inputs.remote.listed_objects import ListedObjects  # local runs do without

        objects = ListedObjects.of(folder.objects(names))
    files = NamedFiles(sources, paths, sources, objects=objects, parts=parts)
    return files, above.removesuffix(name) if above.endswith(f"/{name}") else ""


def refuse_lone_parts(folder: Folder, names: Sequence[str], typed: str) -> None:
    """Refuse parts of a packed folder whose manifest is missing: nobody knows how many there were.

    Args:
        folder: that which an INPUT names, without a manifest.
        names: of the Parquet files in it and below.
        typed: the INPUT.

    Raises:
        InputError: they are such parts.
    """
    first = next(iter(names), "")
    if is_part_name(first) and _is_of_folder(folder, first):
        raise InputError(
            f"{typed}: {not_whole('pack')}; '{typed.rstrip('/')}/*.parquet' names the parts as "
            "files of their own"
        )


def _manifest(folder: Folder, typed: str) -> DatasetManifest | None:
    """Return the manifest right in a folder; None where there is none, or another program's."""
    try:
        content = _content(folder, MANIFEST)
    except OSError as error:
        raise_if_of_machine(error, typed)
        raise InputError(
            f"{folder / MANIFEST}: cannot be read: {cause(error)}; check the path"
        ) from error
    if content is None:
        return None
    try:
        return DatasetManifest.of(content)
    except ValueError as error:
        if any(map(is_part_name, _names(folder))):
            raise InputError(
                f"{folder / MANIFEST}: cannot be read: {error}; copy it again, or write the folder "
                "again"
            ) from error
        return None


def _content(folder: Folder, name: str) -> bytes | None:
    """Return what a file right in a folder holds; None where there is none."""
    if isinstance(folder, Path):
        path = folder / name
        return path.read_bytes() if os.path.lexists(path) else None
    if not folder.holds(name):
        return None
    from mnist_batch.remote.objects import read  # late: local runs do without

    return read(str(folder / name))


def _names(folder: Folder) -> set[str]:
    """Return the names of what lies right in a folder."""
    if isinstance(folder, Path):
        return {*os.listdir(folder)}  # noqa: PTH208 - names, not paths
    with folder.scan() as entries:
        return {entry.name for entry in entries}


def _name(folder: Folder, typed: str) -> str:
    """Return what the folder is called, also where it is typed as `.`."""
    name = typed.rstrip("/").rpartition("/")[2]
    if name in ("", ".", "..") and isinstance(folder, Path):
        return folder.resolve().name
    return name


def _is_of_folder(folder: Folder, name: str) -> bool:
    """Tell whether a Parquet file says that it is a part of a packed folder."""
    from mnist_batch.inputs.parquet.footers import identity_of, identity_of_object, read_footer
    from mnist_batch.inputs.parquet.packed import is_part  # late, as all of a format

    path = str(folder / name)
    try:
        if isinstance(folder, Path):
            identity = identity_of(path)
        else:
            (found,) = folder.objects([name])
            identity = identity_of_object(found)
        return is_part(read_footer(path, identity).metadata)
    except UNREADABLE as error:  # which is said when it is read
        raise_if_of_machine(error, path)
        return False
