"""Custom-Scripts: ShowText sends again what it showed, and a Repeater copies nodes."""

from __future__ import annotations

from typing import Final

from ...json_types import is_array
from ..javascript import js_text, truthy
from ..pack import Pack, PackNode


def _show_text(node: PackNode) -> None:
    """The texts are numbered by the widgets before them; a first one that is empty does not count."""
    texts = node.values
    place = 1 if texts and not truthy(texts[0]) else 0
    shown = 0
    for origin, value in enumerate(texts[place:], place):
        for text in value if is_array(value) else [value]:
            node.set(f"text_{shown}", text if isinstance(text, str) else js_text(text), place=origin)
            shown += 1


def _repeater(node: PackNode) -> None:
    """It copies nodes of the prompt under ids that are made of the time [C11]."""
    if node.get("output") == "multi" or node.get("node_mode") == "create":
        node.warn(
            "values_not_understood",
            "the pack's code copies nodes when the workflow is queued, under ids made from the time; this "
            "conversion does not",
        )


def _examples(node: PackNode) -> None:
    """The editor looks for example texts of the model; which one it finds is sent, and ignored."""
    node.set("example", "[none]")


PACK: Final = Pack(
    "ComfyUI-Custom-Scripts",
    "1.2.5",
    modules=("ComfyUI-Custom-Scripts",),
    classes={
        "ShowText|pysssss": _show_text,
        "Repeater|pysssss": _repeater,
        "CheckpointLoader|pysssss": _examples,
        "LoraLoader|pysssss": _examples,
    },
)
