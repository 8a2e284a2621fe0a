"""Finding the reader of a file by its first bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ..bounds import Bounds, marks
from ..container import AVIF, GIF, GLB, HEIF, JPEG, PNG, SAFETENSORS, SVG, WEBP, Container, container_of
from .picture import gif_texts, heif_texts, jpeg_texts, png_texts, webp_texts
from .recording import recording_texts
from .structured import glb_texts, safetensors_texts, svg_texts

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
