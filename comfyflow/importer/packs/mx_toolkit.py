"""mxToolkit: sliders, whose values are kept as properties, and its own reroute."""

from __future__ import annotations

import math
from typing import Any, Final

from ..javascript import js_number, js_round
from ..pack import Pack, PackNode

_MOST_DECIMALS: Final = 4


def _slider(node: PackNode) -> None:
    _axis(node, "X", "")


def _slider_2d(node: PackNode) -> None:
    _axis(node, "X", "X")
    _axis(node, "Y", "Y")


def _axis(node: PackNode, axis: str, suffix: str) -> None:
    """One value, as the whole number and the number that the class takes, and which of them counts."""
    if f"value{suffix}" not in node.properties:
        return
    decimals = min(max(_number(node, f"decimals{suffix}", 0) // 1, 0), _MOST_DECIMALS)
    value = _number(node, f"value{suffix}", _number(node, f"min{suffix}", 0))
    scale = 10.0**decimals
    rounded = js_round(scale * value) / scale if abs(value) < 2**53 else value
    node.set(f"{axis}i", math.floor(rounded), place=f"the property value{suffix}")
    node.set(
        f"{axis}f", int(rounded) if rounded == rounded // 1 else rounded, place=f"the property value{suffix}"
    )
    node.set(f"isfloat{axis}", 1 if decimals > 0 else 0, place=f"the property decimals{suffix}")


def _number(node: PackNode, name: str, otherwise: float) -> float:
    value: Any = node.properties.get(name)
    number = js_number(value) if value is not None else math.nan
    return number if math.isfinite(number) else otherwise


PACK: Final = Pack(
    "ComfyUI-mxToolkit",
    "0.9.92",
    modules=("ComfyUI-mxToolkit",),
    classes={"mxSlider": _slider, "mxSlider2D": _slider_2d},
    virtual={"mxReroute": "reroute"},
)
