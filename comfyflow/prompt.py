"""A `Graph` to prompt JSON and back; the one place that knows how a prompt is written.

A prompt is ``{node_id: {"class_type": …, "inputs": {…}, "_meta": {"title": …}}}``; a link is
``[node_id, slot]``, and a value that is a list is wrapped as ``{"__value__": […]}``.
"""

from __future__ import annotations

from typing import Any

from .errors import PromptError
from .graph import Graph, GraphNode, Link
from .json_types import is_array, is_object, object_or_empty

Prompt = dict[str, dict[str, Any]]
"""Prompt JSON: a node by its id."""


def to_prompt(graph: Graph) -> Prompt:
    """Write a graph as prompt JSON.

    Args:
        graph: Any graph; every node gets a ``_meta.title`` if it has a title (0.27 needs one
            to be there where it replaces a class by another).
    """
    prompt: Prompt = {}
    for node_id, node in graph.items():
        inputs = node.inputs.copy()
        for name, value in inputs.items():
            if value.__class__ is Link:
                inputs[name] = [*value]
        entry: dict[str, Any] = {"inputs": inputs, "class_type": node.class_type}
        if node.extra is not None:
            entry.update(node.extra)
        if node.title is not None:
            meta = entry.get("_meta")
            entry["_meta"] = {"title": node.title} if meta is None else {**meta, "title": node.title}
        prompt[node_id] = entry
    return prompt


def read_prompt(prompt: object) -> Graph:
    """Read prompt JSON as a graph. `to_prompt` of it is the same prompt again.

    Args:
        prompt: The JSON value.

    Raises:
        PromptError: It is no object of nodes, or a node has no class or no object of inputs.
    """
    if not is_object(prompt):
        raise PromptError(f"a prompt is an object of nodes, not {_kind(prompt)}")
    return Graph(_read_node(str(node_id), node) for node_id, node in prompt.items())


def is_link(value: object) -> bool:
    """Whether a server takes a value in a prompt for a link: ``[node id, slot]``.

    What a real server executes as one (0.3.64 and 0.27 agree): a list of a string and a number.
    """
    return (
        is_array(value)
        and isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )


def _read_node(node_id: str, node: object) -> GraphNode:
    if not is_object(node):
        raise PromptError(f"node {node_id!r} is no object but {_kind(node)}")
    class_type, inputs = node.get("class_type"), node.get("inputs")
    if not isinstance(class_type, str):
        raise PromptError(f"node {node_id!r} has no class_type")
    if not is_object(inputs):
        raise PromptError(f"node {node_id!r} ({class_type}) has no object of inputs")
    meta = node.get("_meta")
    title = object_or_empty(meta).get("title")
    extra = {key: value for key, value in node.items() if key not in ("class_type", "inputs")}
    if isinstance(title, str) and list(extra) == ["_meta"] and list(object_or_empty(meta)) == ["title"]:
        extra = {}
    return GraphNode(
        node_id,
        class_type,
        {name: Link(*value) if is_link(value) else value for name, value in inputs.items()},
        title if isinstance(title, str) else None,
        extra=extra or None,
    )


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
