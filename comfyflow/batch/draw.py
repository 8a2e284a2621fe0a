"""Numbers drawn without repetition, in any quantity: seeds, and samples of grids.

The same key draws the same numbers on every machine and in every version of Python, and the first hundred of
a thousand are the same as a hundred drawn alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import shake_128
from typing import Final

_ROUNDS: Final = 6


class Draw:
    """The whole numbers below a size, each once, in an order that looks random.

    A Feistel network permutes numbers of 2n bits, whatever its round function; numbers that are too large are
    sent through it again until they fit (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
    So each number is drawn only once without keeping track.

    Args:
        size: How many numbers there are.
        key: Selects the order.
    """

    def __init__(self, size: int, key: int = 0) -> None:
        self.size: Final = size
        self._half: Final = max((size - 1).bit_length() + 1, 2) // 2
        self._mask: Final = (1 << self._half) - 1
        self._bytes: Final = (self._half + 7) // 8
        self._keys: Final = [f"{key}/{number}/".encode() for number in range(_ROUNDS)]

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise IndexError(index)
        drawn = self._permuted(index)
        while drawn >= self.size:
            drawn = self._permuted(drawn)
        return drawn

    def __iter__(self) -> Iterator[int]:
        index = 0
        while index < self.size:
            yield self[index]
            index += 1

    def _permuted(self, number: int) -> int:
        left, right = number >> self._half, number & self._mask
        for key in self._keys:
            mixed = shake_128(key + right.to_bytes(self._bytes, "big")).digest(self._bytes)
            left, right = right, left ^ (int.from_bytes(mixed, "big") & self._mask)
        return left << self._half | right
