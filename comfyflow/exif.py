"""EXIF and TIFF directories, read without trusting the sizes that they declare.

Entries of a directory may share their bytes, so that a small file can claim to hold gigabytes:
what they would take is counted before anything is read. After the TIFF 6.0 specification,
section 2, and Exif 2.3, section 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from .bounds import Bounds, exceeded
from .errors import BoundsError

HEADERS: Final = (b"II*\0", b"MM\0*")
"""What TIFF data begins with: little-endian, big-endian."""

_EXIF_DIRECTORY: Final = 0x8769
_LONG: Final = 4
_TEXTS: Final = frozenset({1, 2, 7, 129})
"""Types that can hold a string: bytes, ASCII, undefined, UTF-8."""
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}


class _Tag(NamedTuple):
    tag: int
    kind: int
    start: int
    size: int


def directory_texts(data: bytes, bounds: Bounds) -> Iterator[bytes]:
    """What may be a string in the first directory of TIFF data, and in its EXIF directory.

    Args:
        data: The data, from ``II*`` or ``MM`` on.
        bounds: The bounds in effect.

    Raises:
        BoundsError: The texts are larger than they may be.
    """
    left = bounds.text
    for entry in _entries(data):
        if entry.kind in _TEXTS and entry.size > 4:
            left -= entry.size
            if left < 0:
                raise BoundsError(exceeded("text", bounds, "the EXIF data"))
            yield data[entry.start : entry.start + entry.size]


def check_directories(data: bytes, bounds: Bounds) -> None:
    """Refuse TIFF data whose entries, read one by one, take many times what is there.

    Raises:
        BoundsError: They do.
    """
    if sum(entry.size for entry in _entries(data)) > max(bounds.text, 4 * len(data)):
        raise BoundsError(exceeded("text", bounds, "the EXIF data"))


def _entries(data: bytes) -> Iterator[_Tag]:
    if data[:4] not in HEADERS:
        return
    order = "<" if data[:1] == b"I" else ">"
    (first,) = struct.unpack_from(order + "I", data, 4) if len(data) >= 8 else (0,)
    inner = 0
    for entry in _directory(data, order, first):
        if entry.tag == _EXIF_DIRECTORY and entry.kind == _LONG and entry.size == 4:
            (inner,) = struct.unpack_from(order + "I", data, entry.start)
        yield entry
    if inner:
        yield from _directory(data, order, inner)


def _directory(data: bytes, order: str, start: int) -> Iterator[_Tag]:
    if not 8 <= start <= len(data) - 2:
        return
    (count,) = struct.unpack_from(order + "H", data, start)
    for at in range(start + 2, min(start + 2 + count * 12, len(data) - 11), 12):
        tag, kind, number, offset = struct.unpack_from(order + "HHII", data, at)
        size = _SIZES.get(kind, 0) * number
        begin = at + 8 if size <= 4 else offset
        if size and begin + size <= len(data):
            yield _Tag(tag, kind, begin, size)
