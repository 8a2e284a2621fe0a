"""JSON from somebody else, as types: what it is is asked here before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is a JSON object."""
    return type(value) is dict or isinstance(value, Mapping)  # the first is much faster


def is_array(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether a value is a JSON array (a tuple, where it was built in Python)."""
    return isinstance(value, (list, tuple))


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether a value is a JSON array as a server has it after reading: no tuple."""
    return isinstance(value, list)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a JSON number: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def object_or_empty(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if is_object(value) else {}


def array_or_empty(value: object) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return list(value) if is_array(value) else []


def text_or_empty(value: object) -> str:
    """The value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""
