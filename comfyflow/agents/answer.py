"""What an agent is answered: text, small pictures and links, within a number of bytes."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent

from ..bounds import AGENT_ANSWER

_ENVELOPE: Final = 600
"""So many bytes are kept free for what the protocol puts around an answer."""
_LEAST_TEXT: Final = 1_500
"""Pictures and links leave so many bytes to the text."""
_UNSHOWN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Controls, marks that turn the writing direction, and halves of surrogate pairs."""


@dataclass
class ToolAnswer:
    """What a tool answers.

    Attributes:
        text: For the agent to read.
        data: The same for programs, where it is worth that.
        blocks: Pictures and links, the most important one first.
        is_error: Whether the tool could not do what was asked.
        limit: How many bytes it may have.
        more: What to do for the rest, where the text is cut.
    """

    text: str
    data: Mapping[str, Any] | None = None
    blocks: list[ContentBlock] = field(default_factory=list[ContentBlock])
    is_error: bool = False
    limit: int = AGENT_ANSWER
    more: str = ""

    def result(self) -> CallToolResult:
        """The answer as the protocol has it, within its limit."""
        text, blocks = plain(self.text), [*self.blocks]
        kept = min(encoded_size(text), _LEAST_TEXT)
        while blocks and self._made("", blocks)[1] > self.limit - _ENVELOPE - kept:
            pictures = [block for block in blocks if isinstance(block, ImageContent)]
            blocks.remove((pictures or blocks)[-1])
        room = self.limit - _ENVELOPE - self._made("", blocks)[1]
        return self._made(cut(text, room, self.more), blocks)[0]

    def _made(self, text: str, blocks: list[ContentBlock]) -> tuple[CallToolResult, int]:
        made = CallToolResult(
            content=[TextContent(text=text), *blocks],
            structured_content=dict(self.data) if self.data is not None else None,
            is_error=self.is_error,
        )
        return made, len(made.model_dump_json(by_alias=True, exclude_none=True).encode())


def plain(text: str) -> str:
    """A text without what steers a terminal or hides how it is written; line ends stay.

    Args:
        text: What a server, a file or an error says.
    """
    return _UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, longest: int = 200) -> str:
    """A stranger's text as one short line.

    Args:
        text: The text.
        longest: How many letters are shown.
    """
    line = " ".join(plain(text[: longest + 1]).split())
    return line if len(text) <= longest else f"{line[:longest]}…"


def encoded_size(text: str) -> int:
    """How many bytes a text has in JSON."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def cut(text: str, room: int, more: str = "") -> str:
    """A text that has no more bytes in JSON than there is room for, and says so where it was cut.

    Args:
        text: The text.
        room: The bytes.
        more: What to do for the rest.
    """
    if len(text) <= room and encoded_size(text) <= room:
        return text
    hint = f"; {more}" if more else ""
    end = f"\n… (cut here: the whole has {len(text):,} letters{hint})"
    left = room - encoded_size(end)
    start = text[: max(left, 0)]
    length = bisect.bisect_right(
        range(1, len(start) + 1), left, key=lambda count: encoded_size(start[:count])
    )
    shown = start[:length]
    head, line_end, _ = shown.rpartition("\n")
    return (head if line_end and len(head) > length // 2 else shown) + end
