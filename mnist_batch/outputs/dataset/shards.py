"""The shards of one run: folders of predictions that several machines made, checked and read."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import is_dataset, part_name
from mnist_batch.inputs.dataset.manifest import DatasetManifest, DatasetPart
from mnist_batch.inputs.files.opening import UNREADABLE, cause, open_native
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.options import Share
from mnist_batch.outputs.dataset.whole_folder import read_dataset


@dataclass(frozen=True)
class DatasetShard:
    """A folder with a share of the parts of a run."""

    folder: Path
    share: Share  # 1/1 for a folder of all parts
    manifest: DatasetManifest

    @classmethod
    def of(cls, folder: Path) -> "DatasetShard":
        """Read what a folder says of itself.

        Raises:
            PredictionsError: it is not whole, or its manifest is damaged.
        """
        if folder.name.endswith(_UNFINISHED) and not is_dataset(folder):
            raise PredictionsError(
                f"{folder}: holds the parts of a shard that is not whole yet; end its run, or "
                "predict it again with --resume"
            )
        manifest = read_dataset(folder)
        try:
            share = Share.parse(manifest.shard or "1/1")
        except ValueError as error:
            raise PredictionsError(f"{folder}: its shard is {error}; predict it again") from error
        return cls(folder, share, manifest)

    def parts(self) -> Sequence[DatasetPart]:
        """Return its parts in order; without the one that has no rows where the run has no part.

        Raises:
            PredictionsError: they are not those of its share.
        """
        parts, count = self.manifest.parts, self.manifest.number_of_parts
        own = self.share.of(count)
        if not own and not sum(part.rows for part in parts):
            return []
        if len(parts) != len(own) or any(
            part.name != part_name(number, count) for part, number in zip(parts, own, strict=True)
        ):
            raise PredictionsError(
                f"{self.folder}: its parts are not those of shard {self.share} of {count:,} parts; "
                "predict it again"
            )
        return parts


@dataclass(frozen=True)
class DatasetShards:
    """All shards of one run, in order.

    Attributes:
        schema: the columns of the predictions.
    """

    shards: Sequence[DatasetShard]
    schema: pa.Schema

    @property
    def run(self) -> str:
        """What names the run."""
        return self.shards[0].manifest.run

    @property
    def number_of_parts(self) -> int:
        """The number of parts that the run has."""
        return self.shards[0].manifest.number_of_parts

    @property
    def are_own(self) -> bool:
        """Whether the files are a run's alone: a shard may be predicted again in its place."""
        return False

    @property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """How each shard was predicted."""
        return [shard.manifest.record for shard in self.shards]

    def files(self) -> Iterator[tuple[Path, DatasetPart]]:
        """Yield the file of each part, in order, once it is verified.

        Raises:
            PredictionsError: while iterating, a file is missing or another one.
        """
        for path, part, _ in self._contents():
            yield path, part

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in order.

        Raises:
            PredictionsError: while iterating, a file is missing, damaged or another one.
        """
        for path, part, content in self._contents():
            with _readable(path):
                table = pq.read_table(pa.BufferReader(content)).replace_schema_metadata()
            if table.schema != self.schema or len(table) != part.rows:
                raise PredictionsError(
                    f"{path}: its columns or rows are not those of the run; predict its shard again"
                )
            yield from table.to_batches()

    def _contents(self) -> Iterator[tuple[Path, DatasetPart, pa.Buffer]]:
        for shard in self.shards:
            for part in shard.parts():
                path = shard.folder / part.name
                yield path, part, _content(path, part)


def read_shards(folders: Sequence[Path]) -> DatasetShards:
    """Return the shards of a run, in whatever order their folders are named.

    Raises:
        PredictionsError: a folder is not whole, one is of another run or there twice, or one is
            missing; it names that one.
    """
    if not folders:
        raise PredictionsError("no shard is named; expected the folders that predict wrote")
    first, *others = (DatasetShard.of(folder) for folder in _without_companions(folders))
    found = {first.share.number: first}
    for one in others:
        if one.manifest.run != first.manifest.run:
            raise PredictionsError(
                f"{one.folder} is of another run than {first.folder}: {_difference(first, one)}; "
                "predict it again as the others, or leave it out"
            )
        if one.share.total != first.share.total:
            raise PredictionsError(
                f"{one.folder} is shard {one.share}, but {first.folder} is shard {first.share}; "
                "expected shards of one number of shards"
            )
        twin = found.setdefault(one.share.number, one)
        if twin is not one:
            raise PredictionsError(
                f"{twin.folder} and {one.folder} are both shard {one.share}; name each shard once"
            )
    _refuse_missing(found, first.share.total)
    shards = [found[number] for number in sorted(found)]
    return DatasetShards(shards, _schema_of(shards))


def _without_companions(folders: Sequence[Path]) -> list[Path]:
    """Return folders without what a run leaves beside one of them: a glob names its report too."""
    beside = {f"{folder.absolute()}{end}" for folder in folders for end in _COMPANIONS}
    return [folder for folder in folders if str(folder.absolute()) not in beside]


_UNFINISHED = ".staging"
_COMPANIONS = (".report", _UNFINISHED)


def _schema_of(shards: Sequence[DatasetShard]) -> pa.Schema:
    """Return the columns of the first part; one without rows is there where the run has none."""
    parts = ((shard.folder / part.name, part) for shard in shards for part in shard.manifest.parts)
    path, part = next(parts, (None, None))
    if path is None or part is None:
        raise PredictionsError(f"{shards[0].folder}: none of the shards has a part; predict again")
    with _readable(path):
        schema = pq.read_schema(pa.BufferReader(_content(path, part)))
    return schema.remove_metadata()


def _refuse_missing(found: Mapping[int, DatasetShard], total: int) -> None:
    missing = [number for number in range(1, total + 1) if number not in found]
    if missing:
        shard = f"{missing[0]}/{total}"
        if len(missing) == 1:
            what, folders = f"shard {shard} is missing", "its folder"
        else:
            what, folders = f"shards {_ranges(missing)} of {total} are missing", "all folders"
        raise PredictionsError(f"{what}; predict with --shard {shard}, and name {folders} too")


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as `1,3-7`, which Slurm's `--array` takes."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)


def _difference(first: DatasetShard, other: DatasetShard) -> str:
    """Return what tells a run from another, as far as their records say."""
    one, two = (shard.manifest.record for shard in (first, other))
    for name in ("version", "model", "predictor", "classes"):
        if one.get(name) != two.get(name):
            return f"its {name} is {two.get(name)}, not {one.get(name)}"
    for name in ("options", "versions"):
        before, after = (_entries(record.get(name)) for record in (one, two))
        for key in {**before, **after}:
            if key in _OF_MACHINE or before.get(key) == after.get(key):
                continue
            if name == "versions":
                return f"its {key} is {after.get(key)}, not {before.get(key)}"
            texts = (_with_option(key, found.get(key)) for found in (after, before))
            return "it was predicted {}, and the other {}".format(*texts)
    return "names, sizes or times of the files that were read differ"


def _with_option(key: str, value: object) -> str:
    """Return that a run had an option, or that it had it not."""
    option = "--keep-column" if key == "keep_columns" else f"--{key.replace('_', '-')}"
    if value is None or value is False:
        return f"without {option}"
    values = value if isinstance(value, list) else [value]
    return f"with {option}" if value is True else f"with {option} {' '.join(map(str, values))}"


def _entries(found: object) -> dict[str, Any]:
    """Return what a file holds where entries are to be; none where it is another thing."""
    return found if isinstance(found, dict) else {}


_OF_MACHINE = ("inputs", "workers", "sample_seed", "slices", "python")
"""Entries of records that no prediction depends on."""


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise what pyarrow says of the file of a part as a `PredictionsError`."""
    try:
        yield
    except UNREADABLE as error:
        raise_if_of_machine(error, str(path))
        raise PredictionsError(
            f"{path}: cannot be read: {cause(error)}; predict its shard again"
        ) from error


def _content(path: Path, part: DatasetPart) -> pa.Buffer:
    """Return what the file of a part holds.

    Raises:
        PredictionsError: it is missing, or not as the manifest says.
    """
    try:
        with open_native(path) as file:
            content = file.read_buffer()
    except OSError as error:
        raise_if_of_machine(error, str(path))
        raise PredictionsError(
            f"{path}: cannot be read: {cause(error)}; copy all of its folder, or predict its shard "
            "again"
        ) from error
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise PredictionsError(
            f"{path}: is not the file that its manifest names, by its SHA-256; copy it again, or "
            "predict its shard again"
        )
    return content
