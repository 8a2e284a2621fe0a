"""What a workflow is made of: a node, or nodes in tuples, lists, mappings, named tuples, dataclasses.

What has run comes back in the same shape, with what each node gave in place of the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from ..errors import NodeUsageError
from ..graph.walk import nearest_first
from ..json_types import is_array, is_object
from ..node import Node, OutputNode, is_output, slot_of
from ..output_file import NodeOutput

R = TypeVar("R", bound=NodeOutput)

_BESIDE: Final = (str, int, float, bool, type(None))
"""What may be in a dataclass or a named tuple beside nodes; it comes back as it is."""
_DEEPEST: Final = 50


def output_of(node: OutputNode[R]) -> R:
    """The output type of a node, for the fields of a root that is a dataclass, a named tuple or a dict.

    ::

        class Pictures(NamedTuple):
            final: ImageOutput
            notes: TextOutput


        @workflow
        def pictures(prompt: str) -> Pictures:
            final, notes = SaveImage(images=...), PreviewAny(source=prompt)
            return Pictures(output_of(final), output_of(notes))


        client.run(pictures("a cat")).output.final.images  # a tuple of ImageFile

    The fields then have the types of the result; while the workflow is built, they hold the
    node itself. Only the type changes.

    Args:
        node: An output node.
    """
    made: Any = node
    return made  # type: ignore[no-any-return]  # the node, until it has run


def root_nodes(root: object) -> Iterator[Node]:
    """The nodes in what a user gives as a root, in its order.

    Raises:
        NodeUsageError: Something in it is not a node, or it is nested deeply.
    """
    yield from _nodes(root, False, 0)


def linked_nodes(roots: Iterable[Node]) -> Iterable[Node]:
    """The roots and all that they are linked to, bypassed nodes too, once each, the nearest first.

    Args:
        roots: Nodes of a workflow.
    """
    return nearest_first(roots, _linked)


def _linked(node: Node) -> list[Node]:
    return [slot_of(value)[0] for value in node._inputs.values() if is_output(value)]


def map_root(root: object, function: Callable[[Node], Any]) -> Any:
    """The shape of a root with something in place of each node.

    Lists come back as tuples, mappings as dicts, and all else as what it was.

    Args:
        root: What `root_nodes` takes.
        function: Gives what stands for a node.
    """
    if isinstance(root, Node):
        return function(root)
    if is_output(root):
        return function(slot_of(root)[0])
    if _is_data(root):
        from copy import copy

        made = copy(root)
        for name, value in _fields(root):
            object.__setattr__(made, name, map_root(value, function))
        return made
    if is_array(root):
        members = [map_root(member, function) for member in root]
        return type(root)(*members) if _is_named(root) else tuple(members)
    if is_object(root):
        return {key: map_root(member, function) for key, member in root.items()}
    return root


def _nodes(root: object, beside: bool, depth: int) -> Iterator[Node]:
    if isinstance(root, Node):
        yield root
    elif is_output(root):
        yield slot_of(root)[0]
    elif isinstance(root, type):
        raise NodeUsageError(f"{root.__name__} is a class; call it to create a node")
    elif depth >= _DEEPEST and not (beside and isinstance(root, _BESIDE)):
        raise NodeUsageError(f"the roots of a workflow are nested more than {_DEEPEST} levels deep")
    elif (members := _members(root)) is not None:
        named = _is_data(root) or _is_named(root)
        for member in members:
            yield from _nodes(member, named, depth + 1)
    elif not (beside and isinstance(root, _BESIDE)):
        raise NodeUsageError(_no_node(root))


def _members(root: object) -> Iterable[Any] | None:
    if _is_data(root):
        return [value for _, value in _fields(root)]
    if is_array(root):
        return root
    if is_object(root) and "class_type" not in root:
        return root.values()
    return None


def _no_node(root: object) -> str:
    if is_object(root):
        return "a workflow is made of nodes; this is prompt JSON, which runs as it is: run(prompt)"
    if root is None:
        return "a workflow is made of nodes, not of None; does the function return its nodes?"
    return f"a workflow is made of nodes, not of {root!r:.60} ({type(root).__name__})"


def _is_data(root: object) -> bool:
    return hasattr(type(root), "__dataclass_fields__")


def _is_named(root: object) -> bool:
    return isinstance(root, tuple) and hasattr(type(root), "_fields")  # pyright: ignore[reportUnknownArgumentType]


def _fields(root: Any) -> list[tuple[str, Any]]:
    from dataclasses import fields  # few have one, and it takes long to import

    names = [field.name for field in fields(root)]
    return [(name, getattr(root, name)) for name in names if hasattr(root, name)]
