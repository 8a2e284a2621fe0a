"""Packs with widgets beside the inputs of their classes: buttons, lists to pick texts from, displays.

What these widgets hold is saved among the values, and sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...json_types import is_array
from ..javascript import js_text, shown_json, truthy
from ..pack import Pack, PackNode, sent_buttons

_MANUAL: Final = "Manual Trasnlate"
"""The button's name and value, spelled as the pack spells them."""
_OLD_IDE: Final = 6
"""How many values older files have of the IDE."""


def _google(node: PackNode) -> None:
    """A button is before the text. Older files have the text in the place of the switch."""
    values = node.values
    node.set(_MANUAL, values[3] if len(values) > 3 else _MANUAL)
    if len(values) > 4:
        node.set("text", values[4], place=4)
    if len(values) > 2 and isinstance(values[2], str):
        node.set("text", values[2], place=2)
        node.set("manual_translate", False)


def _ide(node: PackNode) -> None:
    """The program is behind the list of themes, a list of files and the buttons of the editor."""
    values = node.values
    node.set("Load code", "-- Select code file --")
    if values:
        node.set("pycode", values[5] if len(values) == _OLD_IDE else values[4] if len(values) > 4 else "")
    else:
        node.set("pycode", node.options("pycode").get("default", ""))


ALEKPET: Final = Pack(
    "ComfyUI_Custom_Nodes_AlekPet",
    "1.1.7",
    modules=("ComfyUI_Custom_Nodes_AlekPet",),
    classes={
        "GoogleTranslateCLIPTextEncodeNode": _google,
        "GoogleTranslateTextNode": _google,
        "IDENode": _ide,
    },
)
"""AlekPet's nodes: buttons among the widgets, which are saved in their places and sent."""


_NOT_SENT: Final = ("ADEWARN", "ADEAUTOSIZE", "ACNAUTOSIZE")


def _hide(node: PackNode) -> None:
    node.remove(*(name for name, type_ in node.types().items() if type_ in _NOT_SENT))


ANIMATEDIFF: Final = Pack(
    "ComfyUI-AnimateDiff-Evolved",
    "1.5.7",
    modules=("ComfyUI-AnimateDiff-Evolved", "ComfyUI-Advanced-ControlNet"),
    every=_hide,
)
"""AnimateDiff-Evolved and Advanced-ControlNet: two kinds of widgets that are shown and not sent [C3].

One shows that a class is old, the other sizes the node. Both take a place among the saved values.
"""


_EMPTY_DISPLAYS: Final = {"HaltExecution": "Status", "MemoryStorage": "Value"}


def _empty_display(node: PackNode) -> None:
    node.set(_EMPTY_DISPLAYS[node.type], "")


CONTROL_FLOW_UTILS: Final = Pack(
    "ControlFlowUtils",
    "0.6.0",
    modules=("ControlFlowUtils",),
    classes=dict.fromkeys(_EMPTY_DISPLAYS, _empty_display),
)
"""ControlFlowUtils: what a run shows on its nodes is sent as an empty text."""


def _show_text(node: PackNode) -> None:
    """The texts are numbered by the widgets before them; a first one that is empty does not count."""
    texts = node.values
    place = 1 if texts and not truthy(texts[0]) else 0
    shown = 0
    for origin, value in enumerate(texts[place:], place):
        for text in value if is_array(value) else [value]:
            node.set(f"text_{shown}", text if isinstance(text, str) else js_text(text), place=origin)
            shown += 1


def _repeater(node: PackNode) -> None:
    """It copies nodes of the prompt under ids that are made of the time [C11]."""
    if node.get("output") == "multi" or node.get("node_mode") == "create":
        node.warn(
            "values_not_understood",
            "the pack's code copies nodes when the workflow is queued, under ids made from the time; this "
            "conversion does not",
        )


def _examples(node: PackNode) -> None:
    """The editor looks for example texts of the model; which one it finds is sent, and ignored."""
    node.set("example", "[none]")


CUSTOM_SCRIPTS: Final = Pack(
    "ComfyUI-Custom-Scripts",
    "1.2.5",
    modules=("ComfyUI-Custom-Scripts",),
    classes={
        "ShowText|pysssss": _show_text,
        "Repeater|pysssss": _repeater,
        "CheckpointLoader|pysssss": _examples,
        "LoraLoader|pysssss": _examples,
    },
)
"""Custom-Scripts: ShowText sends again what it showed, and a Repeater copies nodes."""


_ESSENTIALS_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
    "FluxAttentionSeeker+": ("RESET ALL", "ZERO ALL", "REPEAT FIRST"),
    "SD3AttentionSeekerLG+": ("RESET L", "RESET G", "REPEAT FIRST"),
    "SD3AttentionSeekerT5+": ("RESET ALL", "REPEAT FIRST"),
}


ESSENTIALS: Final = Pack(
    "ComfyUI_essentials",
    "1.1.0",
    modules=("ComfyUI_essentials",),
    classes=sent_buttons(_ESSENTIALS_BUTTONS),
)
"""Essentials: buttons that set many values at once are sent."""


def _preview_bridge(node: PackNode) -> None:
    """Only an address that was made so is kept: a painted mask lives as long as the server's memory."""
    image = node.get("image")
    if isinstance(image, str) and image.startswith("$"):
        return
    node.set("image", f"${node.id}-0", place="the URL of a new preview")
    if truthy(image):
        node.warn(
            "value_made_by_editor",
            f"the editor asks the server for the image painted here, {shown_json(image)}; the "
            "URL of a new preview is sent",
            "image",
        )


