"""The columns for a prompt that does not come from Python: its inputs, as ``NODE.INPUT``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import ParameterError
from ..graph import Graph, GraphNode, Link
from ..graph.prompt import read_nodes
from ..named_inputs import NamedInput, annotation_of, entry_of, find_input
from ..nearest import did_you_mean
from ..parameters import Parameter
from ..schema import Schema
from ..source import Input, Source
from .columns import SEED_NAMES, Column, ParameterColumn
from .row import JSON


class InputColumns:
    """The inputs of a prompt as columns.

    ``3.steps``, ``KSampler.steps`` and ``My sampler.steps`` name an input by the node's id, its class or its
    title; ``steps`` alone is enough if only one node has that input. ``seed`` is every seed of the prompt.

    Args:
        source: The prompt.
        schema: The server's schema, which has types and ranges. Without one, the current values determine the
            types.
        named: Inputs with their own names, which take precedence.
    """

    def __init__(self, source: Source, schema: Schema | None, named: Sequence[NamedInput] = ()) -> None:
        self._named = {each.name: each.places for each in named}
        self._graph = read_nodes(source.prompt)
        self._schema = schema
        self._names: dict[Input, str] = {}
        self.required: Final[Mapping[str, str]] = {}

    def column(self, name: str) -> Column:
        """See `Columns`."""
        places = self.places(name)
        known = self._names.setdefault(places[0], name)
        if len(places) == 1 and name not in self._named:
            name = known
        return InputColumn(name, annotation_of(self._graph, *places[0], self._schema))

    def seed(self) -> Column:
        """See `Columns`."""
        return self.column("seed")

    def places(self, name: str) -> list[Input]:
        """The inputs for a column; several only for seeds.

        Raises:
            ParameterError: There is none, or several match; the reason names them.
        """
        if name in self._named:
            return [*self._named[name]]
        if name in SEED_NAMES and (seeds := self._seeds()):
            return seeds
        found = find_input(self._graph, name)
        if found is not None:
            return [found]
        node, dot, input_name = name.rpartition(".")
        if dot and node:
            node_id = self._node(node, name)
            inputs = self._graph[node_id].inputs
            if input_name not in inputs and entry_of(self._graph, node_id, input_name, self._schema) is None:
                hint = did_you_mean(input_name, inputs, f"its inputs: {', '.join(inputs) or 'none'}")
                raise ParameterError(name, f"is not an input of node #{node_id}; {hint}")
            return [(node_id, input_name)]
        return [self._only(name)]

    def _node(self, node: str, name: str) -> str:
        fitting = nodes_called(self._graph, node)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise ParameterError(
                name, f"matches {len(fitting)} nodes; choose one by id: {', '.join(fitting)}"
            )
        hint = did_you_mean(node, names_of_nodes(self._graph), f"there are: {', '.join(self._graph)}")
        raise ParameterError(name, f"does not name a node; {hint}")

    def _only(self, name: str) -> Input:
        """The only input with a name."""
        values = [
            (node_id, key)
            for node_id, node in self._graph.items()
            for key, value in node.inputs.items()
            if not isinstance(value, Link)
        ]
        found = [place for place in values if place[1] == name]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{node_id}.{name}" for node_id, _ in found[:10])
            raise ParameterError(name, f"is an input of {len(found)} nodes; name one: {names}")
        known = [*self._named, *(key for _, key in values)]
        known += [f"{self._graph[node_id].class_type}.{key}" for node_id, key in values]
        raise ParameterError(name, f"is not an input; {did_you_mean(name, known, 'write NODE.INPUT')}")

    def _seeds(self) -> list[Input]:
        return [
            (node_id, name)
            for node_id, node in self._graph.items()
            for name, value in node.inputs.items()
            if type(value) is int and (name in SEED_NAMES or self._is_drawn(node_id, name))
        ]

    def _is_drawn(self, node_id: str, name: str) -> bool:
        entry = entry_of(self._graph, node_id, name, self._schema)
        return entry is not None and entry.type == "INT" and bool(entry.options.get("control_after_generate"))


class InputColumn(ParameterColumn):
    """An input as a column.

    Args:
        name: Its name.
        annotation: Its type; for ``Any``, a string that is valid JSON is parsed, and any other is kept.
    """

    def __init__(self, name: str, annotation: Any) -> None:
        self._is_any = annotation is Any
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameter = inspect.Parameter("value", keyword, annotation=Any if self._is_any else annotation)
        made = Parameter.of(parameter)
        super().__init__(Parameter(name, keyword, inspect.Parameter.empty, made.annotation))

    def of_text(self, text: str) -> JSON:
        """See `Column`."""
        if self._is_any:
            try:
                return self.of_value(json.loads(text, parse_constant=str))
            except (ValueError, RecursionError):
                return str(text)
        return super().of_text(text)


def nodes_called(graph: Graph, name: str) -> list[str]:
    """The ids of the nodes that a name means: an id, a title or a class.

    Args:
        graph: The graph.
        name: The name.
    """
    return [name] if name in graph else [key for key, node in graph.items() if name in _names(node)]


def names_of_nodes(graph: Graph) -> list[str]:
    """All names of nodes, for messages."""
    return [*dict.fromkeys(word for node in graph.values() for word in _names(node)), *graph]


def _names(node: GraphNode) -> list[str]:
    return [word for word in (node.title, node.class_type) if word]
