"""Find the rows of two predictions files that are one image."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.predicted_rows import (
    SOURCE_AND_ROW,
    UNKNOWN,
    PredictedRows,
)
from mnist_batch.schema import CONTENT, PATH

Places = NDArray[np.int64]
"""Places of rows in a file, from 0."""

Keys = NDArray[np.int64]
"""What rows are known by, see `PredictedRows.keys`."""


@dataclass(frozen=True, eq=False)
class Pairing:
    """Rows of two files that are one image, in the new file's order.

    Attributes:
        joined_on: what told it: `source and row`, `path`, `content`, the name of a column, or
            `source and row, else content`.
        base, new: places in the two files, int64 (pairs,).
        is_verified: whether both files know the content, and the same: bool (pairs,).
        ambiguous: rows that are left out, because another row of their file is known by the same.
        replaced: rows that are left out, because another image has their source and row by now.
    """

    joined_on: str
    base: Places
    new: Places
    is_verified: NDArray[np.bool_]
    ambiguous: int = 0
    replaced: int = 0

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.new)


def pair_rows(base: PredictedRows, new: PredictedRows, on: str | None = None) -> Pairing:
    """Join two files, so that most of their rows find their image in the other.

    Without `on`, rows of one source and row are joined where their content agrees, and the others
    on content, of those of one content the first with the first; a row whose content is not known
    is believed to be what its source and row say. Where a file has no content, rows are joined on
    source and row or on path, on what more of them have in common. What `on` names is believed.

    Args:
        base: the earlier run.
        new: the later run.
        on: `path`, `content` or another column that both files have.

    Raises:
        PredictionsError: a file lacks the column `on`, or less than half of the smaller file is in
            the other: these are runs over other images.
    """
    pairing = _pairing(base, new, on)
    if 2 * len(pairing) >= min(len(base), len(new)):
        return pairing
    advice = (
        "compare runs over the same images"
        if on
        else "compare runs over the same images, or name a column that tells images apart with --on"
    )
    images = "1 image" if len(pairing) == 1 else f"{len(pairing):,} images"
    raise PredictionsError(
        f"{new.path} and {base.path} have {images} in common, by {pairing.joined_on}, of "
        f"{len(new):,} and {len(base):,} rows; {advice}"
    )


def _pairing(base: PredictedRows, new: PredictedRows, on: str | None) -> Pairing:
    if on is not None:
        for rows in (base, new):
            if not rows.has(on):
                option = "--content-hash" if on == CONTENT.name else f"--keep-column {on}"
                raise PredictionsError(
                    f"{rows.path} has no column {on} to join on; predict with {option}, or leave "
                    "out --on"
                )
        return _pair_on(on, base, new)
    if base.has(CONTENT.name) and new.has(CONTENT.name):
        return _pair_by_content(base, new)
    pairing = _pair_on(SOURCE_AND_ROW, base, new)
    if len(pairing) < min(len(base), len(new)) and base.has(PATH.name) and new.has(PATH.name):
        pairing = max(pairing, _pair_on(PATH.name, base, new), key=len)
    return pairing


def _pair_on(way: str, base: PredictedRows, new: PredictedRows) -> Pairing:
    # Rows of one content are one image, whichever of them are taken for a pair.
    joined = _join(base.keys[way], new.keys[way], with_repeated=way in _NAMES_OF_AN_IMAGE)
    contents = new.contents(joined.new)
    is_verified = (contents == base.contents(joined.base)) & (contents != UNKNOWN)
    return Pairing(way, joined.base, joined.new, is_verified, joined.ambiguous)


_NAMES_OF_AN_IMAGE = (SOURCE_AND_ROW, CONTENT.name)
"""What rows of one image alone have in common, so that any of them may be a pair."""


def _pair_by_content(base: PredictedRows, new: PredictedRows) -> Pairing:
    """Pair rows whose content is the same, those of one source and row before others."""
    named = _pair_on(SOURCE_AND_ROW, base, new)
    before, now = base.contents(named.base), new.contents(named.new)
    if np.array_equal(before, now) and len(named) == min(len(base), len(new)):
        return named  # the usual case, and fast
    same = named.is_verified
    base_left = np.delete(np.arange(len(base)), named.base[same])
    new_left = np.delete(np.arange(len(new)), named.new[same])
    keys = base.contents(base_left), new.contents(new_left)
    joined = _join(*keys, with_repeated=True)
    base_moved, new_moved = base_left[joined.base], new_left[joined.new]
    is_left = ~(same | np.isin(named.base, base_moved) | np.isin(named.new, new_moved))
    believed = is_left & ((before == UNKNOWN) | (now == UNKNOWN))

    new_places = np.concatenate([named.new[same], new_moved, named.new[believed]])
    order = np.argsort(new_places)
    ways = [SOURCE_AND_ROW] * bool(same.any() or not len(joined.new))
    return Pairing(
        joined_on=", else ".join([*ways, *[CONTENT.name] * bool(len(joined.new))]),
        base=np.concatenate([named.base[same], base_moved, named.base[believed]])[order],
        new=new_places[order],
        is_verified=order < len(order) - believed.sum(),
        replaced=int((is_left & ~believed).sum()),
    )


class _Joined(NamedTuple):
    """Places in both files of the rows that have one key, and how many rows are left out."""

    base: Places
    new: Places
    ambiguous: int


def _join(base: Keys, new: Keys, *, with_repeated: bool) -> _Joined:
    """Join rows of the same key; of those with one key the first to the first, and so on.

    Without `with_repeated`, rows whose key another row of their file has are left out.
    """
    if (
        np.array_equal(base, new)
        and (base != UNKNOWN).all()
        and (with_repeated or not has_repeated(base))
    ):
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


def has_repeated(keys: Keys) -> bool:
    """Tell whether a key is there twice."""
    ordered = np.sort(keys)
    return bool((ordered[1:] == ordered[:-1]).any())


def _runs(keys: Keys) -> tuple[Places, Places, Places, Keys]:
    """Return the places in the order of their keys; and of each key where it starts, how often.

    The last array holds the keys, without `UNKNOWN`.
    """
    order = np.argsort(keys, kind="stable")
    found, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    known = found != UNKNOWN
    return order, starts[known], counts[known], found[known]
