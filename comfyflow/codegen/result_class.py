"""What an output node gives when it has run, as a class of `output_file`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ..schema import NodeSchema
from .code import Code
from .socket_type import members, walk_inputs

_BY_CLASS_TYPE: Final = {
    "CreateBoundingBoxes": "NodeOutput",
    "LossGraphNode": "ImageOutput",
    "Preview3D": "Model3DOutput",
    "Preview3DAnimation": "Model3DOutput",
    "PreviewAny": "TextOutput",
    "SAM3_TrackPreview": "VideoOutput",
    "SaveLatent": "LatentOutput",
    "SaveSVGNode": "ImageOutput",
    "SaveText": "TextOutput",
    "SaveWEBM": "VideoOutput",
}
"""Core nodes of 0.3.64 to 0.27.0 of which their sockets do not tell."""

_BY_SOCKET: Final = {
    "AUDIO": "AudioOutput",
    "IMAGE": "ImageOutput",
    "MASK": "ImageOutput",
    "MESH": "Model3DOutput",
    "VIDEO": "VideoOutput",
}


def result_class(node: NodeSchema) -> Code:
    """The class of what an output node gives; `NodeOutput` where nothing is known.

    ``NodeOutput`` has all files, whatever they are; the others add a name for one kind of them.
    A node shows what is linked to it, or else what it makes; pictures with sound are a video.
    The core's API nodes and those that write a data set give nothing.
    """
    known = _BY_CLASS_TYPE.get(node.class_type)
    if known is not None:
        return Code(known)
    if node.api_node or "folder_name" in node.by_name:
        return Code("NodeOutput")
    shown = _kinds(entry.type for entry in walk_inputs(node)) or _kinds(
        output.type for output in node.outputs
    )
    if shown == {"AudioOutput", "ImageOutput"}:
        return Code("VideoOutput")
    return Code(shown.pop() if len(shown) == 1 else "NodeOutput")


def _kinds(types: Iterable[str]) -> set[str]:
    found = (_kind(part) for kind in types for part in members(kind))
    return {kind for kind in found if kind is not None}


@lru_cache(maxsize=4096)
def _kind(socket: str) -> str | None:
    return "Model3DOutput" if socket.startswith("FILE_3D") else _BY_SOCKET.get(socket)
