"""Bjornulf's nodes: lists that are as long as a number says, and texts and choices kept on the node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..javascript import truthy
from ..pack import Pack, PackNode, saved_values

_NEW: Final = 3
"""How many entries a new node has, which take a file's values by place."""

_MOST: Final = 100
_LORAS, _MODELS = "number_of_loras", "number_of_models"
_CONTROL: Final = "control_after_generate"
_RANDOM_LORAS: Final = (
    _LORAS,
    "strength_model",
    "strength_clip",
    "seed",
    _CONTROL,
    "lora_1",
    "lora_2",
    "lora_3",
)
_RANDOM_MODELS: Final = (_MODELS, _CONTROL, "model_1", "model_2", "model_3", "seed")
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


def _loras(node: PackNode) -> None:
    _listed(node, _LORAS, _TRIPLE)


def _random_loras(node: PackNode) -> None:
    _in_order(node, _RANDOM_LORAS)
    _listed(node, _LORAS, ("lora_",))


def _models(node: PackNode) -> None:
    _listed(node, _MODELS, ("model_",))


def _random_models(node: PackNode) -> None:
    """Here those behind the third are new."""
    _in_order(node, _RANDOM_MODELS)
    _listed(node, _MODELS, ("model_",))


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


PACK: Final = Pack(
    "Bjornulf_custom_nodes",
    "1.1.5",
    modules=("Bjornulf_custom_nodes",),
    classes={
        "Bjornulf_AllLoraSelector": _loras,
        "Bjornulf_ConcatVideos": _videos,
        "Bjornulf_LoopLoraSelector": _loras,
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
