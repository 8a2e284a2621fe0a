"""What an output node gives when it has run, as a class of `output_file`."""

from __future__ import annotations

from typing import Final

from ..schema import NodeSchema
from .code import Code
from .socket_type import members, walk_inputs

_BY_CLASS_TYPE: Final = {
    "LossGraphNode": "ImageOutput",
    "MaskPreview": "ImageOutput",
    "PreviewAny": "TextOutput",
    "PreviewAudio": "AudioOutput",
    "PreviewImage": "ImageOutput",
    "SAM3_TrackPreview": "VideoOutput",
    "SaveAnimatedPNG": "ImageOutput",
    "SaveAnimatedWEBP": "ImageOutput",
    "SaveImage": "ImageOutput",
    "SaveLatent": "LatentOutput",
    "SaveSVGNode": "ImageOutput",
    "SaveText": "TextOutput",
    "SaveVideo": "VideoOutput",
    "SaveWEBM": "VideoOutput",
}
"""Core nodes of 0.3.64 to 0.27.0, where their inputs do not tell."""

_BY_SOCKET: Final = (
    ("VIDEO", "VideoOutput"),
    ("AUDIO", "AudioOutput"),
    ("LATENT", "LatentOutput"),
    ("MESH", "Model3DOutput"),
    ("IMAGE", "ImageOutput"),
    ("MASK", "ImageOutput"),
)
"""For any other output node: what is linked to it is what it most likely gives."""


def result_class(node: NodeSchema) -> Code:
    """The class of what an output node gives; `NodeOutput` where nothing is known.

    ``NodeOutput`` has all files whatever they are; the others only name them.
    """
    known = _BY_CLASS_TYPE.get(node.class_type)
    if known is not None:
        return Code(known)
    taken = {part for entry in walk_inputs(node) for part in members(entry.type)}
    if any(kind.startswith("FILE_3D") for kind in taken):
        return Code("Model3DOutput")
    given = {part for output in node.outputs for part in members(output.type)}
    if given & {"FILE_3D_GLB", "FILE_3D"}:
        return Code("Model3DOutput")
    if node.api_node or "folder_name" in node.by_name:
        return Code("NodeOutput")
    return Code(next((name for kind, name in _BY_SOCKET if kind in taken), "NodeOutput"))
