"""Graphs in the languages of other tools: Mermaid and Graphviz."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..graph import ROOT, Graph
from ..layout import SheetLink, read_sheets
from .text import shortened, shown
from .theme import type_colour

if TYPE_CHECKING:
    from ..schema import Schema

_MERMAID: Final = str.maketrans(
    {sign: f"#{ord(sign)};" for sign in "\"#&<>'`\\|()[]{};:%@*_~$^=!"} | {"\n": " ", "\r": " ", "\t": " "}
)
"""Mermaid knows characters by their numbers; whatever it might read as its own is written so."""
_DOT: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": " ", "\r": " ", "\t": " "})
_WIDE: Final = 420.0


def mermaid_text(graph: Graph, schema: Schema | None = None) -> str:
    """A graph for Mermaid, a flowchart from left to right; scopes are subgraphs.

    Args:
        graph: The graph.
        schema: The classes of its nodes.
    """
    return "\n".join(["flowchart LR", *_Mermaid(graph, schema).lines()]) + "\n"


def dot_text(graph: Graph, schema: Schema | None = None) -> str:
    """A graph for Graphviz, from left to right; scopes are clusters.

    Args:
        graph: The graph.
        schema: The classes of its nodes.
    """
    head = ["digraph workflow {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    return "\n".join([*head, *_Dot(graph, schema).lines(), "}"]) + "\n"


class _Form(ABC):
    def __init__(self, graph: Graph, schema: Schema | None) -> None:
        self.graph = graph
        self.sheets = read_sheets(graph, schema)
        ids = [key for sheet in self.sheets.values() for key in sheet.shapes]
        self.names = {key: f"n{number}" for number, key in enumerate(ids)}

    def label(self, scope_id: str, key: str) -> str:
        title = shown(self.sheets[scope_id].shapes[key].title)
        return f"{shortened(title, _WIDE)} #{shortened(shown(key), _WIDE)}"

    def lines(self) -> Iterator[str]:
        """Nodes, scope in scope, then the links of the nodes, whatever scopes they are in."""
        yield from self._nodes()
        for key, node in self.graph.items():
            for name, link in node.links:
                if link.node_id in self.graph:
                    source = self.sheets[self.graph[link.node_id].scope].shapes[link.node_id]
                    kind = source.outputs[link.slot].type if 0 <= link.slot < len(source.outputs) else "*"
                    yield self.arrow(SheetLink(link.node_id, link.slot, key, name, kind))

    def _nodes(self) -> Iterator[str]:
        waiting: list[tuple[str, Iterator[str]]] = [(ROOT, iter(self.sheets[ROOT].shapes))]
        while waiting:
            scope_id, keys = waiting[-1]
            key = next(keys, None)
            indent = "  " * len(waiting)
            if key is None:
                waiting.pop()
                if waiting:
                    yield "  " * len(waiting) + self.closing
            elif key in self.graph.scopes:
                yield indent + self.opening(self.names[key], self.label(scope_id, key))
                waiting.append((key, iter(self.sheets[key].shapes)))
            else:
                yield indent + self.node(self.names[key], self.label(scope_id, key))

    closing = ""

    @abstractmethod
    def opening(self, name: str, label: str) -> str: ...

    @abstractmethod
    def node(self, name: str, label: str) -> str: ...

    @abstractmethod
    def arrow(self, link: SheetLink) -> str: ...


class _Mermaid(_Form):
    closing = "end"

    def opening(self, name: str, label: str) -> str:
        return f'subgraph {name}["{label.translate(_MERMAID)}"]'

    def node(self, name: str, label: str) -> str:
        return f'{name}["{label.translate(_MERMAID)}"]'

    def arrow(self, link: SheetLink) -> str:
        label = shortened(shown(link.name), _WIDE).translate(_MERMAID)
        return f'  {self.names[link.source]} -->|"{label}"| {self.names[link.target]}'


class _Dot(_Form):
    closing = "}"

    def opening(self, name: str, label: str) -> str:
        return f'subgraph cluster_{name} {{ label="{label.translate(_DOT)}";'

    def node(self, name: str, label: str) -> str:
        return f'{name} [label="{label.translate(_DOT)}"];'

    def arrow(self, link: SheetLink) -> str:
        label = shortened(shown(link.name), _WIDE).translate(_DOT)
        colour = type_colour(link.type)
        return (
            f'  {self.names[link.source]} -> {self.names[link.target]} [label="{label}", color="{colour}"];'
        )
