"""Constants at inputs that have no widget: the editor sends such only inside a subgraph.

There an input of the subgraph that nothing is linked to sends the value of the first widget that it feeds,
to all that it feeds. So one more is made, which feeds the input and a muted node that holds the value. On
the workflow's own canvas a primitive node gives the value: the server runs the same, with one node more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

from ..graph import ROOT, Graph, GraphNode, Link, ScopeInput
from ..schema import Schema
from .document import MAX_NODE_ID, saved_id
from .draft import DraftNode

_HOLDERS: Final[Mapping[type, str]] = {
    bool: "PrimitiveBoolean",
    int: "PrimitiveInt",
    float: "PrimitiveFloat",
    str: "PrimitiveString",
}


def with_holders(graph: Graph, drafts: Mapping[str, DraftNode], schema: Schema) -> tuple[Graph, set[str]]:
    """The graph with nodes that hold stray constants, and the ids of those that are to be muted.

    Args:
        graph: The graph.
        drafts: Its nodes, which say what strays.
        schema: The server's classes; without its primitive ones the constants stay astray.
    """
    strays = [
        (graph[node_id], name)
        for node_id, draft in drafts.items()
        for name in draft.strays
        if _holder(graph[node_id].inputs[name], schema) is not None
    ]
    if not strays:
        return graph, set()
    scopes = dict(graph.scopes)
    nodes = dict(graph.items())
    number = max((each for node_id in (*graph, *scopes) for each in _numbers(node_id)), default=0)
    muted: set[str] = set()
    for node, name in strays:
        number += 1
        value = node.inputs[name]
        holder_id = f"{node.scope}:{number}" if node.scope != ROOT else str(number)
        nodes[holder_id] = GraphNode(
            holder_id, _holder(value, schema) or "", {"value": value}, scope=node.scope
        )
        if node.scope == ROOT:
            known = nodes[node.node_id]
            nodes[node.node_id] = known.with_inputs({**known.inputs, name: Link(holder_id, 0)})
            continue
        muted.add(holder_id)
        scope = scopes[node.scope]
        targets = ((node.node_id, name), (holder_id, "value"))
        entry = ScopeInput(name, type="*", has_value=True, value=value, targets=targets)
        scopes[node.scope] = replace(scope, inputs=(*scope.inputs, entry))
    return Graph(nodes.values(), scopes.values(), graph.canvas), muted


def _holder(value: Any, schema: Schema) -> str | None:
    name = _HOLDERS.get(cast("type[object]", type(value)))
    return name if name is not None and name in schema else None


def _numbers(node_id: str) -> list[int]:
    saved = (saved_id(part) for part in node_id.split(":"))
    return [number for number in saved if isinstance(number, int) and number < MAX_NODE_ID]
