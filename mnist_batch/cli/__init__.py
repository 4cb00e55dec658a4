"""The command line: each command parses, calls the library once, prints and exits.

Exit status: 0 done; 1 could not be done; 2 usage; 3 done, but more rows with an error than
`--max-errors` allows; 4 done, but below `--min-accuracy`; 5 done, but worse than the run that it
is held against; 129 the terminal went away, 130 interrupted, 143 terminated.
"""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mnist_batch import __version__
from mnist_batch.cli.printing.terminal import columns, say
from mnist_batch.cli.shared.groups import expanded
from mnist_batch.errors import MnistBatchError, tell_options
from mnist_batch.machine import module_folders, signals
from mnist_batch.machine.failures import machine_errors, require_room

# What takes long to import (numpy, pyarrow, keras, matplotlib, rich) is imported by the command
# that needs it: --help answers at once.

_TO_BEGIN = 384 * 2**20
"""Bytes of address space without which no command can load its libraries and read a model."""


def _flags_without_value(params: list[Any]) -> list[Any]:
    """Return parameters of typer 0.29, whose help says `<bool>` of flags, which take no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


class _Commands(TyperGroup):
    """The command line as typer makes it, without words of its libraries."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - a private type
        """Return the parameters that stand before the command."""
        return _flags_without_value(super().get_params(ctx))


class _Command(TyperCommand):
    """A command as typer makes it, without words of its libraries."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - a private type
        """Return all parameters."""
        return _flags_without_value(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - as above
        """Parse; a value that does not fit is told in the words of the other messages."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            from mnist_batch.cli.shared.usage import told  # only what is wrong needs it

            error.message = told(error)
            raise


_HELP = {"help_option_names": ["--help", "-h"]}


def _main_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from mnist_batch._kernels.library import described, loaded, why_not

        slow = "" if loaded() else f", about twenty times as slow (no compiled code: {why_not()})"
        print(f"mnist-batch {__version__}\nPNG decoder: {described()}{slow}")
        raise typer.Exit
    # NumPy's OpenBLAS ends the process without a word where it gets no memory while it is loaded.
    require_room(_TO_BEGIN, "mnist-batch")


COMMANDS = {
    "predict": "predict",
    "merge": "merge",
    "evaluate": "evaluate",
    "compare": "compare",
    "nightly": "nights.nightly",
    "history": "nights.history",
    "train": "train",
    "pack": "pack",
    "benchmark": "benchmark",
    "inspect": "inspect",
    "generate": "generate",
    "demo": "demo",
}
"""The commands in the order of the help, and the module of each."""


def command_line(words: Sequence[str] | None = None) -> typer.Typer:
    """Return the command line: whole, or as far as a line of `words` is about it.

    That is the command that the line names, or of all the names and what they do. To import the
    others and to read their options takes 8 ms of every start.
    """
    app = typer.Typer(
        name="mnist-batch",
        cls=_Commands,
        help="Batch prediction and evaluation for MNIST-style digit classifiers.",
        epilog="Example: mnist-batch predict digits/ --out predictions.parquet",
        no_args_is_help=True,
        context_settings=_HELP,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback(invoke_without_command=True)(_main_options)
    # No option before a command takes a value.
    named = next((word for word in words or () if not word.startswith("-")), "")
    for name in [named] if named in COMMANDS else COMMANDS:
        _register(app, name, with_options=words is None or name == named)
    return app


def _register(app: typer.Typer, name: str, *, with_options: bool) -> None:
    """Make a command of the function that is named as its module.

    The module's docstring is the command's help, and the docstring's last paragraph the example.
    """
    module = import_module(f"{__name__}.{COMMANDS[name]}")
    paragraphs = [" ".join(text.split()) for text in (module.__doc__ or "").split("\n\n")]
    command = app.command(
        name,
        cls=_Command,
        help="\n\n".join(paragraphs[:-1]),
        epilog=paragraphs[-1],
        context_settings=_HELP,
    )
    command(expanded(getattr(module, name)) if with_options else _not_named)


def _not_named() -> None:
    """Take the place of a command that the line does not name, so that it has no options."""


def main() -> None:
    """Run the command line and exit with one of the statuses above."""
    tell_options()
    module_folders.leave_out_pandas()
    os.environ["TERMINAL_WIDTH"] = str(columns())  # typer's, of help and of what is wrong in a call
    # No library speaks to the user: each image that is odd has a row's reason, and each message is
    # this package's. Libraries set filters of their own, so what prints a warning is replaced.
    warnings.showwarning = _ignore_warning
    logging.disable()
    try:
        with machine_errors():
            completing = _completion_variable()
            app = command_line(None if completing else sys.argv[1:])
            app(complete_var=completing)
    except MnistBatchError as error:
        if signals.received() is None:  # else it is what a library made of the interrupt
            say(f"error: {error}")
        sys.exit(1)
    except OSError as error:  # of a place that no check has foreseen
        where = "" if error.filename is None else f"{error.filename}: "
        say(f"error: {where}{error.strerror or error}; check the paths and the working folder")
        sys.exit(1)


def _completion_variable() -> str:
    """Return the variable by which a shell asks for the words that complete a line.

    Typer also prints a script where the variable says so, whatever the arguments are: that is left
    to `--show-completion`, for no variable may change what a command does.
    """
    name = "_MNIST_BATCH_COMPLETE"
    return name if os.environ.get(name, "").startswith("complete_") else ""


def _ignore_warning(*_: object, **__: object) -> None:
    """Take the place of what prints a warning."""
