"""`mnist-batch`, or `python -m mnist_batch`: the command line."""

import sys


def main() -> None:
    """Run the command line; on Ctrl-C it ends as it should from the first moment on."""
    try:
        from mnist_batch import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
