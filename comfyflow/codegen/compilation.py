"""Whether generated modules compile.

Compiling is a good third of a generation's time, so that another Python takes half of it where
there is much.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..errors import CodegenError

_WORTH_SHARING: Final = 200_000
"""Bytes of source from which a second Python is started: it takes some 15 ms to begin."""

_CHILD: Final = """
import sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        compile(file.read(), path, "exec", dont_inherit=True)
"""


def compile_modules(folder: Path, paths: Sequence[str]) -> None:
    """Compile modules, and keep nothing of it.

    Args:
        folder: Where they are.
        paths: Their paths in it.

    Raises:
        CodegenError: One does not compile.
    """
    sizes = {path: (folder / path).stat().st_size for path in paths}
    ours, theirs = _halves(sizes)
    child = _start(folder, theirs) if sum(sizes.values()) >= _WORTH_SHARING else None
    try:
        for path in ours:
            _compile(folder, path)
    finally:
        done = child is not None and child.wait() == 0
    # What the other Python found, or could not do, is found here with its reason.
    for path in () if done else theirs:
        _compile(folder, path)


def _halves(sizes: dict[str, int]) -> tuple[list[str], list[str]]:
    """Two lists of paths with about as many bytes in each."""
    halves: tuple[list[str], list[str]] = [], []
    filled = [0, 0]
    for path in sorted(sizes, key=lambda each: (-sizes[each], each)):
        smaller = 0 if filled[0] <= filled[1] else 1
        halves[smaller].append(path)
        filled[smaller] += sizes[path]
    return halves


def _start(folder: Path, paths: Sequence[str]) -> subprocess.Popen[bytes] | None:
    if not sys.executable:
        return None
    try:
        return subprocess.Popen(  # noqa: S603  # this Python, with a program that is written above
            [sys.executable, "-I", "-S", "-c", _CHILD, *paths],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:  # no second process can be had, or so many paths are too long for it
        return None


def _compile(folder: Path, path: str) -> None:
    try:
        compile((folder / path).read_bytes(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CodegenError(f"{path} does not compile: {error}; nothing was written") from None
