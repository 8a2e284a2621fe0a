"""Texts as they must be saved so that the editor sends them unchanged.

The editor rewrites texts with dynamic prompts: braces are choices, ``//`` and ``/*`` start comments, and
a backslash escapes. `importer.prompt_text` has the way back.
"""

from __future__ import annotations

import re
from typing import Final

_MARKED: Final = re.compile(r"(\\*)([{}|])|(?<=/)[/*]")
_REWRITTEN: Final = re.compile(r"[{}]|//|/\*|\\\|")


def escaped(text: str) -> str:
    r"""The text to save in place of one that is to be sent.

    A text that ends with an odd number of backslashes cannot be saved so: `can_be_escaped`.

    Args:
        text: What is to be sent.
    """
    return _MARKED.sub(_escape, text) if _REWRITTEN.search(text) else text


def can_be_escaped(text: str) -> bool:
    """Whether the editor can be made to send the text."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 0


def _escape(match: re.Match[str]) -> str:
    sign = match[2]
    if sign is None:
        return "{" + match[0] + "}"
    backslashes = match[1]
    if len(backslashes) % 2 == 0:
        return sign if sign == "|" and not backslashes else backslashes + "\\" + sign
    return "{" + backslashes + "\\\\" + sign + "}"
