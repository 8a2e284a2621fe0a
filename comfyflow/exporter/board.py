"""What is being written: nodes before their links have ids, and the canvases that they are on.

A prompt links nodes across scopes as if scopes did not exist. In the editor a link like that leaves a
subgraph by an output of it and enters one by an input, at each canvas on the way.

Texts are escaped so that the editor sends them unchanged. It rewrites those with dynamic prompts: braces are
choices, ``//`` and ``/*`` start comments, and a backslash escapes. `importer.prompt_text` has the way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from ..graph import ROOT, Graph, Link, Scope


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


BOUNDARY: Final = "-10"
"""What links of a subgraph start at that come in from outside."""


class PromotedValue(NamedTuple):
    """The value that an input of a subgraph has where nothing is linked to it."""

    scope_id: str
    place: int


Supply: TypeAlias = "Link | PromotedValue"


@dataclass
class Boundary:
    """An input or output of a subgraph.

    Attributes:
        name: Its name; no two of a side share one.
        type: Its type.
        label: What the editor shows instead, or None.
        source: For an output, what gives it inside; None if nothing does.
    """

    name: str
    type: Any
    label: str | None = None
    source: Link | None = None


@dataclass
class Board:
    """One canvas.

    Attributes:
        scope_id: The scope whose it is.
        nodes: Its nodes by their ids on it; sources of inputs are ids on it, too.
        inputs: What comes in.
        outputs: What goes out.
    """

    scope_id: str
    nodes: dict[str, DraftNode] = field(default_factory=dict[str, DraftNode])
    inputs: list[Boundary] = field(default_factory=list[Boundary])
    outputs: list[Boundary] = field(default_factory=list[Boundary])

    def local(self, node_id: str) -> str:
        """The id on this canvas of a node, or of a subgraph's, that is on it."""
        return node_id[len(self.scope_id) + 1 :] if self.scope_id != ROOT else node_id


def promoted_values(graph: Graph) -> dict[tuple[str, str], PromotedValue]:
    """The inputs of nodes that take the value of an unlinked input of a subgraph."""
    found: dict[tuple[str, str], PromotedValue] = {}
    for scope in graph.scopes.values():
        for index, entry in enumerate(scope.inputs):
            if entry.source is None and entry.has_value:
                for node_id, name in entry.targets:
                    node = graph.get(node_id)
                    if node is not None and name in node.inputs and type(node.inputs[name]) is not Link:
                        found.setdefault((node_id, name), PromotedValue(scope.scope_id, index))
    return found


