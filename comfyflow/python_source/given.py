"""What is to be written as Python, as a graph: a `Graph`, prompt JSON, or a conversion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..graph import Graph, GraphNode, Link
from ..graph.prompt import read_prompt
from ..json_types import is_array, is_object
from .check import check_graph


def given_graph(given: Graph | Mapping[str, Any]) -> Graph:
    """The graph that somebody gives, of values that JSON has.

    The editor writes null for a class that the server does not know: the conversion's warnings
    tell its name; in a bare prompt it has none. It makes NaN of some values, which a browser
    sends as null.

    Args:
        given: A graph, prompt JSON, or what `convert_workflow` returns.

    Raises:
        PromptError: It is no prompt.
        PythonSourceError: See `check_graph`.
    """
    graph = given if isinstance(given, Graph) else read_prompt(_with_classes(given))
    check_graph(graph)
    return Graph(
        GraphNode(
            node.node_id,
            node.class_type,
            {name: value if type(value) is Link else _plain(value) for name, value in node.inputs.items()},
            node.title,
            node.origin,
            node.extra,
        )
        for node in graph.values()
    )


def _with_classes(prompt: Mapping[str, Any]) -> object:
    from ..importer import Conversion

    if not is_object(prompt):
        return prompt
    warnings = prompt.warnings if isinstance(prompt, Conversion) else ()
    names = {one.node_id: one.class_type or "" for one in warnings if one.type == "unknown_class"}
    return {key: _with_class(node, names.get(key, "")) for key, node in prompt.items()}


def _with_class(node: Any, name: str) -> Any:
    unnamed = is_object(node) and "class_type" in node and node["class_type"] is None
    return {**node, "class_type": name} if unnamed else node


def _plain(value: Any) -> Any:
    """A value that is nested no deeper than is checked."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_array(value):
        return [_plain(part) for part in value]
    return {key: _plain(part) for key, part in value.items()} if is_object(value) else value
