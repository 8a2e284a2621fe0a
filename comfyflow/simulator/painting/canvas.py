"""From what a sampler decided to a picture."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from PIL import Image

from ...bounds import SIMULATED_SIDE
from ..arrays import FloatArray, Random, np
from .abstract import flow
from .landscape import landscape
from .mood import mood_of
from .noise import bounded, enlarge

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from ..values import Painting


def paint(painting: Painting, width: int, height: int, index: int = 0) -> FloatArray:
    """The picture of a painting: the same for the same arguments on every machine.

    Args:
        painting: Prompt, seed and recipe.
        width: In pixels.
        height: In pixels.
        index: Which picture of a batch.

    Returns:
        Height, width, 3; between 0 and 1.
    """
    scale = min(1.0, SIMULATED_SIDE / max(width, height, 1))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    rng = np.random.default_rng(_seed(painting, index))
    mood = mood_of(painting.prompt)
    picture = (flow if mood.land == "abstract" else landscape)(rng, mood, *small)
    picture = _finished(rng, picture)
    if small != (width, height):
        layers = [enlarge(picture[..., channel], width, height) for channel in range(3)]
        picture = bounded(np.stack(layers, axis=-1), 0, 1)
    return picture.astype(np.float32)


def preview(painting: Painting, width: int, height: int, done: float, side: int = 256) -> PilImage:
    """A small picture of unfinished work: noise that clears.

    Args:
        painting: What it will be.
        width: Of the finished picture.
        height: Of the finished picture.
        done: From 0 to 1.
        side: The longer side of the preview.
    """
    scale = side / max(width, height, 1)
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = paint(painting, *small)
    rng = np.random.default_rng(_seed(painting, round(done * 1000)))
    noise = rng.normal(0.5, 0.22, picture.shape).astype(np.float32)
    shown = picture * done + noise * (1 - done)
    return Image.fromarray((bounded(shown, 0, 1) * 255).astype(np.uint8))


def _seed(painting: Painting, index: int) -> list[int]:
    text = "\n".join((painting.prompt, painting.negative, *painting.recipe, str(painting.seed), str(index)))
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    return [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 16, 4)]


def _finished(rng: Random, picture: FloatArray) -> FloatArray:
    """Grain, darker corners, and colours within bounds."""
    height, width = picture.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    corners = 1 - 0.16 * bounded(across**2 * 0.7 + down**2 * 0.7, 0, 1.4) ** 1.5
    grain = rng.normal(0, 0.010, (height, width, 1)).astype(np.float32)
    return bounded(picture * corners[..., None] + grain, 0, 1)
