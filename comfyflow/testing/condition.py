"""What an input must be: conditions that can say what they want."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..json_types import is_number

if TYPE_CHECKING:
    from .query import LinkedOutput


class Condition:
    """A condition on a value.

    Args:
        words: The condition in words, after "is": ``at most 8``.
        holds: Whether a value satisfies it.
    """

    __slots__ = ("holds", "words")

    def __init__(self, words: str, holds: Callable[[Any], bool]) -> None:
        self.words: str = words
        self.holds: Callable[[Any], bool] = holds

    def __repr__(self) -> str:
        return f"<{self.words}>"


def at_most(limit: float) -> Condition:
    """A number that is not larger."""
    return Condition(f"at most {limit}", lambda value: is_number(value) and value <= limit)


def at_least(limit: float) -> Condition:
    """A number that is not smaller."""
    return Condition(f"at least {limit}", lambda value: is_number(value) and value >= limit)


def between(low: float, high: float) -> Condition:
    """A number from `low` to `high`, both included."""
    return Condition(f"from {low} to {high}", lambda value: is_number(value) and low <= value <= high)


def one_of(*values: object) -> Condition:
    """One of some values."""
    listed = ", ".join(map(repr, values))
    return Condition(f"one of {listed}", lambda value: value in values)


def matching(pattern: str) -> Condition:
    """A string in which a regular expression is found."""
    found = re.compile(pattern)
    return Condition(
        f"a string matching {pattern!r}",
        lambda value: isinstance(value, str) and found.search(value) is not None,
    )


def satisfying(predicate: Callable[[Any], object], words: str | None = None) -> Condition:
    """A value for which your function returns True.

    Args:
        predicate: The function.
        words: The condition in words, after "is"; by default, the function's name.
    """
    name = getattr(predicate, "__name__", "accepted by the function")
    return Condition(words or f"that satisfies {name}", lambda value: bool(predicate(value)))


def linked(to: Any = None) -> Condition:
    """An input that is linked.

    Args:
        to: The class (in Python or by name) of the node that it is linked to; by default, any.
    """
    from .query import LinkedOutput, class_name

    wanted = None if to is None else class_name(to)

    def holds(value: LinkedOutput | object) -> bool:
        return isinstance(value, LinkedOutput) and wanted in (None, value.node.class_type)

    return Condition("linked" if wanted is None else f"linked to a {wanted}", holds)


def condition_of(wanted: object) -> Condition:
    """A condition as it is; of any other value, to equal it. A function is asked."""
    if isinstance(wanted, Condition):
        return wanted
    if callable(wanted):
        return satisfying(wanted)
    return Condition(repr(wanted), lambda value: _equal(value, wanted))


def _equal(value: object, wanted: object) -> bool:
    """Whether a server would take two values for the same: 1 and 1.0 are, 1 and True are not."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
