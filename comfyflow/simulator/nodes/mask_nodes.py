"""Masks, and pictures over pictures."""

from __future__ import annotations

from typing import Final

from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..painting import bounded
from ..values import FloatArray, np
from .image_nodes import file_digest, paste, picture_channels, read_picture, repeat_to, resize, same_channels
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


@node("ImageCompositeMasked")
def image_composite_masked(
    destination: FloatArray,
    source: FloatArray,
    x: int,
    y: int,
    resize_source: bool,
    mask: FloatArray | None = None,
) -> FloatArray:
    """One laid over the other where a mask selects it."""
    below, above = same_channels(destination, source)
    return paste(below, above, (x, y), mask, resize_source)


@node("SplitImageWithAlpha")
def split_image_with_alpha(image: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Colours, and a mask that is 1 where it is transparent."""
    alpha = image[..., 3] if image.shape[-1] > 3 else np.ones(image.shape[:3], dtype=np.float32)
    return image[..., :3], 1.0 - alpha


@node("JoinImageWithAlpha")
def join_image_with_alpha(image: FloatArray, alpha: FloatArray) -> FloatArray:
    """With a mask that is 1 where it becomes transparent."""
    count = max(image.shape[0], alpha.shape[0])
    scaled = resize(alpha.reshape(-1, *alpha.shape[-2:]), image.shape[2], image.shape[1], "bilinear")
    colors = repeat_to(image[..., :3], count)
    return np.concatenate([colors, 1.0 - repeat_to(scaled, count)[..., None]], axis=-1)


@node("PorterDuffImageComposite")
def porter_duff_image_composite(
    source: FloatArray,
    source_alpha: FloatArray,
    destination: FloatArray,
    destination_alpha: FloatArray,
    mode: str,
) -> tuple[FloatArray, FloatArray]:
    """By Porter and Duff's rules, colours already multiplied with alpha."""
    count = min(source.shape[0], source_alpha.shape[0], destination.shape[0], destination_alpha.shape[0])
    height, width = destination.shape[1:3]
    above = resize(source[:count], width, height, "bicubic", "center")
    above_alpha = 1.0 - resize(source_alpha[:count], width, height, "bicubic", "center")[..., None]
    below = destination[:count]
    below_alpha = 1.0 - resize(destination_alpha[:count], width, height, "bicubic", "center")[..., None]
    colors, alpha = _porter_duff(above, above_alpha, below, below_alpha, mode)
    return bounded(colors), 1.0 - bounded(alpha)[..., 0]


def _porter_duff(
    s: FloatArray, sa: FloatArray, d: FloatArray, da: FloatArray, mode: str
) -> tuple[FloatArray, FloatArray]:
    """Colours and alpha of source `s` over destination `d` with alphas `sa` and `da`."""
    shares = _shares(sa, da).get(mode)
    if shares is not None:
        of_source, of_destination = shares
        return of_source * s + of_destination * d, of_source * sa + of_destination * da
    over = sa + da - sa * da
    mixed = (1 - da) * s + (1 - sa) * d
    if mode == "ADD":
        return s + d, sa + da
    if mode == "MULTIPLY":
        return s * d, sa * da
    if mode == "SCREEN":
        return s + d - s * d, over
    if mode == "OVERLAY":
        light = sa * da - 2 * (da - s) * (sa - d)
        return np.where(2 * d < da, 2 * s * d, light), over
    pick = np.minimum if mode == "DARKEN" else np.maximum
    return mixed + pick(s, d), over


def _shares(sa: FloatArray, da: FloatArray) -> dict[str, tuple[FloatArray, FloatArray]]:
    """How much of source and destination is kept, by mode."""
    none, whole = np.zeros_like(sa), np.ones_like(sa)
    return {
        "CLEAR": (none, none),
        "SRC": (whole, none),
        "DST": (none, whole),
        "SRC_OVER": (whole, 1 - sa),
        "DST_OVER": (1 - da, whole),
        "SRC_IN": (da, none),
        "DST_IN": (none, sa),
        "SRC_OUT": (1 - da, none),
        "DST_OUT": (none, 1 - sa),
        "SRC_ATOP": (da, 1 - sa),
        "DST_ATOP": (1 - da, sa),
        "XOR": (1 - da, 1 - sa),
    }
