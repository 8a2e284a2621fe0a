"""LoRA Manager: texts with what completes them, lists of LoRAs, and trigger words that are on or off.

Newer versions save the names of a node's widgets beside their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...json_types import array_or_empty, is_array, is_number, is_object
from ..javascript import js_number, js_text, truthy
from ..pack import Pack, PackNode

_NAMES: Final = "__lm_widget_ids"
_ABOUT: Final = "__lm_autocomplete_meta_"
_TEXT: Final = "AUTOCOMPLETE_TEXT_"
_OWN: Final = ("CYCLER_CONFIG", "LORAS", "LORA_POOL_CONFIG", "RANDOMIZER_CONFIG")
"""Types of its widgets, beside the texts."""


def _restore(node: PackNode) -> None:
    """Put the values back by the names that were saved with them, or by what they are."""
    own = [name for name, type_ in node.types().items() if type_.startswith(_TEXT) or type_ in _OWN]
    if own:
        named = node.properties.get(_NAMES)
        known = array_or_empty(named) if is_array(named) and named else _guessed(node, own)
        texts = [name for name in own if node.types()[name].startswith(_TEXT)]
        for name in texts:
            node.set(f"{_ABOUT}{name}", {"version": 1, "textWidgetName": name})
        for place, (name, value) in enumerate(zip(known, node.values, strict=False)):
            if isinstance(name, str) and (name in own or name in node.widgets):
                node.set(name, value, place=place)
        for name in own:
            if node.types()[name] == "LORAS":
                node.set(name, list(_loras(node.get(name))))
    node.replace_text("filename_prefix")


def _guessed(node: PackNode, own: list[str]) -> list[str]:
    """The names of values that were saved without: what completes a string is an object in front of it."""
    names = [name for name in node.types() if name in own or name in node.widgets]
    if sum(1 for value in node.values if _is_about(value)):
        return [part for name in names for part in (*_about(node, name), name)]
    return names


def _about(node: PackNode, name: str) -> Iterator[str]:
    if node.types()[name].startswith(_TEXT):
        yield f"{_ABOUT}{name}"


def _is_about(value: Any) -> bool:
    return is_object(value) and "textWidgetName" in value


def _loras(value: Any) -> Iterator[Mapping[str, Any]]:
    """The LoRAs, each once: of two with one name the last stays."""
    by_name: dict[str, Mapping[str, Any]] = {}
    for lora in filter(is_object, array_or_empty(value)):
        name = js_text(lora.get("name"))
        by_name.pop(name, None)
        by_name[name] = lora
    for lora in by_name.values():
        strength = lora.get("strength")
        clip = lora["clipStrength"] if truthy(lora.get("clipStrength")) else strength
        yield {
            **lora,
            "clipStrength": clip,
            "expanded": lora.get("expanded", js_number(clip) != js_number(strength)),
            "locked": lora.get("locked", False),
            "selected": False,
        }


def _toggle(node: PackNode) -> None:
    """The trigger words, behind the switches; those with a strength are sent with it."""
    place = len(node.widgets)
    words, *message = node.values[place : place + 2] or [[]]
    node.set("toggle_trigger_words", [_word(word) for word in array_or_empty(words)], place=place)
    node.set("orinalMessage", message[0] if message and truthy(message[0]) else "", place=place + 1)


def _word(word: Any) -> Any:
    if not is_object(word):
        return word
    made: dict[str, Any] = {**word, "highlighted": False}
    if is_array(word.get("items")):
        made["items"] = [{**one, "highlighted": False} for one in word["items"] if is_object(one)]
    if is_number(word.get("strength")):
        made["text"] = f"({js_text(word.get('text'))}:{js_number(word['strength']):.2f})"
    return made


PACK: Final = Pack(
    "ComfyUI-Lora-Manager",
    "1.2.1",
    modules=("ComfyUI-Lora-Manager",),
    classes={"TriggerWord Toggle (LoraManager)": _toggle},
    every=_restore,
)
