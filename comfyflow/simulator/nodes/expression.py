"""Arithmetic that someone typed, worked out by simpleeval as ComfyMathExpression does (0.33.0).

simpleeval runs only what it is given, but nothing bounds how large a number or how deep an
expression becomes. So that is bounded here, and texts, attributes and methods are left out: no
number comes of them, and some of them take all memory at once.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from ...bounds import EXPRESSION_BITS, EXPRESSION_DEPTH, EXPRESSION_EXPONENT, EXPRESSION_LENGTH
from ...extra import needing
from ...json_types import is_list


def _sum(*values: Any) -> Any:
    return sum(values[0] if len(values) == 1 and is_list(values[0]) else values)


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > EXPRESSION_EXPONENT:
        raise ValueError(f"Exponent {exponent} exceeds maximum allowed ({EXPRESSION_EXPONENT})")
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        # A bound of the bits from below: what is too large is refused before it is worked out.
        _refuse_large((abs(base).bit_length() - 1) * exponent + 1)
    return base**exponent


def _refuse_large(bits: int) -> None:
    if bits > EXPRESSION_BITS:
        raise ValueError("a number in the expression is too large")


def _round(number: Any, digits: int | None = None) -> Any:
    """`round`, which works out a power of ten for its digits."""
    if digits is not None and abs(digits) > EXPRESSION_EXPONENT:
        raise ValueError(f"{digits} digits exceed the maximum allowed ({EXPRESSION_EXPONENT})")
    return round(number, digits)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sum": _sum, "min": min, "max": max, "abs": abs, "round": _round, "pow": _power, "sqrt": math.sqrt,
    "ceil": math.ceil, "floor": math.floor, "log": math.log, "log2": math.log2, "log10": math.log10,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "int": int, "float": float,
}  # fmt: skip


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of an expression of numbers, names, comparisons and the functions of `FUNCTIONS`.

    Args:
        expression: What someone typed.
        names: The values that it may name.

    Raises:
        ValueError: It is too long, too deep, makes too large a number, or is not an expression.
        simpleeval.InvalidExpression: It names what there is not, or holds something else.
        ArithmeticError: It divides by nothing, or the like.
    """
    if len(expression) > EXPRESSION_LENGTH:
        raise ValueError(f"the expression has more than {EXPRESSION_LENGTH} characters")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, MemoryError, RecursionError, ValueError) as error:
        raise ValueError(f"{expression!r} is not an expression: {error}") from None
    _check(tree)
    return _evaluator(names).eval(expression, previously_parsed=tree.body)


def _check(tree: ast.AST) -> None:
    """Refuse what nothing bounds later.

    Raises:
        ValueError: It is nested too deep, or it holds a string, an attribute or a method.
    """
    level: list[ast.AST] = [tree]
    for _ in range(EXPRESSION_DEPTH):
        for node in level:
            if _is_refused(node):
                raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
        if not level:
            return
    raise ValueError(f"the expression is nested more than {EXPRESSION_DEPTH} levels deep")


def _is_refused(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, (int, float))
    if isinstance(node, ast.Call):
        return not isinstance(node.func, ast.Name)
    return isinstance(node, (ast.Attribute, ast.JoinedStr))


def _evaluator(names: Mapping[str, Any]) -> Any:
    with needing("a formula", "simulator"):
        simpleeval: Any = import_module("simpleeval")
    operators = {**simpleeval.DEFAULT_OPERATORS, ast.Pow: _power}
    for kind in (ast.Add, ast.Sub, ast.Mult, ast.Pow, ast.LShift):
        operators[kind] = _bounded(operators[kind])
    functions = {name: _bounded(function) for name, function in FUNCTIONS.items()}
    return simpleeval.SimpleEval(operators=operators, functions=functions, names=dict(names))


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        result = function(*values)
        if isinstance(result, int):
            _refuse_large(result.bit_length())
        return result

    return call
