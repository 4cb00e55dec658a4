"""Groups of options: a command that names a group takes its options one by one."""

import dataclasses
import inspect
from typing import get_type_hints

from mnist_batch.cli.shared import groups
from mnist_batch.options import ReadArguments, ReadOptions


def test_a_group_becomes_its_options_and_comes_back_as_one() -> None:
    """The command gets the group; who calls it gives each option by its name."""
    got: list[object] = []

    def command(name: str, running: groups.Running) -> None:
        got.extend([name, running])

    taking = groups.expanded(command)
    assert [*inspect.signature(taking).parameters] == [
        "name",
        "predictor",
        "scale",
        "device",
        "batch_size",
    ]
    taking(name="a", predictor="numpy", scale=None, device="cpu", batch_size=7)
    expected = groups.Running(predictor="numpy", scale=None, device="cpu", batch_size=7)  # type: ignore[arg-type]
    assert got == ["a", expected]


def test_the_options_of_reading_are_the_arguments_of_the_library() -> None:
    """Each has the same name in both, and becomes a field of `ReadOptions`."""
    names = {field.name for field in dataclasses.fields(groups.Reading)}
    assert names == {*get_type_hints(ReadArguments)}
    assert names == {field.name for field in dataclasses.fields(ReadOptions)} - {"keep_columns"}
