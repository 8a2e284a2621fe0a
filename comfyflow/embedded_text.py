"""Texts that a file carries beside its content: ComfyUI writes ``prompt`` and ``workflow`` there.

Read are: PNG, WebP, JPEG, AVIF, GIF, safetensors and latents, GLB and SVG, with the standard
library alone; video and sound (MP4, MOV, WebM, MKV, FLAC, MP3, Ogg, Opus, …) with PyAV. Files are
untrusted, so every length in them is checked, and what comes out has bounds.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .bounds import Bounds, Unpacker, exceeded, marks
from .container import (
    AVIF,
    GIF,
    GLB,
    HEIF,
    JPEG,
    PNG,
    SAFETENSORS,
    SVG,
    WEBP,
    Container,
    container_of,
    jpeg_exif,
    jpeg_segments,
    open_recording,
)
from .errors import BoundsError
from .exif import HEADERS, directory_texts
from .extra import needing
from .json_types import is_object

_WANTED_CHUNKS: Final = frozenset({b"prompt", b"workflow"})
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
            if name in _WANTED_CHUNKS:
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
_COMMENT_MARKER: Final = 0xFE
"""The second byte of a comment's marker, in JPEG; the label of a comment's extension, in GIF."""
_FEW: Final = 16
"""How many places in a file are tried as the beginning of EXIF data."""


def jpeg_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a JPEG file.

    Raises:
        BoundsError: They are larger than they may be.
    """
    comments = (body for marker, body in jpeg_segments(data) if marker == _COMMENT_MARKER)
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
            comment = data[at + 1] == _COMMENT_MARKER
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


_WANTED: Final = frozenset({"prompt", "workflow"})
_COMMENT: Final = "comment"
"""Where VideoHelperSuite puts both, as one JSON object."""


def recording_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The texts of a video or a sound.

    Raises:
        MissingExtraError: PyAV is not installed.
        BoundsError: The texts are larger than they may be.
    """
    with needing("reading video and sound", "media"):
        from av.error import FFmpegError
    try:
        with open_recording(data) as container:
            tags = [dict[str, str](part.metadata) for part in (container, *container.streams)]
    except (FFmpegError, OSError, ValueError, MemoryError):
        return
    if sum(len(text) for tag in tags for text in tag.values()) > bounds.text:
        raise BoundsError(exceeded("text", bounds, "what the recording says about itself"))
    for tag in tags:
        for name, text in tag.items():
            key = name.lower().rpartition(":")[2]
            if key in _WANTED:
                yield key, text
            elif key == _COMMENT:
                yield from named_texts(text)


def named_texts(text: str) -> Iterator[tuple[str, str]]:
    """The prompt and the workflow in a JSON object that holds both."""
    if marks(text) > Bounds.from_environment().text_values:
        return
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not is_object(value):
        return
    if _WANTED.isdisjoint(value):
        yield ("workflow" if isinstance(value.get("nodes"), list) else "prompt"), text
    for name in _WANTED & value.keys():
        inner = value[name]
        yield name, inner if isinstance(inner, str) else json.dumps(inner)


_METADATA: Final = re.compile(rb"<metadata[^<>]{0,1000}>\s{0,1000}<!\[CDATA\[", re.IGNORECASE)
_METADATA_END: Final = b"]]>"


def safetensors_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """The ``__metadata__`` of a safetensors file; ComfyUI's latents are safetensors files.

    Raises:
        BoundsError: Its header is larger than it may be.
    """
    length = int.from_bytes(data[:8], "little")
    if length <= len(data) - 8:
        texts = _object(data[8 : 8 + length], bounds).get("__metadata__")
        yield from ((name, text) for name, text in _texts(texts) if texts[name] == text)


def glb_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """What ``SaveGLB`` writes into ``asset.extras`` of a binary glTF file.

    Raises:
        BoundsError: Its JSON is larger than it may be.
    """
    if len(data) < 20:
        return
    length, kind = struct.unpack_from("<I4s", data, 12)
    if kind == b"JSON" and length <= len(data) - 20:
        asset = _object(data[20 : 20 + length], bounds).get("asset")
        yield from _texts(asset.get("extras") if is_object(asset) else None)


def svg_texts(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """What ``SaveSVGNode`` writes as JSON into the ``<metadata>`` of an SVG file.

    Raises:
        BoundsError: It is larger than it may be.
    """
    found = _METADATA.search(data)
    end = data.find(_METADATA_END, found.end()) if found is not None else -1
    if found is not None and end >= 0:
        yield from _texts(_object(data[found.end() : end], bounds))


def _object(data: bytes, bounds: Bounds) -> Any:
    if len(data) > bounds.text:
        raise BoundsError(exceeded("text", bounds, "what the file says about itself"))
    if marks(data) > bounds.text_values:
        raise BoundsError(exceeded("text_values", bounds, "what the file says about itself"))
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if is_object(value) else {}


def _texts(value: object) -> Iterator[tuple[str, str]]:
    for name, text in value.items() if is_object(value) else ():
        yield name, text if isinstance(text, str) else json.dumps(text)


Reader = Callable[[bytes, Bounds], Iterator[tuple[str, str]]]

_READERS: Final[Mapping[Container, Reader]] = {
    PNG: png_texts,
    JPEG: jpeg_texts,
    WEBP: webp_texts,
    GIF: gif_texts,
    AVIF: heif_texts,
    HEIF: heif_texts,
    GLB: glb_texts,
    SVG: svg_texts,
    SAFETENSORS: safetensors_texts,
}


def embedded_texts(data: bytes, bounds: Bounds | None = None) -> Mapping[str, str]:
    """The texts in a file, by name; none if it has none or is of another kind.

    Args:
        data: The whole file.
        bounds: How large the texts may be.

    Raises:
        MissingExtraError: The library that reads this kind of file is not installed.
        BoundsError: The texts are larger than they may be.
    """
    reader = _reader(data)
    return {} if reader is None else dict(reader(data, bounds or Bounds.from_environment()))


def embedded_values(data: bytes, bounds: Bounds | None = None) -> Mapping[str, Any]:
    """The texts in a file, those that are JSON as values.

    Args:
        data: The whole file.
        bounds: How large the texts may be; one with more values than they allow stays a string.

    Raises:
        MissingExtraError: See `embedded_texts`.
        BoundsError: See `embedded_texts`.
    """
    in_force = bounds or Bounds.from_environment()
    return {name: _value(text, in_force) for name, text in embedded_texts(data, in_force).items()}


def _value(text: str, bounds: Bounds) -> Any:
    if marks(text) > bounds.text_values:
        return text
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except (ValueError, RecursionError):
        return text


def _reader(data: bytes) -> Reader | None:
    container = container_of(data)
    if container is None:
        return None
    return recording_texts if container.ffmpeg else _READERS.get(container)


__all__ = ["embedded_texts", "embedded_values"]


_KINDS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"comf"})
