"""Inspect a model file: its layers, the scale of pixels it expects, what runs it, oddities."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from mnist_batch.errors import MissingExtraError, ModelError
from mnist_batch.inference.predictors import build_predictor
from mnist_batch.inference.preparing import wanted_prepare
from mnist_batch.inference.trials.sample import try_ways
from mnist_batch.inference.trials.scale_trials import ScaleTrial, ScaleTrials
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.models.layers import Layer
from mnist_batch.models.model_file import AnyModelFile, ScaleSource, read_model_file
from mnist_batch.options import (
    Inputs,
    PredictorChoice,
    Prepare,
    ReadArguments,
    ReadOptions,
    Scale,
    input_list,
)
from mnist_batch.remote.addresses import Place, place_of
from mnist_batch.schema import DIGITS, Classes

_NAN = "the network gives NaN for a black image: its training went wrong"
_PROBABILITIES = "probabilities"


@dataclass(frozen=True, eq=False)
class ModelInspection:
    """What is known of a model file.

    Attributes:
        sha256: SHA-256 of its bytes, in hexadecimal.
        layers: the layers of the network in order, without its inputs.
        input_shape: the shape of one image as the network takes it, 784 values in all; None where
            nothing runs the model.
        activation: the activation of its outputs, as `softmax`; `linear` for none; `probabilities`
            where its last operation is another, and what it gives are probabilities all the same.
        predictor: what runs the model; None where nothing does.
        why: the reason for that predictor, or why nothing runs it; one clause.
        scale: the range to which pixels are scaled where `--scale` names no other.
        scale_source: what in the file says so; None where nothing does and 0-1 is taken.
        trials: accuracy on labelled images at each scale, and prepared or not where that differs;
            None where it was not tried.
        training: what `mnist_batch.train` recorded of scale, settings, data and accuracy; empty for
            other models.
        suspicious: what is worth a look, one sentence each.
        classes: what the model tells apart, with the names that its file has; the digits where
            nothing runs it.
    """

    path: Place
    sha256: str
    size_bytes: int
    layers: Sequence[Layer]
    input_shape: tuple[int, ...] | None
    activation: str
    predictor: PredictorChoice | None
    why: str
    scale: Scale
    scale_source: ScaleSource | None
    trials: ScaleTrials | None
    training: Mapping[str, Any]
    suspicious: Sequence[str]
    classes: Classes = DIGITS

    def __repr__(self) -> str:
        """Return the file and what runs it, in one line."""
        return (
            f"<ModelInspection of {self.path}: {self.predictor or 'nothing'} runs it, {self.why}>"
        )

    @property
    def parameters(self) -> int | None:
        """The number of values in all arrays, trained or not; None where it is not known."""
        counts = [layer.parameters for layer in self.layers]
        return None if None in counts else sum(filter(None, counts))

    @property
    def best(self) -> ScaleTrial | None:
        """The trial that is best for labelled images; None where none is, or none was tried."""
        stated = self.scale if self.scale_source else None
        return self.trials.best(stated) if self.trials else None

    def record(self) -> dict[str, Any]:
        """Return all attributes as JSON takes them."""
        return {
            "model_file": str(self.path),
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "layers": [layer.record() for layer in self.layers],
            "parameters": self.parameters,
            "input_shape": None if self.input_shape is None else list(self.input_shape),
            "output_activation": self.activation,
            "predictor": None if self.predictor is None else str(self.predictor),
            "why": self.why,
            "scale": {
                "taken": str(self.scale),
                "said_by": self.scale_source and str(self.scale_source),
                "best": None if self.best is None else str(self.best.scale),
                "best_prepare": None if self.best is None else str(self.best.prepare),
                **(self.trials or ScaleTrials(0, [])).record(),
            },
            "training": dict(self.training),
            "suspicious": list(self.suspicious),
        }


def inspect_model(
    model: str | Path,
    *,
    data: Inputs | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    **reading: Unpack[ReadArguments],
) -> ModelInspection:
    """Return what a model file holds and what runs it.

    Keras is imported only for a network that NumPy does not run. Of a model that nothing runs, the
    inspection holds what the file says.

    `model` is a Keras model, `.h5` or `.keras`, or an ONNX file. `data` are INPUTs with labels, as
    `predict` takes them: each scale, and each way to prepare, is tried on up to `TRIAL_ROWS` of
    their images, spread over them. The other arguments are those of `predict`.

    Raises:
        ModelError: the file cannot be read as a model.
        InputError: the data cannot be read, or no image of it that can be read has a label.
        LabelError: a label is of no class.
        ValueError: `workers` is below 1.
    """
    file = read_model_file(place_of(model))
    found = _unrunnable(file)
    try:
        predictor = build_predictor(file)
        nan = predictor.gives_nan()
    except (ModelError, MissingExtraError) as error:
        return replace(found, why=str(error).removeprefix(f"{file.path}: "))
    trials = None
    if data is not None and not nan:
        opened = open_inputs(input_list(data), ReadOptions.of(**reading), predictor.classes)
        classes = opened.classes or predictor.classes
        usual = wanted_prepare(predictor, classes, Prepare.AUTO).prepare
        trials = try_ways(predictor, opened, usual, workers=workers, progress=progress)
    activation = found.activation
    if predictor.activation == "softmax" != activation:
        activation = _PROBABILITIES
    oddities = ((layer, one) for layer in predictor.layers for one in layer.oddities())
    return replace(
        found,
        layers=predictor.layers,
        input_shape=predictor.input_shape,
        activation=activation,
        predictor=predictor.name,
        classes=predictor.classes,
        why=predictor.why,
        trials=trials,
        suspicious=[
            *([_NAN] if nan else _odd_scale(file, trials)),
            *(f"layer {layer.name or layer.kind}: {one}" for layer, one in oddities),
            *_odd_output(activation),
            *found.suspicious,
        ],
    )


def _unrunnable(file: AnyModelFile) -> ModelInspection:
    """Return what the file alone says, as of a model that nothing runs."""
    scale, source = file.stated_scale() or (Scale.ZERO_TO_ONE, None)
    try:
        layers, activation = file.shown_layers(), file.activation
    except (AttributeError, LookupError, TypeError):
        layers, activation = [], "unknown"  # a damaged configuration, and `why` says so
    return ModelInspection(
        path=file.path,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        layers=layers,
        input_shape=None,
        activation=activation,
        predictor=None,
        why="",
        scale=scale,
        scale_source=source,
        trials=None,
        training=file.training,
        suspicious=list(_optimizer(file)),
    )


def _odd_scale(file: AnyModelFile, trials: ScaleTrials | None) -> Iterator[str]:
    named, source = file.stated_scale() or (None, None)
    says = source.says if source else ""
    own = file.own_scale()
    if named and own and named is not own:
        yield f"{says} that pixels come as {named}, but its first layers take them as {own}"
    if trials is None:
        if named is None:
            yield (
                "the file does not say which pixel range it expects, so 0-1 is taken; "
                "--data LABELLED finds it with labelled digits"
            )
        return
    best = trials.best(named)
    as_good = [
        str(trial.scale)
        for trial in trials.trials
        if trial.as_good and best is not None and trial.prepare is best.prepare
    ]
    if best is None:
        most = max(trial.accuracy for trial in trials.trials)
        yield (
            f"at no scale are more than {most:.0%} of the labelled digits predicted correctly: the "
            "model was trained on other images, or on classes in another order"
        )
    elif named and best.scale is not named:
        yield (
            f"{says} that pixels come as {named}, but labelled digits are read better as "
            f"{best.scale}: {_numbers(best)} instead of {_numbers(trials.at(named))}"
        )
    elif named is None and len(as_good) > 1:
        yield (
            f"labelled digits are read as well with pixels as {' or '.join(as_good)}: ask whoever "
            "trained the model; the predictions will be much the same, their confidences not"
        )


def _numbers(trial: ScaleTrial) -> str:
    return f"accuracy {trial.accuracy:.4f}, log loss {trial.log_loss:.4f}"


def _odd_output(activation: str) -> Iterator[str]:
    if activation == "sigmoid":
        yield "its outputs are ten sigmoids; divided by their sum they are taken as probabilities"
    elif activation == "linear":
        yield "its outputs have no activation: they are taken as logits, and softmax is applied"
    elif activation not in ("softmax", _PROBABILITIES):
        yield (
            f"its outputs end with {activation}, neither softmax nor logits: they are taken as "
            "logits, and softmax is applied"
        )


def _optimizer(file: AnyModelFile) -> Iterator[str]:
    share = file.optimizer_bytes / file.size_bytes
    if share:
        yield f"{share:.0%} of the file is its optimizer's state, of use for more training only"
