"""Arithmetic that somebody typed, worked out without executing anything else."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..json_value import is_list

MAX_LENGTH: Final = 4000
MAX_DEPTH: Final = 100
MAX_EXPONENT: Final = 4000
MAX_BITS: Final = 100_000

_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: operator.mod,
}
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _sum(*values: Any) -> Any:
    return sum(values[0] if len(values) == 1 and is_list(values[0]) else values)


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > MAX_EXPONENT:
        raise ValueError(f"Exponent {exponent} exceeds maximum allowed ({MAX_EXPONENT})")
    return base**exponent


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sum": _sum, "min": min, "max": max, "abs": abs, "round": round, "pow": _power, "sqrt": math.sqrt,
    "ceil": math.ceil, "floor": math.floor, "log": math.log, "log2": math.log2, "log10": math.log10,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "int": int, "float": float,
}  # fmt: skip


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression of numbers, names, comparisons and the functions of `FUNCTIONS`.

    Args:
        expression: What somebody typed.
        names: The values that it may name.

    Raises:
        ValueError: It is too long, too deep, or holds something else.
        ArithmeticError: It divides by nothing, or the like.
    """
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"the expression has more than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, MemoryError, RecursionError, ValueError) as error:
        raise ValueError(f"{expression!r} is no expression: {error}") from None
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
        if not level:
            return _value(tree.body, names)
    raise ValueError(f"the expression is nested more than {MAX_DEPTH} levels deep")


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.Name):
        return _named(node.id, names)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, names))
    if isinstance(node, ast.BinOp):
        return _bounded(_binary(node, names))
    if isinstance(node, ast.BoolOp):
        return _either(node, names)
    if isinstance(node, ast.Compare):
        return _compared(node, names)
    if isinstance(node, ast.IfExp):
        return _value(node.body if _value(node.test, names) else node.orelse, names)
    if isinstance(node, ast.Call):
        return _bounded(_called(node, names))
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(member, names) for member in node.elts]
    if isinstance(node, ast.Subscript):
        return _value(node.value, names)[_value(node.slice, names)]
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")


def _named(name: str, names: Mapping[str, Any]) -> Any:
    if name not in names:
        raise ValueError(f"'{name}' is not defined for expression")
    return names[name]


def _binary(node: ast.BinOp, names: Mapping[str, Any]) -> Any:
    left, right = _value(node.left, names), _value(node.right, names)
    if isinstance(node.op, ast.Pow):
        return _power(left, right)
    if type(node.op) not in _BINARY or isinstance(left, list) or isinstance(right, list):
        raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")
    return _BINARY[type(node.op)](left, right)


def _either(node: ast.BoolOp, names: Mapping[str, Any]) -> Any:
    wanted = isinstance(node.op, ast.Or)
    value: Any = None
    for part in node.values:
        value = _value(part, names)
        if bool(value) is wanted:
            return value
    return value


def _compared(node: ast.Compare, names: Mapping[str, Any]) -> bool:
    left = _value(node.left, names)
    for kind, part in zip(node.ops, node.comparators, strict=True):
        right = _value(part, names)
        if type(kind) not in _COMPARE:
            raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")
        if not _COMPARE[type(kind)](left, right):
            return False
        left = right
    return True


def _called(node: ast.Call, names: Mapping[str, Any]) -> Any:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
        raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")
    return FUNCTIONS[node.func.id](*(_value(argument, names) for argument in node.args))


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ValueError("a number in the expression is too large")
    return value
