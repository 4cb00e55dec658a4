"""Find the rows of two predictions files that are one image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.predicted_rows import KNOWN_BY, PredictedRows
from mnist_batch.schema import CONTENT

SOURCE_AND_ROW = "source and row"
"""How rows are joined where nothing else is asked for: by their columns `source` and `row`."""

Places = NDArray[np.int64]
"""Places of rows in a file, from 0."""


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
    names = ["source", "row"] if way == SOURCE_AND_ROW else [way]
    keys = [(base.table[name], new.table[name]) for name in names]
    if all(one.equals(other) and not one.null_count for one, other in keys):
        joined = _Joined(np.arange(len(base)), np.arange(len(new)), 0)  # the usual case, and fast
    else:
        # Rows of one content are one image, whichever of them are taken for a pair.
        joined = _join(*_numbered(keys), with_repeated=way == CONTENT.name)
    if not (check_content and base.has(CONTENT.name) and new.has(CONTENT.name)):
        return Pairing(way, joined.base, joined.new, joined.ambiguous, 0)
    same = _have_one_content(base, new, joined)
    replaced = int((~same).sum())
    return Pairing(way, joined.base[same], joined.new[same], joined.ambiguous, replaced)


def _have_one_content(
    base: PredictedRows, new: PredictedRows, joined: "_Joined"
) -> NDArray[np.bool_]:
    """Return which joined rows are one image, as far as their contents are known: bool (n,)."""
    contents = (
        rows.table[CONTENT.name].take(pa.array(places))
        for rows, places in ((base, joined.base), (new, joined.new))
    )
    same = pc.equal(*contents).fill_null(True)
    return np.asarray(same.to_numpy(), np.bool_)


class _Joined(NamedTuple):
    """Places in both files of the rows that have one key, and how many rows are left out."""

    base: Places
    new: Places
    ambiguous: int


def _numbered(keys: list[tuple[pa.ChunkedArray, pa.ChunkedArray]]) -> tuple[Places, Places]:
    """Return a number for each row of both files, equal where all keys are; -1 without a key."""
    length = len(keys[0][0])
    numbers = np.zeros(length + len(keys[0][1]), np.int64)
    for one, other in keys:
        both = pa.chunked_array([*one.chunks, *other.chunks], one.type)
        encoded = both.dictionary_encode().combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):  # of no chunks
            continue
        codes = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy()
        numbers = np.where(
            (codes < 0) | (numbers < 0), -1, numbers * len(encoded.dictionary) + codes
        )
    return numbers[:length], numbers[length:]


def _join(base: Places, new: Places, *, with_repeated: bool) -> _Joined:
    """Join rows of the same number; of those with one number the first to the first, and so on.

    Without `with_repeated`, rows whose number another row of their file has are left out.
    """
    base_order, base_starts, base_counts, base_numbers = _runs(base)
    new_order, new_starts, new_counts, new_numbers = _runs(new)
    _, in_base, in_new = np.intersect1d(
        base_numbers, new_numbers, assume_unique=True, return_indices=True
    )
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


def _runs(numbers: Places) -> tuple[Places, Places, Places, Places]:
    """Return the places in the order of their numbers; and of each number the start, the count.

    The last array holds the numbers. Places of rows without a number come first, and are of none.
    """
    order = np.argsort(numbers, kind="stable")
    found, starts, counts = np.unique(numbers[order], return_index=True, return_counts=True)
    known = found >= 0
    return order, starts[known], counts[known], found[known]
