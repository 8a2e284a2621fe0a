"""Things that are in a landscape, as shapes against the light."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

from ..values import FloatArray, Random, np
from .mood import Mood

_FINE = 3
"""Shapes are drawn this much larger and shrunk, for smooth edges."""


def treeline(rng: Random, width: int, tall: float) -> FloatArray:
    """How high the firs on a ridge reach, for each column."""
    columns = np.arange(width, dtype=np.float32)
    line = np.zeros(width, dtype=np.float32)
    for _ in range(max(6, int(width / max(tall, 2) * 3.2))):
        middle, reach = rng.random() * width, tall * (0.45 + 0.75 * rng.random())
        slope = 3.2 + 1.6 * rng.random()
        jag = 1 + 0.18 * np.sin(columns * (14 / max(reach, 1)))
        line = np.maximum(line, reach - np.abs(columns - middle) * slope * jag)
    return line.astype(np.float32)


def skyline(rng: Random, width: int, tall: float) -> FloatArray:
    """How high the houses on a ridge reach, for each column."""
    line = np.zeros(width, dtype=np.float32)
    at = 0
    while at < width:
        wide = int(width * (0.015 + 0.04 * rng.random())) + 2
        line[at : at + wide] = tall * (0.20 + 0.80 * rng.random() ** 1.8)
        if rng.random() < 0.18:
            line[at + wide // 2 : at + wide // 2 + max(1, width // 400)] += tall * 0.18
        at += wide + int(width * 0.006 * rng.random())
    return line


def add_subjects(rng: Random, mood: Mood, picture: FloatArray, horizon: int) -> None:
    """Draw what the prompt names into a picture.

    Args:
        rng: Decides where.
        mood: What it names.
        picture: Changed in place.
        horizon: The row of the horizon.
    """
    height, width = picture.shape[:2]
    if mood.land == "city" and mood.hour in ("night", "dusk"):
        _windows(rng, picture, horizon)
    if not mood.subjects:
        return
    mask = Image.new("L", (width * _FINE, height * _FINE), 0)
    glow = Image.new("L", (width, height), 0)
    pen, light = ImageDraw.Draw(mask), ImageDraw.Draw(glow)
    for subject in mood.subjects:
        x = width * (0.22 + 0.56 * rng.random())
        ground = horizon + height * (0.02 if mood.land == "sea" else 0.16)
        _DRAW[subject](pen, light, rng, x, ground, height)
    shape = (
        np.asarray(mask.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float32)[..., None] / 255
    )
    near = np.asarray(mood.palette.near, dtype=np.float32) * 0.75
    picture[:] = picture + (near - picture) * shape
    shine = np.asarray(glow.filter(ImageFilter.GaussianBlur(height / 110)), dtype=np.float32)[..., None] / 255
    warm = np.asarray((1.0, 0.86, 0.55), dtype=np.float32)
    picture[:] = picture + (warm - picture) * shine * 0.85


def _polygon(pen: ImageDraw.ImageDraw, points: list[tuple[float, float]]) -> None:
    pen.polygon([(x * _FINE, y * _FINE) for x, y in points], fill=255)


def _lighthouse(
    pen: ImageDraw.ImageDraw,
    light: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    y: float,
    h: float,
) -> None:
    tall, foot = h * (0.26 + 0.06 * rng.random()), h * 0.030
    rock = [
        (x - h * 0.26, y + h * 0.02),
        (x - h * 0.12, y - h * 0.018),
        (x - h * 0.03, y - h * 0.042),
        (x + h * 0.06, y - h * 0.034),
        (x + h * 0.15, y - h * 0.006),
        (x + h * 0.27, y + h * 0.02),
    ]
    _polygon(pen, [*rock, (x + h * 0.2, y + h * 0.035), (x - h * 0.2, y + h * 0.035)])
    base, top = y - h * 0.03, y - tall
    _polygon(pen, [(x - foot, base), (x - foot * 0.62, top), (x + foot * 0.62, top), (x + foot, base)])
    _polygon(
        pen,
        [
            (x - foot * 0.95, top),
            (x - foot * 0.95, top - h * 0.008),
            (x + foot * 0.95, top - h * 0.008),
            (x + foot * 0.95, top),
        ],
    )
    lamp = top - h * 0.034
    _polygon(pen, [(x - foot * 0.72, lamp), (x, lamp - h * 0.028), (x + foot * 0.72, lamp)])
    side = 1 if rng.random() < 0.5 else -1
    middle = (top + lamp) / 2
    light.rectangle((x - foot * 0.5, lamp, x + foot * 0.5, top - h * 0.008), fill=255)
    beam = [(x, middle), (x + side * h, middle - h * 0.13), (x + side * h, middle + h * 0.03)]
    light.polygon(beam, fill=70)


def _boat(
    pen: ImageDraw.ImageDraw,
    _light: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    y: float,
    h: float,
) -> None:
    size, y = h * (0.07 + 0.04 * rng.random()), y + h * 0.05
    _polygon(
        pen,
        [(x - size, y - size * 0.22), (x + size, y - size * 0.22), (x + size * 0.7, y), (x - size * 0.6, y)],
    )
    _polygon(pen, [(x, y - size * 0.3), (x, y - size * 2.2), (x + size * 0.95, y - size * 0.42)])
    _polygon(
        pen,
        [
            (x - size * 0.08, y - size * 0.3),
            (x - size * 0.08, y - size * 1.9),
            (x - size * 0.75, y - size * 0.4),
        ],
    )


def _house(
    pen: ImageDraw.ImageDraw,
    light: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    y: float,
    h: float,
) -> None:
    size = h * (0.06 + 0.02 * rng.random())
    _polygon(pen, [(x - size, y), (x - size, y - size), (x + size, y - size), (x + size, y)])
    _polygon(
        pen, [(x - size * 1.25, y - size * 0.95), (x, y - size * 1.8), (x + size * 1.25, y - size * 0.95)]
    )
    _polygon(
        pen,
        [
            (x + size * 0.45, y - size * 1.2),
            (x + size * 0.45, y - size * 1.9),
            (x + size * 0.7, y - size * 1.9),
            (x + size * 0.7, y - size * 1.2),
        ],
    )
    for left in (-0.6, 0.2):
        light.rectangle(
            (x + size * left, y - size * 0.7, x + size * (left + 0.34), y - size * 0.35), fill=230
        )


def _castle(
    pen: ImageDraw.ImageDraw,
    light: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    y: float,
    h: float,
) -> None:
    size = h * (0.10 + 0.03 * rng.random())
    _polygon(
        pen,
        [(x - size * 2, y), (x - size * 0.9, y - size * 0.5), (x + size, y - size * 0.5), (x + size * 2, y)],
    )
    _polygon(
        pen,
        [
            (x - size, y - size * 0.4),
            (x - size, y - size * 1.1),
            (x + size, y - size * 1.1),
            (x + size, y - size * 0.4),
        ],
    )
    for at, tall in ((-1.0, 1.7), (-0.25, 2.3), (0.45, 1.9), (1.0, 1.5)):
        left, right, top = x + size * (at - 0.17), x + size * (at + 0.17), y - size * tall
        _polygon(pen, [(left, y - size * 0.5), (left, top), (right, top), (right, y - size * 0.5)])
        _polygon(
            pen,
            [(left - size * 0.07, top), ((left + right) / 2, top - size * 0.5), (right + size * 0.07, top)],
        )
        light.rectangle(
            (
                (left + right) / 2 - size * 0.03,
                top + size * 0.2,
                (left + right) / 2 + size * 0.03,
                top + size * 0.34,
            ),
            fill=220,
        )


def _tree(
    pen: ImageDraw.ImageDraw,
    _light: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    y: float,
    h: float,
) -> None:
    size = h * (0.16 + 0.05 * rng.random())
    _polygon(
        pen,
        [
            (x - size * 0.10, y),
            (x - size * 0.04, y - size * 0.8),
            (x + size * 0.04, y - size * 0.8),
            (x + size * 0.10, y),
        ],
    )
    for _ in range(70):
        angle, far = rng.random() * 2 * np.pi, rng.random() ** 0.6
        cx = x + np.cos(angle) * far * size * 0.62
        cy = y - size * 1.02 + np.sin(angle) * far * size * 0.44
        r = size * (0.07 + 0.11 * rng.random())
        pen.ellipse([(cx - r) * _FINE, (cy - r) * _FINE, (cx + r) * _FINE, (cy + r) * _FINE], fill=255)


def _birds(
    pen: ImageDraw.ImageDraw,
    _light: ImageDraw.ImageDraw,
    rng: Random,
    x: float,
    y: float,
    h: float,
) -> None:
    for _ in range(7):
        cx, cy = x + (rng.random() - 0.5) * h * 0.5, y - h * (0.25 + 0.22 * rng.random())
        span = h * (0.012 + 0.012 * rng.random())
        wing = [
            (cx - span, cy - span * 0.55),
            (cx - span * 0.4, cy - span * 0.5),
            (cx, cy),
            (cx + span * 0.4, cy - span * 0.5),
            (cx + span, cy - span * 0.55),
            (cx, cy + span * 0.22),
        ]
        _polygon(pen, wing)


_DRAW = {
    "lighthouse": _lighthouse,
    "boat": _boat,
    "house": _house,
    "castle": _castle,
    "tree": _tree,
    "birds": _birds,
}


def _windows(rng: Random, picture: FloatArray, horizon: int) -> None:
    """Lit windows, where a city is dark."""
    height, width = picture.shape[:2]
    count = width * height // 260
    top = int(horizon * 0.80)
    rows = np.asarray(top + rng.random(count) * (height - top), dtype=np.int64)
    columns = np.asarray(rng.random(count) * width, dtype=np.int64)
    dark = picture[rows, columns].mean(axis=-1) < 0.24
    warm = np.asarray((1.0, 0.82, 0.45), dtype=np.float32)
    size = max(1, height // 300)
    for row, column in np.stack([rows[dark], columns[dark]], axis=1):
        patch = picture[row : row + size * 2, column : column + size]
        patch[:] = patch + (warm - patch) * 0.75
