"""Generated modules, written to a folder and compiled."""

from __future__ import annotations
import __future__

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ..errors import CodegenError
from .known_statement import doubtful

_WORTH_KNOWING: Final = 200_000
"""Bytes of source from which statements are looked at before they are compiled: it takes 10 ms to begin."""

_FLAGS: Final = __future__.annotations.compiler_flag


def write_compiled(folder: Path, modules: Mapping[str, bytes]) -> None:
    """Write modules, and compile them; nothing of that is kept.

    Args:
        folder: Where to.
        modules: Their paths in it, and sources.

    Raises:
        CodegenError: One does not compile.
        OSError: One cannot be written.
    """
    much = sum(map(len, modules.values())) >= _WORTH_KNOWING
    write_files(folder, modules, modules)
    for path, source in modules.items():
        if not (much and _compiles_in_parts(path, source)):
            _compile(path, source)


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


def _compiles_in_parts(path: str, source: bytes) -> bool:
    """Whether all of a module that is not of a known form compiles, statement by statement."""
    try:
        for part in doubtful(source.decode()):
            compile(part, path, "exec", _FLAGS, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _compile(path: str, source: bytes) -> None:
    try:
        compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CodegenError(f"{path} does not compile: {error}; nothing was written") from None
