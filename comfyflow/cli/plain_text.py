"""Texts of a server on a terminal: shown, and not obeyed."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: object) -> str:
    """A text without what steers a terminal: no colours, no moves, no titles of windows.

    Args:
        text: What a server, a file or an error says.
    """
    return _CONTROL.sub("\ufffd", _SEQUENCE.sub("", str(text).replace("\r\n", "\n")))
