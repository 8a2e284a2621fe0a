"""How large nodes are: the editor raises a saved size to what a node needs, and keeps a larger one."""

from __future__ import annotations

from typing import Final

from .draft import DraftNode

Size = tuple[float, float]
"""Width and height in the editor's pixels, without the title bar of 30 px above."""

TITLE_BAR: Final = 30
_SLOT: Final = 20
_LETTER: Final = 8
_TITLE_LETTER: Final = 8.5
_PICTURE: Final = (530.0, 517.0)
_TEXT: Final = (400.0, 180.0)
_COMFORTABLE_WIDTH: Final = 270.0
_TALL: Final = 54


def size_of(node: DraftNode) -> Size:
    """The size that a person would give a node, at least what the editor gives it."""
    sockets = [slot for slot in node.inputs if slot.widget is None]
    labels = [_LETTER * len(slot.label or slot.name) for slot in sockets]
    ends = [_LETTER * len(name) for name, _ in node.outputs]
    height = _SLOT * max(1, len(sockets), len(node.outputs)) + 6.0
    if node.rows:
        height += 8 + sum(row for _, row in node.rows)
    width = max(
        210.0 if node.rows else 140.0,
        max(labels, default=0) + max(ends, default=0) + 40.0 + (5 if labels and ends else 0),
        max((_LETTER * len(name) + 104.0 for name, _ in node.rows), default=0.0),
        _TITLE_LETTER * len(node.shown_title) + 40.0,
    )
    if node.previews:
        return max(width, _PICTURE[0] / 2), max(height, _PICTURE[1] / 2)
    if any(row == _TALL for _, row in node.rows):
        return max(width, _TEXT[0]), max(height, _TEXT[1])
    return (max(width, _COMFORTABLE_WIDTH) if node.rows else width), height
