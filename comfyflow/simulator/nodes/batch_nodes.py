"""Batches and lists of pictures, and pictures side by side."""

from __future__ import annotations

from typing import Any, Final

from ...json_types import is_object
from ..node_function import NodeLibrary
from ..values import FloatArray, np
from .image_nodes import extend_to, resize, same_channels

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

SPACINGS = {
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}


def batched(images: list[FloatArray]) -> FloatArray:
    """One batch of several, at the size of the first; with alpha if one has it."""
    first = max(images, key=lambda image: image.shape[-1])
    height, width = images[0].shape[1:3]
    same = [same_channels(first, image)[1] for image in images]
    return np.concatenate([resize(image, width, height, "bilinear", "center") for image in same])


@node("ImageBatch")
def image_batch(image1: FloatArray, image2: FloatArray) -> FloatArray:
    """Two batches as one."""
    return batched([image1, image2])


@node("BatchImagesNode")
def batch_images(images: dict[str, FloatArray]) -> FloatArray:
    """Any number of batches as one."""
    return batched(list(images.values()))


@node("RepeatImageBatch")
def repeat_image_batch(image: FloatArray, amount: int) -> FloatArray:
    """The same again."""
    return np.concatenate([image] * amount)


@node("ImageFromBatch")
def image_from_batch(image: FloatArray, batch_index: int, length: int) -> FloatArray:
    """Some of a batch; a start below 0 counts from its end."""
    start = batch_index + image.shape[0] if batch_index < 0 else batch_index
    start = max(0, min(image.shape[0] - 1, start))
    return image[start : start + length]


@node("RebatchImages", takes_lists=True)
def rebatch_images(images: list[FloatArray], batch_size: list[int]) -> tuple[list[FloatArray]]:
    """A list of batches of another size."""
    single = [image for batch in images for image in np.split(batch, batch.shape[0])]
    size = batch_size[0]
    return ([batched(single[start : start + size]) for start in range(0, len(single), size)],)


@node("ShuffleDataset", takes_lists=True)
def shuffle_dataset(images: list[FloatArray], seed: list[int]) -> tuple[list[FloatArray]]:
    """In another order."""
    order = np.random.default_rng(seed[0]).permutation(len(images))
    return ([images[int(index)] for index in order],)


@node("MergeImageLists", "CreateList", takes_lists=True)
def merge_lists(**lists: Any) -> tuple[list[Any]]:
    """One list of several."""
    merged: list[Any] = []
    for values in lists.values():
        for member in values.values() if is_object(values) else (values,):
            merged.extend(member)
    return (merged,)


@node("SplitImageToTileList")
def split_image_to_tile_list(
    image: FloatArray, tile_width: int, tile_height: int, overlap: int
) -> tuple[list[FloatArray]]:
    """Overlapping tiles, row by row."""
    height, width = image.shape[1:3]
    rows, columns = _starts(height, tile_height, overlap), _starts(width, tile_width, overlap)
    tiles = [image[:, top : top + tile_height, left : left + tile_width] for top in rows for left in columns]
    return (tiles,)


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    step, starts = round(max(tile * 0.25, tile - overlap)), [0]
    while starts[-1] + tile < length:
        starts.append(min(starts[-1] + step, max(0, length - tile)))
    return starts


@node("ImageMergeTileList", takes_lists=True)
def image_merge_tile_list(
    image_list: list[FloatArray], final_width: list[int], final_height: list[int], overlap: list[int]
) -> FloatArray:
    """Tiles as one picture again; where they overlap, their mean."""
    width, height = final_width[0], final_height[0]
    tile_height, tile_width = image_list[0].shape[1:3]
    shape = (image_list[0].shape[0], height, width, image_list[0].shape[3])
    total, weight = np.zeros(shape, dtype=np.float32), np.zeros((1, height, width, 1), dtype=np.float32)
    places = [
        (top, left)
        for top in _starts(height, tile_height, overlap[0])
        for left in _starts(width, tile_width, overlap[0])
    ]
    for tile, (top, left) in zip(image_list, places, strict=False):
        part = total[:, top : top + tile_height, left : left + tile_width]
        part += tile[:, : part.shape[1], : part.shape[2]]
        weight[:, top : top + tile_height, left : left + tile_width] += 1.0
    return total / np.maximum(weight, 1.0)


@node("ImageGrid", takes_lists=True)
def image_grid(
    images: list[FloatArray],
    columns: list[int],
    cell_width: list[int],
    cell_height: list[int],
    padding: list[int],
) -> FloatArray:
    """A sheet of small pictures."""
    cells = [single for batch in images for single in np.split(batch, batch.shape[0])]
    across, wide, high, gap = columns[0], cell_width[0], cell_height[0], padding[0]
    down = -(-len(cells) // across)
    shape = (1, down * high + (down - 1) * gap, across * wide + (across - 1) * gap, 3)
    sheet = np.zeros(shape, dtype=np.float32)
    for number, cell in enumerate(cells):
        top, left = number // across * (high + gap), number % across * (wide + gap)
        sheet[:, top : top + high, left : left + wide] = resize(cell[..., :3], wide, high, "lanczos")
    return sheet


@node("ImageStitch")
def image_stitch(
    image1: FloatArray,
    direction: str,
    match_image_size: bool,
    spacing_width: int,
    spacing_color: str,
    image2: FloatArray | None = None,
) -> FloatArray:
    """Two pictures side by side or one above the other."""
    if image2 is None:
        return image1
    axis = 2 if direction in ("left", "right") else 1
    across = 3 - axis
    count = max(image1.shape[0], image2.shape[0])
    first, second = extend_to(image1, count), extend_to(image2, count)
    first, second = (
        same_channels(first, second)
        if first.shape[-1] >= second.shape[-1]
        else (same_channels(second, first)[1], second)
    )
    if match_image_size:
        second = _matched(first, second, axis)
    high = max(first.shape[across], second.shape[across])
    first, second = (_centered(image, across, high, spacing_color) for image in (first, second))
    parts = [second, first] if direction in ("left", "up") else [first, second]
    if spacing_width > 0:
        parts.insert(1, _spacing(first, axis, spacing_width + spacing_width % 2, spacing_color))
    return np.concatenate(parts, axis=axis)


def _matched(first: FloatArray, second: FloatArray, axis: int) -> FloatArray:
    proportion = second.shape[2] / second.shape[1]
    if axis == 2:
        return resize(second, max(1, int(first.shape[1] * proportion)), first.shape[1], "lanczos")
    return resize(second, first.shape[2], max(1, int(first.shape[2] / proportion)), "lanczos")


def _centered(image: FloatArray, axis: int, length: int, color: str) -> FloatArray:
    missing = length - image.shape[axis]
    if missing <= 0:
        return image
    margins = [(0, 0)] * 4
    margins[axis] = (missing // 2, missing - missing // 2)
    return np.pad(image, margins, constant_values=1.0 if color == "white" else 0.0)


def _spacing(image: FloatArray, axis: int, width: int, color: str) -> FloatArray:
    shape = list(image.shape)
    shape[axis] = width
    spacing = np.ones(shape, dtype=np.float32)
    spacing[..., :3] = SPACINGS[color]
    return spacing
