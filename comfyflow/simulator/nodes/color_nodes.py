"""Colours and filters."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageFilter

from ..node_function import NodeLibrary
from ..painting import bounded
from ..values import FloatArray, np
from .image_nodes import picture, resize, same_channels

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


@node("ImageInvert")
def image_invert(image: FloatArray) -> FloatArray:
    """The negative."""
    return 1.0 - image


@node("AdjustBrightness")
def adjust_brightness(images: FloatArray, factor: float) -> FloatArray:
    """Brighter or darker."""
    return bounded(images * factor)


@node("AdjustContrast")
def adjust_contrast(images: FloatArray, factor: float) -> FloatArray:
    """More or less of it, about the middle."""
    return bounded((images - 0.5) * factor + 0.5)


@node("NormalizeImages")
def normalize_images(images: FloatArray, mean: float, std: float) -> FloatArray:
    """Shifted and scaled, as models want them."""
    return (images - mean) / std


@node("ImageBlend")
def image_blend(image1: FloatArray, image2: FloatArray, blend_factor: float, blend_mode: str) -> FloatArray:
    """One over the other."""
    below, above = same_channels(image1, image2)
    if below.shape != above.shape:
        above = resize(above, below.shape[2], below.shape[1], "bicubic", "center")
    blended = _blended(below, above, blend_mode)
    return bounded(below * (1.0 - blend_factor) + blended * blend_factor)


def _blended(below: FloatArray, above: FloatArray, mode: str) -> FloatArray:
    screen = 1.0 - (1.0 - below) * (1.0 - above)
    if mode == "overlay":
        return np.where(below <= 0.5, 2.0 * below * above, 1.0 - 2.0 * (1.0 - below) * (1.0 - above))
    if mode == "soft_light":
        curve = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
        darker = below - (1.0 - 2.0 * above) * below * (1.0 - below)
        return np.where(above <= 0.5, darker, below + (2.0 * above - 1.0) * (curve - below))
    simple = {"normal": above, "multiply": below * above, "screen": screen, "difference": below - above}
    return simple[mode]


@node("ImageBlur")
def image_blur(image: FloatArray, blur_radius: int, sigma: float) -> FloatArray:
    """Softer."""
    kernel = _gaussian(blur_radius, sigma)
    return _convolved(_convolved(image, kernel, 1), kernel, 2)


@node("ImageSharpen")
def image_sharpen(image: FloatArray, sharpen_radius: int, sigma: float, alpha: float) -> FloatArray:
    """Sharper: what a blur takes away is added."""
    kernel = _gaussian(sharpen_radius, sigma / 10)
    soft = _convolved(_convolved(image, kernel, 1), kernel, 2)
    return bounded(image + (image - soft) * alpha * 10)


def _gaussian(radius: int, sigma: float) -> FloatArray:
    """Weights over 2 * radius + 1 pixels; sigma is in radii, as the server has it."""
    weights = np.exp(-(np.linspace(-1, 1, 2 * radius + 1, dtype=np.float32) ** 2) / (2 * sigma * sigma))
    return weights / weights.sum()


def _convolved(image: FloatArray, kernel: FloatArray, axis: int) -> FloatArray:
    radius = len(kernel) // 2
    margins = [(0, 0)] * image.ndim
    margins[axis] = (radius, radius)
    padded = np.pad(image, margins, mode="reflect" if image.shape[axis] > radius else "edge")
    length = image.shape[axis]
    total = np.zeros_like(image)
    for offset, weight in enumerate(kernel):
        part = [slice(None)] * image.ndim
        part[axis] = slice(offset, offset + length)
        total += float(weight) * padded[tuple(part)]
    return total


@node("ImageQuantize")
def image_quantize(image: FloatArray, colors: int, dither: str) -> FloatArray:
    """Few colours."""
    how = Image.Dither.NONE if dither == "none" else Image.Dither.FLOYDSTEINBERG
    found: list[FloatArray] = []
    for single in image:
        original = picture(single).convert("RGB")
        palette = original.quantize(colors=colors)
        few = original.quantize(palette=palette, dither=how).convert("RGB")
        found.append(np.asarray(few, dtype=np.float32) / 255.0)
    return np.stack(found)


@node("ImageAddNoise")
def image_add_noise(image: FloatArray, seed: int, strength: float) -> FloatArray:
    """Grain."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, image.shape)
    return bounded(image + strength * noise.astype(np.float32))


