"""Texts in safetensors files and latents, in GLB models and in SVG pictures."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from typing import Any, Final

from ..json_types import is_object
from .png import LARGEST

_METADATA: Final = re.compile(rb"<metadata[^>]{0,1000}>\s*<!\[CDATA\[(.*?)\]\]>", re.DOTALL | re.IGNORECASE)


def safetensors_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """The ``__metadata__`` of a safetensors file; ComfyUI's latents are such files."""
    length = int.from_bytes(data[:8], "little")
    if length <= min(len(data) - 8, LARGEST):
        texts = _object(data[8 : 8 + length]).get("__metadata__")
        yield from ((name, text) for name, text in _texts(texts) if texts[name] == text)


def glb_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """What ``SaveGLB`` writes into ``asset.extras`` of a binary glTF file."""
    if len(data) < 20:
        return
    length, kind = struct.unpack_from("<I4s", data, 12)
    if kind == b"JSON" and length <= min(len(data) - 20, LARGEST):
        asset = _object(data[20 : 20 + length]).get("asset")
        yield from _texts(asset.get("extras") if is_object(asset) else None)


def svg_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """What ``SaveSVGNode`` writes as JSON into the ``<metadata>`` of an SVG file."""
    found = _METADATA.search(data[:LARGEST])
    if found is not None:
        yield from _texts(_object(found.group(1)))


def _object(data: bytes) -> Any:
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if is_object(value) else {}


def _texts(value: object) -> Iterator[tuple[str, str]]:
    for name, text in value.items() if is_object(value) else ():
        yield name, text if isinstance(text, str) else json.dumps(text)
