"""Graphs drawn at random, and edits of them, for the tests of the diff."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import networkx as nx
from networkx.algorithms.isomorphism import DiGraphMatcher

from comfyflow.diff import ABSENT, Diff
from comfyflow.graph import Graph, GraphNode, Link


@dataclass
class Edit:
    """What was done to a graph, as a diff should tell it: by the ids before it."""

    kind: str
    removed: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    changed: dict[tuple[str, str], tuple[Any, Any]] = field(default_factory=dict)
    rewired: dict[tuple[str, str], tuple[Any, Any]] = field(default_factory=dict)
    retitled: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def draw_graph(rng: random.Random, nodes: int, classes: int = 6, values: int = 5) -> Graph:
    """A graph without cycles; the fewer classes and values, the more nodes are alike."""
    drawn: list[GraphNode] = []
    for index in range(nodes):
        kind = rng.randrange(classes)
        inputs: dict[str, Any] = {}
        for name in range(1 + kind % 3):
            if index and rng.random() < 0.75:
                inputs[f"link{name}"] = Link(str(rng.randrange(index)), rng.randrange(2))
        for name in range(1 + kind % 2):
            inputs[f"value{name}"] = rng.choice([rng.randrange(values), f"text {rng.randrange(values)}"])
        title = rng.choice([None, f"class {kind}", f"title {rng.randrange(values)}"])
        drawn.append(GraphNode(str(index), f"Class{kind}", inputs, title))
    return Graph(drawn)


def copied(graph: Graph) -> list[GraphNode]:
    return [
        GraphNode(node.node_id, node.class_type, dict(node.inputs), node.title) for node in graph.values()
    ]


def linked_inputs(nodes: list[GraphNode]) -> list[tuple[GraphNode, str, Link]]:
    return [(node, name, link) for node in nodes for name, link in node.links]


def retitle(rng: random.Random, graph: Graph) -> tuple[Graph, Edit]:
    nodes = copied(graph)
    node = rng.choice(nodes)
    old, node.title = node.title, "another title"
    return Graph(nodes), Edit("retitle", retitled={node.node_id: (old, node.title)})


def change_value(rng: random.Random, graph: Graph) -> tuple[Graph, Edit]:
    nodes = copied(graph)
    values = [
        (node, name) for node in nodes for name, value in node.inputs.items() if type(value) is not Link
    ]
    node, name = rng.choice(values)
    old = node.inputs[name]
    node.inputs[name] = rng.choice([f"{old}!", 1.5, True, None, {"__value__": [1]}, {"key": [old]}])
    return Graph(nodes), Edit("change", changed={(node.node_id, name): (old, node.inputs[name])})


def rewire(rng: random.Random, graph: Graph) -> tuple[Graph, Edit]:
    nodes = copied(graph)
    places = {node.node_id: place for place, node in enumerate(nodes)}
    choices = [
        (node, name, link, other)
        for node, name, link in linked_inputs(nodes)
        for other in nodes[: places[node.node_id]]
        if other.node_id != link.node_id
    ]
    if not choices:
        return change_value(rng, graph)
    node, name, link, other = rng.choice(choices)
    node.inputs[name] = Link(other.node_id, rng.choice([link.slot, 1 - link.slot]))
    return Graph(nodes), Edit("rewire", rewired={(node.node_id, name): (link, node.inputs[name])})


def add_node(rng: random.Random, graph: Graph) -> tuple[Graph, Edit]:
    """A node of an old class or a new one, perhaps put into a link that is there."""
    nodes = copied(graph)
    like = rng.choice(nodes)
    node = GraphNode("new", rng.choice([like.class_type, "NewClass"]), {"value0": 99, "link0": Link("0", 0)})
    edit = Edit("add", added={"new"})
    links = [found for found in linked_inputs(nodes) if found[2].node_id != "new"]
    if links and rng.random() < 0.5:
        user, name, link = rng.choice(links)
        node.inputs["link0"] = link
        user.inputs[name] = Link("new", 0)
        edit.rewired[user.node_id, name] = link, Link("new", 0)
    return Graph([*nodes, node]), edit


def remove_node(rng: random.Random, graph: Graph) -> tuple[Graph, Edit]:
    """A node less; what was linked to it has nothing there any more."""
    if len(graph) == 1:
        return change_value(rng, graph)
    nodes = copied(graph)
    gone = rng.choice(nodes)
    nodes.remove(gone)
    edit = Edit("remove", removed={gone.node_id})
    for node, name, link in linked_inputs(nodes):
        if link.node_id == gone.node_id:
            del node.inputs[name]
            edit.rewired[node.node_id, name] = link, ABSENT
    return Graph(nodes), edit


EditMaker: TypeAlias = Callable[[random.Random, Graph], "tuple[Graph, Edit]"]

EDITS: tuple[EditMaker, ...] = (
    retitle,
    change_value,
    rewire,
    add_node,
    remove_node,
)


def renumbered(rng: random.Random, graph: Graph) -> tuple[Graph, dict[str, str]]:
    """The same graph under other ids, or the same ones dealt anew; and the new id of each."""
    fresh = [f"{rng.choice(['', 'n', '10:'])}{index}" for index in range(len(graph))]
    ids = dict(zip(rng.sample(list(graph), len(graph)), fresh, strict=True))
    nodes = copied(graph)
    for node in nodes:
        node.node_id = ids[node.node_id]
        for name, link in list(node.links):
            if link.node_id in ids:
                node.inputs[name] = Link(ids[link.node_id], link.slot)
    return Graph(nodes), ids


def reordered(rng: random.Random, graph: Graph) -> Graph:
    """The same graph with its nodes, and their inputs, in another order."""
    nodes = copied(graph)
    rng.shuffle(nodes)
    for node in nodes:
        node.inputs = dict(rng.sample(list(node.inputs.items()), len(node.inputs)))
    return Graph(nodes)


def told(diff: Diff) -> Edit:
    """A diff as an `Edit`. Ids are the ones before; of nodes that are added, the ones after."""
    back = {new: old for old, new in diff.pairs.items()}

    def before(value: Any) -> Any:
        """A link in the second graph by ids of the first."""
        return Link(back.get(value.node_id, value.node_id), value.slot) if type(value) is Link else value

    return Edit(
        "told",
        removed={node.node_id for node in diff.removed},
        added={node.node_id for node in diff.added},
        changed={
            (change.before.node_id, change.input_name): (change.old, change.new) for change in diff.changed
        },
        rewired={
            (change.before.node_id, change.input_name): (change.old, before(change.new))
            for change in diff.rewired
        },
        retitled={
            change.before.node_id: (change.before.title, change.after.title) for change in diff.retitled
        },
    )


def size(edit: Edit, before: Graph, after: Graph) -> int:
    """How much an edit is: nodes with their inputs, and inputs."""
    nodes = [before[node_id] for node_id in edit.removed] + [after[node_id] for node_id in edit.added]
    return sum(1 + len(node.inputs) for node in nodes) + len(edit.changed) + len(edit.rewired)


def patched(diff: Diff) -> dict[str, tuple[Any, ...]]:
    """What the first graph becomes when everything that a diff says is done to it."""
    pairs = dict(diff.pairs)
    gone = {node.node_id for node in diff.removed}
    assert set(diff.before) == gone | set(pairs)
    nodes: dict[str, tuple[Any, ...]] = {}
    for node_id, node in diff.before.items():
        if node_id not in gone:
            inputs = {
                name: Link(pairs.get(value.node_id, value.node_id), value.slot)
                if type(value) is Link
                else value
                for name, value in node.inputs.items()
            }
            nodes[pairs[node_id]] = (node.class_type, inputs, node.title)
    for change in (*diff.changed, *diff.rewired):
        inputs = nodes[change.after.node_id][1]
        if change.new is ABSENT:
            del inputs[change.input_name]
        else:
            inputs[change.input_name] = change.new
    for retitled in diff.retitled:
        kind, inputs, _ = nodes[retitled.after.node_id]
        nodes[retitled.after.node_id] = (kind, inputs, retitled.after.title)
    for node in diff.added:
        nodes[node.node_id] = plain_node(node)
    return nodes


def plain_node(node: GraphNode) -> tuple[Any, ...]:
    return (node.class_type, dict(node.inputs), node.title)


def isomorphic(one: Graph, other: Graph) -> bool:
    """Whether two graphs are the same up to ids and titles: by networkx, without our own code."""

    def network(graph: Graph) -> Any:
        shaped: Any = nx.DiGraph()
        for node_id, node in graph.items():
            values = {
                name: repr(value)
                for name, value in sorted(node.inputs.items())
                if not (type(value) is Link and value.node_id in graph)
            }
            shaped.add_node(node_id, what=(node.class_type, values))
        for node_id, node in graph.items():
            for name, link in node.links:
                if link.node_id in graph:
                    links = shaped.get_edge_data(link.node_id, node_id, {"links": frozenset()})["links"]
                    shaped.add_edge(link.node_id, node_id, links=links | {(name, link.slot)})
        return shaped

    return bool(
        DiGraphMatcher(
            network(one),
            network(other),
            node_match=lambda ours, theirs: ours["what"] == theirs["what"],
            edge_match=lambda ours, theirs: ours["links"] == theirs["links"],
        ).is_isomorphic()
    )
