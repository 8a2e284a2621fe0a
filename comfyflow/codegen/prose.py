"""A server's prose as plain text.

Packs write their descriptions as HTML, which the editor shows and a docstring does not.
"""

from __future__ import annotations

import html
import re
from typing import Final

MAX_CHARACTERS: Final = 1200
"""What one text of a server may add to a docstring; the rest is cut off."""

_LONGEST_READ: Final = 50_000
_IS_HTML: Final = re.compile(
    r"</?(?:a|b|br|code|div|em|h[1-6]|i|img|li|ol|p|span|strong|table|td|tr|ul)\b[^<>]*>", re.IGNORECASE
)
_UNSHOWN: Final = re.compile(r"<(script|style)\b[^<>]*>[^<]*(?=<)|<!--[^<>]*-->", re.IGNORECASE)
_INLINE: Final = re.compile(r"</?(?:a|b|code|em|font|i|small|span|strong|sub|sup|u)\b[^<>]*>", re.IGNORECASE)
_BLOCK: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_SAYS_SOMETHING: Final = re.compile(r"[^\W_]")


def plain_lines(text: str) -> list[str]:
    """The lines of a text, without HTML and not too many of them.

    Args:
        text: What the server says.
    """
    if _IS_HTML.search(text, 0, _LONGEST_READ):
        text = _without_html(text[:_LONGEST_READ])
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS].rpartition(' ')[0] or text[:MAX_CHARACTERS]}…"
    return [line.strip() for line in text.strip().replace("\r\n", "\n").split("\n")]


def _without_html(text: str) -> str:
    """What a browser would show: every block begins a line, and lines of mere signs are left out."""
    text = _BLOCK.sub("\n", _INLINE.sub("", _UNSHOWN.sub("", text)))
    lines = (" ".join(line.split()) for line in html.unescape(text).split("\n"))
    return "\n".join(line for line in lines if _SAYS_SOMETHING.search(line))
