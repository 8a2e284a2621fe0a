"""WebM: each frame is one VP8 picture, which Pillow writes as lossy WebP."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_CLUSTER_MS = 5000


def encode_webm(frames: Sequence[Image], fps: float, tags: Mapping[str, str], quality: int = 80) -> bytes:
    """A WebM file.

    Args:
        frames: Pictures of one size.
        fps: Frames a second.
        tags: What the file says of itself.
        quality: Of each picture, to 100.
    """
    pictures = [vp8_picture(frame, quality) for frame in frames]
    width, height = frames[0].size
    duration = len(frames) * 1000 / fps
    head = _element(
        0x1A45DFA3,
        _number(0x4286, 1), _number(0x42F7, 1), _number(0x42F2, 4), _number(0x42F3, 8),
        _element(0x4282, b"webm"), _number(0x4287, 2), _number(0x4285, 2),
    )  # fmt: skip
    name = b"comfyflow simulator"
    info = _element(
        0x1549A966, _number(0x2AD7B1, 1_000_000), _element(0x4489, struct.pack(">d", duration)),
        _element(0x4D80, name), _element(0x5741, name),
    )  # fmt: skip
    video = _element(0xE0, _number(0xB0, width), _number(0xBA, height))
    track = _element(
        0xAE, _number(0xD7, 1), _number(0x73C5, 1), _number(0x83, 1), _element(0x86, b"V_VP8"), video
    )
    body = info + _element(0x1654AE6B, track) + _tags(tags) + _clusters(pictures, fps)
    return head + _element(0x18538067, body)


def vp8_picture(frame: Image, quality: int) -> bytes:
    """A picture as a VP8 key frame."""
    buffer = BytesIO()
    frame.convert("RGB").save(buffer, format="WEBP", quality=quality, method=0)
    data = buffer.getvalue()
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"VP8 ":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise ValueError("Pillow wrote no lossy WebP")


def _clusters(pictures: Sequence[bytes], fps: float) -> bytes:
    clusters: list[bytes] = []
    blocks: list[bytes] = []
    start = 0
    for number, picture in enumerate(pictures):
        at = round(number * 1000 / fps)
        if at - start >= _CLUSTER_MS:
            clusters.append(_element(0x1F43B675, _number(0xE7, start), *blocks))
            blocks, start = [], at
        blocks.append(_element(0xA3, b"\x81" + struct.pack(">hB", at - start, 0x80) + picture))
    clusters.append(_element(0x1F43B675, _number(0xE7, start), *blocks))
    return b"".join(clusters)


def _tags(tags: Mapping[str, str]) -> bytes:
    simple = [
        _element(0x67C8, _element(0x45A3, name.encode()), _element(0x4487, value.encode()))
        for name, value in tags.items()
    ]
    return _element(0x1254C367, _element(0x7373, _element(0x63C0), *simple)) if simple else b""


def _element(kind: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + _length(len(body)) + body


def _number(kind: int, value: int) -> bytes:
    return _element(kind, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _length(length: int) -> bytes:
    return (length | 1 << 56).to_bytes(8, "big")
