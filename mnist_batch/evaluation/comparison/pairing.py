"""Find the rows of two predictions files that are one image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.predicted_rows import (
    KNOWN_BY,
    SOURCE_AND_ROW,
    UNKNOWN,
    PredictedRows,
)
from mnist_batch.schema import CONTENT

Places = NDArray[np.int64]
"""Places of rows in a file, from 0."""

Keys = NDArray[np.int64]
"""What rows are known by, see `PredictedRows.keys`."""


@dataclass(frozen=True, eq=False)
class Pairing:
    """Rows of two files that are one image, in the new file's order.

    Attributes:
        joined_on: what told it: `source and row`, `path`, `content` or the name of a column.
        base, new: places in the two files, int64 (pairs,).
        ambiguous: rows that are left out, because another row of their file is known by the same.
        replaced: rows that are left out, because another image has their source and row by now.
    """

    joined_on: str
    base: Places
    new: Places
    ambiguous: int
    replaced: int

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.new)


def pair_rows(base: PredictedRows, new: PredictedRows, on: str | None = None) -> Pairing:
    """Join two files, on what most of their rows have in common.

    Without `on`, that is the first of source and row, path, and content on which at least half of
    the rows of the smaller file are found in the other; rows of which both files know the content,
    and another one, are no pair. What `on` names is believed.

    Args:
        base: the earlier run.
        new: the later run.
        on: `path`, `content` or another column that both files have.

    Raises:
        PredictionsError: a file lacks the column `on`, or less than half of the smaller file is in
            the other: these are runs over other images.
    """
    tried = []
    for way in _ways(base, new, on):
        pairing = _pair_on(way, base, new, check_content=on is None)
        if 2 * len(pairing) >= min(len(base), len(new)):
            return pairing
        tried.append(pairing)
    best = max(tried, key=len)
    advice = (
        "compare runs over the same images"
        if on
        else "compare runs over the same images, or name a column that tells images apart with --on"
    )
    raise PredictionsError(
        f"{new.path} and {base.path} have {len(best):,} images in common, by {best.joined_on}, of "
        f"{len(new):,} and {len(base):,} rows; {advice}"
    )


def _ways(base: PredictedRows, new: PredictedRows, on: str | None) -> Iterator[str]:
    if on is None:
        yield SOURCE_AND_ROW
        yield from (name for name in KNOWN_BY if base.has(name) and new.has(name))
        return
    for rows in (base, new):
        if not rows.has(on):
            option = "--content-hash" if on == CONTENT.name else f"--keep-column {on}"
            raise PredictionsError(
                f"{rows.path} has no column {on} to join on; predict with {option}, or leave out "
                "--on"
            )
    yield on


def _pair_on(way: str, base: PredictedRows, new: PredictedRows, *, check_content: bool) -> Pairing:
    # Rows of one content are one image, whichever of them are taken for a pair.
    joined = _join(base.keys[way], new.keys[way], with_repeated=way == CONTENT.name)
    if not (check_content and base.has(CONTENT.name) and new.has(CONTENT.name)):
        return Pairing(way, joined.base, joined.new, joined.ambiguous, 0)
    before, now = base.keys[CONTENT.name][joined.base], new.keys[CONTENT.name][joined.new]
    same = (before == now) | (before == UNKNOWN) | (now == UNKNOWN)
    replaced = int((~same).sum())
    return Pairing(way, joined.base[same], joined.new[same], joined.ambiguous, replaced)


class _Joined(NamedTuple):
    """Places in both files of the rows that have one key, and how many rows are left out."""

    base: Places
    new: Places
    ambiguous: int


def _join(base: Keys, new: Keys, *, with_repeated: bool) -> _Joined:
    """Join rows of the same key; of those with one key the first to the first, and so on.

    Without `with_repeated`, rows whose key another row of their file has are left out.
    """
    if np.array_equal(base, new) and (base != UNKNOWN).all():
        return _Joined(np.arange(len(base)), np.arange(len(new)), 0)  # the usual case, and fast
    base_order, base_starts, base_counts, base_keys = _runs(base)
    new_order, new_starts, new_counts, new_keys = _runs(new)
    # Both are sorted; `np.intersect1d` takes three times the memory.
    in_base = np.searchsorted(base_keys, new_keys)
    in_new = np.flatnonzero(np.append(base_keys, UNKNOWN)[in_base] == new_keys)
    in_base = in_base[in_new]
    counts = np.minimum(base_counts[in_base], new_counts[in_new])
    ambiguous = 0
    if not with_repeated:
        repeated = (base_counts[in_base] > 1) | (new_counts[in_new] > 1)
        ambiguous = int(new_counts[in_new][repeated].sum())
        counts[repeated] = 0
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    base_places = base_order[np.repeat(base_starts[in_base], counts) + within]
    new_places = new_order[np.repeat(new_starts[in_new], counts) + within]
    order = np.argsort(new_places)
    return _Joined(base_places[order], new_places[order], ambiguous)


def _runs(keys: Keys) -> tuple[Places, Places, Places, Keys]:
    """Return the places in the order of their keys; and of each key where it starts, how often.

    The last array holds the keys, without `UNKNOWN`.
    """
    order = np.argsort(keys, kind="stable")
    found, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    known = found != UNKNOWN
    return order, starts[known], counts[known], found[known]
