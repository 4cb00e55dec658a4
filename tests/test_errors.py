"""The tree of exceptions."""

import re
import subprocess
import sys

import pytest

from mnist_batch import errors
from mnist_batch.errors import InputError, OutputError, in_arguments


def test_the_docstring_shows_the_tree() -> None:
    """Each exception once, under the one that it is a kind of."""
    shown: dict[str, str] = {}
    above: list[str] = ["Exception"]
    for indent, name in re.findall(r"^    ( *)(\w+Error)\b", errors.__doc__ or "", re.M):
        depth = len(indent) // 4 + 1
        above[depth:] = [name]
        shown[name] = above[depth - 1]
    defined = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__base__ is not None
    }
    assert shown == defined


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("exists; pass --overwrite too", "exists; pass overwrite=True too"),
        ("pass --labels none to go on", 'pass labels="none" to go on'),
        ("--report DIR, or pass --no-report", "report=DIR, or pass report=False"),
        ("memory, or pass --no-isolate", "memory, or pass isolate=False"),
        ("leave out --isolate, or", "leave out isolate=True, or"),
        ("predict with --shard 2/3, and", 'predict with shard="2/3", and'),
        ("try --scale -1-1; or --scale", 'try scale="-1-1"; or scale'),
        ("resized with --prepare never.", 'resized with prepare="never".'),
        ("pass --validation-split 0, or", "pass validation_split=0, or"),
        ("again with --keep-column, or", "again with keep_columns, or"),
        (
            "--fail-fast: mnist-batch predict a --overwrite",
            "fail_fast=True: mnist-batch predict a --overwrite",
        ),
        ("a--b --- c -- d", "a--b --- c -- d"),
    ],
)
def test_a_program_reads_of_arguments(option: str, argument: str) -> None:
    """What is an option of the command line is an argument there; a line of a shell stays."""
    assert in_arguments(option) == argument
    assert str(InputError(option)) == argument
    assert str(OutputError(str(InputError(option)))) == argument  # a message within a message


def test_the_command_line_reads_of_options() -> None:
    """Once it has said so, messages keep their options."""
    code = (
        "from mnist_batch.errors import InputError, tell_options; tell_options();"
        "print(InputError('pass --overwrite'))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "pass --overwrite\n"
