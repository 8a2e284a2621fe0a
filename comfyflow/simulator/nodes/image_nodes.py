"""Pictures: made, loaded, scaled, cropped, combined. All of it is done for real."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageOps

from ...container import open_picture
from ..node_function import NodeContext, NodeLibrary
from ..painting import bounded
from ..values import FloatArray, np

if TYPE_CHECKING:
    from pathlib import Path


RESAMPLING: Final = {
    "nearest-exact": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "bislerp": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(batch: FloatArray, width: int, height: int, method: str, crop: str = "disabled") -> FloatArray:
    """A batch at another size.

    Args:
        batch: Batch, height, width, channel; or masks without a channel.
        width: In pixels.
        height: In pixels.
        method: A key of `RESAMPLING`.
        crop: ``center`` cuts to the new proportions first; ``disabled`` stretches.

    Raises:
        ValueError: There is nothing to resize, or nothing to resize it to.
    """
    if width < 1 or height < 1 or min(batch.shape) < 1:
        raise ValueError(f"cannot resize {batch.shape[2]}x{batch.shape[1]} to {width}x{height}")
    if crop == "center":
        batch = cut_to_proportion(batch, width, height)
    if batch.shape[1:3] == (height, width):
        return batch
    planes = batch if batch.ndim == 3 else np.moveaxis(batch, -1, 1).reshape(-1, *batch.shape[1:3])
    scaled = np.stack([_plane(plane, width, height, method) for plane in planes])
    if batch.ndim == 3:
        return scaled
    return np.moveaxis(scaled.reshape(batch.shape[0], batch.shape[3], height, width), 1, -1)


def _plane(plane: FloatArray, width: int, height: int, method: str) -> FloatArray:
    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    scaled = np.asarray(image.resize((width, height), RESAMPLING[method]), dtype=np.float32)
    return np.minimum(np.maximum(scaled, float(plane.min())), float(plane.max()))


def cut_to_proportion(batch: FloatArray, width: int, height: int) -> FloatArray:
    """The middle of a batch, in the proportion of a size."""
    old_height, old_width = batch.shape[1:3]
    left = top = 0
    if old_width * height > width * old_height:
        left = round((old_width - old_height * width / height) / 2)
    elif old_width * height < width * old_height:
        top = round((old_height - old_width * height / width) / 2)
    return batch[:, top : old_height - top, left : old_width - left]


def same_channels(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two batches with the channels of the first: alpha is left out or added opaque."""
    wanted, given = first.shape[-1], second.shape[-1]
    if given > wanted:
        return first, second[..., :wanted]
    if given < wanted:
        opaque = np.ones((*second.shape[:-1], wanted - given), dtype=np.float32)
        return first, np.concatenate([second, opaque], axis=-1)
    return first, second


def repeat_to(batch: FloatArray, count: int) -> FloatArray:
    """A batch of that size: repeated from its start, or cut."""
    times = -(-count // batch.shape[0])
    return np.concatenate([batch] * times)[:count]


def extend_to(batch: FloatArray, count: int) -> FloatArray:
    """A batch of at least that size: its last one again and again."""
    missing = count - batch.shape[0]
    return batch if missing <= 0 else np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])


def paste(
    target: FloatArray,
    source: FloatArray,
    position: tuple[int, int],
    mask: FloatArray | None = None,
    stretch: bool = False,
) -> FloatArray:
    """Pictures laid over others; what does not fit is cut off.

    Args:
        target: Batch, height, width, channel: below. Unchanged.
        source: The same: above; repeated to the batch of the target.
        position: Left and top corner.
        mask: How opaque the source is; of any size.
        stretch: Whether the source first gets the target's size.
    """
    result = target.copy()
    height, width = target.shape[1:3]
    if stretch:
        source = resize(source, width, height, "bilinear")
    source = repeat_to(source, target.shape[0])
    left, top = position
    shown_width, shown_height = min(source.shape[2], width - left), min(source.shape[1], height - top)
    if shown_width <= 0 or shown_height <= 0:
        return result
    opacity = np.ones(source.shape[:3], dtype=np.float32)
    if mask is not None:
        scaled = resize(mask.reshape(-1, *mask.shape[-2:]), source.shape[2], source.shape[1], "bilinear")
        opacity = repeat_to(scaled, target.shape[0])
    opacity = opacity[:, :shown_height, :shown_width, None]
    place = result[:, top : top + shown_height, left : left + shown_width]
    place[:] = source[:, :shown_height, :shown_width] * opacity + place * (1.0 - opacity)
    return result


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


def read_picture(path: Path) -> tuple[FloatArray, FloatArray]:
    """A file's pictures and masks (1 where it is transparent), as LoadImage gives them."""
    images: list[FloatArray] = []
    masks: list[FloatArray] = []
    opened = open_picture(path.read_bytes())
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
    opened = open_picture(path.read_bytes())
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
