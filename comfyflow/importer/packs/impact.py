"""Impact-Pack: a preview bridge sends an address made of the node's id [C6]."""

from __future__ import annotations

from typing import Final

from ..pack import Pack, PackNode


def _preview_bridge(node: PackNode) -> None:
    """Only an address that was made so is kept: a painted mask lives as long as the server's memory."""
    image = node.get("image")
    if not isinstance(image, str) or not image.startswith("$"):
        node.set("image", f"${node.id}-0")


PACK: Final = Pack(
    "ComfyUI-Impact-Pack",
    "7.10",
    modules=("ComfyUI-Impact-Pack",),
    classes={"PreviewBridge": _preview_bridge, "PreviewBridgeLatent": _preview_bridge},
)
