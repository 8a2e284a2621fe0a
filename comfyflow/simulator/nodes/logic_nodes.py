"""Numbers, primitives, switches, and arithmetic that someone typed.

simpleeval works it out, as in ComfyMathExpression (0.33.0). It runs only what it is given, but nothing
bounds how large a number or how deep an expression becomes. So that is bounded here, and texts, attributes
and methods are left out: no number comes of them, and some of them take all memory at once.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Final

from ...bounds import EXPRESSION_BITS, EXPRESSION_DEPTH, EXPRESSION_EXPONENT, EXPRESSION_LENGTH
from ...extra import needing
from ...json_types import is_list
from ..node_function import NodeLibrary

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


@node("PrimitiveInt", "PrimitiveFloat", "PrimitiveString", "PrimitiveStringMultiline", "PrimitiveBoolean")
def primitive(value: Any) -> Any:
    """A value that someone typed."""
    return value


@node("SeedNode")
def seed_node(seed: int) -> int:
    """A seed that someone typed."""
    return seed


@node("PrimitiveBoundingBox")
def primitive_bounding_box(x: int, y: int, width: int, height: int) -> dict[str, int]:
    """A part of a picture."""
    return {"x": x, "y": y, "width": width, "height": height}


@node("CustomCombo")
def custom_combo(choice: str, index: int = 0, **_options: Any) -> tuple[str, int]:
    """A choice of a list that the editor keeps."""
    return choice, index


def _switched(values: Mapping[str, Any]) -> Iterable[str]:
    return ["on_true" if values.get("switch") else "on_false"]


@node("ComfySwitchNode", needs=_switched)
def switch(switch: bool, on_false: Any = None, on_true: Any = None) -> Any:
    """One of two; the other is never worked out."""
    return on_true if switch else on_false


@node("ComfyNotNode")
def logical_not(value: Any) -> bool:
    """Whether it is nothing, as Python sees it."""
    return not value


@node("ComfyAndNode")
def logical_and(values: Mapping[str, Any]) -> bool:
    """Whether all are something."""
    return all(values.values())


@node("ComfyOrNode")
def logical_or(values: Mapping[str, Any]) -> bool:
    """Whether one is something."""
    return any(values.values())


@node("ComfyMathExpression")
def math_expression(expression: str, values: Mapping[str, Any] | None = None) -> tuple[float, int, bool]:
    """A formula over values named by letters.

    Raises:
        ValueError: It is empty, or what comes out is not a finite number.
    """
    if not expression.strip():
        raise ValueError("Expression cannot be empty.")
    named = dict(values or {})
    result = evaluate(expression, {**named, "values": list(named.values())})
    try:
        number = float(result) if isinstance(result, (int, float)) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        shown = f"a number of {result.bit_length()} bits" if isinstance(result, int) else f"{result!r:.80}"
        raise ValueError(f"Math Expression '{expression}' must evaluate to a finite number, got {shown}")
    return number, int(result), bool(result)


@node("ComfyNumberConvert")
def number_convert(value: Any) -> tuple[float, int]:
    """A number, a truth value or a string as numbers.

    Raises:
        ValueError: The text is not a finite number.
        TypeError: It is not one of these.
    """
    if isinstance(value, str):
        text = value.strip()
        number = float(text)
        whole = int(text) if text.lstrip("+-").isdecimal() else None
    elif isinstance(value, (int, float)):
        number, whole = float(value), int(value) if isinstance(value, int) else None
    else:
        raise TypeError(f"Unsupported input type: {type(value).__name__}")
    if not math.isfinite(number):
        raise ValueError(f"Cannot convert non-finite value to number: {number}")
    return number, int(number) if whole is None else whole


@node("ResolutionSelector")
def resolution_selector(aspect_ratio: str, megapixels: float, multiple: int = 8) -> tuple[int, int]:
    """Width and height for an area in a proportion."""
    across, down = (int(part) for part in aspect_ratio.split(" ", 1)[0].split(":"))
    unit = math.sqrt(megapixels * 1024 * 1024 / (across * down))
    return round(across * unit / multiple) * multiple, round(down * unit / multiple) * multiple


@node("ColorToRGBInt")
def color_to_rgb_int(color: str) -> tuple[int, str, float]:
    """A colour as number, as ``#rrggbb``, and its alpha.

    Raises:
        ValueError: It is not ``#RRGGBB`` or ``#RRGGBBAA``.
    """
    if len(color) not in (7, 9) or not color.startswith("#"):
        raise ValueError("Color must be in format #RRGGBB or #RRGGBBAA")
    alpha = int(color[7:], 16) / 255.0 if len(color) == 9 else 1.0
    return int(color[1:7], 16), color[:7], alpha


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
