"""Impact-Pack: pictures that live in the server's memory [C6]."""

from __future__ import annotations

from typing import Final

from ..javascript import shown, truthy
from ..pack import Pack, PackNode


def _preview_bridge(node: PackNode) -> None:
    """Only an address that was made so is kept: a painted mask lives as long as the server's memory."""
    image = node.get("image")
    if isinstance(image, str) and image.startswith("$"):
        return
    node.set("image", f"${node.id}-0", place="the address of a new preview")
    if truthy(image):
        node.warn(
            "value_made_by_editor",
            f"the editor asks the server for the picture that was painted here, {shown(image)}; the"
            " address of a new preview is sent",
            "image",
        )


def _image_receiver(node: PackNode) -> None:
    """A picture is sent only if it is kept with the workflow; else the server has it."""
    image = node.get("image_data")
    if not truthy(node.get("save_to_workflow")) or image == "[IMAGE DATA]":
        node.set("image_data", "")


PACK: Final = Pack(
    "ComfyUI-Impact-Pack",
    "7.10.6",
    modules=("ComfyUI-Impact-Pack",),
    classes={
        "PreviewBridge": _preview_bridge,
        "PreviewBridgeLatent": _preview_bridge,
        "ImageReceiver": _image_receiver,
    },
)
