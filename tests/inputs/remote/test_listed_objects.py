"""Images in object storage as they were listed."""

import pickle

import numpy as np

from mnist_batch.inputs.remote.listed_objects import ListedObjects
from mnist_batch.remote.objects import RemoteObject

_FOUND = [RemoteObject(f"s3://bucket/{number}.png", number, f'"{number}"') for number in range(9)]


def test_objects_are_sliced_taken_and_joined() -> None:
    """Each keeps its address, size and ETag."""
    every = ListedObjects.of(_FOUND)
    assert [*every] == _FOUND
    assert [*every.slice(2, 5)] == _FOUND[2:5]
    assert [*every.take(np.array([1, 7]))] == [_FOUND[1], _FOUND[7]]
    assert [*ListedObjects.joined([every.slice(0, 4), every.slice(4, 9)])] == _FOUND


def test_states_tell_objects_apart() -> None:
    """Another size or another ETag is another state, and the same is the same on any machine."""
    sized = ListedObjects.of([RemoteObject("s3://bucket/a", size, "1") for size in (1, 2)])
    tagged = ListedObjects.of([RemoteObject("s3://bucket/a", 1, tag) for tag in ("1", "2")])
    assert len(np.unique(np.concatenate([sized.states(), tagged.states()]), axis=0)) == 3
    assert (ListedObjects.of(_FOUND).states()[:, 0] == np.arange(9)).all()


def test_a_slice_is_pickled_alone() -> None:
    """A shard that goes to another process takes its own objects along, not the others."""
    every = ListedObjects.of(
        RemoteObject(f"s3://bucket/{number}.png", 1, "tag") for number in range(10_000)
    )
    own = pickle.dumps(every.slice(0, 10))
    assert len(own) < 5_000
    assert [*pickle.loads(own)] == [*every.slice(0, 10)]
