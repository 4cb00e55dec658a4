"""The manifest of a folder of predictions: which parts belong to it, and how they were made."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mnist_batch.errors import PredictionsError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.outputs.dataset.layout import MANIFEST, NOT_WHOLE, SUCCESS, is_part_name

FORMAT = 1
"""The `format` of the file; another one is not read."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class DatasetPart(NamedTuple):
    """A part of a folder of predictions."""

    name: str  # of its file
    rows: int  # of the predictions
    sha256: str  # of the file, in hexadecimal


@dataclass(frozen=True)
class DatasetManifest:
    """What `_manifest.json` says.

    Attributes:
        run: what names the run, as `parts.manifest.Manifest.run` returns it: the same for all
            shards of one.
        number_of_parts: of the whole run, whichever of them are here.
        shard: which share of the parts is here, as `2/3`; None for all.
        parts: those that are here, in order.
        record: how the predictions were made, as `Run.record` returns it.
    """

    run: str
    number_of_parts: int
    shard: str | None
    parts: Sequence[DatasetPart]
    record: Mapping[str, Any]

    def text(self) -> str:
        """Return it as JSON, a part a line."""
        head = {
            "format": FORMAT,
            "run": self.run,
            "number_of_parts": self.number_of_parts,
            "shard": self.shard,
            "record": self.record,
        }
        lines = ",\n".join(f"  {json.dumps(part._asdict())}" for part in self.parts)
        return f'{json.dumps(head, indent=1)[:-2]},\n "parts": [\n{lines}\n ]\n}}\n'

    @classmethod
    def of(cls, content: bytes) -> "DatasetManifest":
        """Return the manifest in a file.

        Raises:
            ValueError: it holds something else.
        """
        try:
            found = json.loads(content)
            if found["format"] != FORMAT:
                raise ValueError(f"its format is {found['format']}, expected {FORMAT}")
            parts = [
                DatasetPart(part["name"], part["rows"], part["sha256"]) for part in found["parts"]
            ]
            manifest = cls(
                found["run"], found["number_of_parts"], found["shard"], parts, found["record"]
            )
            is_sound = all(map(_is_sound, parts)) and _is_sound_head(manifest)
        except (LookupError, TypeError, RecursionError) as error:
            raise ValueError("it is damaged") from error
        if not is_sound:
            raise ValueError("it is damaged")
        return manifest


def _is_sound(part: DatasetPart) -> bool:
    return (
        is_part_name(part.name)
        and type(part.rows) is int
        and part.rows >= 0
        and _SHA256.fullmatch(part.sha256) is not None
    )


def _is_sound_head(manifest: DatasetManifest) -> bool:
    shard = manifest.shard
    return (
        isinstance(manifest.run, str)
        and type(manifest.number_of_parts) is int
        and manifest.number_of_parts >= 0
        and (shard is None or isinstance(shard, str))
        and isinstance(manifest.record, dict)
    )


def read_manifest(folder: Path) -> DatasetManifest:
    """Return the manifest of a folder of predictions that is whole.

    Raises:
        PredictionsError: it is not whole, or its manifest cannot be read or is another one.
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
        raise PredictionsError(f"{folder}: {NOT_WHOLE}")
    try:
        return DatasetManifest.of(content)
    except ValueError as error:
        why = error if str(error).startswith("it") else "it is damaged"
        raise PredictionsError(f"{path}: cannot be read: {why}; predict again") from error


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
