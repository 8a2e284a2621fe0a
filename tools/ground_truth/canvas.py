"""Writes workflows down as the editor saves them: nodes with slots and values, links, subgraphs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from comfyflow.schema import Schema

Json = dict[str, Any]
LINK_KEYS: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
_WIDGETS: Final = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
_INSIDE: Final = -10
_OUTSIDE: Final = -20


class Canvas:
    """What is on one canvas: that of a workflow, or that of a subgraph.

    Args:
        schema: The node classes.
        first: The id of its first node.
    """

    def __init__(self, schema: Schema, first: int = 1) -> None:
        self._schema = schema
        self._next = first
        self.nodes: list[Json] = []
        self.links: list[list[Any]] = []
        self._inlets: list[Json] = []
        self._outlets: list[Json] = []

    def add(self, class_type: str, *values: Any, outs: Sequence[str] | None = None, **saved: Any) -> Json:
        """Put a node there.

        Args:
            class_type: Its class.
            values: Its ``widgets_values``.
            outs: The types of its outputs, where the schema does not say them.
            saved: What else is saved: mode, title, properties.
        """
        known = self._schema.get(class_type)
        types = outs if outs is not None else [each.type for each in known.outputs] if known else []
        node: Json = {
            "id": self._next,
            "type": class_type,
            "pos": [40 + 260 * (len(self.nodes) % 4), 40 + 200 * (len(self.nodes) // 4)],
            "size": [220, 120],
            "flags": {},
            "order": len(self.nodes),
            "mode": 0,
            "inputs": [
                {"name": each.name, "type": each.type, "link": None}
                for each in (known.inputs if known else ())
                if each.type not in _WIDGETS and not each.type.startswith("COMFY_")
            ],
            "outputs": [{"name": kind, "type": kind, "links": []} for kind in types],
            "properties": {},
            **saved,
        }
        if values:
            node["widgets_values"] = list(values)
        self._next += 1
        self.nodes.append(node)
        return node

    def slot(self, node: Json, name: str, kind: str = "*") -> int:
        """Where an input of a node stands; one that it lacks is added, as that of a widget before ``=``."""
        plain = name.removesuffix("=")
        for index, each in enumerate(node["inputs"]):
            if each["name"] == plain:
                return index
        made: Json = {"name": plain, "type": kind, "link": None}
        if name.endswith("="):
            made["widget"] = {"name": plain}
        node["inputs"].append(made)
        return len(node["inputs"]) - 1

    def link(self, origin: Json, slot: int, target: Json, name: str) -> int:
        """Link an output to an input; a name ends in ``=`` where it is a widget's.

        Returns:
            The link's id.
        """
        kind = origin["outputs"][slot]["type"]
        place = self.slot(target, name, kind)
        made = self._link(origin["id"], slot, target["id"], place, kind)
        target["inputs"][place]["link"] = made
        origin["outputs"][slot]["links"].append(made)
        return made

    def inlet(self, name: str, kind: str, *targets: tuple[Json, str]) -> None:
        """Give a subgraph an input that feeds inputs within it."""
        links: list[int] = []
        for node, inner in targets:
            place = self.slot(node, inner, kind)
            made = self._link(_INSIDE, len(self._inlets), node["id"], place, kind)
            node["inputs"][place]["link"] = made
            links.append(made)
        self._inlets.append({"id": f"in-{name}", "name": name, "type": kind, "linkIds": links})

    def outlet(self, name: str, kind: str, origin: Json | None = None, slot: int = 0) -> None:
        """Give a subgraph an output, which may have nothing behind it."""
        links: list[int] = []
        if origin is not None:
            links.append(self._link(origin["id"], slot, _OUTSIDE, len(self._outlets), kind))
            origin["outputs"][slot]["links"] += links
        self._outlets.append({"id": f"out-{name}", "name": name, "type": kind, "linkIds": links})

    def _link(self, *ends: Any) -> int:
        self.links.append([len(self.links) + 1, *ends])
        return len(self.links)

    def saved(self, *subgraphs: Json, **more: Any) -> Json:
        """The workflow, with the subgraphs that it uses."""
        definitions: Json = {"definitions": {"subgraphs": list(subgraphs)}} if subgraphs else {}
        return {
            "version": 0.4,
            "last_node_id": self._next - 1,
            "last_link_id": len(self.links),
            "nodes": self.nodes,
            "links": self.links,
            "groups": [],
            **definitions,
            "extra": {},
            **more,
        }

    def subgraph(self, id_: str, name: str) -> Json:
        """The canvas as a subgraph that others can use."""
        return {
            "id": id_,
            "version": 1,
            "name": name,
            "state": {"lastGroupId": 0, "lastNodeId": self._next - 1, "lastLinkId": len(self.links)},
            "inputNode": {"id": _INSIDE, "bounding": [0, 0, 100, 100]},
            "outputNode": {"id": _OUTSIDE, "bounding": [900, 0, 100, 100]},
            "inputs": self._inlets,
            "outputs": self._outlets,
            "widgets": [],
            "nodes": self.nodes,
            "groups": [],
            "links": link_objects(self.links),
        }


def link_objects(links: Iterable[Sequence[Any]]) -> list[Json]:
    """Links as files of version 1 and subgraphs have them."""
    return [dict(zip(LINK_KEYS, link, strict=True)) for link in links]


def host(canvas: Canvas, subgraph: Json, *values: Any, **saved: Any) -> Json:
    """Use a subgraph on a canvas: the node that stands for it, with the widgets that it shows."""
    outs = [each["type"] for each in subgraph["outputs"]]
    node = canvas.add(subgraph["id"], *values, outs=outs, **saved)
    for each, inlet in zip(node["outputs"], subgraph["outputs"], strict=True):
        each["name"] = inlet["name"]
    for inlet in subgraph["inputs"]:
        canvas.slot(node, inlet["name"] + "=" * (inlet["type"] in _WIDGETS), inlet["type"])
    return node
