"""`python -m mnist_batch`: the command line."""

from mnist_batch.cli import main

main()
