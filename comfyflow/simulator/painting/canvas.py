"""From what a sampler decided to a picture: a landscape, with the line at its foot that says what it is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from ...bounds import SIMULATED_SIDE
from ..values import FloatArray, Random, np
from .mood import Color, Mood, bounded, clouds, enlarge, mood_of, ridge
from .silhouette import add_subjects, skyline, treeline

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


def landscape(rng: Random, mood: Mood, width: int, height: int) -> FloatArray:
    """Paint one.

    Args:
        rng: Decides all that the mood leaves open.
        mood: The hour, the land and what is in it.
        width: In pixels.
        height: In pixels.
    """
    horizon = int(height * (0.58 + 0.10 * rng.random()))
    light = (width * (0.18 + 0.64 * rng.random()), horizon - height * (0.05 + 0.28 * rng.random()))
    picture = _sky(rng, mood, width, height, horizon, light)
    _hills(rng, mood, picture, horizon)
    if mood.land == "sea":
        _water(rng, mood, picture, horizon, light)
    add_subjects(rng, mood, picture, horizon)
    return picture


def _sky(
    rng: Random, mood: Mood, width: int, height: int, horizon: int, light: tuple[float, float]
) -> FloatArray:
    palette = mood.palette
    down = np.linspace(0, 1, height, dtype=np.float32) * height / max(horizon, 1)
    share = bounded(down, 0, 1)[:, None, None] ** 1.4
    sky = mix(color(palette.zenith), color(palette.horizon), share) * np.ones(
        (height, width, 1), dtype=np.float32
    )
    distance = _distance(width, height, light)
    if palette.stars:
        _stars(rng, sky, palette.stars, horizon)
    glow = np.exp(-distance * 5.5)[..., None] * 0.75
    sky = mix(sky, color(palette.light), bounded(glow, 0, 1))
    radius = 0.045 + 0.03 * rng.random()
    disc = bounded(0.5 - (distance - radius) * min(width, height) / 3, 0, 1)
    sky = mix(sky, color(palette.light), disc[..., None] * 0.96)
    return _cloud_cover(rng, mood, sky, distance)


def _cloud_cover(rng: Random, mood: Mood, sky: FloatArray, distance: FloatArray) -> FloatArray:
    height, width = sky.shape[:2]
    noise = clouds(rng, width, height, 2.6, 6, stretch=2.8)
    threshold = 0.46 if mood.hour == "storm" else 0.54 + 0.05 * rng.random()
    cover = bounded((noise - threshold) * 5.5, 0, 1)
    shade = bounded((clouds(rng, width, height, 5, 4, stretch=2.2) - 0.35) * 1.8, 0, 1)[..., None]
    palette = mood.palette
    lit = mix(color(palette.horizon), color(palette.light), 0.25 + 0.65 * np.exp(-distance * 2.2)[..., None])
    dark = mix(color(palette.zenith), color(palette.far), 0.55)
    strength = 0.85 if mood.hour == "storm" else (0.35 if mood.hour == "night" else 0.62)
    return mix(sky, mix(dark, lit, shade), cover[..., None] * strength)


def _stars(rng: Random, sky: FloatArray, amount: float, horizon: int) -> None:
    width = sky.shape[1]
    count = int(amount * width * max(horizon, 1) / 700)
    rows = (rng.random(count) ** 1.3 * horizon * 0.95).astype(np.int64)
    columns = rng.integers(0, width, count)
    sky[rows, columns] += (rng.random((count, 1)) ** 2 * 0.85).astype(np.float32)


def _hills(rng: Random, mood: Mood, picture: FloatArray, horizon: int) -> None:
    height, width = picture.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None]
    layers = 3 if mood.land == "sea" else 6
    steep = {"mountains": 0.19, "plain": 0.035, "sea": 0.05, "city": 0.05}.get(mood.land, 0.10)
    grain = clouds(rng, width, height, 14, 4, stretch=1.6)[..., None]
    for layer in range(layers):
        depth = layer / max(layers - 1, 1)
        base = horizon + (0 if mood.land == "sea" else height * 0.42 * depth**1.7)
        tall = height * steep * (1.15 - 0.6 * depth)
        rough = 0.56 if mood.land == "mountains" else 0.42
        line = base - tall * (0.35 + 0.65 * ridge(rng, width, 1.5 + 1.8 * depth, rough))
        line = _with_growth(rng, mood, line, layer, layers, height)
        edge = bounded(rows - line[None, :] + 0.5, 0, 1)[..., None]
        tint = mix(color(mood.palette.far), color(mood.palette.near), depth**0.8)
        mist = bounded(1 - (rows - line[None, :]) / (height * 0.16), 0, 1)[..., None]
        body = tint * (0.80 + 0.36 * grain)
        body = mix(body, color(mood.palette.horizon), 0.32 * (1 - depth) * (1 - mist))
        if mood.hour == "winter" and mood.land == "mountains":
            body = mix(body, color((0.97, 0.98, 1.0)), mist * 0.75 * grain)
        picture[:] = mix(picture, body, edge)


def _with_growth(
    rng: Random, mood: Mood, line: FloatArray, layer: int, layers: int, height: int
) -> FloatArray:
    """The ridge, with trees or houses on it."""
    if mood.land == "forest" and layer >= layers - 4:
        return line - treeline(rng, line.size, height * (0.035 + 0.03 * (layer - layers + 5)))
    if mood.land == "city" and layer >= layers - 4:
        return line - skyline(rng, line.size, height * (0.24 - 0.035 * (layer - layers + 4)))
    return line


def _water(rng: Random, mood: Mood, picture: FloatArray, horizon: int, light: tuple[float, float]) -> None:
    height, width = picture.shape[:2]
    depth = height - horizon
    rows = np.arange(depth, dtype=np.float32)[:, None]
    near = rows / max(depth - 1, 1)
    ripples = clouds(rng, width, depth, 9, 5, stretch=7.0) - 0.5
    shift = np.asarray(ripples * (4 + 46 * near) * height / 600, dtype=np.int64)
    mirror = bounded(horizon - 1 - (rows * 1.05).astype(np.int64) + shift, 0, horizon - 1)
    across = np.arange(width, dtype=np.int64)[None, :]
    columns = bounded(across + shift // 2, 0, width - 1)
    water = picture[mirror, columns] * (0.86 - 0.30 * near[..., None])
    water = mix(water, color(mood.palette.zenith) * 0.55, 0.18 + 0.30 * near[..., None])
    spread = (0.03 + 0.16 * near) * width
    path: FloatArray = np.exp(-(((across - light[0]) / spread) ** 2))
    sparkle = bounded((ripples + 0.06) * 5, 0, 1) * path * (1 - 0.45 * near)
    picture[horizon:] = mix(water, color(mood.palette.light), bounded(sparkle, 0, 0.85)[..., None])


def _distance(width: int, height: int, point: tuple[float, float]) -> FloatArray:
    """How far each pixel is from a point, in heights."""
    columns = (np.arange(width, dtype=np.float32)[None, :] - point[0]) / height
    rows = (np.arange(height, dtype=np.float32)[:, None] - point[1]) / height
    return np.hypot(columns, rows)


def color(value: Color) -> FloatArray:
    """A colour as an array."""
    return np.asarray(value, dtype=np.float32)


def mix(first: FloatArray, second: FloatArray, share: FloatArray | float) -> FloatArray:
    """From the first (share 0) to the second (share 1)."""
    return first + (second - first) * share
