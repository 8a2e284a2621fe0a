"""Nodes and links: what a workflow is, wherever it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from ..errors import GraphError
from ..located import Located
from ..problem import Place
from .canvas import NO_CANVAS, Canvas
from .scope import ROOT, Link, Scope, read_scopes, spelled_scope
from .walk import circles, nearest_first, reachable, sources_first, turned

if TYPE_CHECKING:
    import networkx as nx

_SHOWN: Final = 10
"""How many cycles a message names."""


class GraphNode(Located):
    """One node of a graph.

    Attributes:
        node_id: Its id; unique in the graph.
        class_type: The server's class.
        inputs: By wire name: a `Link`, or a value as it is in a prompt.
        title: Its title, or None.
        origin: Where the user's source created it: a place, or a code object and an
            instruction from which `place` is computed on demand; or None.
        extra: Anything else that a prompt says about the node, kept unchanged.
        scope: The id of the scope that it is in; `ROOT` is the workflow itself.
    """

    __slots__ = ("class_type", "extra", "inputs", "node_id", "origin", "scope", "title")

    def __init__(
        self,
        node_id: str,
        class_type: str,
        inputs: dict[str, Any],
        title: str | None = None,
        origin: Place | tuple[CodeType, int] | None = None,
        extra: Mapping[str, Any] | None = None,
        scope: str = ROOT,
    ) -> None:
        self.node_id: str = node_id
        self.class_type: str = class_type
        self.inputs: dict[str, Any] = inputs
        self.title: str | None = title
        self.origin: Place | tuple[CodeType, int] | None = origin
        self.extra: Mapping[str, Any] | None = extra
        self.scope: str = scope

    @property
    def place(self) -> Place | None:
        """Where the user's source created it, or None."""
        origin = self.origin
        return origin if origin is None or isinstance(origin, Place) else Place.of(*origin)

    @property
    def links(self) -> Iterator[tuple[str, Link]]:
        """The linked inputs, with their links."""
        return ((name, value) for name, value in self.inputs.items() if type(value) is Link)

    def with_inputs(self, inputs: dict[str, Any]) -> GraphNode:
        """The same node with other inputs."""
        return GraphNode(
            self.node_id, self.class_type, inputs, self.title, self.origin, self.extra, self.scope
        )

    def within(self, scope_id: str) -> GraphNode:
        """The same node in another scope."""
        made = self.with_inputs(self.inputs)
        made.scope = scope_id
        return made

    def _pickled(self) -> Mapping[str, Any]:
        return {"origin": self.place}

    def __repr__(self) -> str:
        return f"GraphNode({self.node_id!r}, {self.class_type!r}, {self.inputs!r})"


