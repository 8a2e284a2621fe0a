"""Texts that a file carries beside its content: ComfyUI writes ``prompt`` and ``workflow`` there.

PNG (``tEXt``, ``zTXt``, ``iTXt``) and safetensors (also latents) are read, with the standard
library alone. Files come from servers, so every length in them is checked.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .json_types import is_object

LARGEST: Final = 64 * 1024 * 1024
"""The longest text that is unpacked, in bytes. Real workflows reach a few megabytes."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"


def embedded_texts(data: bytes) -> Mapping[str, str]:
    """The texts in a file, by name; none where it has none or is of another kind.

    Args:
        data: The whole file.
    """
    if data.startswith(_PNG):
        return dict(_png_texts(data))
    return _safetensors_texts(data)


def embedded_values(data: bytes) -> Mapping[str, Any]:
    """The texts in a file, those that are JSON as values.

    Args:
        data: The whole file.
    """
    return {name: _value(text) for name, text in embedded_texts(data).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except (ValueError, RecursionError):
        return text


def _png_texts(data: bytes) -> Iterator[tuple[str, str]]:
    at = len(_PNG)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk = data[at + 8 : at + 8 + length]
        at += length + 12
        if kind == b"IEND" or len(chunk) < length:
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield from _png_text(kind, chunk)


def _png_text(kind: bytes, chunk: bytes) -> Iterator[tuple[str, str]]:
    name, _, rest = chunk.partition(b"\0")
    text: bytes | None = rest
    if kind == b"zTXt":
        text = _unpacked(rest[1:])
    elif kind == b"iTXt":
        packed = rest[:1] == b"\1"
        body = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        text = _unpacked(body) if packed else body
    if name and text is not None:
        yield name.decode("latin-1"), text.decode("utf-8" if kind == b"iTXt" else "latin-1", "replace")


def _unpacked(data: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, LARGEST)
    except zlib.error:
        return None
    return None if unpacker.unconsumed_tail else text


def _safetensors_texts(data: bytes) -> Mapping[str, str]:
    if len(data) < 10 or data[8:9] != b"{":
        return {}
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, LARGEST):
        return {}
    try:
        header: object = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        return {}
    texts = header.get("__metadata__") if is_object(header) else None
    if not is_object(texts):
        return {}
    return {name: text for name, text in texts.items() if isinstance(text, str)}
