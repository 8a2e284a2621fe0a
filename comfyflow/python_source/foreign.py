"""Untrusted paths in a workflow, marked so that no file of the user's is sent for them."""

from __future__ import annotations

from typing import Any

from ..dynamic import unfold_inputs
from ..graph import Graph, GraphNode, Link
from ..input_file import ForeignPath, is_annotated, is_plain_path
from ..json_types import is_array, is_object
from ..schema import NodeSchema, Schema
from ..schema.installed_files import is_media_file, takes_file


def with_marked_paths(graph: Graph, schema: Schema) -> Graph:
    """A graph in which each path that leaves the current folder is a `ForeignPath`.

    Only values of inputs that take a file are looked at; of a class that the schema does not know,
    all that look like the name of one.

    Args:
        graph: The graph.
        schema: The schema of its classes.
    """
    return graph.with_nodes(_marked(node, schema.get(node.class_type)) for node in graph.values())


def holds_foreign_path(value: Any) -> bool:
    """Whether a value is a path like that, or a list or an object that has one."""
    if is_object(value):
        value = list(value.values())
    return isinstance(value, ForeignPath) or (is_array(value) and any(map(holds_foreign_path, value)))


def _marked(node: GraphNode, known: NodeSchema | None) -> GraphNode:
    takes = None
    if known is not None:
        takes = {entry.name for entry in unfold_inputs(known.inputs, node.inputs) if takes_file(entry)}
        if not takes:
            return node
    inputs = {
        name: value
        if type(value) is Link or (takes is not None and name not in takes)
        else _value(value, unknown=takes is None)
        for name, value in node.inputs.items()
    }
    return node.with_inputs(inputs)


def _value(value: Any, *, unknown: bool) -> Any:
    if is_array(value):
        return [_value(one, unknown=unknown) for one in value]
    if is_object(value):
        return {key: _value(one, unknown=unknown) for key, one in value.items()}
    if not isinstance(value, str) or is_plain_path(value) or is_annotated(value):
        return value
    if not value or (unknown and not is_media_file(value)):
        return value
    return ForeignPath(value)
