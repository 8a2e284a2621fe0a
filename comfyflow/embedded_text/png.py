"""Texts in PNG files: ``tEXt``, ``zTXt``, ``iTXt``, and ``comf``, ComfyUI's own in animated ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_KINDS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})

LARGEST: Final = 64 * 1024 * 1024
"""How many bytes of text are read in one file. Real workflows reach a few megabytes."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def png_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """The texts of a PNG file, by name.

    Args:
        data: The whole file. Whatever in it is cut off or is no text is passed over.
    """
    at, left = len(SIGNATURE), LARGEST
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        start, at = at + 8, at + length + 12
        if kind == b"IEND" or start + length > len(data):
            return
        if kind not in _KINDS:
            continue
        for name, text in _png_text(kind, data[start : start + length], left):
            left -= len(text)
            yield name, text


def _png_text(kind: bytes, chunk: bytes, limit: int) -> Iterator[tuple[str, str]]:
    name, _, rest = chunk.partition(b"\0")
    text: bytes | None = rest
    if kind == b"zTXt":
        text = _unpacked(rest[1:], limit)
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        body = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        text = _unpacked(body, limit) if packed else body
    if name and text is not None and len(text) <= limit:
        yield name.decode("latin-1"), _decoded(text)


def _decoded(text: bytes) -> str:
    """A text that is to be Latin-1 by the standard; the editor and many tools write UTF-8."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _unpacked(data: bytes, limit: int) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, max(limit, 1))
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else text