def _image_receiver(node: PackNode) -> None:
    """A picture is sent only if it is kept with the workflow; else the server has it."""
    image = node.get("image_data")
    if not truthy(node.get("save_to_workflow")) or image == "[IMAGE DATA]":
        node.set("image_data", "")


def _picked_text(node: PackNode) -> None:
    """Lists to pick LoRAs and wildcards from send their headline, whatever is picked or was saved."""
    for name in node.widgets:
        choices = node.choices(name) if name.startswith("Select to add ") else ()
        if choices and isinstance(choices[0], str):
            node.set(name, choices[0])


def _segs_picker(node: PackNode) -> None:
    node.set("pick", "image")


def _mask_painter(node: PackNode) -> None:
    node.set("Edit mask", None)


IMPACT: Final = Pack(
    "ComfyUI-Impact-Pack",
    "7.10.6",
    modules=("ComfyUI-Impact-Pack",),
    classes={
        "PreviewBridge": _preview_bridge,
        "PreviewBridgeLatent": _preview_bridge,
        "ImageReceiver": _image_receiver,
        "ImpactSEGSPicker": _segs_picker,
        "MaskPainter": _mask_painter,
    },
    every=_picked_text,
)
"""Impact-Pack: pictures that live in the server's memory [C6], lists to pick texts from, and buttons."""


_INSPIRE_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
    "RegionalSeedExplorerColorMask //Inspire": ("Add to prompt",),
    "RegionalSeedExplorerMask //Inspire": ("Add to prompt",),
    "SeedExplorer //Inspire": ("Add to prompt",),
    "ShowCachedInfo //Inspire": ("Remove Key", "Save Settings", "Refresh", "Clear"),
}
_PRESET: Final = "#PRESET"


def _prompt_builder(node: PackNode) -> None:
    """The list of presets sends its headline, whatever is picked."""
    for name in node.widgets:
        if _PRESET in node.choices(name):
            node.set(name, _PRESET)


INSPIRE: Final = Pack(
    "ComfyUI-Inspire-Pack",
    "1.21",
    modules=("ComfyUI-Inspire-Pack",),
    classes={**sent_buttons(_INSPIRE_BUTTONS), "PromptBuilder //Inspire": _prompt_builder},
    every=_picked_text,
)
"""Inspire-Pack: lists to pick texts from, and buttons that are sent."""


_SAVING: Final = (
    "DecodeAndSaveVideo",
    "LoraExtractKJ",
    "ModelSaveKJ",
    "SaveImageKJ",
    "SaveImageWithAlpha",
    "SaveStringKJ",
)
_KJNODES_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
    "FluxBlockLoraSelect": ("Set all",),
    "HunyuanVideoBlockLoraSelect": ("Set all",),
    "LTX2BlockLoraSelect": ("Set all",),
    "Wan21BlockLoraSelect": ("Set all",),
    "SoundReactive": ("Start mic capture", "Stop mic capture"),
    "ScreencapStream": ("Start capture", "Hide preview"),
}


def _file_name(node: PackNode) -> None:
    node.replace_text("filename_prefix")


def _counted(node: PackNode) -> None:
    """A class whose inputs are counted has a button to bring them."""
    if "inputcount" in node.widgets:
        node.set("Update inputs", None)


KJNODES: Final = Pack(
    "ComfyUI-KJNodes",
    "1.5.0",
    modules=("ComfyUI-KJNodes",),
    classes={**dict.fromkeys(_SAVING, _file_name), **sent_buttons(_KJNODES_BUTTONS)},
    every=_counted,
    virtual={"SetNode": "set", "GetNode": "get"},
)
"""KJNodes: Set and Get nodes, dates in file names, and buttons, which are sent."""


def _animation_builder(node: PackNode) -> None:
    for name, value in (
        ("value_preview", ""),
        ("loop_preview", ""),
        ("Reset", "reset"),
        ("Queue", "queue"),
        ("Cancel", "cancel"),
    ):
        node.set(name, value)


def _interpolate(node: PackNode) -> None:
    node.set("+", "add")
    node.set("-", "remove")


MTB: Final = Pack(
    "comfy_mtb",
    "0.5.4",
    modules=("comfy_mtb",),
    classes={
        "Animation Builder (mtb)": _animation_builder,
        "Interpolate Clip Sequential (mtb)": _interpolate,
    },
    virtual={"Note Plus (mtb)": "note"},
)
"""mtb: buttons and displays are sent; its notes are of the editor only."""


_SHOWING: Final = (
    "ttN advPlot combo",
    "ttN advPlot merge",
    "ttN advPlot range",
    "ttN advPlot string",
    "ttN debugInput",
    "ttN textDebug",
    "ttN textOutput",
)


def _saved_display(node: PackNode) -> None:
    place = len(node.widgets)
    shown = _placed(node)[place:]
    node.set("display", shown[0] if shown else "")


def _placed(node: PackNode) -> list[Any]:
    """The saved values without those of inputs that are links only, where there is one for each input [9]."""
    names, values = list(node.types()), node.values
    if len(values) != len(names):
        return values
    return [
        value for name, value in zip(names, values, strict=True) if not node.options(name).get("forceInput")
    ]


TINYTERRA: Final = Pack(
    "ComfyUI_tinyterraNodes",
    "2.0.11",
    modules=("ComfyUI_tinyterraNodes",),
    classes=dict.fromkeys(_SHOWING, _saved_display),
)
"""tinyterraNodes: what a run shows on its nodes is saved behind their values, and sent."""
