"""A sheet: what is on the canvas of one scope, and how it is linked there.

The links of a graph go from node to node, whatever scopes these are in; on a canvas they go to the
node that stands for a scope.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from ..graph import ROOT, Graph, Link, Scope
from ..schema import Schema
from .appearance import NodeAppearance, Slot, appearance, scope_appearance


@dataclass(frozen=True)
class SheetLink:
    """A link on one canvas.

    Attributes:
        source: The id of the node that it comes from; ``""`` where it comes from outside the scope.
        slot: Which of its outputs, or of the scope's inputs.
        target: The id of the node that it goes to; ``""`` where it leaves the scope.
        name: Which of its inputs, or of the scope's outputs.
        type: What flows there, or ``"*"``.
    """

    source: str
    slot: int
    target: str
    name: str
    type: str


@dataclass
class Sheet:
    """What is on one canvas.

    Attributes:
        shapes: The nodes, by id, in the order of the graph; scopes are where their first node does.
        links: The links between them.
        doors: The links from and to what is outside the scope.
    """

    shapes: dict[str, NodeAppearance] = field(default_factory=dict[str, NodeAppearance])
    links: list[SheetLink] = field(default_factory=list[SheetLink])
    doors: list[SheetLink] = field(default_factory=list[SheetLink])


def read_sheets(graph: Graph, schema: Schema | None = None) -> dict[str, Sheet]:
    """The sheets of a graph by the id of the scope, the workflow's own first.

    Args:
        graph: The graph.
        schema: The classes that its nodes are of, as far as they are known.
    """
    return _SheetReader(graph, schema).sheets


class _SheetReader:
    def __init__(self, graph: Graph, schema: Schema | None) -> None:
        self.graph = graph
        self._made: set[tuple[str, SheetLink]] = set()
        self.sheets = {ROOT: Sheet()}
        self.sheets.update((scope_id, Sheet()) for scope_id in graph.scopes)
        self._inputs: dict[str, dict[tuple[str, str], str]] = {}
        """For each scope: which of its inputs feeds an input inside."""
        self._fed: dict[str, dict[Link, str]] = {}
        """For each scope that does not list its inputs: which of them takes an output outside."""
        self._outputs: dict[str, dict[Link, int]] = {}
        used: dict[str, int] = {}
        for node in graph.values():
            for _, link in node.links:
                used[link.node_id] = max(used.get(link.node_id, 0), link.slot + 1)
        for node_id, node in graph.items():
            for scope in graph.around(node_id):
                self._stand(scope)
            known = schema.get(node.class_type) if schema is not None else None
            shape = appearance(node, known, min(used.get(node_id, 0), _MOST_OUTPUTS))
            self.sheets[node.scope].shapes[node_id] = shape
        for scope in graph.scopes.values():
            self._stand(scope)
        for node_id, node in graph.items():
            for name, link in node.links:
                if link.node_id in graph:
                    self._link(node_id, name, link)

    def _stand(self, scope: Scope) -> None:
        """Put the node that stands for a scope on the canvas around it."""
        shapes = self.sheets[scope.outer].shapes
        if scope.scope_id not in shapes:
            shapes[scope.scope_id] = scope_appearance(scope)
            self._fed[scope.scope_id] = {}
            self._inputs[scope.scope_id] = {
                target: entry.name for entry in scope.inputs for target in entry.targets
            }
            self._outputs[scope.scope_id] = {
                out.source: index
                for index, out in reversed([*enumerate(scope.outputs)])
                if out.source is not None
            }

    def _link(self, node_id: str, name: str, link: Link) -> None:
        inner, outer = self.graph.around(node_id), self.graph.around(link.node_id)
        shared = 0
        while shared < min(len(inner), len(outer)) and inner[shared] is outer[shared]:
            shared += 1
        at, slot = link.node_id, link.slot
        kind = self._output_type(self.graph[at].scope, at, slot)
        for scope in reversed(outer[shared:]):
            out = self._output(scope, link, kind)
            self._join(scope.scope_id, at, slot, "", self._output_name(scope, out), kind)
            at, slot = scope.scope_id, out
        for scope in inner[shared:]:
            entry, number = self._input(scope, (node_id, name), link, kind)
            self._join(scope.outer, at, slot, scope.scope_id, entry, kind)
            at, slot = "", number
        self._join(self.graph[node_id].scope, at, slot, node_id, name, kind)

    def _join(self, scope_id: str, source: str, slot: int, target: str, name: str, kind: str) -> None:
        """One link, once: what goes into a scope may go to many inputs inside."""
        link = SheetLink(source, slot, target, name, kind)
        if (scope_id, link) not in self._made:
            self._made.add((scope_id, link))
            sheet = self.sheets[scope_id]
            (sheet.links if source and target else sheet.doors).append(link)

    def _output_name(self, scope: Scope, index: int) -> str:
        return self.sheets[scope.outer].shapes[scope.scope_id].outputs[index].name

    def _output_type(self, scope_id: str, node_id: str, slot: int) -> str:
        outputs = self.sheets[scope_id].shapes[node_id].outputs
        return outputs[slot].type if 0 <= slot < len(outputs) else "*"

    def _output(self, scope: Scope, link: Link, kind: str) -> int:
        """The output of a scope that gives this; one is added where the scope lists none."""
        known = self._outputs[scope.scope_id]
        if link not in known:
            shapes = self.sheets[scope.outer].shapes
            shape = shapes[scope.scope_id]
            known[link] = len(shape.outputs)
            shapes[scope.scope_id] = replace(shape, outputs=(*shape.outputs, Slot(kind, kind)))
        return known[link]

    def _input(self, scope: Scope, target: tuple[str, str], link: Link, kind: str) -> tuple[str, int]:
        """The input of a scope that feeds this, and its number; one is added where the scope lists none."""
        shapes = self.sheets[scope.outer].shapes
        shape = shapes[scope.scope_id]
        name = self._inputs[scope.scope_id].get(target)
        if name is None:
            fed = self._fed[scope.scope_id]
            if link not in fed:
                taken = any(slot.name == target[1] for slot in shape.inputs)
                fed[link] = f"{target[1]} ({len(shape.inputs) + 1})" if taken else target[1]
                shape = replace(shape, inputs=(*shape.inputs, Slot(fed[link], kind)))
                shapes[scope.scope_id] = shape
            name = fed[link]
        return name, next((index for index, slot in enumerate(shape.inputs) if slot.name == name), 0)


_MOST_OUTPUTS: Final = 64
"""More outputs of an unknown class are not shown."""
