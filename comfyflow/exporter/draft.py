"""A node that is being written: what the editor's JSON says of it, before its links have ids.

Texts are escaped so that the editor sends them unchanged. It rewrites those with dynamic prompts: braces are
choices, ``//`` and ``/*`` start comments, and a backslash escapes. `importer.prompt_text` has the way back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from ..graph import Link


@dataclass
class DraftInput:
    """An input slot.

    Attributes:
        name: Its name.
        type: What it takes.
        source: What it is linked to, or None.
        widget: The name of the widget that it stands for, or None.
        optional: Whether the class can do without.
        label: What the editor shows instead of the name, or None.
    """

    name: str
    type: Any
    source: Link | None = None
    widget: str | None = None
    optional: bool = False
    label: str | None = None


@dataclass
class DraftNode:
    """A node.

    Attributes:
        node_id: Its id in the prompt.
        type: Its class, or the id of a subgraph definition.
        inputs: Its input slots, in the order in which the editor wants them.
        outputs: The name and type of each output.
        values: What goes into ``widgets_values``.
        properties: What goes into ``properties``.
        title: Its title, or None for that of its class.
        strays: The constants of the prompt that the class has no widget for.
        mode: 0, or how it is left out: 2 for muted.
    """

    node_id: str
    type: str
    inputs: list[DraftInput] = field(default_factory=list[DraftInput])
    outputs: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    values: Any = field(default_factory=list[Any])
    properties: dict[str, Any] = field(default_factory=dict[str, Any])
    title: str | None = None
    strays: tuple[str, ...] = ()
    mode: int = 0

    def needs_outputs(self, slot: int) -> None:
        """Have an output in that slot, whether the class is known to have one or not."""
        while len(self.outputs) <= slot:
            self.outputs.append((f"output {len(self.outputs) + 1}", "*"))


_MARKED: Final = re.compile(r"(\\*)([{}|])|(?<=/)[/*]")
_REWRITTEN: Final = re.compile(r"[{}]|//|/\*|\\\|")


def escaped(text: str) -> str:
    r"""The text to save in place of one to send.

    A string that ends with an odd number of backslashes cannot be saved so: `can_be_escaped`.

    Args:
        text: The string to send.
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
