"""A workflow as Python, proven to give the same graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PythonSourceError
from ..generated import STUBS
from ..schema.package import reference_schema

if TYPE_CHECKING:
    from ..schema import Schema
    from ..source import Source


def python_text(source: Source, schema: Schema, *, name: str = "", flat: bool = False) -> str:
    """Write a workflow as Python.

    Its node classes are imported from ``comfynodes``: the installed package if that has them, else one that
    `gen-stubs` can write from the same server.

    Args:
        source: The workflow.
        schema: The schema of its node classes.
        name: The function's name.
        flat: Whether to write no functions for subgraphs.

    Raises:
        PythonSourceError: No Python program can make it, or the written one does not give the same graph.
        SchemaError: The server does not answer.
    """
    from ..python_source import to_python
    from ..python_source.proof import prove, prove_with_new_package

    graph = source.graph
    there = reference_schema()
    used = {node.class_type for node in graph.values()}
    if not any(name in schema and name not in there for name in used):
        text = to_python(graph, there, name=name, flat=flat, package=STUBS)
        found = prove(text, graph, there, package=STUBS)
    else:
        whole = schema.whole()
        text = to_python(graph, whole, name=name, flat=flat, package=STUBS)
        found = prove_with_new_package(text, graph, whole, package=STUBS)
    if not found.empty:
        raise PythonSourceError(f"the Python does not give the same graph, so it is not shown:\n{found}")
    return text
