"""Use Everywhere: nodes that feed inputs without a link that one sees."""

from __future__ import annotations

from typing import Any, Final

from ...json_types import array_or_empty, is_array, is_object, object_or_empty
from ..javascript import js_text
from ..live_graph import Graph, Link
from ..pack import Pack
from ..report import Report

_SENDERS: Final = (
    "Anything Everywhere",
    "Anything Everywhere3",
    "Anything Everywhere?",
    "Prompts Everywhere",
    "Seed Everywhere",
)


def _connect(graph: Graph, report: Report) -> None:
    """Make the links that Use Everywhere had made when the workflow was saved.

    It saves them as ``extra.ue_links`` (version 7 and later). Without that only its own code can
    tell which inputs a node feeds: each such node is reported.
    """
    senders = [node for node in graph.nodes if node.type in _SENDERS and node.mode == 0]
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


PACK: Final = Pack(
    "cg-use-everywhere",
    "7.8",
    modules=("cg-use-everywhere",),
    virtual=dict.fromkeys(_SENDERS, "note"),
    connect=_connect,
)
