"""Run the command on small parts, with faults within the workers of a Ray cluster.

The first argument is JSON: `deed`, what decoders do over marked images, see `crashing`, empty for
none; and `cancels`, false for a driver that does not reach the tasks that it gives up.
"""

import json
import sys

import pytest
import ray
import ray.cloudpickle

from mnist_batch import __main__ as command
from mnist_batch.engines.ray_cluster import sent
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
from tests.support import ray_faults


def main() -> None:
    """Do what the command line says."""
    faults = json.loads(sys.argv.pop(1))
    patch = pytest.MonkeyPatch()
    for module, name, value in (
        (image_files, "SHARD_ROWS", 4),
        (image_files, "PART_SHARDS", 2),
        (parts, "BLOCKS", 0),
    ):
        patch.setattr(module, name, value)
    if not faults["cancels"]:
        patch.setattr(ray, "cancel", lambda *_, **__: None)
    if faults["deed"]:
        ray.cloudpickle.register_pickle_by_value(ray_faults)
        ray_faults.deed = faults["deed"]
        patch.setattr(sent, "predict", ray_faults.predict)
    command.main()


if __name__ == "__main__":
    main()
