"""The nodes and links on the canvas of a file of the editor, while they are changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from ..json_types import array_or_empty, is_array, is_list, is_number, is_object, object_or_empty
from .document import input_json
from .draft import DraftNode

_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


class RootLinks:
    """Changes nodes and links so that table, inputs and outputs agree.

    Args:
        document: The file's JSON; it is changed.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._lists = document.get("version") == 0.4
        self._table: dict[int, dict[str, Any]] = {}
        for entry in array_or_empty(document.get("links")):
            named = zip(_FIELDS, entry, strict=False) if is_array(entry) else object_or_empty(entry).items()
            link: dict[str, Any] = dict(named)
            if type(link.get("id")) is int:
                self._table[link["id"]] = link
        self._last = max(self._table, default=0)
        self._changed = False

    def add_node(self, node: dict[str, Any]) -> None:
        """Put a node without links onto the canvas."""
        self._document["nodes"] = [*self._document["nodes"], node]
        self._changed = True

    def remove_node(self, node: object) -> None:
        """Take a node and its links away."""
        self._document["nodes"] = [one for one in self._document["nodes"] if one is not node]
        key = _key(object_or_empty(node).get("id"))
        for link in [*self._table.values()]:
            if key in (_key(link.get("origin_id")), _key(link.get("target_id"))):
                self._cut(link["id"])
        self._changed = True

    def rewrite(
        self, node_id: int | str, draft: DraftNode, sources: list[tuple[int | str, int] | None]
    ) -> bool:
        """Give a node the inputs and values of a draft.

        Args:
            node_id: The node.
            draft: What to write it as.
            sources: For each input of the draft the node and output on this canvas that it is linked to.

        Returns:
            Whether all these nodes are there.
        """
        self._changed = True
        node = self._node(node_id)
        if node is None or any(self._node(source[0]) is None for source in sources if source is not None):
            return False
        for link in [*self._table.values()]:
            if _key(link.get("target_id")) == _key(node_id):
                self._cut(link["id"])
        entries: list[dict[str, Any]] = []
        for place, (slot, source) in enumerate(zip(draft.inputs, sources, strict=True)):
            number = None
            if source is not None:
                self._last = number = self._last + 1
                fields = (number, *source, node_id, place, self._give(*source, number))
                self._table[number] = dict(zip(_FIELDS, fields, strict=True))
            entries.append(input_json(slot, number))
        node["inputs"] = entries
        node["widgets_values"] = draft.values
        return True

    def finish(self) -> None:
        """Write the table of links, and the last numbers."""
        if not self._changed:
            return
        links = [*self._table.values()]
        rows = [[link.get(name) for name in _FIELDS] for link in links]
        self._document["links"] = rows if self._lists else links
        numbers = [one["id"] for one in self._nodes() if type(one.get("id")) is int]
        last = {"last_node_id": max(numbers, default=0), "last_link_id": self._last}
        for name, number in last.items():
            if self._lists or name in self._document:
                self._document[name] = max(_number(self._document.get(name)), number)
        state = self._document.get("state")
        if is_object(state):
            known = max(_number(state.get("lastNodeId")), last["last_node_id"])
            self._document["state"] = {**state, "lastNodeId": known, "lastLinkId": self._last}

    def _nodes(self) -> Iterator[dict[str, Any]]:
        return _objects(self._document["nodes"])

    def _node(self, node_id: int | str) -> dict[str, Any] | None:
        return next((one for one in self._nodes() if _key(one.get("id")) == _key(node_id)), None)

    def _give(self, origin: int | str, slot: int, number: int) -> Any:
        """Let an output say that a link starts there; what type it has."""
        node = self._node(origin) or {}
        outputs = [dict(object_or_empty(output)) for output in array_or_empty(node.get("outputs"))]
        while len(outputs) <= slot:
            outputs.append({"name": f"output {len(outputs) + 1}", "type": "*", "links": None})
        outputs[slot]["links"] = [*array_or_empty(outputs[slot].get("links")), number]
        node["outputs"] = outputs
        return outputs[slot].get("type", "*")

    def _cut(self, number: int) -> None:
        del self._table[number]
        for node in self._nodes():
            for slot in _objects(node.get("inputs")):
                if slot.get("link") == number:
                    slot["link"] = None
            for output in _objects(node.get("outputs")):
                links = output.get("links")
                if is_list(links) and number in links:
                    links.remove(number)


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects in a list, to be changed."""
    return (cast("dict[str, Any]", one) for one in array_or_empty(value) if isinstance(one, dict))


def _key(node_id: object) -> str:
    return str(node_id)


def _number(value: Any) -> int:
    return int(value) if is_number(value) and abs(value) < 2**53 else 0
