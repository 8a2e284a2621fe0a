"""Scaling, cropping, padding, turning."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..values import FloatArray, Model, np
from .image_nodes import resize

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

KONTEXT_SIZES = (
    (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104),
    (1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688),
    (1568, 672),
)  # fmt: skip
"""The sizes that Flux Kontext was made for."""


@node("ImageScale")
def image_scale(image: FloatArray, upscale_method: str, width: int, height: int, crop: str) -> FloatArray:
    """To a size; a side of 0 keeps the proportions, two keep the picture."""
    if width == 0 and height == 0:
        return image
    old_height, old_width = image.shape[1:3]
    width = width or max(1, round(old_width * height / old_height))
    height = height or max(1, round(old_height * width / old_width))
    return resize(image, width, height, upscale_method, crop)


@node("ImageScaleBy")
def image_scale_by(image: FloatArray, upscale_method: str, scale_by: float) -> FloatArray:
    """By a factor."""
    height, width = image.shape[1:3]
    return resize(image, round(width * scale_by), round(height * scale_by), upscale_method)


@node("ImageScaleToTotalPixels")
def image_scale_to_total_pixels(
    image: FloatArray, upscale_method: str, megapixels: float, resolution_steps: int = 1
) -> FloatArray:
    """To an area."""
    height, width = image.shape[1:3]
    factor = math.sqrt(megapixels * 1024 * 1024 / (width * height))
    new = [max(1, round(side * factor / resolution_steps)) * resolution_steps for side in (width, height)]
    return resize(image, new[0], new[1], upscale_method)


@node("ImageScaleToMaxDimension")
def image_scale_to_max_dimension(image: FloatArray, upscale_method: str, largest_size: int) -> FloatArray:
    """To a longer side."""
    height, width = image.shape[1:3]
    factor = largest_size / max(width, height)
    return resize(image, max(1, round(width * factor)), max(1, round(height * factor)), upscale_method)


@node("ResizeImagesByLongerEdge")
def resize_images_by_longer_edge(images: FloatArray, longer_edge: int) -> FloatArray:
    """To a longer side."""
    return image_scale_to_max_dimension(images, "lanczos", longer_edge)


@node("ResizeImagesByShorterEdge")
def resize_images_by_shorter_edge(images: FloatArray, shorter_edge: int) -> FloatArray:
    """To a shorter side."""
    height, width = images.shape[1:3]
    factor = shorter_edge / min(width, height)
    return resize(images, max(1, int(width * factor)), max(1, int(height * factor)), "lanczos")


@node("FluxKontextImageScale")
def flux_kontext_image_scale(image: FloatArray) -> FloatArray:
    """To the size that Flux Kontext likes best."""
    proportion = image.shape[2] / image.shape[1]
    width, height = min(KONTEXT_SIZES, key=lambda size: abs(size[0] / size[1] - proportion))
    return resize(image, width, height, "lanczos", "center")


@node("ImageUpscaleWithModel")
def image_upscale_with_model(context: NodeContext, upscale_model: Model, image: FloatArray) -> FloatArray:
    """By the factor in the model's name; sharp scaling stands in for the model."""
    named = re.search(r"(?<![0-9])([1-8])x|x([1-8])(?![0-9])", upscale_model.name.lower())
    factor = int(named[1] or named[2]) if named else 4
    context.progress(1, 1, None)
    return resize(image, image.shape[2] * factor, image.shape[1] * factor, "lanczos")


