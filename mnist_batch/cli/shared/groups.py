"""Groups of options that several commands take: a command names the group, not each option.

Typer reads the options of a command from the signature of its function. `expanded` gives it one in
which each group is replaced by its fields.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from typing import Any

import typer

from mnist_batch.cli.shared import parameters
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    EngineChoice,
    Orientation,
    PredictorChoice,
    Prepare,
    Several,
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How inputs are read; the fields are those of `options.ReadArguments`."""

    image_column: parameters.ImageColumn = None
    label_column: parameters.LabelColumn = None
    labels: parameters.Labels = None
    label_pattern: parameters.LabelPattern = None
    class_names: parameters.ClassNames = None
    image_root: parameters.ImageRoot = None
    orientation: parameters.OrientationChoice = Orientation.UPRIGHT


@dataclass(frozen=True, kw_only=True)
class Running:
    """How a model is loaded and run; the fields are arguments of `load_model`."""

    predictor: parameters.PredictorName = PredictorChoice.AUTO
    scale: parameters.PixelScale = None
    device: parameters.KerasDevice = Device.AUTO
    batch_size: parameters.BatchSize = BATCH_ROWS


@dataclass(frozen=True, kw_only=True)
class Predicting:
    """What `predict` and `nightly` both take; the fields are arguments of the two."""

    prepare: parameters.PrepareChoice = Prepare.AUTO
    several: parameters.SeveralChoice = Several.ERROR
    workers: parameters.Workers = None
    memory: parameters.Memory = None
    probabilities: parameters.Probabilities = False
    sample_seed: parameters.SampleSeed = 0
    keep_columns: parameters.KeepColumns = None
    slices: parameters.Slices = None

    def arguments(self) -> dict[str, Any]:
        """Return them by the names that the library has."""
        return {**vars(self), "keep_columns": self.keep_columns or (), "slices": self.slices or ()}


@dataclass(frozen=True, kw_only=True)
class Spreading:
    """Who predicts the parts of a run; the fields are arguments of `predict`."""

    isolate: parameters.Isolate = False
    part_timeout: parameters.PartTimeout = None
    engine: parameters.EngineName = EngineChoice.THREADS
    ray_address: parameters.RayAddress = None

    def __post_init__(self) -> None:
        """Refuse what is about a cluster or about processes where there are none."""
        if self.engine is not EngineChoice.RAY and self.ray_address is not None:
            raise typer.BadParameter("needs --engine ray too", param_hint="'--ray-address'")
        _check_part_timeout(
            self.part_timeout, has_processes=self.isolate or self.engine is EngineChoice.RAY
        )


@dataclass(frozen=True, kw_only=True)
class Isolating:
    """What predicts a night; the fields are arguments of `nightly`."""

    isolate: parameters.Isolate = True
    part_timeout: parameters.PartTimeout = None

    def __post_init__(self) -> None:
        """Refuse what is about processes where there are none."""
        _check_part_timeout(self.part_timeout, has_processes=self.isolate)


def _check_part_timeout(seconds: float | None, *, has_processes: bool) -> None:
    """Refuse a time for parts where threads predict them, which nobody can end."""
    if seconds is not None and not has_processes:
        raise typer.BadParameter(
            "needs --isolate or --engine ray too", param_hint="'--part-timeout'"
        )


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the options of its groups one by one.

    Args:
        command: a function of which some parameters are annotated with a dataclass of this module.
    """
    groups: dict[str, type] = {
        name: one
        for name, one in command.__annotations__.items()
        if is_dataclass(one) and isinstance(one, type)
    }
    if not groups:
        return command
    parameters_ = []
    for one in inspect.signature(command).parameters.values():
        if one.name in groups:
            parameters_ += _options(groups[one.name])
        else:
            parameters_.append(one.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @wraps(command)
    def taking_all(**values: Any) -> None:  # noqa: ANN401 - of whatever type the option is
        for name, group in groups.items():
            chosen = {one.name: values.pop(one.name) for one in fields(group)}
            values[name] = group(**chosen)
        command(**values)

    # What typer asks for, at 0.24 to 0.29.
    taking_all.__signature__ = inspect.Signature(parameters_)  # type: ignore[attr-defined]
    taking_all.__annotations__ = {one.name: one.annotation for one in parameters_}
    return taking_all


def _options(group: type) -> list[inspect.Parameter]:
    """Return the fields of a group as parameters."""
    return [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type
        )
        for one in fields(group)
    ]
