"""Groups, notes and names of subgraphs, read from the editor's JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import ConversionError
from ..importer.editor_rules import editor_rules
from ..importer.live_graph import SUBGRAPH_INPUT, Graph, Node
from ..importer.node_shape import node_shapes
from ..importer.workflow_graph import load_workflow
from ..json_types import array_or_empty, is_array, is_number, is_object, text_or_empty
from ..schema import Schema
from .annotation import Annotations, Group, Note
from .unit import MAX_DEPTH

MAX_INSTANCES: Final = 500_000
"""How many nodes are looked at, counted as often as their subgraphs are used."""

_DEFAULT_SIZE: Final = (200.0, 100.0)


def read_annotations(workflow: Mapping[str, Any], schema: Schema, *, editor: str = "1.45") -> Annotations:
    """Read what people wrote around the nodes of a workflow.

    Args:
        workflow: The editor's JSON.
        schema: The schema that the workflow was converted with.
        editor: The version of the editor whose rules were followed.

    Returns:
        The annotations, by the ids that the nodes have in the prompt.

    Raises:
        ConversionError: It is no workflow.
    """
    rules = editor_rules(editor)
    loaded = load_workflow(workflow, node_shapes(schema, rules), rules)
    return _Reader().read(loaded.root)


@dataclass
class _Box:
    """A group's place on the canvas."""

    group: Group
    left: float
    top: float
    width: float
    height: float

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point is in it."""
        return 0 <= point[0] - self.left < self.width and 0 <= point[1] - self.top < self.height


@dataclass
class _Reader:
    subgraphs: dict[str, str] = field(default_factory=dict[str, str])
    groups: dict[str, Group] = field(default_factory=dict[str, Group])
    notes: dict[str, list[Note]] = field(default_factory=dict[str, "list[Note]"])
    inputs: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def read(self, root: Graph) -> Annotations:
        waiting: list[tuple[str, Graph]] = [("", root)]
        seen = 0
        for canvas, graph in waiting:
            seen += len(graph.nodes)
            if seen > MAX_INSTANCES:
                raise ConversionError(f"the subgraphs expand to more than {MAX_INSTANCES} nodes")
            for key, inner in self._canvas(canvas, graph):
                if key.count(":") < MAX_DEPTH:
                    waiting.append((key, inner))
        return Annotations(self.subgraphs, self.groups, self.notes, self.inputs)

    def _canvas(self, canvas: str, graph: Graph) -> Iterator[tuple[str, Graph]]:
        """Read one canvas; give the hosts on it, with what is inside."""
        boxes = list(_boxes(canvas, graph))
        for node in graph.nodes:
            key = f"{canvas}:{node.key}" if canvas else node.key
            box = _around(boxes, node)
            if node.role == "note":
                text = _note_text(node)
                if text:
                    title = text_or_empty(node.raw.get("title"))
                    self.notes.setdefault(canvas, []).append(Note(text, title, box.group if box else None))
                continue
            if box is not None:
                self.groups[key] = box.group
            self.inputs.update(((key, name), label) for name, label in _outer_names(graph, node))
            if node.definition is not None:
                self.subgraphs[key] = node.definition.name
                yield key, node.definition


def _boxes(canvas: str, graph: Graph) -> Iterator[_Box]:
    """The groups of a canvas that have a title and a place, the smallest first."""
    found: list[_Box] = []
    for number, saved in enumerate(array_or_empty(graph.raw.get("groups"))):
        if not is_object(saved):
            continue
        title, bounds = text_or_empty(saved.get("title")).strip(), saved.get("bounding")
        if title and is_array(bounds) and len(bounds) == 4 and all(map(_is_finite, bounds)):
            found.append(_Box(Group(title, canvas, number), *bounds))
    return iter(sorted(found, key=lambda box: box.width * box.height))


def _around(boxes: list[_Box], node: Node) -> _Box | None:
    """The smallest group that has the middle of a node in it."""
    left, top = _pair(node.raw.get("pos"), (math.nan, math.nan))
    width, height = _pair(node.raw.get("size"), _DEFAULT_SIZE)
    middle = left + width / 2, top + height / 2
    return next((box for box in boxes if box.holds(middle)), None)


def _pair(saved: Any, otherwise: tuple[float, float]) -> tuple[float, float]:
    """Two numbers: saved as an array, or as an object with the keys 0 and 1."""
    values: list[Any] = [saved.get("0"), saved.get("1")] if is_object(saved) else array_or_empty(saved)[:2]
    if len(values) == 2 and all(map(_is_finite, values)):
        return values[0], values[1]
    return otherwise


def _is_finite(value: object) -> bool:
    return is_number(value) and abs(value) < 1e12  # NaN is not less


def _note_text(node: Node) -> str:
    saved = node.raw.get("widgets_values")
    values = list(saved.values()) if is_object(saved) else array_or_empty(saved)
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")


def _outer_names(graph: Graph, node: Node) -> Iterator[tuple[str, str]]:
    """The inputs of a node that the subgraph's own inputs feed, with what those are called."""
    for slot in node.inputs:
        link = graph.link(slot.link) if slot.link is not None else None
        if link is None or link.origin != SUBGRAPH_INPUT or not isinstance(link.origin_slot, int):
            continue
        if 0 <= link.origin_slot < len(graph.inputs):
            boundary = graph.inputs[link.origin_slot]
            yield slot.name, boundary.label or boundary.name
