"""Impact-Pack: pictures that live in the server's memory [C6], lists to pick texts from, and buttons."""

from __future__ import annotations

from typing import Final

from ..javascript import shown, truthy
from ..pack import Pack, PackNode


def _preview_bridge(node: PackNode) -> None:
    """Only an address that was made so is kept: a painted mask lives as long as the server's memory."""
    image = node.get("image")
    if isinstance(image, str) and image.startswith("$"):
        return
    node.set("image", f"${node.id}-0", place="the URL of a new preview")
    if truthy(image):
        node.warn(
            "value_made_by_editor",
            f"the editor asks the server for the image painted here, {shown(image)}; the "
            "URL of a new preview is sent",
            "image",
        )


def _image_receiver(node: PackNode) -> None:
    """A picture is sent only if it is kept with the workflow; else the server has it."""
    image = node.get("image_data")
    if not truthy(node.get("save_to_workflow")) or image == "[IMAGE DATA]":
        node.set("image_data", "")


def picked_text(node: PackNode) -> None:
    """Lists to pick LoRAs and wildcards from send their headline, whatever is picked or was saved."""
    for name in node.widgets:
        choices = node.choices(name) if name.startswith("Select to add ") else ()
        if choices and isinstance(choices[0], str):
            node.set(name, choices[0])


def _segs_picker(node: PackNode) -> None:
    node.set("pick", "image")


def _mask_painter(node: PackNode) -> None:
    node.set("Edit mask", None)


PACK: Final = Pack(
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
    every=picked_text,
)
