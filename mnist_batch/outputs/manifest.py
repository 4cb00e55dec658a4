"""What the parts of an unfinished output are bound to: model, options, version and inputs.

Parts are only used again by a run that would write the same bytes. So the manifest holds whatever
they depend on, and says what differs where something does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 1
"""The `format` of a manifest; parts of another one are not used."""


@dataclass(frozen=True)
class ShardRecord:
    """What a shard of a part is made of.

    Attributes:
        first: the source of its first row.
        fingerprint: of the files that it is read from, see `fingerprints.fingerprint`.
    """

    first: str
    fingerprint: str


@dataclass(frozen=True)
class PartRecord:
    """What a part is made of.

    Attributes:
        rows: its number of rows.
        shards: in input order.
    """

    rows: int
    shards: Sequence[ShardRecord]


@dataclass(frozen=True)
class Manifest:
    """What predictions depend on.

    Attributes:
        version: of this package.
        model: SHA-256 of the model file, in hexadecimal.
        options: by name, those that change a bit of the predictions.
        parts: in input order.
    """

    version: str
    model: str
    options: Mapping[str, Any]
    parts: Sequence[PartRecord]

    def text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps({"format": FORMAT, **self._record()}, indent=1)

    def differences(self, content: bytes) -> Iterator[str]:
        """Yield what differs from an earlier manifest, one clause each; nothing where it is equal.

        Args:
            content: the earlier one, of which `is_manifest` is true.
        """
        earlier = json.loads(content)
        if earlier["format"] != FORMAT:
            yield f"its format was {earlier['format']}, and is {FORMAT} now"
            return
        try:
            yield from self._differences(earlier)
        except (LookupError, TypeError, AttributeError):
            yield "its manifest.json is damaged"

    def _record(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "model": self.model,
            "options": dict(self.options),
            "parts": [asdict(part) for part in self.parts],
        }

    def _differences(self, earlier: Mapping[str, Any]) -> Iterator[str]:
        now = self._record()
        for name in ("version", "model"):
            if earlier[name] != now[name]:
                yield f"{name} was {earlier[name]}, and is {now[name]} now"
        options = earlier["options"]
        for name in sorted({*options, *now["options"]}):
            then, today = options.get(name), now["options"].get(name)
            if then != today:
                yield f"{name.replace('_', '-')} was {then}, and is {today} now"
        rows, rows_now = (
            sum(part["rows"] for part in parts) for parts in (earlier["parts"], now["parts"])
        )
        if rows != rows_now:
            yield f"the input had {rows:,} rows, and has {rows_now:,} now"
        before, after = (
            [shard for part in parts for shard in part["shards"]]
            for parts in (earlier["parts"], now["parts"])
        )
        for then, today in zip(before, after, strict=False):
            if then != today:
                yield f"names, sizes or times of files have changed, from {today['first']} on"
                return


def is_manifest(content: bytes) -> bool:
    """Tell whether a file holds a manifest, of whichever format."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("format"), int) and "parts" in found
