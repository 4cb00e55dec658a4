"""The runs of `mnist-batch benchmark --save NAME`, a JSON file each in the working folder.

What a later run is judged by is under `compared`: anybody may have put the file there, so each
value is checked when it is read. `result` is what `--json` printed.
"""

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_batch.errors import InputError, OutputError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.options import LARGEST_BATCH, MOST_WORKERS, Device, PredictorChoice, Scale
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.outputs.targets import check_writable

FOLDER = Path(".mnist-batch", "benchmarks")
"""Where saved runs are, in the working folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_FORMAT = 1
_MOST_BYTES = 2**20
"""Of a file: one has 10,000, and 60 more for each round."""

LEAST_ROUNDS, MOST_ROUNDS = 15, 10_000
"""Of a run: an interval of three would reach far, and more than these tell no more."""

_LEAST_S, _MOST_S = 1e-9, 1e6
"""What a round may have taken: of other times intervals may be larger than any number."""


@dataclass(frozen=True)
class Setting:
    """What ran and how: the model file and the options that make the same predictor again.

    Attributes:
        model: path of the model file, absolute.
        sha256: of the model file.
        scale: to which pixels were scaled.
        predictor: what ran the network.
        device: where it ran.
        batch_size: rows of a batch.
        workers: threads.
    """

    model: str
    sha256: str
    scale: Scale
    predictor: PredictorChoice
    device: Device
    batch_size: int
    workers: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Setting":
        """Return what `asdict` turned into JSON.

        Raises:
            ValueError: a value is of another type, or out of range.
            KeyError: one is missing.
        """
        return cls(
            model=_text(record["model"], 4096),
            sha256=_text(record["sha256"], 64),
            scale=Scale(record["scale"]),
            predictor=PredictorChoice(record["predictor"]),
            device=Device(record["device"]),
            batch_size=_number(record["batch_size"], LARGEST_BATCH),
            workers=_number(record["workers"], MOST_WORKERS),
        )


@dataclass(frozen=True)
class SavedRun:
    """The rounds of the whole work at one setting, and all that tells whether others compare.

    Attributes:
        saved_utc: when, ISO 8601.
        setting: what ran.
        images: a hash of the first images and of how they are stored.
        cpu: the processor's name; None where the system does not tell it.
        cores: that the process could use.
        versions: of what ran, by package.
        code: a hash of this package's code.
        calibration: which calibration ran beside each round.
        seconds: an image took in each round.
        calibration_s: the calibration took, right after each round.
    """

    saved_utc: str
    setting: Setting
    images: str
    cpu: str | None
    cores: int
    versions: Mapping[str, str]
    code: str
    calibration: str
    seconds: Sequence[float]
    calibration_s: Sequence[float]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "SavedRun":
        """Return what `asdict` turned into JSON.

        Raises:
            ValueError: a value is of another type, or out of range.
            KeyError: one is missing.
        """
        seconds, calibration = _times(record["seconds"]), _times(record["calibration_s"])
        if len(seconds) != len(calibration):
            raise ValueError(f"has {len(seconds)} rounds and {len(calibration)} calibrations")
        return cls(
            saved_utc=_text(record["saved_utc"], 40),
            setting=Setting.of(_object(record["setting"])),
            images=_text(record["images"], 64),
            cpu=None if record["cpu"] is None else _text(record["cpu"], 200),
            cores=_number(record["cores"], 2**20),
            versions={
                _text(name, 100): _text(version, 100)
                for name, version in _object(record["versions"]).items()
            },
            code=_text(record["code"], 64),
            calibration=_text(record["calibration"], 200),
            seconds=seconds,
            calibration_s=calibration,
        )


def path_of(name: str) -> Path:
    """Return the file of a run, which need not be there.

    Raises:
        ValueError: it is no name of up to 100 letters, digits, `.`, `_` and `-`.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:60]!r}: expected a name of up to 100 letters (a to z), digits, '.', '_' and "
            "'-', with a letter or a digit first"
        )
    return FOLDER / f"{name}.json"


def check_new(path: Path) -> None:
    """Check that a run can be saved: an earlier one is never replaced.

    Raises:
        OutputError: there is something of the name, or its folder cannot be written or made.
    """
    if os.path.lexists(path):
        raise OutputError(f"{path} exists already; save under another name, or remove it")
    check_writable(path, overwrite=False)


def write(path: Path, run: SavedRun, result: Mapping[str, Any]) -> None:
    """Write a run whole or not at all, with the record of the result that it is part of.

    Raises:
        OutputError: there is something of the name by now, or the file cannot be written.
    """
    check_new(path)
    record = {"format": _FORMAT, "compared": asdict(run), "result": result}
    with StagedFile(path, overwrite=False) as staged:
        staged.path.write_text(json.dumps(record, indent=1) + "\n")
        staged.commit()


def read(path: Path) -> SavedRun:
    """Return a run that was saved.

    Raises:
        InputError: there is none of the name, or the file is none that this version reads.
        MachineError: the machine lacks memory or open files to read it.
    """
    try:
        if not path.exists():
            raise InputError(f"{path} does not exist; {_saved(path.parent)}")
        return _read(path)
    except _REFUSED as error:
        raise_if_of_machine(error, str(path))
        why = f"lacks {error}" if isinstance(error, KeyError) else str(error)[:200]
        advice = "save the run again under another name"
        raise InputError(f"{path}: no saved benchmark of this version: {why}; {advice}") from error


_REFUSED = (ValueError, KeyError, OSError, RecursionError)
"""What `_read` raises of a file that is none."""


def _read(path: Path) -> SavedRun:
    if not path.is_file():
        raise ValueError("is no file")
    # Files of /proc have no size, and some of them no end.
    if not 0 < path.stat().st_size <= _MOST_BYTES:
        raise ValueError(f"has {path.stat().st_size:,} bytes")
    with path.open("rb") as file:
        found = _object(json.loads(file.read(_MOST_BYTES)))
    if found.get("format") != _FORMAT:
        raise ValueError(f"is of format {str(found.get('format'))[:20]!r}, not {_FORMAT}")
    return SavedRun.of(_object(found["compared"]))


def _saved(folder: Path) -> str:
    """Return which runs can be read, or how to save one."""
    names: list[str] = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(*_REFUSED):
            if _NAME.fullmatch(path.stem) and _read(path):
                names.append(path.stem)
        if len(names) > 10:
            break
    if not names:
        return "save a run first, with --save NAME"
    more = ", ..." if len(names) > 10 else ""
    return f"saved here are {', '.join(names[:10])}{more}"


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"has {type(value).__name__} for an object")
    return value


def _text(value: object, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise ValueError(f"has {str(value)[:40]!r} for a text of up to {longest} characters")
    return value


def _number(value: object, largest: int) -> int:
    if type(value) is not int or not 1 <= value <= largest:
        raise ValueError(f"has {str(value)[:40]!r} for a number from 1 to {largest}")
    return value


def _times(value: object) -> tuple[float, ...]:
    """Return the seconds of rounds."""
    if not isinstance(value, list) or not LEAST_ROUNDS <= len(value) <= MOST_ROUNDS:
        raise ValueError(f"lacks the seconds of {LEAST_ROUNDS} to {MOST_ROUNDS:,} rounds")
    if not all(type(one) is float and _LEAST_S <= one <= _MOST_S for one in value):
        raise ValueError("has a round of a time that none takes")
    return tuple(value)
