"""Read the manifest of a folder of predictions, where all of the folder is there."""

import os
from pathlib import Path

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, is_part_name, not_whole
from mnist_batch.inputs.dataset.manifest import Contents, DatasetManifest
from mnist_batch.machine.failures import raise_if_of_machine


def read_manifest(folder: Path) -> DatasetManifest:
    """Return the manifest of a folder of predictions that is whole.

    Raises:
        PredictionsError: it is not whole, its manifest cannot be read or is another one, or it
            holds other things.
    """
    path = folder / MANIFEST
    try:
        is_whole = (folder / SUCCESS).is_file()
        content = path.read_bytes()
    except OSError as error:
        raise_if_of_machine(error, str(path))
        is_whole = False
        if isinstance(error, NotADirectoryError):
            raise PredictionsError(f"{folder}: is a file; name the folder of a shard") from error
        if not os.path.lexists(folder):
            raise PredictionsError(
                f"{folder}: does not exist; name a folder that predict wrote"
            ) from error
        if not isinstance(error, FileNotFoundError):
            raise PredictionsError(
                f"{path}: cannot be read: {error.strerror}; check the path"
            ) from error
    if not is_whole:
        raise PredictionsError(f"{folder}: {not_whole()}")
    try:
        manifest = DatasetManifest.of(content)
    except ValueError as error:
        raise PredictionsError(f"{path}: cannot be read: {error}; predict again") from error
    if manifest.holds is not Contents.PREDICTIONS:
        raise PredictionsError(
            f"{folder}: holds {manifest.holds}; expected predictions, which predict makes of them"
        )
    return manifest


def read_dataset(folder: Path) -> DatasetManifest:
    """Return the manifest of a folder that holds its parts alone: other readers read all there.

    Raises:
        PredictionsError: as `read_manifest` raises it; or there is a part that it does not name.
    """
    manifest = read_manifest(folder)
    names = {part.name for part in manifest.parts}
    try:
        found = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise_if_of_machine(error, str(folder))
        raise PredictionsError(f"{folder}: cannot be listed: {error.strerror}") from error
    if foreign := sorted(name for name in found if is_part_name(name) and name not in names):
        raise PredictionsError(
            f"{folder / foreign[0]}: is a part that {MANIFEST} does not name; move it away, or "
            "predict again"
        )
    return manifest
