"""mixlab: numbers stay within limits that are beside them, and colours are sent in parts."""

from __future__ import annotations

from typing import Final

from ...json_types import is_number
from ..pack import Pack, PackNode


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


PACK: Final = Pack(
    "comfyui-mixlab-nodes",
    "0.46.0",
    modules=("comfyui-mixlab-nodes",),
    classes={"Color": _color, "FloatSlider": _limited, "IntNumber": _limited},
)
