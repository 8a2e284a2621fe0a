"""Packs whose nodes keep lists of what was chosen: LoRAs, models and styles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ...json_types import array_or_empty, is_array, is_number, is_object
from ..javascript import js_number, js_text, truthy
from ..pack import Pack, PackNode, saved_values

_NEW: Final = 3
"""How many entries a new node has, which take a file's values by place."""

_MOST: Final = 100
_LORA_COUNT, _MODEL_COUNT = "number_of_loras", "number_of_models"
_CONTROL: Final = "control_after_generate"
_RANDOM_LORAS: Final = (
    _LORA_COUNT,
    "strength_model",
    "strength_clip",
    "seed",
    _CONTROL,
    "lora_1",
    "lora_2",
    "lora_3",
)
_RANDOM_MODELS: Final = (_MODEL_COUNT, _CONTROL, "model_1", "model_2", "model_3", "seed")
_TRIPLE: Final = ("lora_", "strength_model_", "strength_clip_")


def _in_order(node: PackNode, names: Sequence[str]) -> None:
    """Take the saved values in the order in which the pack's code puts the widgets."""
    for name, value, place in saved_values(node, tuple(names)):
        if name != _CONTROL:
            node.set(name, value, place=place)


def _listed(node: PackNode, counted: str, starts: Sequence[str]) -> None:
    """Keep as many entries as requested. Those behind the third are kept as properties."""
    count = node.get(counted)
    count = min(count, _MOST) if isinstance(count, int) and not isinstance(count, bool) else _NEW
    series = {name for name in node.widgets for start in starts if name.removeprefix(start).isdecimal()}
    kept = {f"{start}{index}" for index in range(1, count + 1) for start in starts}
    node.remove(*(series - kept))
    for index in range(_NEW + 1, count + 1):
        for start in starts:
            name = f"{start}{index}"
            node.set(
                name, node.properties.get(name, _otherwise(node, start, index)), place=f"the property {name}"
            )


def _otherwise(node: PackNode, start: str, index: int) -> Any:
    """What a new entry holds."""
    choices = node.choices(f"{start}1")
    if not choices:
        return 1
    return choices[min(index, len(choices)) - 1] if start == "model_" else choices[0]


def _lora_list(node: PackNode) -> None:
    _listed(node, _LORA_COUNT, _TRIPLE)


def _random_loras(node: PackNode) -> None:
    _in_order(node, _RANDOM_LORAS)
    _listed(node, _LORA_COUNT, ("lora_",))


def _models(node: PackNode) -> None:
    _listed(node, _MODEL_COUNT, ("model_",))


def _random_models(node: PackNode) -> None:
    """Here those behind the third are new."""
    _in_order(node, _RANDOM_MODELS)
    _listed(node, _MODEL_COUNT, ("model_",))


def _show_text(node: PackNode) -> None:
    """Each text that was shown is a widget of one name: the last that differs from those before is sent."""
    shown = list(dict.fromkeys(text for text in node.values if isinstance(text, str)))
    if shown:
        node.set("text", shown[-1], place=node.values.index(shown[-1]))


def _pick_me(node: PackNode) -> None:
    """Whether this one is picked is kept behind its text; the class takes it without listing it."""
    values = node.values
    if "picked" not in node.widgets:
        node.set("picked", values[1] if len(values) > 1 else False)
    node.set("PICK ME", None)


def _videos(node: PackNode) -> None:
    """The file's name is kept as a property; what was saved as the widget's value does not count."""
    name = node.properties.get("output_filename")
    node.set("output_filename", name if truthy(name) else "concatenated.mp4", place="a property")


def _pick_input(node: PackNode) -> None:
    """One button for each input."""
    count = node.get("number_of_inputs")
    for index in range(1, min(count, _MOST) + 1) if isinstance(count, int) else ():
        node.set(f"Input {index}", f"input_button_{index}")
    node.set("Stop", "Stop")


def _pause(node: PackNode) -> None:
    for name in ("Resume", "Stop"):
        node.set(name, name)


BJORNULF: Final = Pack(
    "Bjornulf_custom_nodes",
    "1.1.5",
    modules=("Bjornulf_custom_nodes",),
    classes={
        "Bjornulf_AllLoraSelector": _lora_list,
        "Bjornulf_ConcatVideos": _videos,
        "Bjornulf_LoopLoraSelector": _lora_list,
        "Bjornulf_LoopModelSelector": _models,
        "Bjornulf_PauseResume": _pause,
        "Bjornulf_PickInput": _pick_input,
        "Bjornulf_RandomLoraSelector": _random_loras,
        "Bjornulf_RandomModelSelector": _random_models,
        "Bjornulf_ShowText": _show_text,
        "Bjornulf_WriteTextPickMeChain": _pick_me,
        "Bjornulf_WriteTextPickMeGlobal": _pick_me,
    },
)
"""Bjornulf's nodes: lists that are as long as a number says, and texts and choices kept on the node."""


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


LORA_MANAGER: Final = Pack(
    "ComfyUI-Lora-Manager",
    "1.2.1",
    modules=("ComfyUI-Lora-Manager",),
    classes={"TriggerWord Toggle (LoraManager)": _toggle},
    every=_restore,
)
"""LoRA Manager: texts with what completes them, lists of LoRAs, and trigger words that are on or off.

Newer versions save the names of a node's widgets beside their values.
"""


def _styles(node: PackNode) -> None:
    chosen = array_or_empty(node.properties.get("values"))
    node.set("select_styles", ",".join(map(js_text, chosen)), place="the property values")


FOOOCUS: Final = Pack(
    "Fooocus_Nodes", "1.0.2", modules=("Fooocus_Nodes",), classes={"Fooocus Styles": _styles}
)
"""Fooocus nodes: the chosen styles are kept as a property, and sent beside what the class takes.

Current editors fail at the pack's code; those of its time sent the styles, and the server needs them.
"""
