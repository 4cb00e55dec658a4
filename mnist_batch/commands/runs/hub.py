"""Predictions into a data set of the Hugging Face hub: made on this machine, and published whole.

`huggingface_hub` uploads the files and makes one commit of them, on top of the revision that was
there when the run began. So readers see all of a run or nothing, and nobody's commit is undone.
"""

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import quote

from mnist_batch.commands.command_lines import shell_line
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.errors import InputError, MachineError, OutputError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, is_part_name
from mnist_batch.inputs.finding.find import HUB
from mnist_batch.inputs.hub import OddReplyError, cause, parsed, quiet, replies_checked
from mnist_batch.machine import extras
from mnist_batch.options import OutputFormat, OutputOptions
from mnist_batch.outputs.targets import output_errors
from mnist_batch.reports.report import report_folder


class HubOutput(contextlib.AbstractContextManager["HubOutput", None]):
    """Predictions and their report for a data set; a context, which removes them from here.

    Attributes:
        out: where they are to be written on this machine.
    """

    def __init__(self, uri: str, wanted: OutputOptions) -> None:
        """Refuse what cannot be published, without asking the hub.

        Raises:
            OutputError: the address is malformed or names no file, or the run is to be resumed.
            MissingExtraError: huggingface_hub is not installed.
        """
        if wanted.resume:
            raise OutputError(
                f"{uri}: --resume goes on from parts on a disk or in object storage, and the hub "
                "keeps none; predict into a file, and publish that"
            )
        try:
            self._location = parsed(uri)
        except InputError as error:
            raise OutputError(str(error)) from error
        self._uri, self._wanted = uri, wanted
        self._is_folder = wanted.format is OutputFormat.DATASET
        self._name = PurePosixPath(self._location.path)
        if not self._name.name:
            raise OutputError(
                f"{uri}: names a data set and nothing in it; add a file, such as "
                "predictions.parquet, or a folder with a slash at its end"
            )
        extras.require(uri, extras.HUB)

    def __enter__(self) -> Self:
        """Ask the hub whether it would take them, before anything is predicted.

        Raises:
            OutputError: there is no such data set or revision, it may not be written, or holds
                predictions there already.
            MachineError: the hub cannot be reached.
        """
        with self._asking():
            self._ask()
        with output_errors(Path(tempfile.gettempdir())):
            self._folder = Path(tempfile.mkdtemp(prefix="mnist-batch-"))
        self.out = self._folder / self._name.name
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is here, unless it is all that there is of a complete run."""
        if not self._is_kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    _is_kept = False

    def publish(self, message: str) -> None:
        """Make one commit of all files.

        Raises:
            OutputError: somebody else has changed the data set meanwhile.
            MachineError: the upload failed. The files stay on this machine, and the error says how
                to upload them; so does a note of a `KeyboardInterrupt`.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

        files = {self._in_repo(path): path for path in self._folder.rglob("*") if path.is_file()}
        self._is_kept = True
        with self._asking(), self._noting_interrupt():
            HfApi().create_commit(
                self._location.dataset,
                [
                    *(CommitOperationAdd(name, str(path)) for name, path in sorted(files.items())),
                    *(CommitOperationDelete(name) for name in sorted(self._old - files.keys())),
                ],
                commit_message=message,
                repo_type="dataset",
                revision=self._location.revision,
                parent_commit=self._parent,
            )
        self._is_kept = False

    @contextlib.contextmanager
    def _noting_interrupt(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(f"{self._uri}: may not be published{self._kept()}")
            raise

    def told(self, summary: Summary) -> Summary:
        """Return a summary that names places on the hub."""
        report = [self._shown(path) for path in map(Path, summary.report_files)]
        return replace(
            summary,
            predictions=self._shown(self.out),
            report_files=report,
            notes=[note.replace(str(self.out), self._shown(self.out)) for note in summary.notes],
        )

    def _shown(self, path: Path) -> str:
        if not path.is_relative_to(self._folder):  # a report with a place of its own
            return str(path)
        place = self._location
        revision = "" if place.revision == "main" else f"@{quote(place.revision, safe='')}"
        return f"{HUB}datasets/{place.dataset}{revision}/{self._in_repo(path)}"

    def _in_repo(self, path: Path) -> str:
        """Return the name of a file in the data set."""
        return str(self._name.parent / path.relative_to(self._folder).as_posix())

    def _ask(self) -> None:
        from huggingface_hub import HfApi, constants

        api, place = HfApi(), self._location
        api.auth_check(place.dataset, repo_type="dataset", write=True)
        timeout = constants.HF_HUB_ETAG_TIMEOUT
        found = api.dataset_info(place.dataset, revision=place.revision, timeout=timeout)
        self._parent = found.sha
        self._old = {name for name in self._files_there() if self._is_ours(name)}
        if self._old and not self._wanted.overwrite:
            raise OutputError(
                f"{self._uri} exists already: {sorted(self._old)[0]}; name another place or pass "
                "--overwrite"
            )

    def _files_there(self) -> Iterator[str]:
        """Yield the files in the folder of the predictions and below it."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import EntryNotFoundError
        from huggingface_hub.hf_api import RepoFile

        above = "" if str(self._name.parent) == "." else str(self._name.parent)
        with contextlib.suppress(EntryNotFoundError):
            for found in HfApi().list_repo_tree(
                self._location.dataset,
                above or None,
                recursive=True,
                revision=self._parent,
                repo_type="dataset",
            ):
                if isinstance(found, RepoFile):
                    yield found.path

    def _is_ours(self, name: str) -> bool:
        """Tell whether a file is one that a run with this output writes."""
        path = PurePosixPath(name)
        if self._wanted.report is True:
            report = report_folder(Path(self._name), True, is_folder=self._is_folder)
            if path.is_relative_to(str(report)):
                return True
        if not self._is_folder:
            return path == self._name
        is_part = path.name in (MANIFEST, SUCCESS) or is_part_name(path.name)
        return is_part and path.parent == self._name

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Translate what requests to the hub raise."""
        from huggingface_hub.errors import (
            HfHubHTTPError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        place = self._location
        try:
            with quiet(), replies_checked():
                yield
        except OutputError:
            raise
        except OddReplyError as error:
            raise OutputError(f"{self._uri}: the hub's reply {error}; check HF_ENDPOINT") from error
        except RevisionNotFoundError as error:
            raise OutputError(
                f"{self._uri}: the data set has no revision {place.revision!r}; name a branch of it"
            ) from error
        except RepositoryNotFoundError as error:
            raise OutputError(
                f"{self._uri}: no such data set, or the token (HF_TOKEN) may not write it; to make "
                f"it: hf repos create {place.dataset} --type dataset"
            ) from error
        except HfHubHTTPError as error:
            raise self._refused(error) from error
        except Exception as error:  # the types of HTTP errors differ between releases
            raise MachineError(
                f"{self._uri}: the hub cannot be reached ({cause(error)}); try again{self._kept()}"
            ) from error

    def _refused(self, error: Any) -> Exception:  # noqa: ANN401 - see `_asking`
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            return OutputError(
                f"{self._uri}: the token may not write this data set; set HF_TOKEN to one that may"
                f"{self._kept()}"
            )
        if status == 412:
            return OutputError(
                f"{self._uri}: somebody has changed the data set while this run predicted, so "
                f"nothing was published{self._kept()}"
            )
        return MachineError(
            f"{self._uri}: the hub refuses ({cause(error)}); try again{self._kept()}"
        )

    def _kept(self) -> str:
        """Return where the files of a complete run are, and how they are published."""
        if not self._is_kept:
            return ""
        place = self._location
        above = str(self._name.parent)
        words = ["hf", "upload", place.dataset, str(self._folder), above, "--type", "dataset"]
        words += ["--revision", place.revision]
        # What is uploaded is not deleted, and a pattern is shorter than the names of many parts.
        old = [PurePosixPath(name).relative_to(above) for name in self._old]
        for folder in sorted({str(name.parent) for name in old if str(name.parent) != "."}):
            is_parts = self._is_folder and folder == self._name.name
            pattern = "part-[0-9]*.parquet" if is_parts else "*"
            words += ["--delete", f"{glob.escape(folder)}/{pattern}"]
        return f"; all of it is kept in {self._folder}: {shell_line(words)}"
