"""KJNodes: Set and Get nodes, dates in file names, and buttons, which are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..pack import Pack, PackNode, sent_buttons

_SAVING: Final = (
    "DecodeAndSaveVideo",
    "LoraExtractKJ",
    "ModelSaveKJ",
    "SaveImageKJ",
    "SaveImageWithAlpha",
    "SaveStringKJ",
)
_BUTTONS: Final[Mapping[str, tuple[str, ...]]] = {
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


PACK: Final = Pack(
    "ComfyUI-KJNodes",
    "1.5.0",
    modules=("ComfyUI-KJNodes",),
    classes={**dict.fromkeys(_SAVING, _file_name), **sent_buttons(_BUTTONS)},
    every=_counted,
    virtual={"SetNode": "set", "GetNode": "get"},
)
