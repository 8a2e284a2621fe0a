"""Texts of a server or a file on a terminal: shown, and not obeyed."""

from __future__ import annotations

import re
import sys
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
