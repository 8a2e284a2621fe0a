"""JSON from someone else, as types: checked here before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

_JSON: Final = frozenset({str, int, float, bool, type(None), list, dict})
"""What values are that were read from JSON; of others it takes several times as long to tell."""


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is a JSON object."""
    kind: type[object] = type(value)
    return kind is dict or (kind not in _JSON and isinstance(value, Mapping))


def is_array(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether a value is a JSON array (a tuple, where it was built in Python)."""
    kind: type[object] = type(value)
    return kind is list or (kind not in _JSON and isinstance(value, (list, tuple)))


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a value is a JSON array as a server has it after reading: no tuple."""
    return isinstance(value, list)


def is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether a value is a tuple, of anything, which only Python can have made."""
    return isinstance(value, tuple)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a JSON number: true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def object_or_empty(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    if type(value) is dict:
        return value  # pyright: ignore[reportUnknownVariableType]
    return value if is_object(value) else {}


def array_or_empty(value: object) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return list(value) if is_array(value) else []


def texts_in(value: object) -> tuple[str, ...]:
    """The strings in a JSON array; none if the value is not an array."""
    return tuple([member for member in value if isinstance(member, str)]) if is_array(value) else ()


def text_of(value: Mapping[str, Any], name: str) -> str | None:
    """The text that a JSON object has under a name, or None where it has none, or something else."""
    found = value.get(name)
    return found if isinstance(found, str) else None


def text_or_empty(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""
