"""How large a workflow becomes once its nodes are expanded, computed beforehand.

A short file can be a long prompt: subgraphs of subgraphs that each use another one twice double
with every level. So the nodes, the characters of their ids and those of their texts are counted
in the definitions first, each definition once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from ..bounds import NESTING, Bounds, exceeded
from ..errors import ConversionError
from ..json_types import array_or_empty
from .javascript import js_text, shown_json
from .live_graph import BYPASSED, MUTED, LGraph, LGraphNode

_INACTIVE: Final = (MUTED, BYPASSED)


class _Size(NamedTuple):
    """What one use of a subgraph stands for, all that is in it counted."""

    nodes: int = 0
    characters: int = 0
    depth: int = 0


def check_expansion(root: LGraph, *, canvas_keeps_inactive: bool, inside_keeps_inactive: bool) -> None:
    """Refuse a workflow that becomes too large.

    Args:
        root: The canvas.
        canvas_keeps_inactive: Whether muted and bypassed subgraphs on the canvas are expanded.
        inside_keeps_inactive: Whether those in other subgraphs are.

    Raises:
        ConversionError: It expands to too much, subgraphs are nested too deep, or one contains
            itself.
    """
    for node in root.nodes:
        if node.definition is not None:
            break
    else:
        return
    sizes: dict[int, _Size] = {}
    stack: list[tuple[LGraph, list[LGraph]]] = [(root, _uses(root, canvas_keeps_inactive))]
    open_: set[int] = {id(root)}
    while stack:
        graph, waiting = stack[-1]
        if waiting:
            inner = waiting.pop()
            if id(inner) in open_:
                raise ConversionError(f"{inner.host_names()} contains itself")
            if id(inner) not in sizes:
                open_.add(id(inner))
                stack.append((inner, _uses(inner, inside_keeps_inactive)))
            continue
        stack.pop()
        open_.discard(id(graph))
        keeps = canvas_keeps_inactive if graph is root else inside_keeps_inactive
        sizes[id(graph)] = _check(
            _size(graph, sizes, keeps, graph is not root), f"the subgraphs in {graph.host_names()}"
        )


def check_groups(nodes: Iterable[Mapping[str, Any]], groups: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a canvas whose legacy group nodes stand for too many nodes.

    Args:
        nodes: The saved nodes of all graphs.
        groups: The saved groups, by the type of the nodes that stand for them.

    Raises:
        ConversionError: They do.
    """
    if not groups:
        return
    sizes = {type_: len(array_or_empty(saved.get("nodes"))) for type_, saved in groups.items()}
    count = characters = 0
    for node in nodes:
        type_ = node.get("type")
        size = sizes.get(type_, 0) if isinstance(type_, str) else 0
        count += size
        characters += size * len(js_text(node.get("id"))) if size else 0
    _check(_Size(count, characters), "the group nodes")


def _uses(graph: LGraph, keeps_inactive: bool) -> list[LGraph]:
    """The subgraphs that are expanded in a graph, each once."""
    found = {id(node.definition): node.definition for node in graph.nodes if _expands(node, keeps_inactive)}
    return [definition for definition in found.values() if definition is not None]


def _expands(node: LGraphNode, keeps_inactive: bool) -> bool:
    return node.definition is not None and (keeps_inactive or node.mode not in _INACTIVE)


def _size(graph: LGraph, sizes: Mapping[int, _Size], keeps_inactive: bool, counts_own: bool) -> _Size:
    count = characters = depth = 0
    for node in graph.nodes:
        if counts_own:
            count += 1
            characters += len(node.key) + _text(node)
        if _expands(node, keeps_inactive):
            inner = sizes[id(node.definition)]
            count += inner.nodes
            characters += inner.characters + inner.nodes * (len(node.key) + 1)
            depth = max(depth, inner.depth + 1)
    return _Size(count, characters, depth)


def _text(node: LGraphNode) -> int:
    return sum(len(widget.value) for widget in node.widgets if isinstance(widget.value, str))


def _check(size: _Size, what: str) -> _Size:
    bounds = Bounds.from_environment()
    if size.depth > NESTING:
        raise ConversionError(f"subgraphs are nested more than {NESTING} deep")
    if size.nodes > bounds.nodes:
        raise ConversionError(exceeded("nodes", bounds, f"{what} expand to {shown_json(size.nodes)} nodes"))
    if size.characters > bounds.expanded:
        stand_for = f"{what} expand to {shown_json(size.characters)} characters of ids and text"
        raise ConversionError(exceeded("expanded", bounds, stand_for))
    return size
