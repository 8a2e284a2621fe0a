"""rgthree: widgets that the server does not know of, and nodes that exist in the editor only."""

from __future__ import annotations

import re
from typing import Any, Final

from ...json_types import is_array, is_object
from ..javascript import js_number, js_text, truthy
from ..pack import Pack, PackNode, saved_values

_BUTTON: Final = "\N{HEAVY PLUS SIGN} Add Lora"
_SEPARATE: Final = "Separate Model & Clip"
_EDITOR_ONLY: Final = (
    "Bookmark",
    "Fast Actions Button",
    "Fast Bypasser",
    "Fast Groups Bypasser",
    "Fast Groups Muter",
    "Fast Muter",
    "Label",
    "Mute / Bypass Relay",
    "Mute / Bypass Repeater",
    "Node Collector",
    "Random Unmuter",
)
_NOT_TRUE: Final = ("false", "null", "none", "", "0")
_DISABLE: Final = re.compile(r"disable\s[a-z]", re.IGNORECASE)


def _power_lora_loader(node: PackNode) -> None:
    """One widget for each LoRA; each is an object."""
    node.remove(*node.widgets)
    node.set("PowerLoraLoaderHeaderWidget", {"type": "PowerLoraLoaderHeaderWidget"})
    for place, value in enumerate(node.values):
        if is_object(value) and "lora" in value:
            node.set(f"lora_{len(node.widgets)}", _lora(node, dict(value)), place=place)
    node.set(_BUTTON, "")


def _lora(node: PackNode, value: dict[str, Any]) -> dict[str, Any]:
    """One LoRA as it is sent: with a separate strength for CLIP only if the node shows that."""
    if node.properties.get("Show Strengths") == _SEPARATE:
        value["strengthTwo"] = 1 if value.get("strengthTwo") is None else value["strengthTwo"]
    else:
        value.pop("strengthTwo", None)
    return value


def _power_puter(node: PackNode) -> None:
    """The types of its outputs, and its program [C10]."""
    node.set("outputs", {"outputs": ["STRING"]})
    node.set("code", "")
    for name, value, place in saved_values(node, ("outputs", "code")):
        node.set(name, value, place=place)


def _power_primitive(node: PackNode) -> None:
    """A value, and the type that it is turned into [C10]."""
    node.set("type", "STRING")
    node.set("value", "null")
    for name, value, place in saved_values(node, ("type", "value")):
        node.set(name, value, place=place)
    if node.get("type") == "BOOL":
        node.set("type", "BOOLEAN")
    type_, value = node.get("type"), node.get("value")
    if type_ in ("INT", "FLOAT"):
        number = js_number(0 if value is None else value)
        node.set("value", 0 if number != number else int(number) if number.is_integer() else number, place=1)
    elif type_ == "BOOLEAN":
        text = isinstance(value, str)
        node.set("value", js_text(value).lower() not in _NOT_TRUE if text else truthy(value), place=1)


def _power_prompt(node: PackNode) -> None:
    """Lists to pick texts from are shown only where there is something to pick [C15].

    Sizes and crops that the class takes are removed from the node.
    """
    for name in node.widgets:
        if name.startswith(("target_", "crop_", "values_")):
            node.remove(name)
        elif name.startswith("insert_"):
            choices = node.choices(name)
            disables = len(choices) > 1 and bool(_DISABLE.match(js_text(choices[1])))
            if len(choices) < 2 or (len(choices) == 2 and disables):
                node.remove(name)
            else:
                node.set(name, choices[0])


def _display(node: PackNode) -> None:
    """What is shown is made again by each run."""
    node.set("output", "")


def _image_comparer(node: PackNode) -> None:
    saved = next(iter(node.values), None)
    node.set("rgthree_comparer", {"images": saved if is_array(saved) else []})


PACK: Final = Pack(
    "rgthree-comfy",
    "1.0.2608210019",
    modules=("rgthree-comfy",),
    classes={
        "Power Lora Loader (rgthree)": _power_lora_loader,
        "Power Puter (rgthree)": _power_puter,
        "Power Primitive (rgthree)": _power_primitive,
        "Power Prompt (rgthree)": _power_prompt,
        "Power Prompt - Simple (rgthree)": _power_prompt,
        "SDXL Power Prompt - Positive (rgthree)": _power_prompt,
        "SDXL Power Prompt - Simple / Negative (rgthree)": _power_prompt,
        "Display Any (rgthree)": _display,
        "Display Int (rgthree)": _display,
        "Image Comparer (rgthree)": _image_comparer,
    },
    virtual={"Reroute (rgthree)": "reroute", **{f"{name} (rgthree)": "note" for name in _EDITOR_ONLY}},
)
