"""The schema beside generated modules, of which only the classes in use are read.

`gen-stubs` writes one class a line. Where the lines are is found without reading what is in them, so that
neither the whole file nor its classes take memory. A file of another form is read as any /object_info.
"""

from __future__ import annotations

import json
import os
import re
import sys
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..bounds import Bounds
from ..errors import SchemaError
from ..json_types import is_object
from .catalogue import Catalogue

_LEAST: Final = 1 << 15
"""Less is read as a whole in no time."""
_BEGIN: Final = b'{"comfyui_version":'
_NODES: Final = b'"nodes":{\n'
_END: Final = b"}}\n"
_LONGEST_HEAD: Final = 1 << 22
_LONGEST_NAME: Final = 1024
_MOST_LINES: Final = 1_000_000
_BUFFER: Final = 1 << 18
_NAME: Final = re.compile(rb'("(?:[^"\\\x00-\x1f\x80-\xff]|\\[ -~])*"):')


class _Line(NamedTuple):
    """Where a class is in the file.

    Attributes:
        head: What the line begins with: the name, with its colon.
        start: Where the line begins.
        end: Where the JSON of the class ends.
    """

    head: bytes
    start: int
    end: int


class _Lines(Mapping[str, bytes]):
    """The JSON of each class by name, read from the file when it is asked for.

    The file is kept open: one that is put in its place leaves this one as it is.
    """

    def __init__(self, handle: int, stamp: tuple[int, int], lines: Mapping[str, _Line], source: str) -> None:
        self._handle = handle
        self._stamp = stamp
        self._lines = lines
        self._source = source
        weakref.finalize(self, os.close, handle)

    def __deepcopy__(self, _: object) -> _Lines:
        return self

    def __reduce__(self) -> tuple[type[dict[str, bytes]], tuple[dict[str, bytes]]]:
        return dict, ({**self},)

    def __getitem__(self, name: str) -> bytes:
        head, start, end = self._lines[name]
        data = os.pread(self._handle, end - start, start)
        if len(data) != end - start or not data.startswith(head) or _stamp(self._handle) != self._stamp:
            raise SchemaError(f"{self._source} changed while it was in use; start again")
        return data[len(head) :]

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def read_lines(path: Path, bounds: Bounds) -> Mapping[str, Any] | None:
    """The schema file of a generated package, its classes unread.

    Args:
        path: The file.
        bounds: How large it may be.

    Returns:
        What the file holds, with the classes under ``nodes``; None if it is small, or has another form,
        or the system cannot keep it open and let it be replaced.

    Raises:
        OSError: It cannot be read.
    """
    if sys.platform == "win32":
        return None
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    found: Mapping[str, Any] | None = None
    try:
        found = _read(handle, str(path), bounds)
    finally:
        if found is None:
            os.close(handle)
    return found


def _read(handle: int, source: str, bounds: Bounds) -> Mapping[str, Any] | None:
    stamp = size, _ = _stamp(handle)
    if not _LEAST <= size <= bounds.json:
        return None
    first = os.pread(handle, _LONGEST_HEAD, 0) if os.pread(handle, len(_BEGIN), 0) == _BEGIN else b""
    start = first.find(_NODES) + len(_NODES)
    if start < len(_NODES):
        return None
    try:
        head: object = json.loads(first[:start] + b"}}")
    except (ValueError, RecursionError):
        return None
    lines = _find_lines(handle, start, size)
    if not is_object(head) or lines is None:
        return None
    return {**head, "nodes": Catalogue(_Lines(handle, stamp, lines, source), source, bounds)}


def _stamp(handle: int) -> tuple[int, int]:
    """What changes when a file is written to: its size and its time."""
    state = os.fstat(handle)
    return state.st_size, state.st_mtime_ns


def _find_lines(handle: int, start: int, size: int) -> dict[str, _Line] | None:
    """Where each class is; None if the file has another form."""
    found: dict[str, _Line] = {}
    tail = size - len(_END)
    if os.pread(handle, len(_END), tail) != _END:
        return None
    for end in _line_ends(handle, start, tail):
        read = _read_line(handle, start, end, last=end + 1 == tail)
        if read is None or read[0] in found or len(found) == _MOST_LINES:
            return None
        found[read[0]] = read[1]
        start = end + 1
    return found if start == tail else None


def _line_ends(handle: int, start: int, stop: int) -> Iterator[int]:
    """Where lines end between two places of a file."""
    buffer = bytearray(_BUFFER)
    while start < stop:
        read = os.preadv(handle, [buffer], start)
        if not read:
            return
        end = buffer.find(b"\n", 0, min(read, stop - start))
        while end >= 0:
            yield start + end
            end = buffer.find(b"\n", end + 1, min(read, stop - start))
        start += read


def _read_line(handle: int, start: int, end: int, *, last: bool) -> tuple[str, _Line] | None:
    """The name of a class and where it is, from the line that holds it."""
    data = os.pread(handle, min(end - start, _LONGEST_NAME), start)
    named = _NAME.match(data)
    if named is None:
        return None
    try:
        name: object = json.loads(named[1]) if b"\\" in named[1] else named[1][1:-1].decode()
    except ValueError:
        return None
    if not isinstance(name, str) or last == (os.pread(handle, 1, end - 1) == b","):
        return None
    return name, _Line(named[0], start, end - (not last))
