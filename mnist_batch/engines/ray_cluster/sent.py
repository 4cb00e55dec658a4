"""What Ray sends to the nodes as it is, by value: these functions are the first that run there.

Ray puts the working folder of this process, and the folder of its script, in front of where workers
search for modules, so that a file there could take the place of any. So what Ray has to import or
to unpickle before these functions run is the standard library's alone.
"""

from collections.abc import Iterator
from typing import Any


def look(folders: list[str], version: str, key: str, job: list[Any], asked: bytes) -> Any:  # noqa: ANN401
    """Return the version of this package on the node, or if it is `version`, `on_node.look`."""
    settle(folders)
    import mnist_batch

    if mnist_batch.__version__ != version:
        return mnist_batch.__version__
    from mnist_batch.engines.ray_cluster import on_node

    return on_node.look(on_node.job_of(key, job), asked)


def predict(folders: list[str], key: str, job: list[Any], attempt: bytes) -> Iterator[Any]:
    """Yield the id of the node as soon as the task begins there, then what comes of an attempt."""
    settle(folders)
    import ray  # which has begun this worker

    # Before this package is imported: that may hang too, and the deadline starts here.
    yield str(ray.get_runtime_context().get_node_id())
    from mnist_batch.engines.ray_cluster import on_node

    yield on_node.make(on_node.job_of(key, job), attempt)


def settle(folders: list[str]) -> None:
    """Take away the folders that Ray has put in front; work in the last one, as this process does.

    INPUTs and outputs may be named relative to it. Where there is no such folder they have to be
    absolute, and the check of the nodes finds whether they are.
    """
    import os
    import sys
    from contextlib import suppress

    if "mnist_batch" not in sys.modules:  # a worker runs many tasks
        for folder in folders:
            if folder in sys.path[: len(folders)]:
                sys.path.remove(folder)
    with suppress(OSError):
        os.chdir(folders[-1])
