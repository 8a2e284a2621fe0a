"""From what a sampler decided to a picture, with the line at its foot that says what it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from ...bounds import SIMULATED_SIDE
from ..arrays import FloatArray, Random, np
from .landscape import color, landscape, mix
from .mood import Mood, mood_of
from .noise import bounded, clouds, enlarge

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

    from ..values import Painting


def flow(rng: Random, mood: Mood, width: int, height: int) -> FloatArray:
    """Paint one, in the colours of the mood's hour.

    Args:
        rng: Decides the form.
        mood: Gives the colours.
        width: In pixels.
        height: In pixels.
    """
    side = min(width, height)
    base = clouds(rng, width, height, 2.2, 5)
    bend = side * (0.45 + 0.35 * rng.random())
    rows, columns = np.indices((height, width), dtype=np.float32)
    for _ in range(2):
        down = clouds(rng, width, height, 1.6, 4) - 0.5
        across = clouds(rng, width, height, 1.6, 4) - 0.5
        y = bounded(rows + down * bend, 0, height - 1).astype(np.int64)
        x = bounded(columns + across * bend, 0, width - 1).astype(np.int64)
        base = base[y, x]
    base = (base - base.min()) / max(float(base.max() - base.min()), 1e-6)
    lines = 0.5 + 0.5 * np.sin(base * (26 + 22 * rng.random()))
    palette = mood.palette
    stops = [palette.near, palette.zenith, palette.far, palette.horizon, palette.light]
    at = bounded(base, 0, 0.9999) * (len(stops) - 1)
    table = np.asarray(stops, dtype=np.float32)
    low = at.astype(np.int64)
    share = (at - low)[..., None]
    picture = mix(table[low], table[low + 1], share * share * (3 - 2 * share))
    slope = np.hypot(np.diff(base, axis=0, append=base[-1:]), np.diff(base, axis=1, append=base[:, -1:]))
    shade = bounded(slope * side * 0.05, 0, 1)[..., None]
    picture = mix(picture, color(palette.near), shade * 0.35)
    return mix(picture, color(palette.light), (lines**10)[..., None] * 0.16)


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


MIN_WIDTH: Final = 96
"""Pictures narrower than this have no room for words."""


def caption(picture: FloatArray, text: str) -> FloatArray:
    """A picture with a line at its foot; the text is cut to fit.

    Args:
        picture: Height, width, 3; unchanged.
        text: What to say.
    """
    height, width = picture.shape[:2]
    if width < MIN_WIDTH or height < MIN_WIDTH // 2:
        return picture
    size = max(9, round(min(width, height) / 48))
    font = ImageFont.load_default(size)
    room, margin = width - 2 * size, size * 0.55
    line = _fitted(" ".join(text.split()), room, font)
    band = round(size * 2.1)
    image = Image.fromarray((bounded(picture, 0, 1) * 255).astype(np.uint8))
    shade = Image.new("L", (1, band))
    for row in range(band):
        shade.putpixel((0, row), round(150 * (row / band) ** 0.8))
    image.paste((8, 9, 14), (0, height - band), shade.resize((width, band)))
    pen = ImageDraw.Draw(image)
    pen.text((size, height - size - margin), line, font=font, fill=(238, 238, 232))
    return np.asarray(image, dtype=np.float32) / 255


def _fitted(text: str, room: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    shown = "".join(letter for letter in text if letter.isprintable())[:300]
    if font.getlength(shown) <= room:
        return shown
    while shown and font.getlength(shown + "...") > room:
        shown = shown[:-1]
    return shown.rstrip(" ,") + "..."
