"""How a model file says that its network wants the pixels."""

from enum import StrEnum

from mnist_batch.errors import ModelError
from mnist_batch.models.file import ModelFile
from mnist_batch.models.network_config import own_scale
from mnist_batch.options import Scale


class ScaleSource(StrEnum):
    """Where a model file may say how its network wants the pixels."""

    RECORD = "training record"
    FIRST_LAYERS = "first layers"

    @property
    def says(self) -> str:
        """Subject and verb of a sentence on it."""
        return f"its {self.value} {'says' if self is ScaleSource.RECORD else 'say'}"


def scale_in_file(file: ModelFile) -> tuple[Scale, ScaleSource] | None:
    """Return the scale in which a model wants its pixels and where its file says so, if it does.

    Raises:
        ModelError: the training record names a scale that is not known.
    """
    if "scale" in file.training:
        try:
            return Scale(file.training["scale"]), ScaleSource.RECORD
        except ValueError as error:
            raise ModelError(
                f"{file.path}: names an unknown scale ({error}); pass --scale"
            ) from error
    own = scale_of_first_layers(file)
    return (own, ScaleSource.FIRST_LAYERS) if own else None


def scale_of_first_layers(file: ModelFile) -> Scale | None:
    """Return the scale in which a model takes pixels by its first layers, None if none is told."""
    try:
        return own_scale(file.config)
    except (AttributeError, LookupError, TypeError):
        return None  # a damaged configuration: what loads the network says so
