"""What the parts of an unfinished output are bound to: model, options, version and inputs.

Parts are only used again by a run that would write the same bytes. So the manifest holds whatever
they depend on, and says what differs where something does.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FORMAT = 1
"""The `format` of a manifest; parts of another one are not used."""


@dataclass(frozen=True)
class PartRecord:
    """What a part is made of.

    Attributes:
        rows: its number of rows.
        first: the source of its first row.
        fingerprint: of the files that it is read from, see `fingerprints.fingerprint`.
    """

    rows: int
    first: str
    fingerprint: str


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

    def differences(self, text: str) -> Iterator[str]:
        """Yield what differs from an earlier manifest, one clause each; nothing where it is equal.

        Args:
            text: the earlier one, as `text` gave it.
        """
        try:
            earlier = json.loads(text)
            if earlier["format"] != FORMAT:
                yield f"its format was {earlier['format']}, and is {FORMAT} now"
                return
            yield from self._differences(earlier)
        except (ValueError, LookupError, TypeError):
            yield "its manifest.json is damaged"

    def _record(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "model": self.model,
            "options": dict(self.options),
            "parts": [vars(part) for part in self.parts],
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
        for then, today in zip(earlier["parts"], now["parts"], strict=False):
            if then != today:
                yield f"names, sizes or times of files have changed, from {today['first']} on"
                return
