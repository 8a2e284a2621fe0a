"""Strategies for whole workflows, valid for a schema.

A graph is drawn by its nodes and what they need, then what leads on to an output node. A budget of nodes is
kept: what is still to be made always has its least cost set aside, so a graph can be finished whatever is
chosen, and is never larger than intended.

Each part is drawn by its own strategy (`_branch`, `_onward`, `_source`), and begins with the
same choices wherever it is: so Hypothesis can take a part away, or put a smaller one in its
place, and the rest still means the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from typing_extensions import TypedDict, Unpack

from ...errors import SchemaError
from ...graph import Graph, GraphNode, Link
from ...graph.prompt import Prompt, to_prompt
from ...node import Node, Output, raw_node, titled, with_id
from ...option import refuse_strangers, spelled
from ...schema import NodeSchema, Schema
from .arguments import Arguments, Demand, choice
from .vocabulary import (
    DECLARED,
    EVERY,
    Bound,
    Choose,
    GivenValues,
    LinkOrigin,
    LinkTarget,
    Pool,
    Vocabulary,
    output_types,
)

if TYPE_CHECKING:
    from ...workflows import Workflow


MAX_NODES = 16
"""How many nodes a drawn workflow has at most, if nothing else is said."""


class GraphOptions(TypedDict, total=False):
    """Settings of generated graphs.

    Attributes:
        max_nodes: The largest number of nodes (16).
        max_branches: How many times a new end is begun, at most; by default, while there is room.
        choose: Says which node classes may be used; by default, all.
        values: By class and input, what is given there in place of all that the schema allows,
            for checks that a node makes in its own Python. Those of ComfyUI's core are known.
        largest: No number is larger that need not be: workflows of small pictures run quickly.
        titles: Whether some of the nodes have titles (True).
    """

    max_nodes: int
    max_branches: int | None
    choose: Choose | None
    values: GivenValues | None
    largest: int | None
    titles: bool


@dataclass(frozen=True)
class GraphSettings:
    """What is said about drawn graphs: `GraphOptions`, and what they are where they are left out."""

    max_nodes: int = MAX_NODES
    max_branches: int | None = None
    choose: Choose | None = None
    values: GivenValues | None = None
    largest: int | None = None
    titles: bool = True


@spelled(GraphOptions, GraphSettings)
def graphs(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[Graph]:
    """Graphs that a server with this schema accepts.

    Every node leads to an output node; every required input is linked to an output of its type
    or has a value within its range or list; inputs that a key unfolds have an option and what it asks for,
    inputs that grow as many slots as they must have, or more. A node class is left out where it
    cannot be satisfied: a list of files is empty, or nothing gives what it needs.

    They shrink to few nodes, to links to what is there already, to defaults, and to no optional
    inputs.

    Args:
        schema: The node classes.
        options: See `GraphOptions`.

    Raises:
        SchemaError: Nothing can be drawn (when the first example is).
    """
    refuse_strangers("graphs", options, GraphOptions, "schema")
    wanted = GraphSettings(**options)
    return st.deferred(lambda: _graphs(_pool(schema, wanted), wanted))


@spelled(GraphOptions, GraphSettings)
def prompts(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[Prompt]:
    """Prompt JSON that a server with this schema accepts. See `graphs`."""
    return graphs(schema, **options).map(to_prompt)


@spelled(GraphOptions, GraphSettings)
def workflows(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[Workflow[Any]]:
    """Workflows of raw nodes, with the ids of the drawn graph. See `graphs`.

    The roots are the nodes that nothing is linked to.
    """
    return graphs(schema, **options).map(workflow_of)


def workflow_of(graph: Graph) -> Workflow[Any]:
    """A graph as a workflow of raw nodes, with its ids and titles.

    Args:
        graph: Its nodes are in an order in which they could run, as drawn ones do.
    """
    from ...workflows import Workflow

    made: dict[str, Any] = {}
    ends: dict[str, Node] = {}
    for node_id, node in graph.items():
        inputs: dict[str, Any] = {}
        for name, value in node.inputs.items():
            if type(value) is Link:
                output: Output[Any] = made[value.node_id][value.slot]
                inputs[name] = output
                ends.pop(value.node_id, None)
            else:
                inputs[name] = value
        made[node_id] = ends[node_id] = with_id(raw_node(node.class_type, inputs), node_id)
        if node.title is not None:
            titled(made[node_id], node.title)
    return Workflow(*ends.values())


def _pool(schema: Schema, options: GraphSettings) -> Pool:
    vocabulary = Vocabulary(schema, options.choose, options.values, options.largest)
    return Pool(vocabulary)


@st.composite
def _graphs(draw: st.DrawFn, pool: Pool, options: GraphSettings) -> Graph:
    least, most = pool.totals[0], options.max_nodes
    if most < least:
        raise SchemaError(f"the smallest workflow of this schema has {least} nodes; max_nodes is {most}")
    drawing = DrawnGraph(draw, pool, draw(st.integers(least, most)))
    return drawing.graph(options.max_branches, options.titles)


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
