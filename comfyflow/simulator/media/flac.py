"""FLAC: lossless sound; each block is stored as it is."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Final

from ..arrays import FloatArray, np
from .crc import checksums

BLOCK: Final = 4096
_VENDOR: Final = b"comfyflow simulator"


def encode_flac(samples: FloatArray, rate: int, tags: Mapping[str, str]) -> bytes:
    """A FLAC file of 16 bits a sample.

    Args:
        samples: Channel, sample; between -1 and 1; at most 8 channels.
        rate: Samples a second.
        tags: What the file says of itself.
    """
    levels = np.asarray(np.round(np.minimum(np.maximum(samples, -1.0), 1.0) * 32767), dtype="<i2")
    channels, count = levels.shape
    data: bytes = levels.T.tobytes()
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    packed: int = rate << 44 | (channels - 1) << 41 | 15 << 36 | count
    info = struct.pack(">HH", BLOCK, BLOCK) + bytes(6) + packed.to_bytes(8, "big") + digest
    comments = _comments(tags)
    blocks = b"\x00" + len(info).to_bytes(3, "big") + info
    blocks += b"\x84" + len(comments).to_bytes(3, "big") + comments
    return b"fLaC" + blocks + _frames(levels)


def _comments(tags: Mapping[str, str]) -> bytes:
    """Vorbis comments; as many as fit into one block."""
    entries = [f"{name}={value}".encode() for name, value in tags.items()]
    body, kept = b"", 0
    for entry in entries:
        if len(body) + len(entry) < 2**24 - 1024:
            body += struct.pack("<I", len(entry)) + entry
            kept += 1
    return struct.pack("<I", len(_VENDOR)) + _VENDOR + struct.pack("<I", kept) + body


def _frames(levels: FloatArray) -> bytes:
    channels, count = levels.shape
    headers: list[bytes] = []
    bodies: list[bytes] = []
    for number, start in enumerate(range(0, count, BLOCK)):
        part = levels[:, start : start + BLOCK].astype(">i2")
        head = bytes([0xFF, 0xF8, 0x70, (channels - 1) << 4 | 0x08])
        headers.append(head + _utf8_number(number) + struct.pack(">H", part.shape[1] - 1))
        bodies.append(b"".join(b"\x02" + part[channel].tobytes() for channel in range(channels)))
    checks = checksums(headers, 0x07, 8)
    frames = [head + bytes([check]) + body for head, check, body in zip(headers, checks, bodies, strict=True)]
    ends = checksums(frames, 0x8005, 16)
    return b"".join(frame + struct.pack(">H", end) for frame, end in zip(frames, ends, strict=True))


def _utf8_number(number: int) -> bytes:
    """A number the way UTF-8 would write it, also where no letter has it."""
    if number < 0x80:
        return bytes([number])
    tail: list[int] = []
    room = 0x3F
    while number > room:
        tail.insert(0, 0x80 | number & 0x3F)
        number >>= 6
        room >>= 1
    return bytes([(~(room << 1 | 1)) & 0xFF | number, *tail])
