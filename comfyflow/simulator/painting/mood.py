"""What a prompt asks for, as far as a few words go: the hour, the land, what is in it; and smooth noise.

The noise is made by enlarging small random grids.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from PIL import Image

from ..values import FloatArray, Random, np


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


Color = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """The colours of an hour.

    Attributes:
        zenith: The sky above.
        horizon: The sky below.
        light: Sun or moon, and its glow.
        far: The farthest hills.
        near: What is closest.
        stars: How many stars, from 0 to 1.
    """

    zenith: Color
    horizon: Color
    light: Color
    far: Color
    near: Color
    stars: float = 0.0


PALETTES: Final = {
    "dawn": Palette(
        (0.30, 0.42, 0.66), (0.99, 0.76, 0.66), (1.0, 0.90, 0.74), (0.70, 0.62, 0.70), (0.13, 0.16, 0.24)
    ),
    "day": Palette(
        (0.22, 0.47, 0.78), (0.79, 0.89, 0.95), (1.0, 0.97, 0.88), (0.60, 0.72, 0.80), (0.10, 0.23, 0.20)
    ),
    "gold": Palette(
        (0.38, 0.47, 0.64), (0.99, 0.84, 0.53), (1.0, 0.92, 0.66), (0.78, 0.64, 0.50), (0.20, 0.13, 0.12)
    ),
    "dusk": Palette(
        (0.14, 0.14, 0.36),
        (0.97, 0.53, 0.38),
        (1.0, 0.78, 0.52),
        (0.55, 0.34, 0.46),
        (0.06, 0.05, 0.14),
        0.25,
    ),
    "night": Palette(
        (0.02, 0.03, 0.10), (0.12, 0.22, 0.38), (0.92, 0.94, 1.0), (0.12, 0.19, 0.32), (0.01, 0.02, 0.05), 1.0
    ),
    "storm": Palette(
        (0.17, 0.20, 0.26), (0.60, 0.64, 0.66), (0.88, 0.90, 0.90), (0.42, 0.46, 0.50), (0.08, 0.10, 0.13)
    ),
    "winter": Palette(
        (0.46, 0.60, 0.76), (0.93, 0.92, 0.94), (1.0, 0.96, 0.92), (0.78, 0.83, 0.90), (0.30, 0.37, 0.48)
    ),
}

_HOURS: Final = {
    "dawn": "dawn sunrise morning spring pastel",
    "day": "day noon sunny summer blue bright sky",
    "gold": "golden gold autumn fall desert sand dune warm savanna wheat",
    "dusk": "dusk sunset evening twilight red orange romantic cinematic",
    "night": "night moon moonlit midnight stars star starry space galaxy dark neon cyberpunk",
    "storm": "storm stormy rain rainy fog foggy mist misty grey gray cloudy moody",
    "winter": "winter snow snowy ice icy frozen arctic white cold",
}
_LANDS: Final = {
    "sea": "sea ocean lake water river coast beach bay harbor harbour island lighthouse boat ship sail waves",
    "mountains": "mountain mountains peak peaks alps hill hills valley canyon cliff castle volcano",
    "forest": "forest tree trees pine pines wood woods jungle park garden woodland",
    "city": "city town street skyline skyscraper building buildings urban cyberpunk neon metropolis",
    "plain": "desert dune dunes field fields meadow plain prairie savanna farm house cabin barn village",
    "abstract": "abstract pattern swirl texture fractal liquid marble fluid paint psychedelic logo",
}
_SUBJECTS: Final = {
    "lighthouse": "lighthouse beacon",
    "boat": "boat ship sail sailboat yacht",
    "house": "house cabin cottage barn farm hut village home",
    "castle": "castle tower fortress palace",
    "tree": "tree oak",
    "birds": "bird birds gull gulls seagull eagle crow",
}


@dataclass(frozen=True)
class Mood:
    """What to paint.

    Attributes:
        hour: A name of `PALETTES`.
        land: ``sea``, ``mountains``, ``forest``, ``city``, ``plain`` or ``abstract``.
        subjects: What is in it.
    """

    hour: str
    land: str
    subjects: tuple[str, ...]

    @property
    def palette(self) -> Palette:
        """The hour's colours."""
        return PALETTES[self.hour]


def mood_of(prompt: str) -> Mood:
    """Read a prompt; what its words leave open, their hash decides.

    Args:
        prompt: The positive prompt.
    """
    words = set(re.findall(r"[a-z]+", prompt.lower()))
    digest = hashlib.sha256(" ".join(sorted(words)).encode()).digest()
    hour = _first_match(words, _HOURS) or list(PALETTES)[digest[0] % len(PALETTES)]
    land = _first_match(words, _LANDS) or list(_LANDS)[digest[1] % len(_LANDS)]
    subjects = tuple(name for name, known in _SUBJECTS.items() if words & set(known.split()))
    if subjects and land == "abstract":
        land = "plain"
    return Mood(hour, land, subjects)


def _first_match(words: set[str], table: dict[str, str]) -> str | None:
    scores = {name: len(words & set(known.split())) for name, known in table.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] else None