@node("ResizeImageMaskNode")
def resize_image_mask(
    input: FloatArray,  # noqa: A002 (the server's name)
    resize_type: Mapping[str, Any],
    scale_method: str,
) -> FloatArray:
    """Pictures or masks, in one of many ways."""
    height, width = input.shape[1:3]
    kind = resize_type["resize_type"]
    if kind == "scale to multiple":
        multiple = resize_type["multiple"]
        size = (width // multiple * multiple, height // multiple * multiple)
        return resize(input, *size, scale_method, "center") if all(size) else input
    if kind == "match size":
        height, width = resize_type["match"].shape[1:3]
        return resize(input, width, height, scale_method, resize_type["crop"])
    crop = resize_type.get("crop", "disabled")
    return resize(input, *_wanted_size(kind, resize_type, width, height), scale_method, crop)


def _wanted_size(kind: str, wanted: Mapping[str, Any], width: int, height: int) -> tuple[int, int]:
    if kind in ("scale dimensions", "scale width", "scale height"):
        new_width, new_height = wanted.get("width", 0), wanted.get("height", 0)
        new_width = new_width or max(1, round(width * new_height / height))
        return new_width, new_height or max(1, round(height * new_width / width))
    factors: dict[str, Callable[[], float]] = {
        "scale by multiplier": lambda: wanted["multiplier"],
        "scale longer dimension": lambda: wanted["longer_size"] / max(width, height),
        "scale shorter dimension": lambda: wanted["shorter_size"] / min(width, height),
        "scale total pixels": lambda: math.sqrt(wanted["megapixels"] * 1024 * 1024 / (width * height)),
    }
    factor = factors[kind]()
    return max(1, round(width * factor)), max(1, round(height * factor))


@node("ResizeAndPadImage")
def resize_and_pad_image(
    image: FloatArray, target_width: int, target_height: int, padding_color: str, interpolation: str
) -> FloatArray:
    """Into a size, with margins."""
    height, width = image.shape[1:3]
    factor = min(target_width / width, target_height / height)
    scaled = resize(image, max(1, int(width * factor)), max(1, int(height * factor)), interpolation)
    margin = 0.0 if padding_color == "black" else 1.0
    shape = (image.shape[0], target_height, target_width, image.shape[3])
    padded = np.full(shape, margin, dtype=np.float32)
    top, left = (target_height - scaled.shape[1]) // 2, (target_width - scaled.shape[2]) // 2
    padded[:, top : top + scaled.shape[1], left : left + scaled.shape[2]] = scaled
    return padded


@node("ImageCrop")
def image_crop(image: FloatArray, width: int, height: int, x: int, y: int) -> FloatArray:
    """A part; of a corner that lies outside, the last pixels."""
    left, top = min(x, image.shape[2] - 1), min(y, image.shape[1] - 1)
    return image[:, top : top + height, left : left + width]


@node("ImageCropV2")
def image_crop_region(context: NodeContext, image: FloatArray, crop_region: Mapping[str, int]) -> NodeResult:
    """A part, shown on the node too."""
    from .save_nodes import preview_pictures

    region = {"x": 0, "y": 0, "width": 512, "height": 512, **crop_region}
    part = image_crop(image, region["width"], region["height"], region["x"], region["y"])
    return NodeResult((part,), {"images": preview_pictures(context, part), "animated": [False]})


@node("CenterCropImages")
def center_crop_images(images: FloatArray, width: int, height: int) -> FloatArray:
    """The middle."""
    top, left = max(0, (images.shape[1] - height) // 2), max(0, (images.shape[2] - width) // 2)
    return images[:, top : top + height, left : left + width]


@node("RandomCropImages")
def random_crop_images(images: FloatArray, width: int, height: int, seed: int) -> FloatArray:
    """A part somewhere."""
    rng = np.random.default_rng(seed % 2**32)
    top = int(rng.integers(0, max(1, images.shape[1] - height + 1)))
    left = int(rng.integers(0, max(1, images.shape[2] - width + 1)))
    return images[:, top : top + height, left : left + width]


@node("ImagePadForOutpaint")
def image_pad_for_outpaint(
    image: FloatArray, left: int, top: int, right: int, bottom: int, feathering: int
) -> tuple[FloatArray, FloatArray]:
    """With a grey margin, and a mask of what to paint."""
    batch, height, width, channels = image.shape
    shape = (batch, height + top + bottom, width + left + right, channels)
    padded = np.full(shape, 0.5, dtype=np.float32)
    padded[:, top : top + height, left : left + width] = image
    mask = np.ones(shape[1:3], dtype=np.float32)
    inner = np.zeros((height, width), dtype=np.float32)
    if 0 < feathering < min(width, height) / 2:
        inner = _feather(width, height, feathering, (left, top, right, bottom))
    mask[top : top + height, left : left + width] = inner
    return padded, mask[None]


def _feather(width: int, height: int, reach: int, margins: tuple[int, int, int, int]) -> FloatArray:
    """How near each pixel is to a padded edge: 1 at it, 0 from `reach` on."""
    columns, rows = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    far = float(max(width, height))
    left, top, right, bottom = margins
    distances = [
        columns if left else far,
        rows if top else far,
        width - columns if right else far,
        height - rows if bottom else far,
    ]
    nearest = np.full((height, width), far, dtype=np.float32)
    for distance in distances:
        nearest = np.minimum(nearest, distance)
    return np.maximum((reach - nearest) / reach, 0.0) ** 2


@node("ImageRotate")
def image_rotate(image: FloatArray, rotation: str) -> FloatArray:
    """By quarter turns, clockwise."""
    turns = {"90": 1, "180": 2, "270": 3}.get(rotation.split(maxsplit=1)[0], 0)
    return np.rot90(image, turns, axes=(2, 1))


@node("ImageFlip")
def image_flip(image: FloatArray, flip_method: str) -> FloatArray:
    """Upside down (``x-axis``) or mirrored (``y-axis``)."""
    return np.flip(image, axis=1 if flip_method.startswith("x") else 2)


@node("GetImageSize")
def get_image_size(context: NodeContext, image: FloatArray) -> tuple[int, int, int]:
    """Width, height and batch size, shown on the node too."""
    batch, height, width = (int(side) for side in image.shape[:3])
    context.text(f"width: {width}, height: {height}\n batch size: {batch}")
    return width, height, batch
