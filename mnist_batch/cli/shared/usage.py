"""What is said of the value of an option that does not fit: typer 0.29 leaves it to pydantic."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

_EXPECTED = {
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "float_parsing": "a number",
    "greater_than_equal": "{ge:,} or more",
    "less_than_equal": "{le:,} or less",
}
"""What was expected, by pydantic's name of the error, with what stands in its context:
https://docs.pydantic.dev/latest/errors/validation_errors."""


def told(error: "typer.BadParameter") -> str:
    """Return the message of an error: the value, and what was expected.

    What no table knows keeps its message, as do the errors of a check of ours, without the words
    that pydantic puts before it.
    """
    errors: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    first = errors[0] if errors else {}
    expected = _EXPECTED.get(first.get("type", ""))
    if expected is None:
        return error.message.removeprefix("Value error, ")
    value = str(first["input"])[:60]
    return f"{value!r}: expected {expected.format(**first.get('ctx', {}))}"
