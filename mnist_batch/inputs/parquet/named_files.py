"""Images of which a Parquet file holds the path alone: read from a folder that the user names."""

import os

import numpy as np
import pyarrow as pa

from mnist_batch.inputs.image_files import READING, read_opened
from mnist_batch.inputs.kept import as_text
from mnist_batch.inputs.shards import BATCH_BYTES
from mnist_batch.schema import Reason, error_text, shortened


def with_named_files(
    images: pa.Array, names: pa.Array | None, root: str | None
) -> tuple[pa.Array, pa.Array]:
    """Return images with those that are null read from the files that they name, and errors.

    Args:
        images: Arrow binary (n,).
        names: Arrow strings (n,), what images name; None where they name nothing.
        root: the folder of the files, without links in its path; None to read none.

    Returns:
        Of the first k rows, at least one: with large files they end at about `BATCH_BYTES`. Images
        as Arrow binary (k,), and Arrow strings (k,), null or why there is no image.
    """
    places = np.flatnonzero(images.is_null().to_numpy(zero_copy_only=False)).tolist()
    paths = [None] * len(images) if names is None else as_text(names).to_pylist()
    errors: list[str | None] = [None] * len(images)
    if root is None:
        for place in places:
            errors[place] = _no_bytes(paths[place])
        return images, pa.array(errors, pa.string())
    contents: dict[int, bytes] = {}
    size, count = 0, len(images)
    for place in places:
        content, errors[place] = _read(paths[place], root)
        if content is not None:
            contents[place] = content
            size += len(content)
        if size >= BATCH_BYTES:
            count = place + 1
            break
    read = [contents.get(place) for place in range(count)]
    taken = pa.array(read, pa.binary()).cast(images.type)
    return pa.concat_arrays(
        [
            taken.slice(place, 1) if place in contents else images.slice(place, 1)
            for place in range(count)
        ]
    ), pa.array(errors[:count], pa.string())


def _no_bytes(path: str | None) -> str:
    if not path:
        return str(Reason.NO_BYTES)
    told = f"only the path {shortened(path, 100)!r}; --image-root DIR reads such files"
    return error_text(Reason.NO_BYTES, told)


def _read(path: str | None, root: str) -> tuple[bytes | None, str | None]:
    """Return the bytes of a file in the folder, or None and the error.

    What leads out of it is not opened: `..`, an absolute path of another place, a link.
    """
    if not path:
        return None, str(Reason.NO_BYTES)
    if "\\" in path and "/" not in path:  # as Windows writes it
        path = path.replace("\\", "/")
    where = error_text(Reason.UNREADABLE_FILE, "its path leads out of the folder of --image-root")
    try:
        whole = os.path.realpath(os.path.join(root, path))  # noqa: PTH118 - text in, text out
    except (OSError, ValueError):
        return None, error_text(Reason.UNREADABLE_FILE, f"no path: {shortened(path)!r}")
    inside = os.path.relpath(whole, root)
    if ".." in path.split("/") or inside.split("/")[0] == "..":
        return None, where
    return read_opened(whole, lambda _: _open_within(root, inside))


def _open_within(root: str, path: str) -> int:
    """Open a file below a folder; no part of its path may have become a link meanwhile.

    Raises:
        OSError: it cannot be opened, or one has.
    """
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            below = os.open(folder, flags, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, READING | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)
