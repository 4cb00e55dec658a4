"""What is not as on another night: the model, the version, the options, the images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_batch.schema import shortened

_LONGEST = 200
"""Characters of a value that are said."""

_OF_EACH_RUN = {"workers", "sample_seed", "keep_columns", "content_hash"}
"""Options that no prediction depends on."""


@dataclass(frozen=True)
class Setting:
    """What predictions depend on.

    Attributes:
        version: of this package.
        model: name and SHA-256 of the model.
        options: by name.
        data: names the images, see `Night.data`; None where it is not known.
    """

    version: str
    model: Mapping[str, str]
    options: Mapping[str, Any]
    data: str | None


@dataclass(frozen=True)
class NewImages:
    """How many of the images of a run are new.

    Attributes:
        new: images that the earlier run had not.
        total: all.
    """

    new: int
    total: int

    @property
    def are_few(self) -> bool:
        """Whether most images are not new."""
        return 2 * self.new < self.total

    def told(self, since: str) -> str:
        """Return a sentence on them."""
        if not self.new:
            return f"some images of {since} are not there, and none is new"
        verb = "is" if self.new == 1 else "are"
        return f"{self.new:,} of {self.total:,} images {verb} new since {since}"


def setting_of(run: Mapping[str, Any], data: str | None) -> Setting:
    """Return the setting that the record of a run tells, as it is in a predictions file."""
    options = {name: value for name, value in run["options"].items() if name not in _OF_EACH_RUN}
    if "predictor" in run:
        options["predictor"] = run["predictor"]
    named = run.get("model")  # of a file of any origin, so that anything may be there
    model = {name: str(value) for name, value in named.items()} if isinstance(named, dict) else {}
    return Setting(str(run.get("version", "")), model, options, data)


def changes(
    since: str, before: Setting, now: Setting, *, new_images: NewImages | None = None
) -> Iterator[str]:
    """Yield what is not as it was in a run that is called `since`, a sentence each.

    `new_images` are those that it had not; None where nobody knows how many.
    """
    if before.model.get("sha256") != now.model.get("sha256"):
        yield f"the model is {_model(now.model)}, in {since} it was {_model(before.model)}"
    if before.version != now.version:
        yield f"mnist-batch is {now.version}, in {since} it was {before.version or 'unknown'}"
    images_are_known = before.data is not None and now.data is not None
    for name in sorted({*before.options, *now.options}):
        if name == "inputs" and images_are_known:
            continue  # a file of each night has another name each night
        old, new = before.options.get(name), now.options.get(name)
        if old != new:
            what = "the input" if name == "inputs" else name
            yield f"{what} is {_value(new)}, in {since} it was {_value(old)}"
    if images_are_known and before.data != now.data:
        yield new_images.told(since) if new_images else f"the images are not those of {since}"


def _model(model: Mapping[str, str]) -> str:
    return f"{model.get('name', 'unknown')} ({model.get('sha256', '')[:12]})"


def _value(value: object) -> str:
    if value is None:
        return "not given"
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shortened(text, _LONGEST)  # a shell may have made a thousand files of one pattern
