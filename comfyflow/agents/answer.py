"""Answers to agents: text, small pictures and links, within a number of bytes."""

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
"""How many bytes are reserved for what the protocol adds to an answer."""
_LEAST_TEXT: Final = 1_500
"""How many bytes pictures and links leave for the text."""
_UNSHOWN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, marks that change the writing direction, and lone surrogates."""


@dataclass
class ToolAnswer:
    """A tool's answer.

    Attributes:
        text: The text for the agent.
        data: The same for programs, if useful.
        blocks: Pictures and links, the most important one first.
        is_error: Whether the tool failed.
        limit: The size limit, in bytes.
        more: How to get the rest, if the text is cut.
    """

    text: str
    data: Mapping[str, Any] | None = None
    blocks: list[ContentBlock] = field(default_factory=list[ContentBlock])
    is_error: bool = False
    limit: int = AGENT_ANSWER
    more: str = ""

    def result(self) -> CallToolResult:
        """The answer in the protocol's form, within its limit."""
        text, blocks = undisguised(self.text), [*self.blocks]
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


def undisguised(text: str) -> str:
    """A string without characters that control a terminal or disguise text; line ends stay.

    Args:
        text: Text from a server, a file or an error.
    """
    return _UNSHOWN.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, longest: int = 200) -> str:
    """An untrusted string as one short line.

    Args:
        text: The text.
        longest: How many characters are shown.
    """
    line = " ".join(undisguised(text[: longest + 1]).split())
    return line if len(text) <= longest else f"{line[:longest]}…"


def encoded_size(text: str) -> int:
    """The length of a string in JSON, in bytes."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def cut(text: str, room: int, more: str = "") -> str:
    """Cut a string so that its JSON fits into a number of bytes, and mark the cut.

    Args:
        text: The text.
        room: The available bytes.
        more: How to get the rest.
    """
    if len(text) <= room and encoded_size(text) <= room:
        return text
    hint = f"; {more}" if more else ""
    end = f"\n… (cut here: {len(text):,} characters in total{hint})"
    left = room - encoded_size(end)
    start = text[: max(left, 0)]
    length = bisect.bisect_right(
        range(1, len(start) + 1), left, key=lambda count: encoded_size(start[:count])
    )
    shown = start[:length]
    head, line_end, _ = shown.rpartition("\n")
    return (head if line_end and len(head) > length // 2 else shown) + end
