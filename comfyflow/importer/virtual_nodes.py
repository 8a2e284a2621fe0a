"""Nodes that exist in the editor only: they have no class on the server and never reach a prompt.

Those of packs are said by their plug-ins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..json_types import array_or_empty
from .editor_rules import RENAMED
from .javascript import js_text
from .live_graph import BYPASSED, MUTED, LGraph, LGraphNode
from .report import ConversionReport

_EDITOR: Final = {"Reroute": "reroute", "PrimitiveNode": "primitive", "Note": "note", "MarkdownNote": "note"}


def virtual_role(type_: str) -> str | None:
    """What kind of virtual node of the editor's own it is, or None if it is not

    one. These come before a class of the same name; those of packs come after (see `pack`).
    """
    return _EDITOR.get(type_)


def set_name(node: LGraphNode) -> str | None:
    """The name under which a Set or Get node hands a value on."""
    for value in array_or_empty(node.raw.get("widgets_values"))[:1]:
        return js_text(value) if value is not None else None
    previous = node.properties.get("previousName")
    return previous if isinstance(previous, str) and previous else None


def setters(graph: LGraph) -> dict[str, list[LGraphNode]]:
    """The Set nodes of a graph by name, in the order of the file."""
    found: dict[str, list[LGraphNode]] = {}
    for node in graph.nodes:
        if node.role == "set":
            name = set_name(node)
            if name is not None:
                found.setdefault(name, []).append(node)
    return found


def leave_out_notes(graphs: Iterable[LGraph], report: ConversionReport) -> None:
    """Leave nodes out that the server does not know and that can feed nothing: other packs' notes.

    The editor sends them, and the server refuses the whole prompt for their sake. A node like that has
    no slots; with repair, it is enough that nothing is linked to its outputs. Where nothing else
    would be left of the prompt, they stay: then the missing class must be reported.
    """
    graphs = list(graphs)
    if not any(node.role == "class" for graph in graphs for node in graph.nodes):
        return
    for graph in graphs:
        found = [node for node in graph.nodes if node.role == "unknown" and _is_note(node, report.repair)]
        origins = {link.origin_key for link in graph.links.values()} if found else set[str]()
        for node in found:
            if node.key not in origins:
                node.role = "note"
                if node.mode not in (MUTED, BYPASSED):
                    report.note_left_out(node.key, node)


def _is_note(node: LGraphNode, repair: bool) -> bool:
    """Whether it may be another pack's note. A class that the server replaces by another is not one."""
    if node.inputs or node.type in RENAMED:
        return False
    return repair or not node.outputs
