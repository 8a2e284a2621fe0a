"""What a written workflow gives back when the editor makes a prompt of it, beside what it was made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..graph import Graph, GraphNode, Link
from ..graph.prompt import read_link, unwrapped
from ..importer.editor_rules import NEWEST, EditorRules, rules_of
from ..importer.frontend_widgets import FIXED, RENDERED, VIEWPORT
from ..importer.javascript import shown_json
from ..importer.node_shape import NodeShape, node_shapes
from ..json_types import is_array, is_number, is_object, object_or_empty
from ..problem import Problem
from ..schema import Schema

_MADE: Final = frozenset({FIXED, RENDERED, VIEWPORT})
"""Widgets whose values the editor makes itself."""
_AUDIO_CLASSES: Final = rules_of(NEWEST).audio_classes
"""Those that have a player in some release; a prompt may be from another one."""
_MOST_NAMED: Final = 6


def differences(
    graph: Graph, prompt: Mapping[str, Mapping[str, Any]], schema: Schema, rules: EditorRules
) -> list[Problem]:
    """What the editor sends otherwise than the graph has it.

    Args:
        graph: What was written.
        prompt: What the editor makes of it.
        schema: The server's classes.
        rules: The release of the editor.
    """
    found: list[Problem] = []
    for node_id, node in graph.items():
        sent = prompt.get(node_id)
        if sent is None:
            found.append(_problem(node, "node_lost", "the editor sends this node under another id"))
            continue
        made = made_by_editor(node.class_type, schema, rules)
        found.extend(_of_node(node, sent, graph, made, node.class_type in schema))
    return found


def _of_node(
    node: GraphNode, sent: Mapping[str, Any], graph: Graph, made: frozenset[str], known: bool
) -> Iterator[Problem]:
    if not known:
        text = "the schema does not know this class: its links are kept, but its values have no names there"
        yield _problem(node, "unknown_class", text)
        return
    inputs = object_or_empty(sent.get("inputs"))
    for name, value in node.inputs.items():
        if name in made:
            continue
        if type(value) is Link and value.node_id not in graph:
            text = f"the link to node {shown_json(value.node_id)} is left out: that node does not exist"
            yield _problem(node, "link_to_nothing", text, name)
        elif name not in inputs:
            what = "this link" if type(value) is Link else shown_json(value)
            text = f"the editor has no place for {what} here and will not send it"
            yield _problem(node, "input_lost", text, name)
        elif not same(value, inputs[name]) and _is_held(value, inputs[name], graph):
            text = (
                f"the editor has no place for {shown_json(value)} here, so a separate node supplies it:"
                f" #{inputs[name][0]}"
            )
            yield _problem(node, "value_in_node", text, name)
        elif not same(value, inputs[name]):
            text = (
                f"the editor will send {shown_json(inputs[name])} in place of {shown_json(unwrapped(value))}"
            )
            yield _problem(node, "value_changed", text, name)
    added = [name for name in inputs if name not in node.inputs and name not in made]
    if added:
        more = f" and {len(added) - _MOST_NAMED} more" if len(added) > _MOST_NAMED else ""
        names = ", ".join(map(shown_json, added[:_MOST_NAMED]))
        text = f"the editor sends a value for every widget, so it adds the defaults of {names}{more}"
        yield _problem(node, "defaults_added", text, severity_note=True)


def _is_held(ours: Any, theirs: Any, graph: Graph) -> bool:
    link = read_link(theirs)
    return type(ours) is not Link and link is not None and link.node_id not in graph


def made_by_editor(class_type: str, schema: Schema, rules: EditorRules) -> frozenset[str]:
    """The inputs of a class whose values the editor makes up."""
    shape = node_shapes(schema, rules).get(class_type)
    return made_in_shape(shape) if shape is not None else _players(class_type)


def made_in_shape(shape: NodeShape) -> frozenset[str]:
    """The inputs of a class, known by its shape in the editor, whose values the editor makes up."""
    made = {widget.name for widget in shape.widgets if widget.kind in _MADE}
    return _players(shape.class_type) | made


def _players(class_type: str) -> frozenset[str]:
    return frozenset({"audioUI"} if class_type in _AUDIO_CLASSES else ())


def same(ours: Any, theirs: Any) -> bool:
    """Whether a server takes two values of a prompt for the same: 1 is 1.0, and digits are a number."""
    if type(ours) is Link:
        return read_link(theirs) == ours
    ours, theirs = unwrapped(ours), unwrapped(theirs)
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if is_number(ours) and is_number(theirs):
        return ours == theirs or (isinstance(ours, float) and ours == _as_float(theirs))
    if isinstance(ours, int) or isinstance(theirs, int):
        return str(ours) == str(theirs)
    if is_array(ours) and is_array(theirs):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if is_object(ours) and is_object(theirs):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    return bool(ours == theirs)


def _as_float(value: float) -> float:
    """A number as a server reads it for a float: the editor writes large ones with all their digits."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _problem(
    node: GraphNode, type_: str, message: str, name: str = "", *, severity_note: bool = False
) -> Problem:
    return Problem(
        type_,
        message,
        "note" if severity_note else "warning",
        node.node_id,
        node.class_type,
        name,
        place=node.place,
        title=node.title,
    )
