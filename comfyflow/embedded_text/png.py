"""Texts in PNG files: ``tEXt``, ``zTXt``, ``iTXt``, and ``comf``, ComfyUI's own in animated ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from ..bounds import Bounds, Unpacker, exceeded
from ..errors import BoundsError

_KINDS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})

_WANTED: Final = frozenset({b"prompt", b"workflow"})
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def png_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a PNG file, by name.

    Args:
        data: The whole file. Whatever in it is cut off or is no text is passed over, and so is a
            text of no interest that is too large.
        bounds: How large they may be, together and unpacked.

    Raises:
        BoundsError: ComfyUI's own texts are larger.
    """
    at, left = len(SIGNATURE), bounds.text
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        start, at = at + 8, at + length + 12
        if kind == b"IEND" or start + length > len(data):
            return
        if kind not in _KINDS:
            continue
        name, _, rest = data[start : start + length].partition(b"\0")
        try:
            text = _png_text(kind, rest, bounds)
            if text is not None and len(text) > left:
                raise BoundsError(exceeded("text", bounds, "the text of the PNG file"))
        except BoundsError:
            if name in _WANTED:
                raise
            continue
        if name and text is not None:
            left -= len(text)
            yield name.decode("latin-1"), _decoded(text)


def _png_text(kind: bytes, rest: bytes, bounds: Bounds) -> bytes | None:
    """What stands behind the name in a chunk; None where it is damaged."""
    if kind == b"zTXt":
        return _unpacked(rest[1:], bounds)
    if kind == b"iTXt":
        body = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        return _unpacked(body, bounds) if rest[:1] == b"\1" else body
    return rest


def _decoded(text: bytes) -> str:
    """A text that is to be Latin-1 by the standard; the editor and many tools write UTF-8."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _unpacked(data: bytes, bounds: Bounds) -> bytes | None:
    unpacker = Unpacker(bounds, bounds.text, "text", "the text of the PNG file", zlib.MAX_WBITS)
    try:
        return b"".join(unpacker.feed(data))
    except zlib.error:
        return None
