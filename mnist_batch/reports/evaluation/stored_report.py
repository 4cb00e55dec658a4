"""A report on object storage: made on this machine, then uploaded."""

import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from mnist_batch.errors import OutputError
from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.outputs.mistakes import Mistakes
from mnist_batch.outputs.stored.stored_file import names_in, stored_errors
from mnist_batch.outputs.targets import output_errors, why_failed
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import joined, parsed
from mnist_batch.reports.page import Around
from mnist_batch.reports.report import FILES, WHOLE, Report, missing_note


class StoredReport(AbstractContextManager["StoredReport", None]):
    """A report at an address, as `Report` is one in a folder.

    `metrics.json` goes first and comes last, too. Nothing keeps another run from writing a report
    there: object storage has no locks.

    Attributes:
        folder: its address.
        files: the addresses of the files that are in place.
        missing: why, by name, for each file that belongs to the report and is not in place.
        kept: names of files of an earlier report that stay; none do.
        notes: what the user should know of the folder; nothing.
        mistakes: takes the wrong rows, before the files are made.
    """

    def __init__(self, address: str, *, overwrite: bool) -> None:
        """Check that a report can be written; nothing is touched there.

        Raises:
            OutputError: the address is none of a folder, or there are files of a report and
                `overwrite` is false.
            MachineError: the store cannot be reached, or refuses.
        """
        self.folder = address
        self.files: list[str] = []
        self.kept: list[str] = []
        self.notes: list[str] = []
        self._overwrite = overwrite
        self._check()
        with output_errors(address):
            here = tempfile.mkdtemp(prefix="mnist-batch-")
        self._remove = weakref.finalize(self, shutil.rmtree, here, ignore_errors=True)
        self._made = Report(Path(here), overwrite=True)

    def __enter__(self) -> Self:
        """Begin; another run may have written a report there since."""
        self._made.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was made here."""
        self._made.__exit__()
        self._remove()

    @property
    def mistakes(self) -> Mistakes:
        """What takes the wrong rows."""
        return self._made.mistakes

    @property
    def missing(self) -> dict[str, str]:
        """Why a file is not in place, by name."""
        return self._made.missing

    def retire(self) -> None:
        """Let an earlier report that is to be replaced no longer pass for one."""
        if self._overwrite:
            with self._making(WHOLE):
                objects.delete([joined(self.folder, WHOLE)])

    def stage(
        self,
        evaluation: Evaluation,
        run: Mapping[str, Any] | None,
        *,
        command: str | None = None,
        around: Around | None = None,
    ) -> None:
        """Make all files here; the arguments are those of `Report.stage`."""
        self._made.stage(evaluation, run, command=command, around=around)
        self._made.commit()

    def commit(self) -> None:
        """Upload the files, and remove those of an earlier report."""
        self.retire()
        for path in self._made.files:
            if path.name == WHOLE:  # the last one
                with self._making(WHOLE):
                    self._remove_earlier({one.name for one in self._made.files})
            if path.name not in self.missing:
                with self._making(path.name):
                    address = joined(self.folder, path.name)
                    transfers.upload(path, address)
                    self.files.append(address)

    def check_whole(self) -> None:
        """Raise `OutputError` where a file is missing."""
        for name, why in self.missing.items():
            raise OutputError(
                f"{joined(self.folder, name)} could not be made: {why}; name another place"
            )

    def note(self, again: str) -> list[str]:
        """Return a sentence on what is missing, none if nothing is; `again` says how to make it."""
        return missing_note(self.folder, self.missing, again)

    def _remove_earlier(self, names: set[str]) -> None:
        earlier = [name for name in self._there() if name not in names]
        objects.delete(joined(self.folder, name) for name in earlier)

    def _check(self) -> None:
        with stored_errors(self.folder):
            if not parsed(self.folder).key:
                raise OutputError(f"{self.folder}: names a bucket, and no folder in it; name one")
            if not self._overwrite and (there := self._there()):
                raise OutputError(
                    f"{self.folder} holds a report already ({there[0]}); name another by "
                    "--report, or pass --overwrite"
                )

    def _there(self) -> list[str]:
        """Return the names of the files of a report that are there."""
        names = set(names_in(self.folder))
        return [name for name in FILES if name in names]

    @contextlib.contextmanager
    def _making(self, name: str) -> Iterator[None]:
        """Let a file be missing if it cannot be uploaded: the predictions are in place."""
        try:
            yield
        except FileNotFoundError as error:  # it says of what, unlike the system's own text
            self.missing.setdefault(name, str(error.strerror))
        except Exception as error:  # noqa: BLE001 - the report is a guest of the result
            self.missing.setdefault(name, why_failed(error))
