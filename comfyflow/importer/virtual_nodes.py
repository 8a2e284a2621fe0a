"""Nodes that exist in the editor only: they have no class on the server and never reach a prompt.

Beside the editor's own ones these are those of well-known packs whose meaning stands in the saved
file: KJNodes' Set and Get, rgthree's reroutes, labels and switches of modes (the modes themselves
are saved with the nodes that they switch), and Use Everywhere, which saves the links that it made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_object, object_or_empty
from .editor_rules import RENAMED
from .javascript import js_text
from .live_graph import BYPASSED, MUTED, Graph, Link, Node
from .report import Report

_EDITOR: Final = {"Reroute": "reroute", "PrimitiveNode": "primitive", "Note": "note", "MarkdownNote": "note"}

_USE_EVERYWHERE: Final = (
    "Anything Everywhere",
    "Anything Everywhere3",
    "Anything Everywhere?",
    "Prompts Everywhere",
    "Seed Everywhere",
)
_PACKS: Final = {
    "SetNode": "set",
    "GetNode": "get",
    "Reroute (rgthree)": "reroute",
    **dict.fromkeys(_USE_EVERYWHERE, "note"),
    **{
        f"{name} (rgthree)": "note"
        for name in (
            "Bookmark", "Fast Actions Button", "Fast Bypasser", "Fast Groups Bypasser", "Fast Groups Muter",
            "Fast Muter", "Label", "Mute / Bypass Relay", "Mute / Bypass Repeater", "Node Collector",
            "Random Unmuter",
        )
    },
}  # fmt: skip


def virtual_role(type_: str, known: bool) -> str | None:
    """What kind of virtual node it is, or None where it is none.

    Args:
        type_: The node's type.
        known: False asks for the editor's own ones, which come before a class of the same name;
            True for those of well-known packs, which come after.
    """
    return _PACKS.get(type_) if known else _EDITOR.get(type_)


def set_name(node: Node) -> str | None:
    """The name under which a Set or Get node hands a value on."""
    for value in array_or_empty(node.raw.get("widgets_values"))[:1]:
        return js_text(value) if value is not None else None
    previous = node.properties.get("previousName")
    return previous if isinstance(previous, str) and previous else None


def setters(graph: Graph) -> dict[str, Node]:
    """The Set nodes of a graph by name; where a name repeats, the first counts."""
    found: dict[str, Node] = {}
    for node in graph.nodes:
        if node.role == "set":
            name = set_name(node)
            if name is not None:
                found.setdefault(name, node)
    return found


def link_everywhere(graph: Graph, report: Report) -> None:
    """Make the links that Use Everywhere had made when the workflow was saved.

    It saves them as ``extra.ue_links`` (version 7 and later). Without that only its own code can
    tell which inputs a node feeds: each such node is reported.
    """
    senders = [node for node in graph.nodes if node.type in _USE_EVERYWHERE and node.mode == 0]
    saved = object_or_empty(graph.raw.get("extra")).get("ue_links")
    if not is_array(saved):
        for node in senders:
            report.add(
                "links_unknown",
                "Use Everywhere decides in the editor which inputs this node feeds, and the file does not say"
                " (it was saved with a version before 7): these inputs have no link",
                node.key,
                node,
            )
        return
    for number, entry in enumerate(saved):
        if is_object(entry):
            _link_one(graph, f"use everywhere {number}", entry)


def leave_out_notes(graphs: Iterable[Graph], report: Report) -> None:
    """Leave nodes out that the server does not know and that can feed nothing: other packs' notes.

    The editor sends them, and the server refuses the whole prompt for their sake. Such a node has
    no slots; with repair, it is enough that nothing is linked to its outputs. Where nothing else
    would be left of the prompt, they stay: then the missing class is what is to be told.
    """
    graphs = list(graphs)
    if not any(node.role == "class" for graph in graphs for node in graph.nodes):
        return
    for graph in graphs:
        found = [node for node in graph.nodes if _is_note(node, report.repair)]
        origins = {js_text(link.origin) for link in graph.links.values()} if found else set[str]()
        for node in found:
            if node.key not in origins:
                node.role = "note"
                if node.mode not in (MUTED, BYPASSED):
                    report.note_left_out(node.key, node)


def _is_note(node: Node, repair: bool) -> bool:
    """Whether it may be another pack's note. A class that the server replaces by another is none."""
    if node.role != "unknown" or node.inputs or node.type in RENAMED:
        return False
    return repair or not node.outputs


def _link_one(graph: Graph, id_: str, entry: Any) -> None:
    node = graph.by_key.get(js_text(entry.get("downstream")))
    place, origin_slot = (_whole(entry.get(name)) for name in ("downstream_slot", "upstream_slot"))
    if node is None or place is None or origin_slot is None:
        return
    saved = array_or_empty(node.raw.get("inputs"))
    if not 0 <= place < len(saved) or not is_object(saved[place]):
        return
    name = saved[place].get("name")
    for slot in node.inputs:
        if slot.name == name and slot.link is None:
            graph.links[id_] = Link(id_, entry.get("upstream"), origin_slot, node.id, place)
            slot.link = id_
            return


def _whole(value: Any) -> int | None:
    text = js_text(value)
    return int(text) if text.isdecimal() and len(text) < 10 else None
