"""Python's syntax trees as source, laid out as ``ruff format`` would.

Only the few kinds of statements and expressions that generated workflows have. What fits on a
line is on one; what does not is broken one element a line, with a comma behind the last.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from .text import string_literal, string_pieces, width

INDENT: Final = "    "


@dataclass
class Comment:
    """Lines of comments, each with its ``#``, that are before a statement."""

    lines: list[str]


@dataclass
class Blank:
    """An empty line."""


Line: TypeAlias = "ast.stmt | Comment | Blank | Function"


@dataclass
class Function:
    """A function whose body has comments.

    Attributes:
        definition: The function; what its body holds does not matter.
        body: Its docstring, comments and statements.
    """

    definition: ast.FunctionDef
    body: list[Line] = field(default_factory=list[Line])


@dataclass
class _Part:
    """One element between brackets: what is before its value, and the value."""

    before: str
    value: ast.expr | None

    @property
    def flat(self) -> str:
        return self.before + (flat(self.value) if self.value is not None else "")


@dataclass
class _Bracketed:
    """Elements between brackets; `lone_comma` where there must be one even on one line."""

    opening: str
    parts: list[_Part]
    closing: str
    lone_comma: bool = False


class Layout:
    """Lays out source.

    Args:
        columns: How wide a line may be.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def block(self, lines: Iterable[Line], indent: str = "") -> Iterator[str]:
        """Statements and comments as lines of source, each with the indentation before it."""
        for line in lines:
            if isinstance(line, Blank):
                yield ""
            elif isinstance(line, Comment):
                yield from (indent + text for text in line.lines)
            elif isinstance(line, Function):
                yield from self._function(line)
            else:
                yield from self._statement(line, indent)

    def _function(self, function: Function) -> Iterator[str]:
        definition = function.definition
        yield from (f"@{flat(decorator)}" for decorator in definition.decorator_list)
        parts = _parameters(definition.args)
        returns = f" -> {flat(definition.returns)}:" if definition.returns is not None else ":"
        opening = f"def {definition.name}("
        on_one_line = f"{opening}{', '.join(part.flat for part in parts)}){returns}"
        if width(on_one_line) <= self.columns:
            yield on_one_line
        else:
            yield from self._signature(opening, parts, definition.returns)
        yield from self.block(function.body, INDENT)

    def _signature(self, opening: str, parts: list[_Part], returns: ast.expr | None) -> Iterator[str]:
        if not parts:
            opening = f"{opening})"
        else:
            yield opening
            yield from self._elements(parts, INDENT)
            opening = ")"
        if returns is None:
            yield f"{opening}:"
        else:
            yield from self._expression(returns, "", f"{opening} -> ", ":")

    def _statement(self, line: ast.stmt, indent: str) -> Iterator[str]:
        if isinstance(line, ast.Return) and line.value is not None:
            yield from self._return(line.value, indent)
        elif isinstance(line, ast.Assign):
            yield from self._assignment(line, indent)
        elif isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            yield f'{indent}"""{line.value.value!s}"""'
        elif isinstance(line, ast.ImportFrom):
            yield from self._import(f"from {line.module} import ", [alias.name for alias in line.names])
        else:
            raise TypeError(f"no layout for {type(line).__name__}")

    def _assignment(self, line: ast.Assign, indent: str) -> Iterator[str]:
        (target,) = line.targets
        names = list(map(flat, target.elts if isinstance(target, ast.Tuple) else [target]))
        before = f"{indent}{', '.join(names)} = "
        value = line.value
        bracketed = _breakable(value)
        if len(names) > 1 and bracketed is not None and width(before + bracketed.opening) > self.columns:
            yield f"{indent}("
            yield from (f"{indent}{INDENT}{one}," for one in names)
            before = f"{indent}) = "
        yield from self._expression(value, indent, before, "")

    def _return(self, value: ast.expr, indent: str) -> Iterator[str]:
        if isinstance(value, ast.Tuple):
            comma = "," if len(value.elts) == 1 else ""
            on_one_line = f"{indent}return {', '.join(map(flat, value.elts))}{comma}"
            if width(on_one_line) <= self.columns:
                yield on_one_line
                return
        yield from self._expression(value, indent, f"{indent}return ", "")

    def _import(self, opening: str, names: list[str]) -> Iterator[str]:
        on_one_line = opening + ", ".join(names)
        if width(on_one_line) <= self.columns:
            yield on_one_line
            return
        yield f"{opening}("
        yield from (f"{INDENT}{name}," for name in names)
        yield ")"

    def _expression(self, node: ast.expr, indent: str, before: str, after: str) -> Iterator[str]:
        """An expression as lines; the first begins with `before`, the last ends with `after`."""
        on_one_line = f"{before}{flat(node)}{after}"
        if width(on_one_line) <= self.columns:
            yield on_one_line
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from self._long_string(node.value, indent, before, after)
            return
        bracketed = _breakable(node)
        if bracketed is None or not bracketed.parts:
            yield on_one_line
            return
        yield before + bracketed.opening
        yield from self._elements(bracketed.parts, indent + INDENT)
        yield f"{indent}{bracketed.closing}{after}"

    def _elements(self, parts: list[_Part], indent: str) -> Iterator[str]:
        for part in parts:
            if part.value is None:
                yield f"{indent}{part.before},"
            else:
                yield from self._expression(part.value, indent, indent + part.before, ",")

    def _long_string(self, text: str, indent: str, before: str, after: str) -> Iterator[str]:
        inner = indent + INDENT
        pieces = string_pieces(text, self.columns - len(inner))
        yield f"{before}("
        yield from (inner + piece for piece in pieces)
        yield f"{indent}){after}"


def flat(node: ast.expr) -> str:
    """An expression on one line."""
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, str):
            return string_literal(value)
        return repr(value).replace("e+", "e") if isinstance(value, float) else repr(value)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{flat(node.value)}.{node.attr}"
    if isinstance(node, ast.UnaryOp):
        return f"-{flat(node.operand)}"
    if isinstance(node, ast.BinOp):
        return f"{flat(node.left)} | {flat(node.right)}"
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return f"{flat(node.value)}[{', '.join(map(flat, parts))}]"
    bracketed = _bracketed(node)
    body = ", ".join(part.flat for part in bracketed.parts)
    return f"{bracketed.opening}{body}{',' if bracketed.lone_comma else ''}{bracketed.closing}"


def _bracketed(node: ast.expr) -> _Bracketed:
    if isinstance(node, ast.Call):
        parts = [_Part("", argument) for argument in node.args]
        parts.extend(_Part(f"{keyword.arg}=", keyword.value) for keyword in node.keywords)
        return _Bracketed(f"{flat(node.func)}(", parts, ")")
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values)  # noqa: B905  # a value for each key
        return _Bracketed("{", [_Part(f"{flat(key)}: ", value) for key, value in pairs if key], "}")
    if isinstance(node, ast.List):
        return _Bracketed("[", [_Part("", element) for element in node.elts], "]")
    if isinstance(node, ast.Tuple):
        return _Bracketed("(", [_Part("", element) for element in node.elts], ")", len(node.elts) == 1)
    raise TypeError(f"no layout for {type(node).__name__}")


def _breakable(node: ast.expr) -> _Bracketed | None:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        return _Bracketed(f"{flat(node.value)}[", [_Part("", element) for element in node.slice.elts], "]")
    if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.value, ast.Call):
        called = _bracketed(node.value)
        behind = f".{node.attr}" if isinstance(node, ast.Attribute) else f"[{flat(node.slice)}]"
        return _Bracketed(called.opening, called.parts, called.closing + behind)
    return _bracketed(node) if isinstance(node, (ast.Call, ast.Dict, ast.List, ast.Tuple)) else None


def _parameters(arguments: ast.arguments) -> list[_Part]:
    required = len(arguments.args) - len(arguments.defaults)
    defaults: list[ast.expr | None] = [*[None] * required, *arguments.defaults]
    parts = [_parameter(*pair) for pair in zip(arguments.args, defaults)]  # noqa: B905  # as many
    if arguments.kwonlyargs:
        parts.append(_Part("*", None))
        parts.extend(_parameter(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults))  # noqa: B905
    return parts


def _parameter(argument: ast.arg, default: ast.expr | None) -> _Part:
    before = argument.arg
    if argument.annotation is not None:
        before += f": {flat(argument.annotation)}"
    if default is not None:
        before += " = " if argument.annotation is not None else "="
    return _Part(before, default)
