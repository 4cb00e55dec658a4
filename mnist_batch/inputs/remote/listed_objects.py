"""Images that lie in object storage, one an object, as they were listed."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import numpy.typing as npt

from mnist_batch.inputs.files.states import FileStates
from mnist_batch.inputs.texts import Texts
from mnist_batch.remote.objects import RemoteObject


@dataclass(frozen=True, eq=False)
class ListedObjects:
    """Consecutive objects, as they were listed."""

    addresses: Sequence[str]
    sizes: npt.NDArray[np.int64]  # (n,), bytes; -1 where there is no such object
    etags: Sequence[str]

    @classmethod
    def of(cls, found: Iterable[RemoteObject]) -> "ListedObjects":
        """Return objects that were listed."""
        rows = list(found)
        sizes = np.array([one.size for one in rows], np.int64)
        return cls(Texts(one.address for one in rows), sizes, Texts(one.etag for one in rows))

    @classmethod
    def joined(cls, groups: Sequence["ListedObjects"]) -> "ListedObjects":
        """Return the objects of several groups as one."""
        return cls(
            Texts.joined([one.addresses for one in groups]),
            np.concatenate([one.sizes for one in groups]),
            Texts.joined([one.etags for one in groups]),
        )

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[RemoteObject]:
        """Iterate over the objects."""
        each = zip(self.addresses, self.sizes.tolist(), self.etags, strict=True)
        return starmap(RemoteObject, each)

    def slice(self, start: int, stop: int) -> "ListedObjects":
        """Return consecutive objects of these."""
        return ListedObjects(
            self.addresses[start:stop], self.sizes[start:stop], self.etags[start:stop]
        )

    def take(self, places: npt.NDArray[np.int64]) -> "ListedObjects":
        """Return some of the objects."""
        return ListedObjects(
            [self.addresses[place] for place in places],
            self.sizes[places],
            [self.etags[place] for place in places],
        )

    def states(self) -> FileStates:
        """Return what tells the objects from others in their places, as `file_states` does.

        That is the size, and the ETag's hash in place of time and inode.
        """
        states = np.empty((len(self.sizes), 4), np.int64)
        states[:, 0] = self.sizes
        hashes = b"".join(hashlib.sha256(etag.encode()).digest()[:24] for etag in self.etags)
        states[:, 1:] = np.frombuffer(hashes, "<i8").reshape(-1, 3)
        return states
