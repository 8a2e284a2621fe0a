"""Pictures: made, loaded, scaled, cropped, combined. All of it is done for real."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageOps

from ...container import open_picture as open_container
from ..arrays import FloatArray, np
from ..node_function import NodeContext, NodeLibrary
from ..painting import bounded

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


def file_digest(context: NodeContext, inputs: Any) -> str:
    """What a change of tells that a file in an input named ``image`` (or the like) is another."""
    names = [value for value in inputs.values() if isinstance(value, str)]
    path = context.folders.annotated(names[0])
    return hashlib.sha256(path.read_bytes()).hexdigest()


def picture(array: FloatArray) -> Image.Image:
    """One picture of a batch, as Pillow has it: height, width, 1 to 4 channels."""
    levels = (bounded(array, 0.0, 1.0) * 255.0).astype(np.uint8)
    return Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)


def open_picture(path: Path) -> Image.Image:
    """A picture file, read at once: Pillow's readers do not all close what they open."""
    return open_container(path.read_bytes())


def read_picture(path: Path) -> tuple[FloatArray, FloatArray]:
    """A file's pictures and masks (1 where it is transparent), as LoadImage gives them."""
    images: list[FloatArray] = []
    masks: list[FloatArray] = []
    opened = open_picture(path)
    with opened:
        for number in range(getattr(opened, "n_frames", 1)):
            opened.seek(number)
            upright = ImageOps.exif_transpose(opened)
            if upright.mode == "I":
                upright = upright.point(lambda level: level * (1 / 255))
            color = upright.convert("RGB")
            if images and color.size != (images[0].shape[1], images[0].shape[0]):
                continue
            images.append(np.asarray(color, dtype=np.float32) / 255.0)
            masks.append(_transparency(upright))
            if opened.format == "MPO":
                break
    return np.stack(images), np.stack(masks)


def _transparency(image: Image.Image) -> FloatArray:
    if "A" in image.getbands():
        return 1.0 - np.asarray(image.getchannel("A"), dtype=np.float32) / 255.0
    if image.mode == "P" and "transparency" in image.info:
        return 1.0 - np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.float32) / 255.0
    return np.zeros((64, 64), dtype=np.float32)


def picture_channels(path: Path) -> FloatArray:
    """A file's first picture as it is: height, width, and 3 or 4 channels."""
    opened = open_picture(path)
    with opened:
        upright = ImageOps.exif_transpose(opened)
        return (
            np.asarray(upright.convert("RGBA" if "A" in upright.getbands() else "RGB"), dtype=np.float32)
            / 255.0
        )


@node("EmptyImage")
def empty_image(width: int, height: int, batch_size: int = 1, color: int = 0) -> FloatArray:
    """Pictures of one colour."""
    levels = np.asarray([color >> 16 & 255, color >> 8 & 255, color & 255], dtype=np.float32) / 255.0
    return np.tile(levels, (batch_size, height, width, 1))


@node("LoadImage", "LoadImageOutput", fingerprint=file_digest)
def load_image(context: NodeContext, image: str) -> tuple[FloatArray, FloatArray]:
    """A file of the input folder."""
    return read_picture(context.folders.annotated(image))
