"""The manifest of a folder of parts: which belong to it, what they hold, how it was made."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from mnist_batch.inputs.dataset.layout import is_part_name

FORMAT = 1
"""The `format` of the file; another one is not read."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Contents(StrEnum):
    """What the parts of a folder hold."""

    PREDICTIONS = "predictions"
    PACKED = "packed images"


class DatasetPart(NamedTuple):
    """A part of a folder."""

    name: str  # of its file
    rows: int  # in it
    sha256: str  # of the file, in hexadecimal


@dataclass(frozen=True)
class DatasetManifest:
    """What `_manifest.json` says.

    Attributes:
        run: what names the run of predictions, as `parts.manifest.Manifest.run` returns it: the
            same for all shards of one. Of packed images a hash of the parts.
        number_of_parts: of the whole run, whichever of them are here.
        shard: which share of the parts is here, as `2/3`; None for all.
        parts: those that are here, in order.
        record: how they were made: of predictions as `Run.record` returns it, of packed images as
            the metadata of a packed file has it.
        holds: what the parts hold.
    """

    run: str
    number_of_parts: int
    shard: str | None
    parts: Sequence[DatasetPart]
    record: Mapping[str, Any]
    holds: Contents = Contents.PREDICTIONS

    def text(self) -> str:
        """Return it as JSON, a part a line."""
        head = {
            "format": FORMAT,
            "holds": self.holds,
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
            ValueError: it holds something else; the message goes on after the file's name.
        """
        try:
            found = json.loads(content)
            form = found["format"]
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise ValueError("it is damaged") from error
        if form != FORMAT:
            raise ValueError(f"its format is {form}, expected {FORMAT}")
        try:
            parts = [
                DatasetPart(part["name"], part["rows"], part["sha256"]) for part in found["parts"]
            ]
            manifest = cls(
                found["run"],
                found["number_of_parts"],
                found["shard"],
                parts,
                found["record"],
                Contents(found["holds"]),
            )
            is_sound = all(map(_is_sound, parts)) and _is_sound_head(manifest)
        except (LookupError, TypeError, ValueError) as error:
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
