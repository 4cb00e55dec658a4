"""The manifest of a run: what its parts depend on, bit by bit.

A later run uses a part again only if it would write the same rows.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mnist_batch.options import OutputFormat, Share
from mnist_batch.outputs.parts.parts import Part, parts_of_share, shortened_fingerprint

FORMAT = 3
"""The `format` of a manifest; parts of another format are not used."""


@dataclass(frozen=True)
class Manifest:
    """What predictions depend on, bit by bit."""

    version: str  # of this package
    model: str  # SHA-256 of the model file, in hexadecimal
    options: Mapping[str, Any]  # by name, those that change a bit of the predictions
    parts: Sequence[Part]  # in input order
    kernels: Mapping[str, str]  # what computes on this processor, as of `Predictor.kernels`
    share: Share | None = None  # of the parts, which is made; None for all
    output: OutputFormat = OutputFormat.FILE  # what the parts become

    @property
    def own_parts(self) -> Sequence[Part]:
        """The parts that are made."""
        return parts_of_share(self.parts, self.share)

    def text(self, attempt: str) -> str:
        """Return the manifest as JSON; `attempt` names the process that works on its parts.

        A part is its number of rows and the fingerprint of each of its shards.
        """
        share = self.share and str(self.share)
        own = {"kernels": self.kernels, "share": share, "output": str(self.output)}
        record = {"format": FORMAT, "attempt": attempt, **self._anywhere(), **own}
        return json.dumps(record)  # on one line: to indent it takes Python's own, slow encoder

    def run(self) -> str:
        """Return what names the run in its parts: 16 digits of the SHA-256.

        It is that of any attempt and any share, and of any processor: like ones alone compute the
        same last bits.
        """
        return self._run

    @cached_property
    def _run(self) -> str:
        return hashlib.sha256(json.dumps(self._anywhere()).encode()).hexdigest()[:16]

    def _anywhere(self) -> dict[str, Any]:
        """Return what is the same on every machine."""
        parts = [part.record() for part in self.parts]
        return {
            "version": self.version,
            "model": self.model,
            "options": self.options,
            "parts": parts,
        }

    def differences(self, content: bytes) -> Iterator[str]:
        """Yield what differs in `content`, of which `is_manifest` is true, one clause each."""
        earlier = json.loads(content)
        if earlier["format"] != FORMAT:
            yield f"its format was {earlier['format']}, and is {FORMAT} now"
            return
        try:
            yield from self._differences(earlier)
        except (LookupError, TypeError, AttributeError):
            yield "its manifest.json is damaged"

    def _differences(self, earlier: Mapping[str, Any]) -> Iterator[str]:
        now = json.loads(self.text(attempt=""))
        if earlier["output"] != now["output"]:  # then files are known by other facts, too
            yield f"--format was {earlier['output']}, and is {now['output']} now"
            return
        for name in ("version", "model"):
            if earlier[name] != now[name]:
                yield f"{name} was {earlier[name]}, and is {now[name]} now"
        if earlier["share"] != now["share"]:
            then, today = (one["share"] or "left out" for one in (earlier, now))
            yield f"--shard was {then}, and is {today} now"
        for field in ("options", "kernels"):
            before, after = earlier[field], now[field]
            for name in sorted({*before, *after}):
                then, today = before.get(name), after.get(name)
                if then != today:
                    yield f"{name.replace('_', '-')} was {then}, and is {today} now"
        both = earlier["parts"], now["parts"]
        rows, rows_now = (sum(rows for rows, *_ in parts) for parts in both)
        if rows != rows_now:
            yield f"the input had {rows:,} rows, and has {rows_now:,} now"
        before = (fingerprint for _, *fingerprints in both[0] for fingerprint in fingerprints)
        today = (piece for part in self.parts for piece in part.pieces)
        for then, piece in zip(before, today, strict=False):
            if then != shortened_fingerprint(piece):
                first = piece.shard.source
                yield f"names, sizes or times of files have changed, from {first} on"
                return


def is_manifest(content: bytes) -> bool:
    """Tell whether the content of a file is a manifest, of any format."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("format"), int) and "parts" in found
