"""The rows of a part are written as they are predicted."""

import json
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.part_rows import write_rows
from mnist_batch.options import PredictOptions
from mnist_batch.outputs.parts.part_file import PartIdentity, read_part, write_part


def test_what_only_the_images_tell_is_a_note_on_the_rows(
    tmp_path: Path, digits_folder: Path
) -> None:
    """A run that resumes another one does not see the images of its parts."""
    run = Run([digits_folder], None, PredictOptions())
    (part,) = run.parts
    identity = PartIdentity("0123456789abcdef", part.number, part.rows)
    with (
        closing(run.predict(run.parts, for_report=True)) as batches,
        write_part(tmp_path, tmp_path / "out.csv", identity, run.schema) as writer,
    ):
        written = [*write_rows(part, batches, writer, run.schema)]
    path = tmp_path / identity.file_name(writer.checksum)
    kept = [*read_part(pa.py_buffer(path.read_bytes()), identity, writer.checksum)]
    assert [one.predictions for one in kept] == [one.predictions for one in written]
    notes = [json.loads(one.note) for one in kept]
    assert [one.counts.record() for one in written if one.counts] == notes
    assert sum(sum(note["size"]) for note in notes) == 30
