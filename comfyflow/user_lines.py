"""What IPython and Jupyter show of an error: the user's own lines, and the message.

A traceback through the client, its driver and httpx is fifty lines of which one is the user's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import traceback

_NOT_USERS: Final = (str(Path(__file__).parent), str(Path(os.__file__).parent), "<frozen")
"""What the files of this package, of the standard library and of the import system begin with."""
_LIBRARIES: Final = frozenset({"site-packages", "dist-packages", "IPython", "ipykernel"})
_FRAMES: Final = 5
"""How many of the user's own frames are shown, innermost first."""
_LINES: Final = 30
"""How many lines of a message are shown; a report of a large workflow has more."""
SERVER_TRACEBACK: Final = "On the server:"
"""The line of a message behind which a server's traceback is."""


def traceback_lines(error: BaseException) -> list[str]:
    """The lines to show for an error.

    Args:
        error: What was raised.
    """
    from traceback import extract_tb

    frames = [frame for frame in extract_tb(error.__traceback__) if _is_users(frame)]
    shown = [_frame_line(frame) for frame in frames[-_FRAMES:]]
    if len(frames) > _FRAMES:
        shown.insert(0, f"… {len(frames) - _FRAMES} more calls")
    lines = _shortened(error)
    return [*shown, f"{type(error).__name__}: {lines[0]}", *lines[1:]]


def _shortened(error: BaseException) -> list[str]:
    """The message; what a server's Python said, and what is beyond reading, only counted."""
    lines = [printable(line) for line in str(error).split("\n")]
    if getattr(error, "traceback", None) and SERVER_TRACEBACK in lines:
        first = lines.index(SERVER_TRACEBACK)
        rest = len(lines) - first - 1
        lines = [*lines[:first], f"(the server's traceback, {rest} lines, is in the error's .traceback)"]
    if len(lines) > _LINES:
        rest = len(lines) - _LINES
        lines = [*lines[: _LINES - 1], f"… {rest} more lines; str(error) has all", lines[-1]]
    return lines


def _is_users(frame: traceback.FrameSummary) -> bool:
    """Whether it is a line of the user's: not of this package, of a library, or of the notebook itself."""
    libraries = _LIBRARIES.intersection(Path(frame.filename).parts)
    return not libraries and not frame.filename.startswith(_NOT_USERS)


def _frame_line(frame: traceback.FrameSummary) -> str:
    where = f"{frame.filename}:{frame.lineno}"
    if "ipykernel_" in frame.filename or frame.filename.startswith("<ipython-input"):
        where = f"this notebook, line {frame.lineno} of the cell"
    source = f"  {printable(frame.line)}" if frame.line else ""
    return f"{where}:{source}" if source else where


def printable(text: str) -> str:
    """A line without anything that would change what a terminal shows.

    Args:
        text: The line; letters that cannot be printed are escaped.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def short_path(path: str) -> str:
    """A file as seen from the current folder, if it is in it.

    Args:
        path: The file.
    """
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path
