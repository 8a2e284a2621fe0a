"""Masks."""

from __future__ import annotations

from typing import Final

from ..arrays import FloatArray, np
from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..painting import bounded
from .image_nodes import file_digest, picture_channels, read_picture
from .pixels import resize
from .save_nodes import preview_pictures

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

CHANNELS = ("red", "green", "blue", "alpha")


@node("LoadImageMask", fingerprint=file_digest)
def load_image_mask(context: NodeContext, image: str, channel: str) -> FloatArray:
    """One channel of a file; alpha is 1 where it is transparent."""
    path = context.folders.annotated(image)
    if channel == "alpha":
        return read_picture(path)[1][:1]
    return picture_channels(path)[None, ..., CHANNELS.index(channel)]


@node("MaskToImage")
def mask_to_image(mask: FloatArray) -> FloatArray:
    """Grey pictures."""
    return np.repeat(_flat(mask)[..., None], 3, axis=-1)


@node("ImageToMask")
def image_to_mask(image: FloatArray, channel: str) -> FloatArray:
    """One channel."""
    return image[..., CHANNELS.index(channel)]


@node("ImageColorToMask")
def image_color_to_mask(image: FloatArray, color: int) -> FloatArray:
    """1 where a picture has exactly that colour."""
    levels = np.asarray(np.round(bounded(image) * 255.0), dtype=np.int64)
    packed = (levels[..., 0] << 16) + (levels[..., 1] << 8) + levels[..., 2]
    return (packed == color).astype(np.float32)


@node("SolidMask")
def solid_mask(value: float, width: int, height: int) -> FloatArray:
    """The same everywhere."""
    return np.full((1, height, width), value, dtype=np.float32)


@node("InvertMask")
def invert_mask(mask: FloatArray) -> FloatArray:
    """The opposite."""
    return 1.0 - mask


@node("CropMask")
def crop_mask(mask: FloatArray, x: int, y: int, width: int, height: int) -> FloatArray:
    """A part."""
    return _flat(mask)[:, y : y + height, x : x + width]


@node("MaskComposite")
def mask_composite(destination: FloatArray, source: FloatArray, x: int, y: int, operation: str) -> FloatArray:
    """One laid over the other."""
    result, above = _flat(destination).copy(), _flat(source)
    place = result[:, y : y + above.shape[1], x : x + above.shape[2]]
    part = above[:, : place.shape[1], : place.shape[2]]
    first, second = np.round(place).astype(bool), np.round(part).astype(bool)
    place[:] = {
        "multiply": lambda: place * part,
        "add": lambda: place + part,
        "subtract": lambda: place - part,
        "and": lambda: (first & second).astype(np.float32),
        "or": lambda: (first | second).astype(np.float32),
        "xor": lambda: (first ^ second).astype(np.float32),
    }[operation]()
    return bounded(result)


@node("FeatherMask")
def feather_mask(mask: FloatArray, left: int, top: int, right: int, bottom: int) -> FloatArray:
    """Fading towards its edges."""
    result = _flat(mask).copy()
    height, width = result.shape[1:]
    for size, axis, reverse in ((left, 2, False), (right, 2, True), (top, 1, False), (bottom, 1, True)):
        reach = min(size, width if axis == 2 else height)
        if reach:
            ramp = np.ones(width if axis == 2 else height, dtype=np.float32)
            ramp[:reach] = (np.arange(reach, dtype=np.float32) + 1.0) / reach
            ramp = ramp[::-1] if reverse else ramp
            result = result * (ramp[None, None, :] if axis == 2 else ramp[None, :, None])
    return result


@node("GrowMask")
def grow_mask(mask: FloatArray, expand: int, tapered_corners: bool) -> FloatArray:
    """Larger, or smaller below 0, a pixel at a time."""
    result = _flat(mask)
    pick = np.maximum if expand >= 0 else np.minimum
    steps = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    if not tapered_corners:
        steps += [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    for _ in range(min(abs(expand), max(result.shape[1:]))):
        padded = np.pad(result, ((0, 0), (1, 1), (1, 1)), mode="edge")
        grown = result
        for down, across in steps:
            rows, columns = (
                slice(1 + down, padded.shape[1] - 1 + down),
                slice(1 + across, padded.shape[2] - 1 + across),
            )
            grown = pick(grown, padded[:, rows, columns])
        result = grown
    return result


@node("ThresholdMask")
def threshold_mask(mask: FloatArray, value: float) -> FloatArray:
    """1 where it is more than a value, else 0."""
    return (mask > value).astype(np.float32)


@node("MaskPreview")
def mask_preview(context: NodeContext, mask: FloatArray) -> NodeResult:
    """Shown as a grey picture."""
    saved = preview_pictures(context, mask_to_image(mask))
    return NodeResult((mask,), {"images": saved, "animated": [False]})


@node("BatchMasksNode")
def batch_masks(masks: dict[str, FloatArray]) -> FloatArray:
    """All of them, at the size of the first."""
    first, *others = (_flat(mask) for mask in masks.values())
    height, width = first.shape[1:]
    return np.concatenate([first, *(resize(mask, width, height, "bilinear", "center") for mask in others)])


def _flat(mask: FloatArray) -> FloatArray:
    return mask.reshape(-1, *mask.shape[-2:])
