"""MP4: each frame is one JPEG. Players that know Motion JPEG show it; browsers do not."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

_SCALE: Final = 90_000
_MATRIX: Final = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def encode_mp4(frames: Sequence[Image], fps: float, tags: Mapping[str, str], quality: int = 85) -> bytes:
    """An MP4 file.

    Args:
        frames: Pictures of one size.
        fps: Frames a second.
        tags: What the file says of itself.
        quality: Of each picture, to 95.
    """
    pictures = [_jpeg(frame, quality) for frame in frames]
    kind = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2mp41")
    data = _box(b"mdat", *pictures)
    width, height = frames[0].size
    moov = _movie(pictures, (width, height), fps, len(kind) + 8, tags)
    return kind + data + moov


def _jpeg(frame: Image, quality: int) -> bytes:
    buffer = BytesIO()
    frame.convert("RGB").save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def _movie(
    pictures: Sequence[bytes], size: tuple[int, int], fps: float, first: int, tags: Mapping[str, str]
) -> bytes:
    step = round(_SCALE / fps)
    length = step * len(pictures)
    width, height = size
    head = _box(
        b"mvhd", struct.pack(">5I", 0, 0, 0, _SCALE, length), struct.pack(">IH10x", 0x10000, 0x100), _MATRIX,
        bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    track_head = _box(
        b"tkhd", struct.pack(">6I", 3, 0, 0, 1, 0, length), bytes(16), _MATRIX,
        struct.pack(">2I", width << 16, height << 16),
    )  # fmt: skip
    media_head = _box(b"mdhd", struct.pack(">5I2H", 0, 0, 0, _SCALE, length, 0x55C4, 0))
    handler = _box(b"hdlr", struct.pack(">2I", 0, 0), b"vide", bytes(12), b"comfyflow\0")
    where = _box(b"dinf", _box(b"dref", struct.pack(">2I", 0, 1), _box(b"url ", struct.pack(">I", 1))))
    info = _box(b"minf", _box(b"vmhd", struct.pack(">I8x", 1)), where, _samples(pictures, size, step, first))
    track = _box(b"trak", track_head, _box(b"mdia", media_head, handler, info))
    return _box(b"moov", head, track, _user_data(tags))


def _samples(pictures: Sequence[bytes], size: tuple[int, int], step: int, first: int) -> bytes:
    entry = _box(
        b"mp4v", bytes(6), struct.pack(">H16x", 1), struct.pack(">2H2I4xH", *size, 0x480000, 0x480000, 1),
        bytes(32), struct.pack(">Hh", 24, -1), _decoder(),
    )  # fmt: skip
    offsets: list[int] = []
    at = first
    for picture in pictures:
        offsets.append(at)
        at += len(picture)
    count = len(pictures)
    sizes = [len(picture) for picture in pictures]
    return _box(
        b"stbl",
        _box(b"stsd", struct.pack(">2I", 0, 1), entry),
        _box(b"stts", struct.pack(">4I", 0, 1, count, step)),
        _box(b"stsc", struct.pack(">5I", 0, 1, 1, 1, 1)),
        _box(b"stsz", struct.pack(f">3I{count}I", 0, 0, count, *sizes)),
        _box(b"stco", struct.pack(f">2I{count}I", 0, count, *offsets)),
    )


def _decoder() -> bytes:
    """The descriptor that says that the frames are JPEGs (object type 0x6C)."""
    config = b"\x04" + bytes([13]) + bytes([0x6C, 0x11]) + bytes(11)
    inside = struct.pack(">HB", 1, 0) + config + b"\x06\x01\x02"
    return _box(b"esds", struct.pack(">I", 0), b"\x03", bytes([len(inside)]), inside)


def _user_data(tags: Mapping[str, str]) -> bytes:
    """Tags the way that ffmpeg writes ones that iTunes does not know."""
    if not tags:
        return b""
    names = list(tags)
    keys = _box(b"keys", struct.pack(">2I", 0, len(names)), *(_box(b"mdta", name.encode()) for name in names))
    items = [
        _box(struct.pack(">I", number), _box(b"data", struct.pack(">2I", 1, 0), tags[name].encode()))
        for number, name in enumerate(names, 1)
    ]
    handler = _box(b"hdlr", struct.pack(">2I", 0, 0), b"mdta", bytes(13))
    return _box(b"udta", _box(b"meta", struct.pack(">I", 0), handler, keys, _box(b"ilst", *items)))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def tags_of(prompt: Mapping[str, object], extra: Mapping[str, object]) -> dict[str, str]:
    """A prompt and what belongs to it, as the tags of a file."""
    return {name: json.dumps(value) for name, value in {"prompt": prompt, **extra}.items()}
