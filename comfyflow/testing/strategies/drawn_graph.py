"""DrawnGraph one graph: nodes and what they need, then what leads on to an output node.

A budget of nodes is kept. What is still to be made always has its least cost set aside, so a
graph can be finished whatever is chosen, and is never larger than intended.

Each part is drawn by its own strategy (`_branch`, `_onward`, `_source`), and begins with the
same choices wherever it is: so Hypothesis can take a part away, or put a smaller one in its
place, and the rest still means the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st

from ...graph import Graph, GraphNode, Link
from ...schema import NodeSchema
from .arguments import Arguments, Demand, choice
from .vocabulary import DECLARED, EVERY, Bound, LinkOrigin, LinkTarget, Pool, Vocabulary, output_types

TITLES: Final = st.none() | st.text(st.characters(codec="utf-8"), max_size=12)

_ENDS: Final = st.integers(0, 3)
"""When to stop: 0, so that a graph shrinks to one end."""

DEEPEST: Final = 24
"""How deep sources may be drawn in one another; from there on the cheapest are taken. (A graph
may be deeper: what leads on to an output node is not drawn in one another.)"""


class DrawnGraph:
    """One graph while it is drawn.

    Args:
        draw: Hypothesis's.
        pool: What can be made.
        budget: How many nodes there may be.

    Attributes:
        free: How many nodes may still be made beyond those that are set aside.
    """

    def __init__(self, draw: st.DrawFn, pool: Pool, budget: int) -> None:
        self.free: float = budget
        self._draw = draw
        self._pool = pool
        self._vocabulary: Vocabulary = pool.vocabulary
        self._nodes: list[GraphNode] = []
        self._outputs: defaultdict[str, list[Link]] = defaultdict(list)

    def graph(self, most_branches: int | None, titles: bool) -> Graph:
        """Draw all of it.

        Args:
            most_branches: How many times an end may be begun; None: while there is room.
            titles: Whether some nodes get titles.
        """
        branches = 0
        while branches != most_branches and self._draw(_branch(self, branches == 0)):
            branches += 1
        if titles:
            for node in self._nodes:
                node.title = self._draw(TITLES)
        return Graph(self._nodes)

    def branch(self, wanted: bool, needed: bool) -> bool:
        """Make a node of any class, what it needs, and what leads from it to an output node.

        Args:
            wanted: What a coin said.
            needed: Whether there is nothing yet.

        Returns:
            Whether it was done: there was room, and it was wanted or needed.
        """
        classes = self._pool.affordable(self.free)
        if not classes or not (wanted or needed):
            return False
        node = self._vocabulary.nodes[choice(self._draw, classes)]
        bound = self._bind(node, {}, True)
        link = self._chained(node, bound, {})
        while not node.is_output_node:
            node, bound, link = self._draw(_onward(self, node, bound, link))
        return True

    def targets(self, node: NodeSchema, bound: Bound) -> list[tuple[LinkTarget, int]]:
        """What a node's outputs can lead to with what is free, and which of them."""
        found = [
            (target, slot)
            for slot, output in enumerate(node.outputs)
            for kind in output_types(output, bound)
            for target in self._vocabulary.targets(kind)
        ]
        found.sort(key=lambda each: each[0].cost)
        affordable = bisect_right(found, self.free, key=lambda each: each[0].cost)
        return found[: max(affordable, 1)]

    def onward(self, chosen: tuple[LinkTarget, int], link: Link) -> tuple[NodeSchema, Bound, Link]:
        """Make a node that uses an output of another, nearer to an output node or as near."""
        target, slot = chosen
        user = self._vocabulary.nodes[target.class_type]
        bound = self._bind(user, target.bound, True)
        return user, bound, self._chained(user, bound, {target.input_name: Link(link.node_id, slot)})

    def source(self, new: bool, demand: Demand, depth: int) -> Link:
        """An output that is there already, or one of a node that is made for it.

        Args:
            new: What a coin said: to make a new one, if there is room.
            demand: What is wanted.
            depth: How many nodes in one another are being made.
        """
        self.free += demand.cost
        known = [link for kind in self._kinds(demand.types) for link in self._outputs.get(kind, ())]
        affordable = self._vocabulary.cost_of_types(demand.types) <= self.free
        if known and not (new and affordable):
            return choice(self._draw, known)
        sources = self._vocabulary.sources(demand.types)
        count = bisect_right(sources, self.free, key=_cost) if depth < DEEPEST else 1
        source = choice(self._draw, sources[: max(count, 1)])
        node = self._vocabulary.nodes[source.class_type]
        return self._make(node, self._bind(node, source.bound, False), source.slot, {}, depth + 1)

    def _chained(self, node: NodeSchema, bound: Bound, linked: Mapping[str, Link]) -> Link:
        """A node that is not the end: as many nodes as the way to the end takes are left."""
        end = self._vocabulary.end_of(node, bound)
        self.free -= end
        link = self._make(node, bound, 0, linked, 0)
        self.free += end
        return link

    def _bind(self, node: NodeSchema, bound: Bound, to_the_end: bool) -> Bound:
        """Say what each template of a node stands for, so that what is free suffices."""
        vocabulary = self._vocabulary
        for name in vocabulary.templates(node):
            if name in bound:
                continue
            kinds = vocabulary.types_of_template(node, name)
            usable = [
                kind
                for kind in kinds
                if vocabulary.cost_bound(node, {**bound, name: kind}, to_the_end) <= self.free
            ]
            bound = {**bound, name: choice(self._draw, usable or kinds[:1])}
        return bound

    def _make(
        self, node: NodeSchema, bound: Bound, slot: int, linked: Mapping[str, Link], depth: int
    ) -> Link:
        """Make a node and what it needs; the link that starts at its output."""
        arguments = Arguments(self._draw, self._vocabulary, bound, self.free)
        arguments.fill(node, linked)
        self.free = arguments.free
        for demand in arguments.demands:
            spanned = _source(self, demand, depth) if depth < DEEPEST else None
            link = self.source(False, demand, depth) if spanned is None else self._draw(spanned)
            arguments.inputs[demand.input_name] = link
        node_id = str(len(self._nodes) + 1)
        self._nodes.append(GraphNode(node_id, node.class_type, arguments.inputs))
        for output in node.outputs:
            for kind in output_types(output, bound):
                self._outputs[kind].append(Link(node_id, output.index))
        return Link(node_id, slot)

    def _kinds(self, types: tuple[str, ...]) -> list[str]:
        if EVERY not in types:
            return list(types)
        return [kind for kind in self._outputs if not kind.startswith(DECLARED)]


@st.composite
def _branch(draw: st.DrawFn, drawing: DrawnGraph, needed: bool) -> bool:
    return drawing.branch(draw(_ENDS) != 0, needed)


@st.composite
def _onward(
    draw: st.DrawFn, drawing: DrawnGraph, node: NodeSchema, bound: Bound, link: Link
) -> tuple[NodeSchema, Bound, Link]:
    targets = drawing.targets(node, bound)
    return drawing.onward(choice(draw, targets) if draw(st.booleans()) else targets[0], link)


@st.composite
def _source(draw: st.DrawFn, drawing: DrawnGraph, demand: Demand, depth: int) -> Link:
    return drawing.source(draw(st.booleans()), demand, depth)


def _cost(source: LinkOrigin) -> float:
    return source.cost
