"""Values of dynamic inputs: those that stand for further inputs.

A generated node class has classes that derive from these, or calls these functions, as the kinds
in `comfyflow.dynamic` say. `comfyflow.node` unfolds the values into the dotted names of a prompt.
This module needs the standard library only: every generated one imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .errors import NodeUsageError
from .json_types import is_array, is_object
from .nearest import did_you_mean


class DynamicValue:
    """What is in a node for the inputs that a dynamic input brings."""

    __slots__ = ("_given",)

    _given: dict[str, Any]

    def _written(self, name: str) -> dict[str, Any]:
        """What a prompt has for an input of this name: values by name, which may be dynamic again."""
        return {f"{name}.{inner}": value for inner, value in self._given.items()}


class DynamicChoice(DynamicValue):
    """One option of an input that a key unfolds, with the inputs that it brings.

    Generated node classes have a class of this kind for each option.
    """

    __slots__ = ()

    _key: ClassVar[str] = ""
    _bare_key: ClassVar[str | None] = None
    """The key again, if it alone says everything: no argument must be given."""

    def _make(self, given: dict[str, Any], left_out: tuple[str, ...] = ()) -> None:
        self._given = without_none(given, left_out)

    def _written(self, name: str) -> dict[str, Any]:
        return {name: self._key, **super()._written(name)}

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{k}={v!r}' for k, v in self._given.items())})"


class Grown(DynamicValue):
    """The values of an input that grows, by slot name. Made by `autogrow`."""

    __slots__ = ()

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given


class SlotChoice(DynamicValue):
    """What is linked to an input, with the inputs that it then asks for."""

    __slots__ = ("_source",)

    _source: Any

    def _make(self, source: Any, given: dict[str, Any], left_out: tuple[str, ...] = ()) -> None:
        self._source = source
        self._given = without_none(given, left_out)

    def _written(self, name: str) -> dict[str, Any]:
        below = super()._written(name)
        return below if self._source is None else {name: self._source, **below}


class GroupRow(DynamicValue):
    """One row of an input that takes rows."""

    __slots__ = ()

    def _make(self, given: dict[str, Any], left_out: tuple[str, ...] = ()) -> None:
        self._given = without_none(given, left_out)


class Extra:
    """Inputs by wire name without an argument. Made by `extra`."""

    __slots__ = ("given",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given: Mapping[str, Any] = given


def extra(values: object) -> Extra:
    """Inputs without an argument.

    Args:
        values: A mapping of wire names; or None for nothing.

    Raises:
        NodeUsageError: It is something else.
    """
    if values is None:
        return Extra({})
    if not is_object(values) or not all(isinstance(name, str) for name in values):
        raise NodeUsageError(
            f"extra must be a dictionary of input names to values, not {shown_argument(values)}"
        )
    return Extra(values)


def choose(value: object, options: type) -> Any:
    """The option that a bare key stands for; anything else as it is.

    Args:
        value: What was given for an input that a key unfolds.
        options: The class that holds the classes of its options. Those that need no argument
            have a `_bare_key`.
    """
    if type(value) is str:
        for option in vars(options).values():
            if isinstance(option, type) and issubclass(option, DynamicChoice) and option._bare_key == value:
                return option()
    return value


def autogrow(values: object, prefix: str, names: tuple[str, ...] | None = None) -> Any:
    """The slots that a list or a dictionary of values fills.

    Args:
        values: A sequence, filled in order; or a mapping of slot names; or None for nothing.
        prefix: What the slot names start with (``image`` for ``image0``, ``image1``, …).
        names: The slot names, where the server lists them instead.

    Raises:
        NodeUsageError: More values than there are names, or a name that is not one of them.
    """
    if values is None:
        return None
    if is_object(values):
        unknown = [name for name in values if names is not None and name not in names]
        if unknown:
            hint = did_you_mean(str(unknown[0]), names or (), f"valid slots: {', '.join(names or ())}")
            raise NodeUsageError(f"unknown slot {unknown[0]!r}; {hint}")
        return Grown(dict(values))
    if not is_array(values):
        raise NodeUsageError(f"expected a list with one value per slot, got {shown_argument(values)}")
    if names is not None and len(values) > len(names):
        raise NodeUsageError(f"{len(values)} values for {len(names)} slots ({', '.join(names)})")
    slots = names if names is not None else [f"{prefix}{index}" for index in range(len(values))]
    return Grown(dict(zip(slots, values)))  # noqa: B905  # the slots may outnumber the values


def without_none(given: dict[str, Any], left_out: tuple[str, ...]) -> dict[str, Any]:
    """What was given, without those optional inputs that are None.

    Args:
        given: Values by wire name; it is changed.
        left_out: The names that None leaves out.
    """
    for name in left_out:
        if given[name] is None:
            del given[name]
    return given


def shown_argument(value: object) -> str:
    """A value as a message names it."""
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else f"{value!r:.60} ({type(value).__name__})"
