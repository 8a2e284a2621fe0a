"""Texts in WebP, JPEG and AVIF (their EXIF) and in GIF (its comment), read by Pillow."""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Iterator
from typing import Any, Final

from .recording import MissingReaderError, named_texts

_NAMED: Final = re.compile(r"\s*(prompt|workflow)\s*:\s*(?=[\[{])", re.IGNORECASE)
_EXIF_IFD: Final = 0x8769
_ENCODING: Final = 8
"""A user comment starts with eight bytes that name its encoding."""


def picture_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """The texts of a picture: ComfyUI writes ``prompt:{…}`` and ``workflow:{…}`` into EXIF tags.

    Raises:
        MissingReaderError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingReaderError("pictures of this kind", "images") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing is decoded: a large picture is no danger here
        try:
            opener: Any = Image.open
            with opener(io.BytesIO(data)) as picture:
                found = list(_found(picture))
        except (OSError, ValueError, SyntaxError, KeyError, struct.error, Image.DecompressionBombError):
            return
    for text in found:
        yield from _read(text)


def _found(picture: Any) -> Iterator[str]:
    comment = picture.info.get("comment")
    if comment:
        yield _text(comment)
    exif = picture.getexif()
    for value in [*exif.values(), *exif.get_ifd(_EXIF_IFD).values()]:
        if isinstance(value, (str, bytes)):
            yield _text(value)


def _text(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    if value.startswith(b"UNICODE\0"):
        body = value[_ENCODING:]
        return body.decode("utf-16-be" if body[:1] == b"\0" else "utf-16-le", "replace")
    body = value[_ENCODING:] if value.startswith(b"ASCII\0\0\0") else value
    return body.decode("utf-8", "replace")


def _read(text: str) -> Iterator[tuple[str, str]]:
    named = _NAMED.match(text)
    if named is not None:
        yield named.group(1).lower(), text[named.end() :].rstrip("\0 ")
    elif text.lstrip()[:1] == "{":
        yield from named_texts(text.rstrip("\0 "))
