"""`mnist-batch`, or `python -m mnist_batch`: the command line."""

import contextlib
import gc
import os
import sys

from mnist_batch.machine import environment


def main() -> None:
    """Run the command line in this process, and end the process.

    Ctrl-C ends it with status 130 from the first moment on, during imports too. The process ends
    without tearing down the libraries' objects, which takes a third of a second: all files are
    closed by then.
    """
    # Imported objects stay. Python searches them for garbage every 700 or 2,000 new objects, which
    # takes a seventh of the time of a small run.
    gc.set_threshold(100_000)
    environment.settle()
    try:
        from mnist_batch import cli

        cli.main()
        status = 0
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        status = 130
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        status = end.code
    for output in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or nobody reads
            output.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
