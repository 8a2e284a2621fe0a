"""Files of latents, 3D models and drawings."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

from ..folders import WrittenFile
from ..media.glb import encode_glb
from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..values import Latent
from .audio_nodes import file_tags
from .image_nodes import file_digest

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


@node("SaveLatent")
def save_latent(
    context: NodeContext, samples: Latent, filename_prefix: str = "latents/ComfyUI"
) -> NodeResult:
    """A file of zeros in the shape of the latent, in the form of safetensors."""
    shape = [samples.batch, samples.channels, samples.height // 8, samples.width // 8]
    size = 4 * shape[0] * shape[1] * shape[2] * shape[3]
    head: dict[str, Any] = {
        "__metadata__": file_tags(context),
        "latent_tensor": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]},
        "latent_format_version_0": {"dtype": "F32", "shape": [0], "data_offsets": [size, size]},
    }
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    file = context.folders.new_file(filename_prefix, "output", "latent")
    file.path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    return NodeResult((samples,), {"latents": [file.to_json()]})


@node("LoadLatent", fingerprint=file_digest)
def load_latent(context: NodeContext, latent: str) -> Latent:
    """The shape of a file of the input folder.

    Raises:
        ValueError: It holds no latent.
    """
    data = context.folders.annotated(latent).read_bytes()
    length = int.from_bytes(data[:8], "little")
    try:
        batch, channels, height, width = json.loads(data[8 : 8 + length])["latent_tensor"]["shape"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{latent} is not a latent file: {error}") from None
    return Latent(int(width) * 8, int(height) * 8, int(batch), int(channels))


@node("SaveGLB")
def save_glb(context: NodeContext, filename_prefix: str = "3d/ComfyUI", **_rest: Any) -> NodeResult:
    """A cube in the output folder, whatever the mesh is."""
    file = _cube(context, filename_prefix, "output")
    return NodeResult((), {"3d": [file.to_json()]})


@node("Save3DAdvanced", "SaveGaussianSplat", "SavePointCloud")
def save_advanced(context: NodeContext, filename_prefix: str = "3d/ComfyUI", **values: Any) -> NodeResult:
    """A cube in the output folder, named by its path there."""
    file = _cube(context, filename_prefix, "output")
    return _viewed(context, f"{file.subfolder}/{file.filename}".lstrip("/"), values)


@node("Preview3DAdvanced", "PreviewGaussianSplat", "PreviewPointCloud")
def preview_advanced(context: NodeContext, **values: Any) -> NodeResult:
    """A cube in the temp folder, named without a path."""
    return _viewed(context, _cube(context, context.class_type.lower(), "temp").filename, values)


@node("Preview3D")
def preview_3d(
    context: NodeContext, model_file: Any = "", camera_info: Any = None, **_rest: Any
) -> NodeResult:
    """A model's file name, for the editor's viewer; a model that is linked is a file in the output folder."""
    name = model_file if isinstance(model_file, str) else _cube(context, "preview3d", "output").filename
    return NodeResult((), {"result": [name, camera_info, None]})


def _cube(context: NodeContext, prefix: str, kind: str) -> WrittenFile:
    file = context.folders.new_file(prefix, kind, "glb")
    file.path.write_bytes(encode_glb(file_tags(context)))
    return file


def _viewed(context: NodeContext, name: str, values: Mapping[str, Any]) -> NodeResult:
    """What a 3D viewer passes on, and what it shows."""
    passed = {output.name: values.get(output.name) for output in context.schema.outputs}
    return NodeResult(tuple(passed.values()), {"result": [name, passed.get("camera_info"), []]})


@node("SaveSVGNode")
def save_svg(context: NodeContext, svg: Any, filename_prefix: str = "svg/ComfyUI") -> NodeResult:
    """A drawing in the output folder: of a string that is SVG that one, else an empty one."""
    empty = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"></svg>'
    file = context.folders.new_file(filename_prefix, "output", "svg")
    file.path.write_text(svg if isinstance(svg, str) and "<svg" in svg else empty, encoding="utf-8")
    return NodeResult((svg,), {"images": [file.to_json()]})
