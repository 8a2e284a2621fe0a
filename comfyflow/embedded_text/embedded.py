"""Finding the reader of a file by its first bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .picture import picture_texts
from .png import SIGNATURE, png_texts
from .recording import MissingReaderError, recording_texts
from .structured import glb_texts, safetensors_texts, svg_texts

_HEAD: Final = 4096
"""How many bytes are looked at to tell what a file is."""

Reader = Callable[[bytes], Iterator[tuple[str, str]]]


def embedded_texts(data: bytes) -> Mapping[str, str]:
    """The texts in a file, by name; none where it has none or is of another kind.

    Args:
        data: The whole file.

    Raises:
        MissingReaderError: The library that reads this kind of file is not installed.
    """
    reader = _reader(data)
    return {} if reader is None else dict(reader(data))


def embedded_values(data: bytes) -> Mapping[str, Any]:
    """The texts in a file, those that are JSON as values.

    Args:
        data: The whole file.

    Raises:
        MissingReaderError: See `embedded_texts`.
    """
    return {name: _value(text) for name, text in embedded_texts(data).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in ("{", "[") else text
    except (ValueError, RecursionError):
        return text


def _reader(data: bytes) -> Reader | None:
    head = data[:_HEAD]
    if head.startswith(SIGNATURE):
        return png_texts
    if head.startswith((b"\xff\xd8\xff", b"GIF87a", b"GIF89a")) or _is_riff(head, b"WEBP"):
        return picture_texts
    if head[4:8] == b"ftyp":
        return picture_texts if head[8:12] in (b"avif", b"avis", b"heic", b"mif1") else recording_texts
    if head.startswith((b"\x1aE\xdf\xa3", b"fLaC", b"OggS", b"ID3")) or _is_riff(head, b"WAVE"):
        return recording_texts
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0:  # an MPEG frame without tags
        return recording_texts
    if head.startswith(b"glTF"):
        return glb_texts
    if b"<svg" in head.lower():
        return svg_texts
    return safetensors_texts if head[8:9] == b"{" else None


def _is_riff(head: bytes, kind: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == kind


__all__ = ["MissingReaderError", "embedded_texts", "embedded_values"]
