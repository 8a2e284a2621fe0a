"""Running generated modules inside the test's own process."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.python_source.proof import checked_graph, compare
from comfyflow.schema import Schema
from comfyflow.workflows import WorkflowFunction


def graph_of(source: str) -> Graph:
    """The graph of the one workflow in a module."""
    return workflow_in(source)().graph


def workflow_in(source: str) -> WorkflowFunction[..., Any]:
    module = ModuleType("generated")
    exec(compile(source, "generated.py", "exec", dont_inherit=True), vars(module))  # noqa: S102
    (found,) = [value for value in vars(module).values() if isinstance(value, WorkflowFunction)]
    return found


def difference(graph: Any, source: str, schema: Schema) -> str:
    """What a module's graph has that another has not; ``""`` if they are the same."""
    found = compare(checked_graph(graph), graph_of(source), schema)
    return "" if found.empty else str(found)


def graph(**nodes: tuple[str, dict[str, Any]] | tuple[str, dict[str, Any], str]) -> Graph:
    """A graph by the names of its nodes; ``("name", slot)`` is a link."""

    def value(given: Any) -> Any:
        return Link(*given) if isinstance(given, tuple) else given

    return Graph(
        GraphNode(
            key.replace("__", ":").strip("n"),
            node[0],
            {name: value(held) for name, held in node[1].items()},
            node[2] if len(node) > 2 else None,
        )
        for key, node in nodes.items()
    )
