"""Packs whose numbers are not the saved ones: counts, sliders, and seeds that are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ...json_types import is_number
from ..javascript import js_number, js_round, js_text, truthy
from ..pack import Pack, PackNode, saved_values

_DIGITS: Final = 15


def _count(node: PackNode) -> None:
    """A saved count that is not a number, or 0, becomes 1; other places than the second are not looked at."""
    values = node.values
    if values and _leading_whole(values[1] if len(values) > 1 else None) == 0:
        node.set("count", 1)


def _leading_whole(value: object) -> int:
    """The whole number that a string begins with; 0 where it begins with none."""
    text = js_text(value).strip()
    sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    count = 0
    while count < min(len(digits), _DIGITS) and digits[count] in "0123456789":
        count += 1
    return int(sign + digits[:count]) if count else 0


IMAGE_PICKER: Final = Pack(
    "cg-image-picker",
    "2.15",
    modules=("cg-image-picker",),
    classes={"Preview Chooser": _count},
)
"""cg-image-picker: files of older versions have no count."""


def _limited(node: PackNode) -> None:
    """The saved number is cut to the saved limits, the upper one first."""
    value = node.get("number")
    for name, take in (("max_value", min), ("min_value", max)):
        limit = node.get(name)
        if not is_number(value) or not is_number(limit):
            return
        value = take(limit, value)
    node.set("number", value, place=0)


def _color(node: PackNode) -> None:
    """A colour is saved as its hexadecimal text, and sent with its parts; alpha is null where none is."""
    saved = next(iter(node.values), None)
    text = saved if isinstance(saved, str) and saved else "#000000"
    digits = text.replace("#", "", 1)
    red, green, blue = (_hexadecimal(digits[at : at + 2]) for at in (0, 2, 4))
    alpha = _hexadecimal(digits[6:8])
    parts = {"r": red, "g": green, "b": blue, "a": None if alpha is None else alpha / 255}
    node.set("color", {"hex": text, **parts}, place=0)


def _hexadecimal(digits: str) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None


MIXLAB: Final = Pack(
    "comfyui-mixlab-nodes",
    "0.46.0",
    modules=("comfyui-mixlab-nodes",),
    classes={"Color": _color, "FloatSlider": _limited, "IntNumber": _limited},
)
"""mixlab: numbers stay within limits that are beside them, and colours are sent in parts."""


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


MX_TOOLKIT: Final = Pack(
    "ComfyUI-mxToolkit",
    "0.9.92",
    modules=("ComfyUI-mxToolkit",),
    classes={"mxSlider": _slider, "mxSlider2D": _slider_2d},
    virtual={"mxReroute": "reroute"},
)
"""mxToolkit: sliders, whose values are kept as properties, and its own reroute."""


_SEEDS: Final[Mapping[str, str]] = {
    "KSampler (Efficient)": "seed",
    "KSampler Adv. (Efficient)": "noise_seed",
    "KSampler SDXL (Eff.)": "noise_seed",
    "Noise Control Script": "seed",
    "HighRes-Fix Script": "seed",
    "Tiled Upscaler Script": "seed",
}
_SEED_END: Final = 2**50
"""Its JavaScript draws whole numbers below this one."""


def _draw_seed(node: PackNode) -> None:
    name = _SEEDS[node.type]
    if node.get(name) != -1 or node.linked(name) or _is_off(node):
        return
    _draw(node, name, "the pack draws a random seed for -1, which the server rejects")


def _draw(node: PackNode, name: str, reason: str) -> None:
    """Put a random seed in the place of the number that stands for one."""
    seed = node.random.randrange(_SEED_END)
    node.set(name, seed, place=f"drawn at random in place of {node.get(name)}")
    node.warn("random_value", f"{reason}; {seed} was drawn here", name)


def _is_off(node: PackNode) -> bool:
    """Whether the node uses no seed itself; then -1 is sent as it is."""
    if node.type == "Noise Control Script":
        return not truthy(node.get("add_seed_noise"))
    return node.type == "HighRes-Fix Script" and truthy(node.get("use_same_seed"))


EFFICIENCY: Final = Pack(
    "efficiency-nodes-comfyui",
    "1.0.9",
    modules=("efficiency-nodes-comfyui",),
    classes=dict.fromkeys(_SEEDS, _draw_seed),
)
"""Efficiency nodes: the seed -1 stands for one that is drawn when the workflow is queued [C4]."""


_CONTROL: Final = "control_after_generate"
_SPECIAL: Final = (-1, -2, -3)


def _generator(node: PackNode) -> None:
    """Without the control, each value after the seed is one place further in front."""
    node.remove(_CONTROL)
    for name, value, place in saved_values(node, tuple(node.widgets)):
        node.set(name, value, place=place)
    saved = node.get("seed")
    if saved in _SPECIAL and not node.linked("seed"):
        _draw(node, "seed", f"the pack draws a seed when a workflow is queued with {saved}")


PROMPT_READER: Final = Pack(
    "comfyui-prompt-reader-node",
    "1.3.4",
    modules=("comfyui-prompt-reader-node",),
    classes={"SDParameterGenerator": _generator},
)
"""Prompt Reader: its seed has no control behind it, and -1, -2 and -3 stand for one that is drawn."""
