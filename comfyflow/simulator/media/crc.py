"""Check sums of the formats here, of many blocks at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from ..arrays import FloatArray, np


@cache
def _table(polynomial: int, bits: int) -> FloatArray:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = np.zeros(256, dtype=np.uint32)
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table[byte] = value
    return table


def checksums(blocks: Sequence[bytes], polynomial: int, bits: int) -> list[int]:
    """The CRC of each block, highest bit first, starting from 0.

    They are worked out side by side: zeros in front change nothing, so all get one length.

    Args:
        blocks: The data.
        polynomial: The generator without its highest bit.
        bits: 8, 16 or 32.
    """
    if not blocks:
        return []
    length = max(map(len, blocks))
    padded = b"".join(block.rjust(length, b"\0") for block in blocks)
    rows: Any = np.frombuffer(padded, dtype=np.uint8).reshape(len(blocks), length)
    table, shift, mask = _table(polynomial, bits), bits - 8, np.uint32((1 << bits) - 1)
    values = np.zeros(len(blocks), dtype=np.uint32)
    for column in rows.T:
        values = (values << np.uint32(8) & mask) ^ table[(values >> np.uint32(shift)) ^ column]
    return [int(value) for value in values]