class Graph(Mapping[str, GraphNode]):
    """Nodes by id. Links are values of the nodes' inputs, and may be dangling.

    Args:
        nodes: The nodes, in the order in which to write them.
        scopes: The scopes that nodes are in, outer ones first.
        canvas: The layout in the editor.

    Attributes:
        scopes: The scopes by id, outer ones first.
        canvas: The layout in the editor; empty if no editor has saved it.

    Raises:
        ValueError: Two nodes have the same id.
    """

    __slots__ = ("_nodes", "canvas", "scopes")

    def __init__(
        self, nodes: Iterable[GraphNode] = (), scopes: Iterable[Scope] = (), canvas: Canvas = NO_CANVAS
    ) -> None:
        self.scopes: Mapping[str, Scope] = {scope.scope_id: scope for scope in scopes}
        self.canvas: Canvas = canvas
        self._nodes: dict[str, GraphNode] = {}
        for node in nodes:
            if node.node_id in self._nodes:
                raise ValueError(f"two nodes have the id {node.node_id!r}")
            self._nodes[node.node_id] = node

    def __getitem__(self, node_id: str) -> GraphNode:
        return self._nodes[node_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from ..picture import Picture

        return {**Picture.shown(self)._repr_mimebundle_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} nodes>"

    @property
    def places(self) -> Mapping[str, Place]:
        """Where the user's source created each node, by id; computed on demand."""
        return _Places(self)

    def with_nodes(self, nodes: Iterable[GraphNode]) -> Graph:
        """Other nodes in the same scopes and on the same canvas."""
        return Graph(nodes, self.scopes.values(), self.canvas)

    def with_spelled_scopes(self) -> Graph:
        """The same nodes in the scopes that their ids spell; the graph itself, if it has scopes."""
        if self.scopes:
            return self
        nodes = [node.within(spelled_scope(node_id)) for node_id, node in self._nodes.items()]
        return Graph(nodes, read_scopes(self._nodes).values(), self.canvas)

    def around(self, node_id: str) -> list[Scope]:
        """The scopes that a node is in, outer ones first."""
        found: list[Scope] = []
        scope_id = self._nodes[node_id].scope
        while scope_id != ROOT:
            found.append(self.scopes[scope_id])
            scope_id = found[-1].outer
        return found[::-1]

    def sources(self, node_id: str) -> Iterator[str]:
        """The nodes that one is linked to, in the order of its inputs; links to nothing are left out."""
        return (link.node_id for _, link in self._nodes[node_id].links if link.node_id in self._nodes)

    @property
    def users(self) -> dict[str, list[str]]:
        """For each node, the nodes linked to it, once per link."""
        return turned(self._all_sources())

    def upstream(self, node_ids: Iterable[str]) -> set[str]:
        """The nodes that these depend on, including themselves. Unknown ids are ignored.

        Raises:
            TypeError: It is given one string.
        """
        return reachable(self._known(node_ids), self.sources)

    def downstream(self, node_ids: Iterable[str]) -> set[str]:
        """The nodes that depend on these, including themselves. Unknown ids are ignored.

        Raises:
            TypeError: It is given one string.
        """
        return reachable(self._known(node_ids), self.users.__getitem__)

    def _known(self, node_ids: Iterable[str]) -> list[str]:
        if isinstance(node_ids, str):  # of a letter each, there may be nodes of these ids
            raise TypeError(f"node_ids must be a list of ids, not a string: write [{node_ids!r}]")
        return [node_id for node_id in node_ids if node_id in self._nodes]

    def way(self, source: str, target: str) -> list[str] | None:
        """A shortest path along links from one node to another, both included; None if there is none."""
        before = nearest_first([source], self.users.__getitem__)
        if target not in before:
            return None
        way = [target]
        while way[-1] != source:
            way.append(before[way[-1]])
        return way[::-1]

    def order(self) -> list[str]:
        """All nodes, each after those that it is linked to, otherwise in their own order.

        Raises:
            GraphError: Nodes are linked in a cycle; the message names it.
        """
        closing: list[str] = []
        order = sources_first(self._nodes, self.sources, closing.append)
        if closing:
            found = self.circles()
            shown = "; ".join(map(self.shown_circle, found[:_SHOWN]))
            what = "a cycle" if len(found) == 1 else f"{len(found)} cycles"
            more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            which = "one of these links" if len(found) == 1 else "one link of each"
            raise GraphError(f"nodes are linked in {what}: {shown}{more}; remove {which}")
        return order

    def shown_circle(self, circle: Sequence[str]) -> str:
        """A cycle for a message: its nodes by class and id, the first one again at the end."""
        return " -> ".join(f"{self[each].class_type} #{each}" for each in [*circle, circle[0]])

    def circles(self) -> list[list[str]]:
        """The cycles of a graph that no server can run, the shortest first; see `walk.circles`.

        Each goes from a node to one that is linked to it.
        """
        return circles(self._all_sources())

    def generations(self) -> list[list[str]]:
        """The nodes in generations: each one only needs nodes of earlier generations.

        Raises:
            GraphError: Nodes are linked in a cycle; the message names it.
        """
        import networkx as nx

        self.order()
        return [list(generation) for generation in nx.topological_generations(self.network())]

    def network(self) -> nx.MultiDiGraph[str]:
        """The graph for networkx: an edge for each link, from source to user, keyed by the
        input's name, with ``slot``. Links to nothing are left out.
        """
        import networkx as nx

        network: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        network.add_nodes_from(self._nodes)
        for node_id, node in self._nodes.items():
            for name, link in node.links:
                if link.node_id in self._nodes:
                    network.add_edge(link.node_id, node_id, key=name, slot=link.slot)
        return network

    def _all_sources(self) -> dict[str, list[str]]:
        return {node_id: list(self.sources(node_id)) for node_id in self._nodes}


class _Places(Mapping[str, Place]):
    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getitem__(self, node_id: str) -> Place:
        place = self._graph[node_id].place
        if place is None:
            raise KeyError(node_id)
        return place

    def __iter__(self) -> Iterator[str]:
        return (node_id for node_id, node in self._graph.items() if node.origin is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def check_graph(graph: object) -> None:
    """Refuse anything but a graph, and say where one comes from.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(graph, Graph):
        raise TypeError(
            f"expected a Graph, not a {type(graph).__name__}: read_prompt(prompt) makes one of prompt JSON, "
            "and a workflow's is workflow.graph"
        )
