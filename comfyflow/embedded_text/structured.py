"""Texts in safetensors files and latents, in GLB models and in SVG pictures."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from typing import Any, Final

from ..bounds import Bounds, exceeded, marks
from ..errors import BoundsError
from ..json_types import is_object

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
        raise BoundsError(exceeded("text", bounds, "what the file says of itself"))
    if marks(data) > bounds.text_values:
        raise BoundsError(exceeded("text_values", bounds, "what the file says of itself"))
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if is_object(value) else {}


def _texts(value: object) -> Iterator[tuple[str, str]]:
    for name, text in value.items() if is_object(value) else ():
        yield name, text if isinstance(text, str) else json.dumps(text)
