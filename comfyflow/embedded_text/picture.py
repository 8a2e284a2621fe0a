"""Texts in pictures: PNG (its chunks), WebP, JPEG and AVIF (their EXIF), GIF and JPEG (their comments)."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from ..bounds import Bounds, Unpacker, exceeded
from ..container import jpeg_exif, jpeg_segments
from ..errors import BoundsError
from ..exif import HEADERS, directory_texts
from .recording import named_texts

_KINDS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})

_WANTED: Final = frozenset({b"prompt", b"workflow"})
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def png_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a PNG file, by name.

    Args:
        data: The whole file. Whatever in it is cut off or is not a string is passed over, and so is
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
    """What is behind the name in a chunk; None if it is damaged."""
    if kind == b"zTXt":
        return _unpacked(rest[1:], bounds)
    if kind == b"iTXt":
        body = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        return _unpacked(body, bounds) if rest[:1] == b"\1" else body
    return rest


def _decoded(text: bytes) -> str:
    """A string that must be Latin-1 by the standard; the editor and many tools write UTF-8."""
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


_NAMED: Final = re.compile(r"\s{0,100}(prompt|workflow)\s{0,100}:\s{0,100}(?=[\[{])", re.IGNORECASE)
_ENCODING: Final = 8
"""A user comment starts with eight bytes that name its encoding."""
_COMMENT: Final = 0xFE
"""The second byte of a comment's marker, in JPEG; the label of a comment's extension, in GIF."""
_FEW: Final = 16
"""How many places in a file are tried as the beginning of EXIF data."""


def jpeg_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a JPEG file.

    Raises:
        BoundsError: They are larger than they may be.
    """
    comments = (body for marker, body in jpeg_segments(data) if marker == _COMMENT)
    yield from _named(comments)
    yield from _named(directory_texts(jpeg_exif(data), bounds))


def webp_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a WebP file: ComfyUI writes ``prompt:{…}`` and ``workflow:{…}`` into EXIF tags.

    Raises:
        BoundsError: They are larger than they may be.
    """
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind == b"EXIF":
            body = data[at + 8 : at + 8 + length]
            yield from _named(directory_texts(body.removeprefix(b"Exif\0\0"), bounds))
        at += 8 + length + length % 2


def heif_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of an AVIF or HEIF file: wherever in it EXIF data begins.

    Raises:
        BoundsError: They are larger than they may be.
    """
    places = re.finditer(rb"|".join(map(re.escape, HEADERS)), data)
    for place, _ in zip(places, range(_FEW), strict=False):
        yield from _named(directory_texts(data[place.start() :], bounds))


def gif_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a GIF file: its comments.

    Raises:
        BoundsError: They are larger than they may be.
    """
    yield from _named(_gif_comments(data, bounds))


def _gif_comments(data: bytes, bounds: Bounds) -> Iterator[bytes]:
    at = 13 + _palette(data, 10)
    while at + 2 <= len(data):
        if data[at] == 0x2C:
            at += 11 + _palette(data, at + 9)
            comment = False
        elif data[at] == 0x21:
            comment = data[at + 1] == _COMMENT
            at += 2
        else:
            return
        body = bytearray()
        while at < len(data) and data[at]:
            if comment:
                body += data[at + 1 : at + 1 + data[at]]
                if len(body) > bounds.text:
                    raise BoundsError(exceeded("text", bounds, "a comment of the GIF file"))
            at += 1 + data[at]
        at += 1
        if comment:
            yield bytes(body)


def _palette(data: bytes, at: int) -> int:
    """The bytes of the colour table that a field of flags announces."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _named(found: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    for value in found:
        text = _text(value)
        named = _NAMED.match(text)
        if named is not None:
            yield named.group(1).lower(), text[named.end() :].rstrip("\0 ")
        elif text[:100].lstrip()[:1] == "{":
            yield from named_texts(text.rstrip("\0 "))


def _text(value: bytes) -> str:
    if value.startswith(b"UNICODE\0"):
        body = value[_ENCODING:]
        return body.decode("utf-16-be" if body[:1] == b"\0" else "utf-16-le", "replace")
    body = value[_ENCODING:] if value.startswith(b"ASCII\0\0\0") else value
    return body.decode("utf-8", "replace")