class Boards:
    """Lays the nodes of a graph out on canvases and leads its links across.

    Args:
        graph: The graph; each node's id starts with that of its scope.
        drafts: Its nodes, by id, with sources as the prompt has them; they are changed.
        fed: See `promoted_values`.
        definitions: The id of each scope's definition.
    """

    def __init__(
        self,
        graph: Graph,
        drafts: Mapping[str, DraftNode],
        fed: Mapping[tuple[str, str], PromotedValue],
        definitions: Mapping[str, str],
    ) -> None:
        self._graph = graph
        self._fed = fed
        self.boards: Final = {scope_id: Board(scope_id) for scope_id in (ROOT, *graph.scopes)}
        self._entries: dict[str, dict[Supply, list[int]]] = {scope_id: {} for scope_id in graph.scopes}
        self._exits: dict[str, dict[Link, int]] = {scope_id: {} for scope_id in graph.scopes}
        self._chosen: dict[tuple[str, str, str], int] = {}
        self._types: dict[Supply, Any] = {}
        self._waiting: list[tuple[str, DraftInput, Supply, tuple[str, str]]] = []
        self._leaving: list[tuple[str, int, Link]] = []
        self._drafts = drafts
        for node_id, draft in drafts.items():
            board = self.boards[graph[node_id].scope]
            board.nodes[board.local(node_id)] = draft
        for scope in graph.scopes.values():
            outer = self.boards[scope.outer]
            outer.nodes[outer.local(scope.scope_id)] = _host(scope, definitions[scope.scope_id])
        for scope in graph.scopes.values():
            self._announce(scope)
        for node_id, draft in drafts.items():
            self._connect(node_id, draft)
        self._finish()
        for scope_id in reversed(self.boards):
            if scope_id != ROOT:
                for index, type_ in self._shown(scope_id).items():
                    entry, slot = self.boards[scope_id].inputs[index], self.host(scope_id).inputs[index]
                    slot.widget = slot.name
                    if entry.type == "*":
                        entry.type = slot.type = type_

    def shown(self, scope_id: str) -> list[int]:
        """The inputs of a scope that show a widget of what is inside, in their order."""
        return sorted(self._shown(scope_id))

    def _shown(self, scope_id: str) -> dict[int, Any]:
        """The same with the type of the first widget of each."""
        found: dict[int, Any] = {}
        for node in self.boards[scope_id].nodes.values():
            for slot in node.inputs:
                if slot.source is not None and slot.source.node_id == BOUNDARY and slot.widget is not None:
                    found.setdefault(slot.source.slot, slot.type)
        return found

    def host(self, scope_id: str) -> DraftNode:
        """The node that stands for a scope."""
        outer = self.boards[self._graph.scopes[scope_id].outer]
        return outer.nodes[outer.local(scope_id)]

    def _announce(self, scope: Scope) -> None:
        """Make the inputs and outputs that a scope says that it has, in its order."""
        board = self.boards[scope.scope_id]
        for index, entry in enumerate(scope.inputs):
            link = entry.source if entry.source is not None and entry.source.node_id in self._graph else None
            supply: Supply = PromotedValue(scope.scope_id, index) if link is None else link
            self._enter(board, supply, entry.name, entry.type, entry.label)
            for node_id, name in entry.targets:
                self._chosen[scope.scope_id, node_id, name] = index
            if link is not None:
                self._waiting.append((scope.outer, self.host(scope.scope_id).inputs[index], link, ("", "")))
        for out in scope.outputs:
            source = out.source
            if source is not None and source.node_id in self._graph and self._holds(scope.scope_id, source):
                self._exits[scope.scope_id].setdefault(source, len(board.outputs))
                self._leaving.append((scope.scope_id, len(board.outputs), source))
            board.outputs.append(Boundary(_free(out.name, board.outputs), out.type, out.label))
            self.host(scope.scope_id).outputs.append((board.outputs[-1].name, out.type))

    def _connect(self, node_id: str, draft: DraftNode) -> None:
        node = self._graph[node_id]
        for slot in draft.inputs:
            key = (node_id, slot.name)
            supply: Supply | None = slot.source if slot.source is not None else self._fed.get(key)
            slot.source = None
            if isinstance(supply, PromotedValue) or (supply is not None and supply.node_id in self._graph):
                self._waiting.append((node.scope, slot, supply, key))

    def _finish(self) -> None:
        while self._waiting or self._leaving:
            while self._leaving:
                scope_id, index, link = self._leaving.pop(0)
                self.boards[scope_id].outputs[index].source = self._out(scope_id, link)
            if self._waiting:
                scope_id, slot, supply, key = self._waiting.pop(0)
                slot.source = self._resolve(scope_id, slot, supply, key)

    def _resolve(self, scope_id: str, slot: DraftInput, supply: Supply, key: tuple[str, str]) -> Link | None:
        if isinstance(supply, PromotedValue):
            if supply.scope_id == scope_id:
                return Link(BOUNDARY, supply.place)
        elif self._holds(scope_id, supply):
            return self._out(scope_id, supply)
        if scope_id == ROOT:
            return None
        board = self.boards[scope_id]
        known = self._entries[scope_id].get(supply, [])
        index = self._chosen.get((scope_id, *key))
        if index is None or index not in known:
            if known:
                return Link(BOUNDARY, known[0])
            if (
                isinstance(supply, PromotedValue) and index is not None
            ):  # what it shows is shown further outside, too
                self._entries[scope_id].setdefault(supply, []).append(index)
            else:
                index = self._enter(board, supply, slot.name, slot.type, None)
            host = self.host(scope_id)
            self._waiting.append((self._graph.scopes[scope_id].outer, host.inputs[index], supply, key))
        return Link(BOUNDARY, index)

    def _enter(self, board: Board, supply: Supply, name: str, type_: Any, label: str | None) -> int:
        index = len(board.inputs)
        board.inputs.append(Boundary(_free(name, board.inputs), type_ if type_ is not None else "*", label))
        self._entries[board.scope_id].setdefault(supply, []).append(index)
        self.host(board.scope_id).inputs.append(DraftInput(board.inputs[-1].name, type_, label=label))
        return index

    def _out(self, scope_id: str, link: Link) -> Link:
        """Where a link starts on the canvas of a scope: at a node, or at the node of a subgraph."""
        inner = self._graph[link.node_id].scope
        board = self.boards[scope_id]
        if inner == scope_id:
            draft = self._drafts[link.node_id]
            draft.needs_outputs(link.slot)
            return Link(board.local(link.node_id), link.slot)
        while self._graph.scopes[inner].outer != scope_id:
            inner = self._graph.scopes[inner].outer
        index = self._exits[inner].get(link)
        if index is None:
            outputs = self.boards[inner].outputs
            index = self._exits[inner][link] = len(outputs)
            name, type_ = self._output(link)
            outputs.append(Boundary(_free(name, outputs), type_))
            self.host(inner).outputs.append((outputs[-1].name, type_))
            self._leaving.append((inner, index, link))
        return Link(board.local(inner), index)

    def _output(self, link: Link) -> tuple[str, Any]:
        outputs = self._drafts[link.node_id].outputs
        return outputs[link.slot] if link.slot < len(outputs) else (f"output {link.slot + 1}", "*")

    def _holds(self, scope_id: str, link: Link) -> bool:
        """Whether the node that a link starts at is in a scope, however deep."""
        inner = self._graph[link.node_id].scope
        while inner not in (scope_id, ROOT):
            inner = self._graph.scopes[inner].outer
        return inner == scope_id


def _host(scope: Scope, definition: str) -> DraftNode:
    title = scope.title or scope.name or f"Subgraph {scope.scope_id}"
    return DraftNode(scope.scope_id, definition, title=title)


def _free(name: str, others: list[Boundary]) -> str:
    taken = {other.name for other in others}
    number = 1
    made = name
    while made in taken:
        made = f"{name}_{number}"
        number += 1
    return made
