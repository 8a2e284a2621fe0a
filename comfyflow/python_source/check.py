"""The graph to write as Python; and what no Python program can make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..errors import PythonSourceError
from ..graph import Graph, GraphNode, Link
from ..json_types import is_array, is_object
from ..source import Source
from .accepted import unwrapped

MAX_NESTING: Final = 50
"""How deep a value may be nested: what Python's parser takes within the calls around it."""

MAX_BITS: Final = 1024
"""How large a number may be. JSON readers of other languages give up long before."""

SHOWN: Final = 10
"""How many reasons a message lists."""


def checked_graph(given: Graph | Mapping[str, Any]) -> Graph:
    """What someone gives as a graph that a program can give, of values that JSON has.

    The editor makes NaN of some values, which a browser sends as null.

    Args:
        given: A graph, prompt JSON, or what `convert_workflow` returns.

    Raises:
        PromptError: It is not a prompt.
        PythonSourceError: See `check_graph`.
    """
    graph = given.with_spelled_scopes() if isinstance(given, Graph) else Source(given).graph
    check_graph(graph)
    return graph.with_nodes(
        node.with_inputs(
            {name: value if type(value) is Link else _plain(value) for name, value in node.inputs.items()}
        )
        for node in graph.values()
    )


def check_graph(graph: Graph) -> None:
    """Make sure that a program can give this graph.

    Raises:
        PythonSourceError: It has no nodes, or there is a cycle, a link to nothing, or a value
            that no prompt can hold; the message says at which nodes.
    """
    if not graph:
        raise PythonSourceError("there are no nodes, so there is no workflow to write")
    reasons = [reason for node in graph.values() for reason in _reasons(node, graph)]
    reasons = reasons or list(_cycles(graph))
    if reasons:
        more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        raise PythonSourceError(f"cannot be written as Python: {'; '.join(reasons[:SHOWN])}{more}")


def _reasons(node: GraphNode, graph: Graph) -> Iterator[str]:
    for name, value in node.inputs.items():
        where = f"input {name!r:.80} of {node.class_type!r:.80} #{node.node_id:.40}"
        if type(value) is Link:
            if value.node_id not in graph:
                yield f"{where} is linked to node {value.node_id!r:.40}, which does not exist"
            elif value.slot < 0:
                yield f"{where} is linked to output {value.slot}, which no node has"
        elif is_array(value):
            yield f"{where} is a bare list, which a server takes for a broken link"
        else:
            wrong = _wrong(unwrapped(value))
            if wrong:
                yield f"{where} {wrong}"


def _wrong(value: Any) -> str:
    """What is wrong with a value, or ``""``. It does not recurse."""
    level = [value]
    for depth in range(MAX_NESTING + 1):
        inner: list[Any] = []
        for part in level:
            if is_object(part) or is_array(part):
                if depth == MAX_NESTING:
                    return f"is nested more than {MAX_NESTING} levels deep"
                if is_object(part) and not all(isinstance(key, str) for key in part):
                    return "has an object whose keys are not strings"
                inner.extend(part.values() if is_object(part) else part)
            elif isinstance(part, int) and part.bit_length() > MAX_BITS:
                return "holds a number that is too large"
            elif part is not None and not isinstance(part, (str, int, float)):
                return f"holds a {type(part).__name__}, which JSON cannot hold"
        level = inner
    return ""


def _cycles(graph: Graph) -> Iterator[str]:
    for circle in graph.circles():
        yield f"nodes depend on themselves, in a cycle: {graph.shown_circle(circle):.400}"


def _plain(value: Any) -> Any:
    """A value that is nested no deeper than is checked."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_array(value):
        return [_plain(part) for part in value]
    return {key: _plain(part) for key, part in value.items()} if is_object(value) else value
