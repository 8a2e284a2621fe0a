"""Nodes that write files, of pictures, latents, 3D models and drawings, and those that show what comes in."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from PIL.PngImagePlugin import PngInfo

from ..folders import WrittenFile
from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..values import FloatArray, Latent
from .audio_nodes import file_tags
from .image_nodes import file_digest, picture

if TYPE_CHECKING:
    from PIL import Image


LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

SAVED_COMPRESSION: Final = 4
PREVIEW_COMPRESSION: Final = 1


def png_text(context: NodeContext) -> PngInfo:
    """The ``prompt`` and ``workflow`` that a server writes into its PNGs."""
    text = PngInfo()
    text.add_text("prompt", json.dumps(context.prompt))
    extra = context.extra_data.get("extra_pnginfo")
    if extra is not None:
        for key in extra:
            text.add_text(key, json.dumps(extra[key]))
    return text


def save_pictures(
    context: NodeContext, images: FloatArray, prefix: str, kind: str, compression: int = SAVED_COMPRESSION
) -> list[dict[str, str]]:
    """Write a batch as PNGs.

    Args:
        context: The node.
        images: Batch, height, width, channel.
        prefix: What the names begin with.
        kind: ``output`` or ``temp``.
        compression: PNG's, from 0 to 9.

    Returns:
        The files as servers describe them.
    """
    size = (int(images.shape[2]), int(images.shape[1]))
    saved: list[WrittenFile] = []
    for number, image in enumerate(images):
        file = context.folders.new_file(prefix.replace("%batch_num%", str(number)), kind, "png", size)
        picture(image).save(file.path, pnginfo=png_text(context), compress_level=compression)
        saved.append(file)
    return [file.to_json() for file in saved]


@node("SaveImage")
def save_image(context: NodeContext, images: FloatArray, filename_prefix: str = "ComfyUI") -> NodeResult:
    """PNGs in the output folder."""
    return NodeResult((images,), {"images": save_pictures(context, images, filename_prefix, "output")})


def preview_pictures(context: NodeContext, images: FloatArray) -> list[dict[str, str]]:
    """Write a batch as PNGs into the temp folder."""
    prefix = "ComfyUI" + context.folders.temp_prefix
    return save_pictures(context, images, prefix, "temp", PREVIEW_COMPRESSION)


@node("PreviewImage")
def preview_image(context: NodeContext, images: FloatArray) -> NodeResult:
    """PNGs in the temp folder."""
    return NodeResult((images,), {"images": preview_pictures(context, images)})


@node("ImageCompare")
def image_compare(
    context: NodeContext,
    compare_view: Any = None,  # noqa: ARG001 (the editor's state)
    image_a: FloatArray | None = None,
    image_b: FloatArray | None = None,
) -> NodeResult:
    """Two batches, to be looked at side by side."""
    shown = {"a_images": image_a, "b_images": image_b}
    ui = {
        key: save_pictures(context, images, f"comfy.compare.{key[0]}", "temp", PREVIEW_COMPRESSION)
        for key, images in shown.items()
        if images is not None and len(images)
    }
    return NodeResult((), {"a_images": [], "b_images": [], **ui})


def always(_context: NodeContext, _inputs: Any) -> float:
    """The fingerprint of a node that is executed every time."""
    return time.time()


@node("SaveImageWebsocket", fingerprint=always)
def save_image_websocket(context: NodeContext, images: FloatArray) -> None:
    """Pictures that go straight to the client's socket."""
    for number, image in enumerate(images):
        shown: Image.Image = picture(image).convert("RGB")
        context.progress(number, len(images), shown)


@node("PreviewAny")
def preview_any(source: Any = None) -> NodeResult:
    """Whatever comes in, as text."""
    return NodeResult((shown_text(source),), {"text": [shown_text(source)]})


def shown_text(value: Any) -> str:
    """A value as PreviewAny shows it."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    if value is None:
        return "None"
    try:
        return json.dumps(value, indent=4)
    except (TypeError, ValueError):
        return str(value)


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


_CORNERS: Final = tuple((x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5))
_SIDES: Final = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


def encode_glb(extras: Mapping[str, Any]) -> bytes:
    """A GLB file with a cube.

    Args:
        extras: What the file says about itself.
    """
    points = b"".join(struct.pack("<3f", *corner) for corner in _CORNERS)
    triangles = [index for a, b, c, d in _SIDES for index in (a, b, c, a, c, d)]
    indexes = struct.pack(f"<{len(triangles)}H", *triangles)
    scene = {
        "asset": {"version": "2.0", "generator": "comfyflow simulator", "extras": dict(extras)},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"byteLength": len(points) + len(indexes)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(points), "target": 34962},
            {"buffer": 0, "byteOffset": len(points), "byteLength": len(indexes), "target": 34963},
        ],
        "accessors": [
            {
                "bufferView": 0, "componentType": 5126, "count": len(_CORNERS), "type": "VEC3",
                "min": [-0.5, -0.5, -0.5], "max": [0.5, 0.5, 0.5],
            },
            {"bufferView": 1, "componentType": 5123, "count": len(triangles), "type": "SCALAR"},
        ],
    }  # fmt: skip
    text = _chunk(b"JSON", json.dumps(scene).encode(), b" ")
    binary = _chunk(b"BIN\0", points + indexes, b"\0")
    body = text + binary
    return b"glTF" + struct.pack("<2I", 2, len(body) + 12) + body


def _chunk(kind: bytes, data: bytes, filler: bytes) -> bytes:
    data += filler * (-len(data) % 4)
    return struct.pack("<I", len(data)) + kind + data
