"""Generated modules, written to a folder and compiled.

Compiling is a good third of a generation's time, so that another Python takes half of it where
there is much.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
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


def write_compiled(folder: Path, modules: Mapping[str, bytes]) -> None:
    """Write modules, and compile them; nothing of that is kept.

    Args:
        folder: Where to.
        modules: Their paths in it, and sources.

    Raises:
        CodegenError: One does not compile.
        OSError: One cannot be written.
    """
    ours, theirs = _halves(modules)
    # Theirs first: the other Python begins while we still write.
    write_files(folder, modules, theirs)
    child = _start(folder, theirs) if sum(map(len, modules.values())) >= _WORTH_SHARING else None
    try:
        write_files(folder, modules, ours)
        for path in ours:
            _compile(path, modules[path])
    finally:
        done = child is not None and child.wait() == 0
    # What the other Python found, or could not do, is found here with its reason.
    for path in () if done else theirs:
        _compile(path, modules[path])


def write_files(folder: Path, files: Mapping[str, bytes], paths: Iterable[str]) -> None:
    """Write some of these files into a folder, and make the folders in it that they need.

    Raises:
        OSError: One cannot be written.
    """
    made: set[Path] = set()
    for path in paths:
        target = folder / path
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        target.write_bytes(files[path])


def _halves(modules: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """Two lists of paths with about as many bytes in each."""
    halves: tuple[list[str], list[str]] = [], []
    filled = [0, 0]
    for path in sorted(modules, key=lambda each: (-len(modules[each]), each)):
        smaller = 0 if filled[0] <= filled[1] else 1
        halves[smaller].append(path)
        filled[smaller] += len(modules[path])
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
    except OSError:  # no second process is available, or the paths are too long for its command line
        return None


def _compile(path: str, source: bytes) -> None:
    try:
        compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CodegenError(f"{path} does not compile: {error}; nothing was written") from None