@node("Canny")
def canny(image: FloatArray, low_threshold: float, high_threshold: float) -> FloatArray:
    """White edges on black: strong ones, and weak ones that touch them."""
    edges = [_edges(single[..., :3].mean(axis=-1), low_threshold, high_threshold) for single in image]
    return np.repeat(np.stack(edges)[..., None], 3, axis=-1)


def _edges(grey: FloatArray, low: float, high: float) -> FloatArray:
    kernel = _gaussian(2, 0.6)
    soft = _convolved(_convolved(grey, kernel, 0), kernel, 1)
    down: FloatArray = np.diff(soft, axis=0, append=soft[-1:])
    across: FloatArray = np.diff(soft, axis=1, append=soft[:, -1:])
    slope = np.hypot(down, across)
    slope = slope / max(float(slope.max()), 1e-6)
    strong, weak = slope >= high, slope >= low
    for _ in range(max(grey.shape)):
        grown = weak & _touched(strong)
        if (grown == strong).all():
            break
        strong = grown | strong
    return strong.astype(np.float32)


def _touched(marked: FloatArray) -> FloatArray:
    grown = marked.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            grown |= np.roll(marked, step, axis=axis)
    return grown


@node("Morphology")
def morphology(image: FloatArray, operation: str, kernel_size: int) -> FloatArray:
    """Thinner, thicker, and what is made of the two."""
    size = max(3, kernel_size | 1)
    thin, thick = _filtered(image, ImageFilter.MinFilter(size)), _filtered(image, ImageFilter.MaxFilter(size))
    if operation in ("erode", "dilate"):
        return thin if operation == "erode" else thick
    opened, closed = (
        _filtered(thin, ImageFilter.MaxFilter(size)),
        _filtered(thick, ImageFilter.MinFilter(size)),
    )
    return {
        "open": opened,
        "close": closed,
        "gradient": thick - thin,
        "top_hat": image - opened,
        "bottom_hat": closed - image,
    }[operation]


def _filtered(image: FloatArray, rank: ImageFilter.MinFilter | ImageFilter.MaxFilter) -> FloatArray:
    done = [np.asarray(picture(single).filter(rank), dtype=np.float32) / 255.0 for single in image]
    return np.stack(done).reshape(image.shape)


_TO_YUV = np.asarray(
    [[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], dtype=np.float32
)


@node("ImageRGBToYUV")
def image_rgb_to_yuv(image: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Brightness and two colour differences, each as a grey picture."""
    planes: FloatArray = image[..., :3] @ _TO_YUV.T + np.asarray([0.0, 0.5, 0.5], dtype=np.float32)
    shown = [np.repeat(planes[..., index : index + 1], 3, axis=-1) for index in range(3)]
    return shown[0], shown[1], shown[2]


@node("ImageYUVToRGB")
def image_yuv_to_rgb(Y: FloatArray, U: FloatArray, V: FloatArray) -> FloatArray:  # noqa: N803 (the server's names)
    """Back to colours."""
    planes = np.stack([plane[..., :3].mean(axis=-1) for plane in (Y, U, V)], axis=-1)
    shifted = planes - np.asarray([0.0, 0.5, 0.5], dtype=np.float32)
    back = np.asarray(np.linalg.inv(_TO_YUV.astype(np.float64)), dtype=np.float32)
    return bounded(shifted @ back.T)
