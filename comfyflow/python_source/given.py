"""What is to be written as Python, as a graph: a `Graph`, prompt JSON, or a conversion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..graph import Graph, Link
from ..graph.prompt import read_prompt, with_class_names
from ..json_types import is_array, is_object
from .check import check_graph


def given_graph(given: Graph | Mapping[str, Any]) -> Graph:
    """The graph that somebody gives, of values that JSON has.

    The editor makes NaN of some values, which a browser sends as null.

    Args:
        given: A graph, prompt JSON, or what `convert_workflow` returns.

    Raises:
        PromptError: It is no prompt.
        PythonSourceError: See `check_graph`.
    """
    graph = _graph(given)
    check_graph(graph)
    return graph.with_nodes(
        node.with_inputs(
            {name: value if type(value) is Link else _plain(value) for name, value in node.inputs.items()}
        )
        for node in graph.values()
    )


def _graph(given: Graph | Mapping[str, Any]) -> Graph:
    from ..importer import Conversion

    if isinstance(given, Graph):
        return given.with_spelled_scopes()
    if isinstance(given, Conversion):
        return given.graph
    return read_prompt(with_class_names(given, {}) if is_object(given) else given)


def _plain(value: Any) -> Any:
    """A value that is nested no deeper than is checked."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_array(value):
        return [_plain(part) for part in value]
    return {key: _plain(part) for key, part in value.items()} if is_object(value) else value
