"""The editor's JSON of canvases: ids, links, places, definitions."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..graph import ROOT, Canvas, Graph, Group, Link, Note
from ..graph.canvas import Point, Size
from ..layout import boundary_size
from .board import BOUNDARY, Board, Boards, Boundary, DraftInput, DraftNode

MAX_NODE_ID: Final = 100_000_000
"""The editor gives out no higher number; larger ones are written as text."""

INPUT_NODE: Final = -10
OUTPUT_NODE: Final = -20
GROUP_COLOR: Final = "#3f789e"
_NAMES: Final = uuid.UUID("6d4a3a34-6b0b-4b52-9d47-3b4e7c6f7a10")
_EMPTY: Final[tuple[Point, Point]] = (-250.0, 0.0), (120.0, 0.0)
"""Where the boundary nodes of a subgraph without nodes are."""
_OPTIONAL: Final = 7
"""What draws a slot hollow."""


def saved_id(node_id: str) -> int | str:
    """The id as it is saved: a number where it is spelled as one, else text, which comes back as it is."""
    if node_id.isascii() and node_id.isdecimal() and len(node_id) < 10 and str(int(node_id)) == node_id:
        number = int(node_id)
        return number if number <= MAX_NODE_ID else node_id
    return node_id


def uuid_of(*parts: str) -> str:
    """A unique id for something that has these names; the same for the same names."""
    return str(uuid.uuid5(_NAMES, "\x1f".join(parts)))


class Document:
    """Writes canvases as the editor's JSON.

    Args:
        graph: The graph.
        boards: Its canvases.
        canvas: Where all lies, and how large it is.
        names: What new nodes are called, of ids that the editor cannot have.
        version: The release of the editor that the file says it is from.
    """

    def __init__(
        self,
        graph: Graph,
        boards: Boards,
        canvas: Canvas,
        names: Mapping[str, str],
        version: str,
    ) -> None:
        self._graph = graph
        self._boards = boards
        self._canvas = canvas
        self._names = names
        self._version = version
        self._last_node = max(
            (number for board in boards.boards.values() for number in self._numbers(board)), default=0
        )
        self._notes = {scope_id: self._note_nodes(scope_id) for scope_id in boards.boards}

    def json(self, name: str, definitions: Mapping[str, str]) -> dict[str, Any]:
        """The whole file.

        Args:
            name: The workflow's name.
            definitions: The scope whose canvas is written for each definition.
        """
        nodes, links = self._canvas_json(ROOT)
        subgraphs = [self._definition(key, scope_id) for key, scope_id in definitions.items()]
        made: dict[str, Any] = {
            "id": uuid_of("workflow", name, *self._graph),
            "revision": 0,
            "last_node_id": self._last_node,
            "last_link_id": len(links),
            "nodes": nodes,
            "links": [list(link.values()) for link in links],
            "groups": self._groups(ROOT),
        }
        if subgraphs:
            made["definitions"] = {"subgraphs": subgraphs}
        return {**made, "config": {}, "extra": {"frontendVersion": self._version}, "version": 0.4}

    def _note_nodes(self, scope_id: str) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        for note in self._canvas.notes.get(scope_id, ()):
            self._last_node += 1
            made.append(note_json(self._last_node, note))
        return made

    def _numbers(self, board: Board) -> Iterator[int]:
        for local in board.nodes:
            saved = self._id(local)
            if isinstance(saved, int):
                yield saved

    def _id(self, local: str) -> int | str:
        return saved_id(self._names.get(local, local))

    def _definition(self, key: str, scope_id: str) -> dict[str, Any]:
        board, scope = self._boards.boards[scope_id], self._graph.scopes[scope_id]
        nodes, links = self._canvas_json(scope_id)
        entering: dict[int, list[int]] = {}
        leaving: dict[int, list[int]] = {}
        for link in links:
            if link["origin_id"] == INPUT_NODE:
                entering.setdefault(link["origin_slot"], []).append(link["id"])
            if link["target_id"] == OUTPUT_NODE:
                leaving.setdefault(link["target_slot"], []).append(link["id"])
        entry, exit_ = self._canvas.ends.get(scope_id, _EMPTY)
        return {
            "id": key,
            "version": 1,
            "state": {
                "lastGroupId": 0, "lastNodeId": self._last_node, "lastLinkId": len(links), "lastRerouteId": 0
            },
            "revision": 0,
            "config": {},
            "name": scope.name or f"Subgraph {scope_id}",
            "inputNode": _boundary_node(INPUT_NODE, entry, board.inputs),
            "outputNode": _boundary_node(OUTPUT_NODE, exit_, board.outputs),
            "inputs": [
                _boundary(key, "input", entry, entering.get(index, []))
                for index, entry in enumerate(board.inputs)
            ],
            "outputs": [
                _boundary(key, "output", entry, leaving.get(index, []))
                for index, entry in enumerate(board.outputs)
            ],
            "widgets": [],
            "nodes": nodes,
            "groups": self._groups(scope_id),
            "links": links,
            "extra": {},
        }  # fmt: skip

    def _place(self, node: DraftNode) -> Point:
        return self._canvas.positions[node.node_id]

    def _canvas_json(self, scope_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        board = self._boards.boards[scope_id]
        links: list[dict[str, Any]] = []
        ends: dict[int, int] = {}
        starts: dict[tuple[str, int], list[int]] = {}
        for local, node in board.nodes.items():
            for place, slot in enumerate(node.inputs):
                if slot.source is not None:
                    ends[id(slot)] = len(links) + 1
                    starts.setdefault(slot.source, []).append(len(links) + 1)
                    links.append(self._link(board, len(links) + 1, slot.source, self._id(local), place))
        for place, boundary in enumerate(board.outputs):
            if boundary.source is not None:
                starts.setdefault(boundary.source, []).append(len(links) + 1)
                links.append(self._link(board, len(links) + 1, boundary.source, OUTPUT_NODE, place))
        nodes = [
            self._node(local, node, order, ends, starts)
            for order, (local, node) in enumerate(board.nodes.items())
        ]
        return [*nodes, *self._notes[scope_id]], links

    def _link(self, board: Board, number: int, source: Link, target: int | str, place: int) -> dict[str, Any]:
        inside = source.node_id == BOUNDARY
        if inside:
            type_ = board.inputs[source.slot].type
        else:
            type_ = board.nodes[source.node_id].outputs[source.slot][1]
        return {
            "id": number,
            "origin_id": INPUT_NODE if inside else self._id(source.node_id),
            "origin_slot": source.slot,
            "target_id": target,
            "target_slot": place,
            "type": type_,
        }

    def _node(
        self,
        local: str,
        node: DraftNode,
        order: int,
        ends: Mapping[int, int],
        starts: Mapping[tuple[str, int], list[int]],
    ) -> dict[str, Any]:
        made = saved_node(node, self._id(local), self._place(node), self._canvas.sizes[node.node_id])
        for slot, entry in zip(node.inputs, made["inputs"], strict=True):
            entry["link"] = ends.get(id(slot))
        for index, entry in enumerate(made["outputs"]):
            entry["links"] = starts.get((local, index))
        return {**made, "order": order}

    def _groups(self, scope_id: str) -> list[dict[str, Any]]:
        groups = self._canvas.groups.get(scope_id, ())
        return [_group(number, group) for number, group in enumerate(groups, 1)]


def saved_node(node: DraftNode, saved: int | str, place: Point, size: Size) -> dict[str, Any]:
    """A node as it is saved, without links.

    Args:
        node: The node.
        saved: Its id.
        place: Where it is.
        size: How large it is.
    """
    made: dict[str, Any] = {
        "id": saved,
        "type": node.type,
        "pos": list(place),
        "size": list(size),
        "flags": {},
        "order": 0,
        "mode": node.mode,
        "inputs": [input_json(slot, None) for slot in node.inputs],
        "outputs": [{"name": name, "type": type_, "links": None} for name, type_ in node.outputs],
    }
    if node.title is not None:
        made["title"] = node.title
    return {**made, "properties": node.properties, "widgets_values": node.values}


def input_json(slot: DraftInput, link: int | None) -> dict[str, Any]:
    """An input as it is saved, with the id of the link that ends there.

    Args:
        slot: The input.
        link: The id, or None.
    """
    made: dict[str, Any] = {"name": slot.name, "type": slot.type if slot.type is not None else "*"}
    if slot.label is not None:
        made["label"] = slot.label
    if slot.optional:
        made["shape"] = _OPTIONAL
    if slot.widget is not None:
        made["widget"] = {"name": slot.widget}
    return {**made, "link": link}


def _boundary(key: str, side: str, entry: Boundary, links: list[int]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": uuid_of(key, side, entry.name),
        "name": entry.name,
        "type": entry.type if isinstance(entry.type, str) else "*",
        "linkIds": links,
    }
    return made if entry.label is None else {**made, "label": entry.label}


def _boundary_node(number: int, place: Point, entries: list[Boundary]) -> dict[str, Any]:
    return {"id": number, "bounding": [*place, *boundary_size(len(entries))]}


def _group(number: int, group: Group) -> dict[str, Any]:
    return {
        "id": number,
        "title": group.title,
        "bounding": list(group.box),
        "color": GROUP_COLOR,
        "font_size": 24,
        "flags": {},
    }


def note_json(number: int, note: Note) -> dict[str, Any]:
    """A note as the editor saves it.

    Args:
        number: Its id.
        note: The note.
    """
    kind = "MarkdownNote" if note.markdown else "Note"
    made: dict[str, Any] = {
        "id": number,
        "type": kind,
        "pos": list(note.position),
        "size": list(note.size or (300.0, 160.0)),
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
    }
    if note.title is not None:
        made["title"] = note.title
    return {**made, "properties": {}, "widgets_values": [note.text], "color": "#432", "bgcolor": "#653"}
