"""Nodes that write files, and those that show what comes in."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from PIL.PngImagePlugin import PngInfo

from ..arrays import FloatArray
from ..folders import WrittenFile
from ..node_function import NodeContext, NodeLibrary, NodeResult
from .image_nodes import picture

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
