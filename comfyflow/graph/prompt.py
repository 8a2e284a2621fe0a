"""A `Graph` to prompt JSON and back; the one place that knows how a prompt is written.

A prompt is ``{node_id: {"class_type": …, "inputs": {…}, "_meta": {"title": …}}}``; a link is
``[node_id, slot]``, and a value that is a list is wrapped as ``{"__value__": […]}``, because a bare
list would be read as a link. Everything about that is decided here, for any JSON value.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final, TypeGuard

from ..errors import PromptError
from ..json_types import is_array, is_list, is_object, object_or_empty, text_of, text_or_empty
from .graph import Graph, GraphNode, check_graph
from .scope import Link, read_scopes, spelled_scope

Prompt = dict[str, dict[str, Any]]
"""Prompt JSON: a node by its id."""

META: Final = "_meta"
"""What a node tells beside its class and inputs is under this."""
_VALUE: Final = "__value__"
WRAPPED_FORM: Final = '{"__value__": [...]}'
"""How a list is written, for messages."""


def to_prompt(graph: Graph) -> Prompt:
    """Write a graph as prompt JSON.

    Args:
        graph: Any graph; every node gets a ``_meta.title`` if it has a title (0.27 requires
            one when it replaces a class).

    Raises:
        TypeError: It is not a graph.
    """
    check_graph(graph)
    return write_nodes(graph.values(), shared=True)


def write_nodes(nodes: Iterable[GraphNode], *, shared: bool) -> Prompt:
    """Write nodes as prompt JSON, as `to_prompt` does.

    Args:
        nodes: The nodes, each with its own id.
        shared: Whether the nodes are kept. If not, their inputs become those of the prompt: of a graph that
            only its prompt is made of, one node is in memory at a time.
    """
    prompt: Prompt = {}
    for node in nodes:
        inputs = node.inputs.copy() if shared else node.inputs
        for name, value in inputs.items():
            if value.__class__ is Link:
                inputs[name] = [*value]
        entry: dict[str, Any] = {"inputs": inputs, "class_type": node.class_type}
        if node.extra is not None:
            entry.update(node.extra)
        if node.title is not None:
            meta = entry.get(META)
            entry[META] = {"title": node.title} if meta is None else {**meta, "title": node.title}
        prompt[node.node_id] = entry
    return prompt


def read_prompt(prompt: object) -> Graph:
    """Read prompt JSON as a graph. `to_prompt` returns the same prompt again.

    Args:
        prompt: The JSON value.

    Raises:
        PromptError: It is not an object of nodes, or a node has no class or no object of inputs.
    """
    if not is_object(prompt):
        raise PromptError(f"a prompt must be an object of nodes, not {_kind(prompt)}{_hint(prompt)}")
    nodes = [_read_node(str(node_id), node) for node_id, node in prompt.items()]
    return Graph(nodes, read_scopes(node.node_id for node in nodes).values())


def read_nodes(prompt: object) -> Graph:
    """The nodes in what may be no prompt, or a broken one: never raises.

    What is under an id and is not a node has the class ``""`` and no inputs.

    Args:
        prompt: Any JSON value.
    """
    found = [_read_any(str(node_id), node) for node_id, node in object_or_empty(prompt).items()]
    return Graph({node.node_id: node for node in found}.values())


_SERVER_NOTES: Final = frozenset({"is_changed", "_loop_body", "_loop_end"})
"""What servers write into the nodes of a prompt."""


def with_class_names(prompt: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """A prompt that names classes where the editor knew none and wrote null.

    Args:
        prompt: The prompt.
        names: The classes by node; a node that is not among them gets an empty one.
    """
    return {node_id: _with_class_name(node, names.get(node_id, "")) for node_id, node in prompt.items()}


def sendable(prompt: Mapping[str, Any]) -> Mapping[str, Any]:
    """Prompt JSON as it may be sent.

    A node without ``_meta`` makes 0.27.0 answer 500 where it replaces the class by another; and
    ``is_changed``, which the prompt inside a PNG may have, makes servers take stale results. What
    a server after 0.36 notes of loops it finds out again.
    """
    return {node_id: _sendable(node) for node_id, node in prompt.items()}


def graph_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a node of a prompt as a graph has them.

    Args:
        inputs: By wire name; see `read_link` for what is a link.
    """
    return {name: (read_link(value) or value) if is_list(value) else value for name, value in inputs.items()}


def is_link(value: object) -> TypeGuard[list[Any]]:
    """Whether a server executes a value in a prompt as a link: a list of a string and a number.

    The number may be true, false or a fraction (0.3.64 to 0.33.0). Validation takes *any* list for a
    link.
    """
    return (
        is_list(value)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], (int, float))
    )


def read_link(value: object) -> Link | None:
    """The link that a value in a prompt is, or None.

    A link to a slot that is not a whole number is not one: no server can run it.
    """
    if not is_link(value) or (isinstance(value[1], float) and not value[1].is_integer()):
        return None
    return Link(value[0], int(value[1]))


