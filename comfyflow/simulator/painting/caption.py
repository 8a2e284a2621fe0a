"""The line at the foot of a simulated picture that says what it is."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw, ImageFont

from ..arrays import FloatArray, np
from .noise import bounded

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
