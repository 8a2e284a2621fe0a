"""What an argument of a generated class takes, read from its annotation.

The annotations are the code generator's own text, so what a type checker will say about a value or
a link is known before the source is written. What would be red goes through `raw_node`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ..graph.prompt import wrapped_list
from ..input_file import ForeignPath
from ..json_types import is_array, is_object

ANY: Final = "Any"
"""What an output carries of which nothing is known: it may be linked to every input."""

SOCKET: Final = "Socket"
"""What an output carries that was made of several types: it may be linked to inputs of any type."""


@dataclass(frozen=True)
class Accepted:
    """The constants and the outputs that an argument takes.

    Attributes:
        types: Of ``str``, ``int``, ``float`` and ``bool``, those that it takes; and the aliases
            of lists of choices, as ``_c.Name``.
        choices: Single values that it takes, with their types.
        anything: Whether it takes every value but None, and every output.
        objects: Whether it takes JSON objects.
        element: What a list of values may hold, or None if it takes no list.
        carried: What an output may carry: socket classes, type variables, `ANY`.
    """

    types: frozenset[str] = frozenset()
    choices: frozenset[tuple[type[Any], Any]] = frozenset()
    anything: bool = False
    objects: bool = False
    element: Accepted | None = None
    carried: frozenset[str] = frozenset()

    def value(self, value: Any) -> bool:
        """Whether it takes a constant; a list is given as one."""
        if value is None:
            return False
        if isinstance(value, ForeignPath):
            value = str(value)
        if self.anything or (type(value), value) in self._hashable_choices(value):
            return True
        if is_object(value):
            return self.objects
        if is_array(value):
            element = self.element
            return element is not None and (
                element.carried == frozenset({ANY}) or all(map(element.value, value))
            )
        return not _PROMOTED[type(value)].isdisjoint(self.types)

    def _hashable_choices(self, value: Any) -> Collection[tuple[type[Any], Any]]:
        return () if is_object(value) or is_array(value) else self.choices

    @cached_property
    def variables(self) -> frozenset[str]:
        """The type variables that a link to it is matched with."""
        return frozenset(name for name in self.carried if name.startswith("_T"))


_PROMOTED: Final[Mapping[type[Any], frozenset[str]]] = {
    str: frozenset({"str"}),
    bool: frozenset({"bool", "int", "float"}),
    int: frozenset({"int", "float"}),
    float: frozenset({"float"}),
}
"""The types that a constant of a type may stand for."""


def python_value(value: Any) -> Any:
    """A value of a prompt as one gives it in Python: ``{"__value__": [...]}`` is the list."""
    inner = wrapped_list(value)
    return value if inner is None else inner


def read_annotation(text: str, aliases: Mapping[str, frozenset[tuple[type[Any], Any]]]) -> Accepted:
    """What an annotation of a generated class means.

    Args:
        text: The annotation.
        aliases: The values of each alias in ``choices``.
    """
    return _joined(_read(part, aliases) for part in _members(ast.parse(text, mode="eval").body))


def option_classes(text: str) -> Iterator[tuple[str, str]]:
    """The classes within classes (``Group.option``) that an annotation names."""
    for part in _members(ast.parse(text, mode="eval").body):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield part.value.id, part.attr


def carried_names(node: ast.expr) -> frozenset[str]:
    """The socket classes, type variables or `ANY` of an annotation's ``Output[...]``."""
    return frozenset(
        part.attr if isinstance(part, ast.Attribute) else part.id
        for part in _members(node)
        if isinstance(part, (ast.Attribute, ast.Name))
    )


def _members(node: ast.expr) -> list[ast.expr]:
    """The members of a union, however many, in order."""
    found: list[ast.expr] = []
    while isinstance(node, ast.BinOp):
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _read(part: ast.expr, aliases: Mapping[str, frozenset[tuple[type[Any], Any]]]) -> Accepted:
    if isinstance(part, ast.Name):
        if part.id == "FileValue":  # beside a string: what no JSON has
            return Accepted()
        if part.id == "AnyValue":
            return Accepted(anything=True)
        return Accepted(carried=frozenset({ANY})) if part.id == ANY else Accepted(frozenset({part.id}))
    if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
        if part.value.id == "_c":
            return Accepted(frozenset({f"_c.{part.attr}"}), aliases[part.attr])
        return Accepted(frozenset({part.attr})) if part.value.id == "_b" else Accepted()
    if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
        return _read_generic(part.value.id, part.slice, aliases)
    return Accepted()


def _read_generic(
    name: str, inner: ast.expr, aliases: Mapping[str, frozenset[tuple[type[Any], Any]]]
) -> Accepted:
    if name == "Output":
        return Accepted(carried=carried_names(inner))
    if name == "Sequence":
        return Accepted(element=_joined(_read(part, aliases) for part in _members(inner)))
    return Accepted(objects=True) if name == "Mapping" else Accepted()


def _joined(parts: Iterable[Accepted]) -> Accepted:
    types: frozenset[str] = frozenset()
    choices: frozenset[tuple[type[Any], Any]] = frozenset()
    carried: frozenset[str] = frozenset()
    anything, objects, element = False, False, None
    for part in parts:
        types, choices, carried = types | part.types, choices | part.choices, carried | part.carried
        anything, objects, element = (
            anything or part.anything,
            objects or part.objects,
            part.element or element,
        )
    return Accepted(types, choices, anything, objects, element, carried)
