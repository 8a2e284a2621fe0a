"""A picture of flowing colour: noise, bent by noise."""

from __future__ import annotations

from ..arrays import FloatArray, Random, np
from .landscape import color, mix
from .mood import Mood
from .noise import bounded, clouds


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
