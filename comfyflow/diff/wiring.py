"""One or several graphs with numbers in place of ids: what all comparing works on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final, TypeAlias

from ..graph import Graph, GraphNode, Link
from .value import value_key

Neighbours: TypeAlias = "list[tuple[int, int]]"
"""Links of a node: (label, the other node). A label stands for an input's name and a slot."""


def content_key(node: GraphNode, graph: Graph) -> str:
    """What a node is, apart from its id, its title and what it is linked to.

    Its class, the values of its inputs, and which inputs are linked from which slot. A link to
    a node that does not exist counts as dangling, whatever id it names.
    """
    parts = [f"{len(node.class_type)}:{node.class_type}"]
    inputs = node.inputs
    for name in sorted(inputs):
        value = inputs[name]
        if type(value) is Link:
            key = f"{'l' if value.node_id in graph else 'x'}{value.slot}"
        else:
            key = value_key(value)
        parts.append(f"{len(name)}:{name}{key}")
    return "".join(parts)


class Wiring:
    """The nodes of some graphs as numbers, and their links.

    Args:
        graphs: The graphs, whose nodes are numbered one after the other.

    Attributes:
        nodes: The node of each number.
        starts: The first number of each graph, and the number of all nodes.
        keys: The distinct `content_key` texts, sorted.
        contents: The place of each node's key among them: the same for every order of nodes.
        labels: What a label stands for: the input's name and the slot.
        sources: For each node, its links.
        users: For each node, the links to it, under the same labels.
    """

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self.nodes: list[GraphNode] = []
        self.starts: Final = [0]
        keys: list[str] = []
        for graph in graphs:
            for node in graph.values():
                self.nodes.append(node)
                keys.append(content_key(node, graph))
            self.starts.append(len(self.nodes))
        self.keys: Final = sorted(set(keys))
        ranks = {key: rank for rank, key in enumerate(self.keys)}
        self.contents: Final = [ranks[key] for key in keys]
        self.sources: list[Neighbours] = [[] for _ in self.nodes]
        self.users: list[Neighbours] = [[] for _ in self.nodes]
        self.labels: Final = sorted(
            {(name, link.slot) for node in self.nodes for name, link in node.links},
        )
        numbers = {label: number for number, label in enumerate(self.labels)}
        for graph, start in zip(graphs, self.starts, strict=False):
            self._link(graph, start, numbers)

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def neighbours(self) -> list[Neighbours]:
        """For each node, its links in both directions: even labels lead to sources, odd ones to
        users.
        """
        return [
            [(2 * label, other) for label, other in sources]
            + [(2 * label + 1, other) for label, other in users]
            for sources, users in zip(self.sources, self.users, strict=True)
        ]

    def _link(self, graph: Graph, start: int, numbers: dict[tuple[str, int], int]) -> None:
        places = {node_id: place for place, node_id in enumerate(graph, start)}
        for place, node in enumerate(graph.values(), start):
            for name, link in node.links:
                source = places.get(link.node_id)
                if source is not None:
                    label = numbers[name, link.slot]
                    self.sources[place].append((label, source))
                    self.users[source].append((label, place))
