"""Finding a node by the name that ``%Node.widget%`` calls it."""

from __future__ import annotations

from collections.abc import Iterator

from .javascript import UNDEFINED, js_text
from .live_graph import LGraph, LGraphNode
from .subgraph_host import promoted_value

_NAME: str = "Node name for S&R"


class NodeLookup:
    """The nodes of a workflow by name: the property "Node name for S&R" first, then the title.

    Args:
        root: The canvas. It is searched when the first name is looked up.
    """

    def __init__(self, root: LGraph) -> None:
        self._root = root
        self._by_property: dict[str, LGraphNode] = {}
        self._by_title: dict[str, LGraphNode] = {}
        self._searched = False

    def text(self, node_name: str, widget_name: str) -> str | None:
        """The value of a widget as text, or None where there is no such node or widget."""
        if not self._searched:
            self._search()
        node = self._by_property.get(node_name) or self._by_title.get(node_name)
        if node is None:
            return None
        widget = node.widget(widget_name)
        if widget is None and node.role == "host" and node.definition is not None:
            for slot in node.inputs:
                if slot.name == widget_name and slot.promoted is not None:
                    widget = promoted_value(slot, node.definition)
        if widget is None:
            return None
        return "" if widget.value is None or widget.value is UNDEFINED else js_text(widget.value)

    def _search(self) -> None:
        self._searched = True
        for node in inner_first(self._root):
            name = node.properties.get(_NAME)
            if name is None and node.shape is not None:
                name = node.shape.text_name
            if isinstance(name, str):
                self._by_property.setdefault(name, node)
            self._by_title.setdefault(node.title, node)


def inner_first(root: LGraph) -> Iterator[LGraphNode]:
    """All nodes that the canvas leads to, each subgraph's before the node that stands for it.

    A subgraph that is used several times is visited once.
    """
    seen: set[int] = {id(root)}
    stack: list[tuple[LGraphNode | None, Iterator[LGraphNode]]] = [(None, iter(root.nodes))]
    while stack:
        host, nodes = stack[-1]
        node = next(nodes, None)
        if node is None:
            stack.pop()
            if host is not None:
                yield host
        elif node.role == "host" and node.definition is not None and id(node.definition) not in seen:
            seen.add(id(node.definition))
            stack.append((node, iter(node.definition.nodes)))
        else:
            yield node
