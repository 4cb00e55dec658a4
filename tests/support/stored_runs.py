"""Run `predict` in forks of a process, so that each can be killed; its inputs are small parts.

It is started with a folder of images and a model on its command line. It reads lines of JSON:
`out`, `resume` and `overwrite` as of `predict`, and `told`, a file for the number of the fork's
process, which is there before the fork does anything. For each line it prints the fork's status,
after that the fork has said on stderr why it failed.
"""

import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.commands.predict import predict
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts


def main() -> None:
    """Do what the command line and standard input say."""
    images, model_file = sys.argv[1:]
    patch = pytest.MonkeyPatch()
    for module, name, value in (
        (image_files, "SHARD_ROWS", 8),
        (image_files, "PART_SHARDS", 1),
        (parts, "BLOCKS", 0),
    ):
        patch.setattr(module, name, value)
    model = mnist_batch.load_model(model_file)
    # What a first run imports, here and not in each fork; obstore has threads, which no fork has.
    pa.array(["text"])
    Image.init()
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            status = 1
            try:
                Path(order.pop("told")).write_text(str(os.getpid()))
                predict(images, model=model, report=False, **order)
                status = 0
            except Exception as error:  # noqa: BLE001 - the fork ends here, whatever it is
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
