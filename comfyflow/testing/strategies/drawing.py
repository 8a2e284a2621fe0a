"""Drawing one graph: nodes and what they need, then what leads on to an output node.

A budget of nodes is kept. What is still to be made always has its least cost set aside, so a
graph can be finished whatever is chosen, and is no larger than it was to be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st

from ...graph import Graph, GraphNode, Link
from ...schema import NodeSchema
from ...schema.input_schema import ANY
from .arguments import Arguments, Demand, choice
from .catalogue import Bound, Catalogue, Source, output_types

TITLES: Final = st.none() | st.text(st.characters(codec="utf-8"), max_size=12)


class _Pending:
    """A node whose links are being made.

    Attributes:
        node: Its class.
        bound: What its MatchType templates stand for.
        inputs: What it has, in the server's order; None where a link is waited for.
        demands: The inputs that wait; the next one last.
        slot: The output that is wanted of it.
    """

    __slots__ = ("bound", "demands", "inputs", "node", "slot")

    def __init__(self, node: NodeSchema, bound: Bound, slot: int, arguments: Arguments) -> None:
        self.node = node
        self.bound = bound
        self.slot = slot
        self.inputs = arguments.inputs
        self.demands = arguments.demands[::-1]


class Drawing:
    """One graph while it is drawn.

    Args:
        draw: Hypothesis's.
        catalogue: What can be made.
        budget: How many nodes there may be.

    Attributes:
        free: How many nodes may still be made beyond those that are set aside.
    """

    def __init__(self, draw: st.DrawFn, catalogue: Catalogue, budget: int) -> None:
        self.free: float = budget
        self._draw = draw
        self._catalogue = catalogue
        self._nodes: list[GraphNode] = []
        self._outputs: defaultdict[str, list[Link]] = defaultdict(list)

    def graph(self, titles: bool) -> Graph:
        """The graph of all nodes made so far."""
        if titles:
            for node in self._nodes:
                node.title = self._draw(TITLES)
        return Graph(self._nodes)

    def branch(self, class_type: str) -> None:
        """Make a node, what it needs, and what leads from it to an output node."""
        node = self._catalogue.nodes[class_type]
        bound = self._bind(node, {}, True)
        link = self._chained(node, bound, {})
        while not node.is_output_node:
            sinks = [
                (sink, slot)
                for slot, output in enumerate(node.outputs)
                for kind in output_types(output, bound)
                for sink in self._catalogue.sinks(kind)
            ]
            sinks.sort(key=lambda each: each[0].cost)
            affordable = bisect_right(sinks, self.free, key=lambda each: each[0].cost)
            sink, slot = choice(self._draw, sinks[: max(affordable, 1)])
            node = self._catalogue.nodes[sink.class_type]
            bound = self._bind(node, sink.bound, True)
            link = self._chained(node, bound, {sink.input_name: Link(link.node_id, slot)})

    def _chained(self, node: NodeSchema, bound: Bound, linked: Mapping[str, Link]) -> Link:
        """A node that is not the end: as many nodes as the way to the end takes are left."""
        end = self._catalogue.end_of(node, bound)
        self.free -= end
        link = self._make(node, bound, 0, linked)
        self.free += end
        return link

    def _bind(self, node: NodeSchema, bound: Bound, to_the_end: bool) -> Bound:
        """Say what each template of a node stands for, so that what is free suffices."""
        catalogue = self._catalogue
        for name in catalogue.templates(node):
            if name in bound:
                continue
            kinds = catalogue.types_of_template(node, name)
            usable = [
                kind
                for kind in kinds
                if catalogue.cost_bound(node, {**bound, name: kind}, to_the_end) <= self.free
            ]
            bound = {**bound, name: choice(self._draw, usable or kinds[:1])}
        return bound

    def _make(self, node: NodeSchema, bound: Bound, slot: int, linked: Mapping[str, Link]) -> Link:
        """Make a node and what it needs; the link that starts at its output.

        It does not recurse: graphs may be deep.
        """
        stack = [self._begin(node, bound, slot, linked)]
        while True:
            pending = stack[-1]
            if pending.demands:
                demand = pending.demands[-1]
                self.free += demand.cost
                link = self._known_link(demand)
                if link is None:
                    stack.append(self._begin_source(demand))
                    continue
            else:
                link = self._finish(stack.pop())
                if not stack:
                    return link
                pending = stack[-1]
            pending.inputs[pending.demands.pop().input_name] = link

    def _begin(self, node: NodeSchema, bound: Bound, slot: int, linked: Mapping[str, Link]) -> _Pending:
        arguments = Arguments(self._draw, self._catalogue, bound, self.free)
        arguments.fill(node, linked)
        self.free = arguments.free
        return _Pending(node, bound, slot, arguments)

    def _begin_source(self, demand: Demand) -> _Pending:
        sources = self._catalogue.sources(demand.types)
        affordable = bisect_right(sources, self.free, key=_cost)
        source = choice(self._draw, sources[: max(affordable, 1)])
        node = self._catalogue.nodes[source.class_type]
        return self._begin(node, self._bind(node, source.bound, False), source.slot, {})

    def _known_link(self, demand: Demand) -> Link | None:
        """An output that is there already, if one is to be used."""
        known = [link for kind in self._kinds(demand.types) for link in self._outputs.get(kind, ())]
        if not known:
            return None
        affordable = self._catalogue.cost_of_types(demand.types) <= self.free
        return None if affordable and self._draw(st.booleans()) else choice(self._draw, known)

    def _kinds(self, types: tuple[str, ...]) -> list[str]:
        if ANY in types:
            return list(self._outputs)
        return [*types, ANY] if self._catalogue.wild else list(types)

    def _finish(self, pending: _Pending) -> Link:
        node_id = str(len(self._nodes) + 1)
        self._nodes.append(GraphNode(node_id, pending.node.class_type, pending.inputs))
        for output in pending.node.outputs:
            for kind in output_types(output, pending.bound):
                self._outputs[kind].append(Link(node_id, output.index))
        return Link(node_id, pending.slot)


def _cost(source: Source) -> float:
    return source.cost
