"""Telling the kinds of JSON values apart, for people and for type checkers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a JSON array (a tuple counts)."""
    return isinstance(value, (list, tuple))


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, Mapping)


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a JSON number: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def list_of(value: object) -> Sequence[Any]:
    """The array, or an empty one where it is none."""
    return value if is_list(value) else ()


def object_of(value: object) -> Mapping[str, Any]:
    """The object, or an empty one where it is none."""
    return value if is_object(value) else {}
