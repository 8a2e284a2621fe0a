"""Smooth noise, made by enlarging small random grids."""

from __future__ import annotations

from PIL import Image

from ..arrays import FloatArray, Random, np


def bounded(field: FloatArray, low: float = 0.0, high: float = 1.0) -> FloatArray:
    """A field of numbers, none of them below or above the bounds."""
    return np.minimum(np.maximum(field, low), high)


def enlarge(field: FloatArray, width: int, height: int) -> FloatArray:
    """A field of numbers at another size, smoothly."""
    image = Image.fromarray(np.asarray(field, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def clouds(
    rng: Random,
    width: int,
    height: int,
    cells: float = 3.0,
    octaves: int = 5,
    stretch: float = 1.0,
) -> FloatArray:
    """Noise of several sizes, about 0 to 1.

    Args:
        rng: Where the numbers come from.
        width: In pixels.
        height: In pixels.
        cells: How many of the largest blobs across the shorter side.
        octaves: How many sizes.
        stretch: How much wider than high the blobs are.
    """
    total = np.zeros((height, width), dtype=np.float32)
    weight, sum_of_weights = 1.0, 0.0
    side = min(width, height)
    for _ in range(octaves):
        across = max(2, round(cells * width / side / stretch) + 1)
        down = max(2, round(cells * height / side) + 1)
        if across > width or down > height:
            break
        total += weight * enlarge(rng.random((down, across), dtype=np.float32), width, height)
        sum_of_weights += weight
        weight *= 0.5
        cells *= 2.0
    return total / max(sum_of_weights, 1e-6)


def ridge(rng: Random, width: int, bumps: float, roughness: float) -> FloatArray:
    """The line of a range of hills: a height from about -1 to 1 for each column.

    Args:
        rng: Where the numbers come from.
        width: Columns.
        bumps: How many large hills.
        roughness: How much smaller ones count, from 0 to 1.
    """
    line = np.zeros(width, dtype=np.float32)
    weight, positions = 1.0, np.arange(width, dtype=np.float32) / max(width - 1, 1)
    for _ in range(7):
        count = max(2, int(bumps) + 2)
        knots = rng.random(count, dtype=np.float32) * 2 - 1
        at = positions * (count - 1)
        left = np.minimum(at.astype(np.int64), count - 2)
        share = at - left
        share = share * share * (3 - 2 * share)
        line += weight * (knots[left] * (1 - share) + knots[left + 1] * share)
        weight *= roughness
        bumps *= 2
    return line
