"""The workflow that goes along with a prompt, so that what the server makes of it opens in the editor."""

from __future__ import annotations

from typing import Any, Final

from ..collector import collector_paused
from ..errors import ConversionError, ExportError
from ..graph import Canvas, Graph
from ..graph.canvas import Point
from ..graph.prompt import read_prompt
from ..importer.editor_rules import choose_editor
from ..schema import Schema
from ..source import Source
from .source_notes import told_by
from .writing import FRONTEND, write_workflow

_MOST_LAID_OUT: Final = 150
"""Graphs with more nodes than this are in plain columns: a layout would take longer than sending them."""

_COLUMN: Final = 500.0
_ROW: Final = 350.0
_PER_COLUMN: Final = 20


def embedded_workflow(source: Source, schema: Schema) -> dict[str, Any] | None:
    """The editor's workflow of what is sent; None if the editor cannot hold that.

    The editor takes the workflow in a file before the prompt in it. So it must be as good as that: one
    whose values the editor could not name, because the schema does not know their class, is left out.

    Args:
        source: What is sent, with the prompt as the server gets it.
        schema: The classes of the server, as far as they are known.
    """
    graph = read_prompt(source.prompt)
    if not all(node.class_type in schema for node in graph.values()):
        return None
    if source.compiled is not None:
        for node_id, node in graph.items():
            made = source.compiled.graph.get(node_id)
            node.origin = made.origin if made is not None else None
    rules = choose_editor(schema.editor or FRONTEND, schema, {}).rules
    if len(graph) > _MOST_LAID_OUT:
        graph = _in_columns(graph)
    told = told_by(source.workflow)
    try:
        with collector_paused():
            return write_workflow(graph.with_spelled_scopes(), schema, rules, source.name, told=told)
    except (ConversionError, ExportError):
        return None


def _in_columns(graph: Graph) -> Graph:
    positions: dict[str, Point] = {
        node_id: (place // _PER_COLUMN * _COLUMN, place % _PER_COLUMN * _ROW)
        for place, node_id in enumerate((*graph, *graph.scopes))
    }
    return Graph(graph.values(), graph.scopes.values(), Canvas(positions))
