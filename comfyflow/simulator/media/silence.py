"""MP3 and Opus files of a length, with nothing to hear: there is no encoder for them here."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from .crc import checksums

_MP3_FRAME: Final = bytes([0xFF, 0xFB, 0x90, 0x00]) + bytes(413)
_MP3_SAMPLES: Final = 1152
_MP3_RATE: Final = 44100

_OPUS_FRAME: Final = b"\xf8\xff\xfe"
_OPUS_SAMPLES: Final = 960
_OPUS_RATE: Final = 48000
_SEGMENTS: Final = 250


def silent_mp3(seconds: float, tags: Mapping[str, str]) -> bytes:
    """An MP3 of that length, 44,100 Hz, stereo."""
    frames = max(1, round(seconds * _MP3_RATE / _MP3_SAMPLES))
    return _id3(tags) + _MP3_FRAME * frames


def _id3(tags: Mapping[str, str]) -> bytes:
    frames = b""
    for name, value in tags.items():
        body = b"\x03" + name.encode() + b"\0" + value.encode()
        frames += b"TXXX" + _synchsafe(len(body)) + b"\0\0" + body
    return b"ID3\x04\x00\x00" + _synchsafe(len(frames)) + frames


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def silent_opus(seconds: float, tags: Mapping[str, str]) -> bytes:
    """An Opus file of that length, stereo."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, _OPUS_RATE, 0, 0)
    entries = b"".join(
        struct.pack("<I", len(entry)) + entry
        for entry in (f"{name}={value}".encode() for name, value in tags.items())
    )
    vendor = b"comfyflow simulator"
    comments = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(tags)) + entries
    packets = max(1, round(seconds * _OPUS_RATE / _OPUS_SAMPLES))
    pages = [_page(head, 0, 0, 2)]
    pages += _long_packet(comments, 1)
    done = 0
    while done < packets:
        count = min(_SEGMENTS, packets - done)
        done += count
        body, table = _OPUS_FRAME * count, bytes([len(_OPUS_FRAME)] * count)
        last = 4 if done == packets else 0
        pages.append(_page(body, len(pages), done * _OPUS_SAMPLES, last, table))
    return b"".join(pages)


def _long_packet(packet: bytes, number: int) -> list[bytes]:
    """A packet over as many pages as it needs."""
    lengths = [255] * (len(packet) // 255) + [len(packet) % 255]
    pages: list[bytes] = []
    for start in range(0, len(lengths), 255):
        table = bytes(lengths[start : start + 255])
        body = packet[start * 255 : start * 255 + sum(table)]
        pages.append(_page(body, number + len(pages), 0, 1 if start else 0, table))
    return pages


def _page(body: bytes, number: int, position: int, flags: int, table: bytes | None = None) -> bytes:
    table = bytes([len(body)]) if table is None else table
    head = b"OggS" + struct.pack("<BBQIII", 0, flags, position, 1, number, 0) + bytes([len(table)]) + table
    check = checksums([head + body], 0x04C11DB7, 32)[0]
    return head[:22] + struct.pack("<I", check) + head[26:] + body
