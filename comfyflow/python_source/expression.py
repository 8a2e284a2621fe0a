"""Values and calls as Python's syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..input_file import ForeignPath, foreign_path
from ..json_types import is_array, is_object


def name(text: str) -> ast.Name:
    """A variable."""
    return ast.Name(text, ast.Load())


def dotted(path: Iterable[str]) -> ast.expr:
    """``A.b.c``."""
    first, *rest = path
    found: ast.expr = name(first)
    for part in rest:
        found = attribute(found, part)
    return found


def attribute(value: ast.expr, attr: str) -> ast.expr:
    """``value.attr``."""
    return ast.Attribute(value, attr, ast.Load())


def item(value: ast.expr, index: int) -> ast.expr:
    """``value[index]``."""
    return ast.Subscript(value, ast.Constant(index), ast.Load())


def generic(outer: str, inner: Iterable[ast.expr]) -> ast.expr:
    """``outer[inner, ...]``."""
    parts = list(inner)
    index = parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())
    return ast.Subscript(name(outer), index, ast.Load())


def call(
    function: ast.expr, arguments: Iterable[ast.expr] = (), named: Mapping[str, ast.expr] | None = None
) -> ast.Call:
    """``function(argument, named=value)``."""
    keywords = [ast.keyword(arg, value) for arg, value in (named or {}).items()]
    return ast.Call(function, list(arguments), keywords)


def dictionary(values: Mapping[str, ast.expr]) -> ast.Dict:
    """``{"key": value}``."""
    return ast.Dict([ast.Constant(key) for key in values], list(values.values()))


def listing(values: Iterable[ast.expr]) -> ast.List:
    """``[value, ...]``."""
    return ast.List(list(values), ast.Load())


def constant(value: Any) -> ast.expr:
    """A JSON value, which is not nested deeper than a prompt may be."""
    if is_array(value):
        return listing(map(constant, value))
    if is_object(value):
        return dictionary({key: constant(held) for key, held in value.items()})
    if isinstance(value, (int, float)) and not isinstance(value, bool) and str(value).startswith("-"):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if isinstance(value, ForeignPath):
        return call(name(foreign_path.__name__), [ast.Constant(str(value))])
    return ast.Constant(value)


def assignment(targets: Sequence[str], value: ast.expr) -> ast.Assign:
    """``target, target = value``."""
    names: list[ast.expr] = [ast.Name(target, ast.Store()) for target in targets]
    target = names[0] if len(names) == 1 else ast.Tuple(names, ast.Store())
    return ast.Assign([target], value)
