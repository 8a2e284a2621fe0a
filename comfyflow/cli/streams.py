"""Standard input and output: ``-`` in place of a file, and texts that a terminal shows and does not obey."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

import click

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: object) -> str:
    """A string without what steers a terminal: no colours, no moves, no titles of windows.

    Args:
        text: What a server, a file or an error says.
    """
    return _CONTROL.sub("\ufffd", _SEQUENCE.sub("", str(text).replace("\r\n", "\n")))


def say(text: object, *, err: bool = False) -> None:
    """Print for a person what may hold the words of a server or a file; a program wants them as they are.

    Args:
        text: What is printed, and the end of its line.
        err: On standard error.
    """
    # Where none is named, click writes UTF-8 to a terminal that says ASCII.
    click.echo(plain(text), file=sys.stderr if err else sys.stdout)


def show_events_only() -> None:
    """Leave the log of the client to its handlers: a display shows the same events.

    Without a handler, Python would print each warning among what is displayed.
    """
    import logging  # only what displays events needs it

    log = logging.getLogger("comfyflow.client")
    if not log.handlers:
        log.addHandler(logging.NullHandler())


STDIN: Final = "-"
NAME: Final = "<stdin>"
_CHUNK: Final = 1024 * 1024


def given_file(text: str) -> tuple[Path | bytes, str]:
    """What to read a workflow from, and what to call it.

    Args:
        text: A file, or ``-`` for standard input. A file of that name is ``./-``.

    Raises:
        WorkflowFileError: Standard input gives more than the largest file may have, or is closed.
    """
    return (_standard_input(), NAME) if text == STDIN else (Path(text), text)


def can_ask() -> bool:
    """Whether standard input is someone at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def fill_closed_streams() -> None:
    """Open what stands in place of streams that are closed, as those of some services are.

    Otherwise Python has None for them, and the next socket or file gets their number.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            if number != 0:  # where closed input is read, that is an error
                setattr(sys, name, os.fdopen(opened, "w", encoding="utf-8"))


def shown_name(target: str) -> str:
    """What to call a target in a message."""
    return NAME if target == STDIN else target


def _standard_input() -> bytes:
    from ..errors import WorkflowFileError
    from ..importer.workflow_file import LARGEST

    if sys.stdin is None:
        raise WorkflowFileError("standard input is closed, and - reads the workflow from it; name a file")
    data = bytearray()
    while chunk := sys.stdin.buffer.read(_CHUNK):
        data += chunk
        if len(data) > LARGEST:
            raise WorkflowFileError(f"{NAME} is larger than {LARGEST} bytes")
    return bytes(data)
