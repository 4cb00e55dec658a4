"""Dataclasses from what JSON made of them, each value checked against the type of its field."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

LONGEST_TEXT = 20_000
"""Characters: a message of ours holds a few paths, of 4,096 each."""

MOST = 2**53
"""What no number reaches: below it floating point holds all whole numbers."""

_DEEPEST = 8
"""Lists in lists of what may be anything."""

_T = TypeVar("_T")
_Reader = Callable[[Any], Any]


def from_record(kind: type[_T], record: object) -> _T:
    """Return the dataclass of type `kind` whose `dataclasses.asdict` JSON has written and read.

    Fields are of `str`, `int`, `float`, `bool`, `Any`, dataclasses, tuples, mappings from texts,
    and of one of these or None. What the record has beside the fields is passed over; a field with
    a default may be missing.

    Raises:
        ValueError: a field is missing, a value is not of its type, or one that no program of ours
            writes: a number of `MOST` or none at all, a text of more than `LONGEST_TEXT`. It names
            the field.
    """
    reader: Callable[[object], _T] = _reader(cast(Any, kind))
    return reader(record)


@cache
def _reader(kind: Any) -> _Reader:  # noqa: ANN401 - a type, or what stands for one
    """Return what reads the values of a type; made once, for a history has nights by thousands."""
    origin, of = get_origin(kind), get_args(kind)
    if kind is Any:
        return _anything
    if origin is UnionType and len(of) == 2 and of[1] is NoneType:
        inner = _reader(of[0])
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _tuple_reader(of)
    if origin is Mapping:
        return _mapping_reader(of[1])
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    return _plain_reader(kind)


def _plain_reader(kind: type) -> _Reader:
    accepted = {kind, int} if kind is float else {kind}  # some tools write 1.0 as 1

    def read(value: Any) -> Any:  # noqa: ANN401 - JSON
        if type(value) not in accepted:  # a bool is no int here
            raise ValueError(f"is {type(value).__name__}, not {kind.__name__}")
        if kind is str and len(value) > LONGEST_TEXT:
            raise ValueError(f"has {len(value)} characters")
        if kind is not str and not -MOST < value < MOST:  # NaN neither
            raise ValueError("is out of range")
        return value

    return read


def _anything(value: object, deepest: int = _DEEPEST) -> object:
    """Return what JSON holds, unless it is nested deeper than can be compared and printed."""
    if isinstance(value, (list, dict)):
        if not deepest:
            raise ValueError("is nested too deep")
        for one in value.values() if isinstance(value, dict) else value:
            _anything(one, deepest - 1)
    return value


def _tuple_reader(of: tuple[Any, ...]) -> _Reader:
    is_open = len(of) == 2 and of[1] is Ellipsis
    readers = [_reader(one) for one in of if one is not Ellipsis]

    def read(value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"is {type(value).__name__}, not a list")
        if is_open:
            return tuple(map(readers[0], value))
        if len(value) != len(readers):
            raise ValueError(f"has {len(value)} values, not {len(readers)}")
        return tuple(reader(one) for reader, one in zip(readers, value, strict=True))

    return read


def _mapping_reader(of: Any) -> _Reader:  # noqa: ANN401 - a type
    inner, read_name = _reader(of), _reader(str)

    def read(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        if not isinstance(value, dict):
            raise ValueError(f"is {type(value).__name__}, not an object")
        return {read_name(name): inner(one) for name, one in value.items()}

    return read


def _dataclass_reader(kind: Any) -> _Reader:  # noqa: ANN401 - a type
    types = get_type_hints(kind)
    wanted = [
        (field.name, _reader(types[field.name]), field.default is MISSING) for field in fields(kind)
    ]

    def read(value: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(value, dict):
            raise ValueError(f"is {type(value).__name__}, not an object")
        found = {}
        for name, reader, is_needed in wanted:
            if name in value:
                try:
                    found[name] = reader(value[name])
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
            elif is_needed:
                raise ValueError(f"{name} is missing")
        return kind(**found)

    return read
