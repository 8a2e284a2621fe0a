"""Which inputs of a workflow people will want to set: a proposal for its parameters.

What the author chose comes first: the inputs of the editor's app mode, then those of its subgraphs. After
them the prompts, files, seeds, sizes and models that `to_python` makes parameters of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .bounds import NAMED_INPUTS
from .graph import Graph, Link
from .json_types import array_or_empty, is_list, object_or_empty
from .named_inputs import NamedInput
from .python_source.name import NameScope, snake
from .python_source.node_class import NodeClasses
from .python_source.parameter import choose_parameters
from .schema import Schema
from .source import Input, Source

_PLAIN: Final = (str, int, float, bool)
_LONGEST: Final = 200


def propose(source: Source, schema: Schema) -> tuple[NamedInput, ...]:
    """The parameters that a workflow may have, each with its own name.

    Args:
        source: The workflow.
        schema: Of its node classes.
    """
    graph = source.graph
    scope = NameScope(())
    taken: set[Input] = set()
    made: list[NamedInput] = []

    def add(names: tuple[str, ...], places: tuple[Input, ...], description: str) -> None:
        free = tuple(place for place in places if place not in taken and _is_value(graph, place))
        if free and len(made) < NAMED_INPUTS:
            taken.update(free)
            name = scope.claim(*names)
            told = description if snake(description) != name else ""  # it says no more than the name
            made.append(NamedInput(name, free, told))

    for label, places in _of_app(source, graph):
        add((snake(label), snake(places[0][1])), places, _told(label))
    for label, places in _of_scopes(graph):
        add((snake(label), snake(places[0][1])), places, _told(label))
    shared: dict[Any, list[Input]] = {}
    names: dict[Any, tuple[str, ...]] = {}
    for place, chosen in choose_parameters(graph, schema, _classes(graph, schema), None).items():
        key = chosen.shared or place
        shared.setdefault(key, []).append(place)
        names.setdefault(key, chosen.names)
    for key, found in shared.items():
        title = graph[found[0][0]].title or graph[found[0][0]].class_type
        add(names[key], tuple(found), _told(f"{title}: {found[0][1]}"))
    return tuple(made)


def _classes(graph: Graph, schema: Schema) -> NodeClasses:
    """The generated classes of the graph alone: those of a whole server take seconds."""
    used = {node.class_type for node in graph.values()}
    return NodeClasses(Schema({name: schema.raw[name] for name in used if name in schema}, schema.version))


def _of_app(source: Source, graph: Graph) -> Iterator[tuple[str, tuple[Input, ...]]]:
    """The inputs that the author chose for the editor's app mode: ``extra.linearData.inputs``."""
    extra = object_or_empty(object_or_empty(source.editor).get("extra"))
    for entry in array_or_empty(object_or_empty(extra.get("linearData")).get("inputs")):
        if not is_list(entry) or len(entry) < 2 or not isinstance(entry[1], str):
            continue
        node_id, name = str(entry[0]), entry[1]
        if node_id in graph:
            yield name, ((node_id, name),)
            continue
        scope = graph.scopes.get(node_id)
        for each in scope.inputs if scope is not None else ():
            if name in (each.name, each.label) and each.targets:
                yield each.label or each.name, each.targets


def _of_scopes(graph: Graph) -> Iterator[tuple[str, tuple[Input, ...]]]:
    for scope in graph.scopes.values():
        if scope.outer == "":
            for each in scope.inputs:
                if each.has_value and each.targets:
                    yield each.label or each.name, each.targets


def _is_value(graph: Graph, place: Input) -> bool:
    node = graph.get(place[0])
    value = node.inputs.get(place[1], None) if node is not None else None
    return not isinstance(value, Link) and isinstance(value, _PLAIN)


def _told(text: str) -> str:
    """An untrusted title as a description: one short line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text[:_LONGEST]).split())