def linked_inputs(inputs: object) -> Iterator[tuple[str, str, Any]]:
    """The inputs of a node that a server follows: the name, the node that it is linked to, and the slot.

    The slot is a number, but may be one that no output has: a fraction, or a negative one. The server
    runs that node anyway, and fails when it takes the value.

    Args:
        inputs: A node's ``inputs``; what is not an object has none.
    """
    for name, value in object_or_empty(inputs).items():
        if is_array(value) and is_link(link := [*value]):  # JSON makes a list of a tuple
            yield name, link[0], link[1]


def sources_of(node: object, names: Container[str] | None = None) -> list[str]:
    """The nodes that a node of a prompt is linked to, in the order of its inputs; they may not be there.

    Args:
        node: The node; what is not one is linked to nothing.
        names: The inputs that count; None for all.
    """
    inputs = object_or_empty(node).get("inputs")
    return [source for name, source, _ in linked_inputs(inputs) if names is None or name in names]


def read_links(inputs: object) -> Iterator[tuple[str, Link]]:
    """The inputs of a node that are links, with what they are linked to.

    Args:
        inputs: A node's ``inputs``; what is not an object has none.
    """
    for name, value in object_or_empty(inputs).items():
        if (link := read_link(value)) is not None:
            yield name, link


def wrapped(value: Any) -> Any:
    """A value as a prompt has it: a list in its wrapping, all else as it is."""
    return {_VALUE: value} if is_array(value) else value


def wrapped_as(kind: str, value: Any) -> dict[str, Any]:
    """A value in a wrapping that says its type, as editors since 1.46 write curves."""
    return {"__type__": kind, _VALUE: value}


def unwrapped(value: Any) -> Any:
    """The value in a wrapping, or the value itself: the server unwraps once, whatever is inside."""
    return value[_VALUE] if is_wrapped(value) else value


def is_wrapped(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether the server would unwrap a value."""
    return is_object(value) and _VALUE in value


def wrapped_list(value: object) -> list[Any] | tuple[Any, ...] | None:
    """The list in a wrapping that has nothing else, or None."""
    if is_wrapped(value) and len(value) == 1 and is_array(value[_VALUE]):
        return value[_VALUE]
    return None


def node_json(class_type: str | None, inputs: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """A node of a prompt, its members in the order in which editors write them.

    Args:
        class_type: Its class.
        inputs: Its inputs.
        meta: Its metadata; at least the title.
    """
    return {"inputs": inputs, "class_type": class_type, META: meta}


def meta_of(node: object, absent: Any = None) -> Any:
    """What a node of a prompt tells beside its class and inputs; any JSON value.

    Args:
        node: The node.
        absent: What to give where it tells nothing.
    """
    return object_or_empty(node).get(META, absent)


def title_of(node: object) -> str | None:
    """The title of a node of a prompt, or None."""
    return text_of(object_or_empty(meta_of(node)), "title")


def _read_node(node_id: str, node: object) -> GraphNode:
    if not is_object(node):
        raise PromptError(f"node {node_id!r} must be an object, not {_kind(node)}")
    class_type, inputs = node.get("class_type"), node.get("inputs")
    if not isinstance(class_type, str):
        raise PromptError(f"node {node_id!r} has no class_type")
    if not is_object(inputs):
        raise PromptError(f"node {node_id!r} ({class_type}) has no inputs object")
    meta = object_or_empty(node.get(META))
    title = text_of(meta, "title")
    extra = None
    if len(node) > 2 and (title is None or len(node) > 3 or len(meta) > 1):
        extra = {key: value for key, value in node.items() if key not in ("class_type", "inputs")}
    return GraphNode(
        node_id, class_type, graph_inputs(inputs), title, extra=extra, scope=spelled_scope(node_id)
    )


def _read_any(node_id: str, node: object) -> GraphNode:
    entry = object_or_empty(node)
    class_type, inputs = text_or_empty(entry.get("class_type")), object_or_empty(entry.get("inputs"))
    return GraphNode(node_id, class_type, graph_inputs(inputs), title_of(node), scope=spelled_scope(node_id))


def _with_class_name(node: Any, name: str) -> Any:
    unnamed = is_object(node) and "class_type" in node and node["class_type"] is None
    return {**node, "class_type": name} if unnamed else node


def _sendable(node: object) -> object:
    if not is_object(node) or (META in node and _SERVER_NOTES.isdisjoint(node)):
        return node
    kept = {name: value for name, value in node.items() if name not in _SERVER_NOTES}
    kept.setdefault(META, {"title": text_or_empty(node.get("class_type"))})
    return kept


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


def _hint(value: object) -> str:
    return ": a workflow needs no reading, it has a .graph" if hasattr(type(value), "to_prompt") else ""
