"""A landscape: sky, light, clouds, hills one behind the other, water."""

from __future__ import annotations

from ..arrays import FloatArray, Random, np
from .mood import Color, Mood
from .noise import bounded, clouds, ridge
from .silhouette import add_subjects, skyline, treeline


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
