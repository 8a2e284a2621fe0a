"""Numbers, primitives, switches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..node_function import NodeLibrary
from .expression import evaluate

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
