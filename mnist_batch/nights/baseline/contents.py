"""What images a night is over: their contents, whatever their names, order and labels."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.errors import PredictionsError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.schema import CONTENT


# Compared by identity: the generated == would be ambiguous for an array.
@dataclass(frozen=True, eq=False)
class Contents:
    """The contents of a night's images.

    Attributes:
        hashes: string, sorted, without those that could not be read; an image that is there twice
            is twice in it.
    """

    hashes: pa.Array

    @cached_property
    def digest(self) -> str:
        """A SHA-256, 64 hexadecimal digits, over all of them."""
        digest = hashlib.sha256()
        for batch in range(0, len(self.hashes), _AT_ONCE):
            digest.update("".join(self.hashes.slice(batch, _AT_ONCE).to_pylist()).encode())
        return digest.hexdigest()

    def is_mostly(self, other: "Contents") -> bool:
        """Tell whether at least half of the images of either are in the other too."""
        ours, theirs = pc.unique(self.hashes), pc.unique(other.hashes)
        shared = pc.sum(pc.is_in(ours, theirs)).as_py() or 0
        return bool(shared) and 2 * shared >= max(len(ours), len(theirs))

    def new_since(self, earlier: "Contents") -> int:
        """Return how many images are not in others."""
        return len(self.hashes) - (pc.sum(pc.is_in(self.hashes, earlier.hashes)).as_py() or 0)


_AT_ONCE = 65536


def read_contents(predictions: Path) -> Contents:
    """Return the contents that a predictions file names: none where it lacks their column.

    Raises:
        PredictionsError: the file cannot be read.
        MachineError: the machine lacks memory or open files to read it.
    """
    try:
        with pq.ParquetFile(predictions) as file:
            if CONTENT.name not in file.schema_arrow.names:
                return Contents(pa.array([], CONTENT.type))
            column = file.read(columns=[CONTENT.name]).column(CONTENT.name)
    except (OSError, pa.ArrowException) as error:
        raise_if_of_machine(error, str(predictions))
        raise PredictionsError(f"{predictions}: cannot be read; predict again") from error
    hashes = pa.concat_arrays(pc.drop_null(column).chunks or [pa.array([], CONTENT.type)])
    return Contents(hashes.take(pc.sort_indices(hashes)))
