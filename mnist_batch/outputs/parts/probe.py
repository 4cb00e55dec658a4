"""A file by which machines find out whether they see one place of parts, and may write there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_batch.errors import MnistBatchError
from mnist_batch.inputs.files.opening import cause
from mnist_batch.outputs.parts.part_file import temporary_file
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote import objects
from mnist_batch.remote.addresses import Place, joined, name_of


@contextmanager
def probe_in(place: Place, out: Place) -> Iterator[Place]:
    """Write a file that holds its own name into a place of parts, and remove it in the end.

    Its name is that of a part being written: of a run that is killed the next one removes it.

    Raises:
        OutputError: it cannot be written; it names the output `out`.
        MachineError: object storage cannot be reached, or refuses.
    """
    if isinstance(place, str):
        address = _temporary_object(place)
        try:
            yield address
        finally:
            objects.delete([address])
        return
    with output_errors(out):
        descriptor, probe = temporary_file(place, "part")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(probe.name)
    try:
        yield probe.absolute()
    finally:
        probe.unlink(missing_ok=True)


def why_not_shared(probe: Place) -> str:
    """Return why a probe of another machine is not seen here, or why nothing can be written there.

    It is empty where both can be done.
    """
    try:
        if isinstance(probe, str):
            seen, name = objects.read(probe).decode(), name_of(probe)
        else:
            seen, name = probe.read_text(encoding="utf-8"), probe.name
        if seen != name:
            return "another file is there"
        if isinstance(probe, str):
            objects.delete([_temporary_object(probe.rpartition("/")[0])])
        else:
            descriptor, path = temporary_file(probe.parent, "part")
            os.close(descriptor)
            path.unlink()
    except (OSError, UnicodeDecodeError) as error:
        return cause(error)
    except MnistBatchError as error:  # object storage cannot be reached from here
        return str(error)
    return ""


def _temporary_object(folder: str) -> str:
    """Write an object of a name that no other has, and return its address."""
    name = f"part.{secrets.token_hex(8)}.tmp"
    objects.put(joined(folder, name), name.encode(), create=True)
    return joined(folder, name)
