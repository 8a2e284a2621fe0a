"""Pictures over pictures."""

from __future__ import annotations

from typing import Final

from ..arrays import FloatArray, np
from ..node_function import NodeLibrary
from ..painting import bounded
from .pixels import paste, repeat_to, resize, same_channels

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


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
