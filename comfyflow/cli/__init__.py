"""The command ``comfyflow``."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from pathlib import Path

PROBLEMS = 1
"""Exit code: the thing was looked at and has problems."""
UNUSABLE = 2
"""Exit code: it could not be looked at: a bad file, a bad option, no server."""
FAILED = 3
"""Exit code: a run that the server began and that failed there."""
TIMED_OUT = 4
"""Exit code: the time that was given is over."""
INTERRUPTED = 130
"""Exit code: Ctrl-C, as shells have it."""
UNREAD = 141
"""Exit code: the reader of the output has gone, by the convention of shells."""


ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What ends containers and services, and what a terminal sends that is closed."""


def main() -> None:
    """Run the command; every error of the project is one line and an exit code."""
    from ..errors import ComfyflowError
    from .app import app
    from .streams import fill_closed_streams, plain
    from .stubs_package import FINDER

    fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show a letter is to show its number.
            stream.reconfigure(errors="backslashreplace")
    try:
        with FINDER.in_force():
            app(prog_name="comfyflow")
    except ComfyflowError as error:
        print(f"comfyflow: {plain(error)}", file=sys.stderr)
        sys.exit(UNUSABLE)
    except OSError as error:
        why = "the current folder no longer exists: change to another one"
        if error.errno != errno.ENOENT or error.filename is not None or _has_folder():
            why = f"cannot read or write: {plain(error)}"
        print(f"comfyflow: {why}", file=sys.stderr)
        sys.exit(UNUSABLE)


def _has_folder() -> bool:
    """Whether the current folder exists."""
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def stop_writing() -> None:
    """The reader of our output has gone: Python must not try to flush it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
