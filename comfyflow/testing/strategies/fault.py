"""Prompts with one thing wrong, and what a server says about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from typing_extensions import Unpack

from ...graph import Graph, GraphNode, Link
from ...graph.prompt import Prompt, to_prompt
from ...option import spelled
from ...schema import InputSchema, Schema, unfold_inputs
from ...validate.core_checks import own_check
from ...validate.rules import ServerRules, types_match
from .arguments import choice
from .constant import TEXT
from .graph import GraphOptions, GraphSettings, graphs

NO_NUMBERS: Final = st.sampled_from(["", "many", "1,5", "0x10", "1e", None])
NO_LINKS: Final[st.SearchStrategy[list[Any]]] = st.sampled_from([[], ["1"], ["1", 0, 0]])
_DISTANCES: Final = st.integers(1, 1000)
_HUGE: Final = 1e300
_NUMBERS: Final = ("INT", "FLOAT")


class InvalidPrompt(NamedTuple):
    """A prompt that a server refuses, and why.

    Attributes:
        prompt: The prompt JSON.
        type: The problem's type. Of the whole prompt, where there is no `node_id` or the class
            is unknown; else of the node.
        node_id: The node that has it, or None.
        input_name: The input's wire name, or None for a problem of the node or the prompt.
    """

    prompt: Prompt
    type: str
    node_id: str | None = None
    input_name: str | None = None


class Broken(NamedTuple):
    """What was broken in a graph: the parts of an `InvalidPrompt`."""

    problem: str
    node_id: str | None = None
    input_name: str | None = None


class Spot(NamedTuple):
    """An input that a node has, and how it is declared."""

    node: GraphNode
    entry: InputSchema

    @property
    def name(self) -> str:
        """The input's full name."""
        return self.entry.name

    @property
    def value(self) -> Any:
        """What the node has there."""
        return self.node.inputs[self.entry.name]

    def broken(self, problem: str, value: Any) -> Broken:
        """Put something wrong there."""
        self.node.inputs[self.name] = value
        return Broken(problem, self.node.node_id, self.name)


@spelled(GraphOptions, GraphSettings)
def invalid_prompts(schema: Schema, **options: Unpack[GraphOptions]) -> st.SearchStrategy[InvalidPrompt]:
    """Prompts with a single mistake, for which a server with this schema rejects all outputs.

    An unknown class, no output, a required input that is missing, a value out of its range or
    list or of a wrong kind, a link of a wrong type, in a cycle, to nothing, or that is not

    one. A node class may have its own checks that no schema describes, and a server leaves ranges
    and choices to them. Nothing is broken in a class that is known to have some.

    Args:
        schema: The node classes.
        options: See `GraphOptions`; there is one branch, and there are no titles.
    """
    one_branch: GraphOptions = {**options, "max_branches": 1, "titles": False}
    return _invalid(schema, graphs(schema, **one_branch))


@st.composite
def _invalid(draw: st.DrawFn, schema: Schema, drawn: st.SearchStrategy[Graph]) -> InvalidPrompt:
    first = draw(st.integers(0, _Faults.COUNT - 1))
    faults = _Faults(schema, draw(drawn))
    kinds = faults.kinds()
    possible = (found for kind in [*kinds[first:], *kinds[:first]] if (found := list(kind())))
    broken = choice(draw, next(possible))(draw)  # there is always a class to make unknown
    return InvalidPrompt(to_prompt(Graph(faults.nodes)), broken.problem, broken.node_id, broken.input_name)


_Fault = Callable[[st.DrawFn], Broken]
"""Breaks one thing in the graph, and says what."""


class _Faults:
    """All that can be broken in a graph so that no output is left.

    Args:
        schema: Its node classes.
        graph: A valid graph, its nodes in an order in which they could run.
    """

    COUNT: Final = 10
    """How many kinds there are."""

    def __init__(self, schema: Schema, graph: Graph) -> None:
        self._schema = schema
        self._rules = ServerRules(schema.version)
        self._graph = graph
        self.nodes = list(graph.values())
        self._ends = [node for node in self.nodes if schema[node.class_type].is_output_node]
        needed: set[str] = set(graph)
        for node in self._ends:
            needed &= graph.upstream([node.node_id])
        self._users: dict[str, list[str]] = {node.node_id: [] for node in self.nodes}
        for node in self.nodes:
            for name, link in node.links:
                self._users[link.node_id].append(name)
        self._spots = [
            spot for node in reversed(self.nodes) if node.node_id in needed for spot in self._spots_of(node)
        ]

    def kinds(self) -> list[Callable[[], Iterable[_Fault]]]:
        """What can be broken, kind by kind; of some kinds there may be nothing."""
        return [
            self._missing,
            self._values,
            self._no_choices,
            self._no_numbers,
            self._no_links,
            self._mismatches,
            self._cycles,
            self._lost,
            lambda: [self._unknown_class],
            lambda: [self._no_outputs],
        ]

    def _spots_of(self, node: GraphNode) -> Iterator[Spot]:
        declared = self._schema[node.class_type]
        if own_check(declared, self._rules) is None:
            for entry in unfold_inputs(declared.inputs, node.inputs):
                if entry.name in node.inputs:
                    yield Spot(node, entry)

    def _constants(self, *types: str) -> Iterator[Spot]:
        for spot in self._spots:
            if spot.entry.type in types and type(spot.value) is not Link:
                yield spot

    def _missing(self) -> Iterator[_Fault]:
        for spot in self._spots:
            if spot.entry.required and not spot.entry.is_dynamic:
                yield partial(_without, spot=spot)

    def _values(self) -> Iterator[_Fault]:
        for spot in self._constants(*_NUMBERS):
            least, most = spot.entry.minimum, spot.entry.maximum
            if least is not None and abs(least) < _HUGE:
                yield partial(_below, spot=spot, least=least)
            if most is not None and abs(most) < _HUGE:
                yield partial(_above, spot=spot, most=most)

    def _no_choices(self) -> Iterator[_Fault]:
        for spot in self._constants("COMBO"):
            if spot.entry.legacy_combo or self._rules.checks_combos:
                yield partial(_give, spot=spot, values=_no_choice(spot), problem="value_not_in_list")

    def _no_numbers(self) -> Iterator[_Fault]:
        for spot in self._constants(*_NUMBERS):
            yield partial(_give, spot=spot, values=NO_NUMBERS, problem="invalid_input_type")

    def _no_links(self) -> Iterator[_Fault]:
        for spot in self._spots:
            if not spot.entry.is_dynamic:
                yield partial(_give, spot=spot, values=NO_LINKS, problem="bad_linked_input")

    def _mismatches(self) -> Iterator[_Fault]:
        for spot in self._spots:
            if not spot.entry.is_dynamic:
                for link, kind in self._outputs_before(spot.node):
                    if not types_match(kind, _input_type(spot.entry), self._rules):
                        yield partial(_give, spot=spot, values=st.just(link), problem="return_type_mismatch")

    def _cycles(self) -> Iterator[_Fault]:
        if not self._rules.names_cycles:
            return
        for spot in self._spots:
            if not spot.entry.is_dynamic:
                for link, kind in self._outputs_behind(spot.node):
                    if types_match(kind, _input_type(spot.entry), self._rules):
                        yield partial(_circle, spot=spot, link=link)

    def _lost(self) -> Iterator[_Fault]:
        for spot in self._spots:
            users = self._users[spot.node.node_id]
            if len(users) > 1 or spot.entry.is_dynamic:
                continue  # a server files it under the input of the user that it comes from first
            if users and not self._schema[spot.node.class_type].is_output_node:
                broken = Broken("exception_during_inner_validation", spot.node.node_id, users[0])
            elif not users:
                broken = Broken("exception_during_validation", spot.node.node_id)
            else:
                continue
            yield partial(self._lose, spot=spot, broken=broken)

    def _lose(self, draw: st.DrawFn, spot: Spot, broken: Broken) -> Broken:
        node_id = draw(TEXT.filter(lambda text: text not in self._graph))
        spot.node.inputs[spot.name] = Link(node_id, 0)
        return broken

    def _outputs_before(self, node: GraphNode) -> Iterator[tuple[Link, object]]:
        """The outputs of what is before a node: links to them make no cycle."""
        for other in self.nodes:
            if other is node:
                return
            yield from self._outputs_of(other)

    def _outputs_behind(self, node: GraphNode) -> Iterator[tuple[Link, object]]:
        """The outputs of a node and of what depends on it: links to them make a cycle."""
        behind = {node.node_id}
        for other in self.nodes:
            if other is node or any(link.node_id in behind for _, link in other.links):
                behind.add(other.node_id)
                yield from self._outputs_of(other)

    def _outputs_of(self, node: GraphNode) -> Iterator[tuple[Link, object]]:
        for output in self._schema[node.class_type].outputs:
            kind = output.type if output.choices is None else list(output.choices)
            yield Link(node.node_id, output.index), kind

    def _unknown_class(self, draw: st.DrawFn) -> Broken:
        node = choice(draw, self.nodes)
        node.class_type = draw(TEXT.filter(lambda name: name not in self._schema.raw))
        known = self._rules.names_missing_node
        return Broken("missing_node_type" if known else "invalid_prompt", node.node_id)

    def _no_outputs(self, _draw: st.DrawFn) -> Broken:
        self.nodes = [node for node in self.nodes if node not in self._ends]
        return Broken("prompt_no_outputs")


def _give(draw: st.DrawFn, spot: Spot, values: st.SearchStrategy[Any], problem: str) -> Broken:
    return spot.broken(problem, draw(values))


def _without(_draw: st.DrawFn, spot: Spot) -> Broken:
    del spot.node.inputs[spot.name]
    return Broken("required_input_missing", spot.node.node_id, spot.name)


def _circle(_draw: st.DrawFn, spot: Spot, link: Link) -> Broken:
    spot.node.inputs[spot.name] = link
    return Broken("dependency_cycle", spot.node.node_id)


def _below(draw: st.DrawFn, spot: Spot, least: float) -> Broken:
    value = _beyond(least, -draw(_DISTANCES), spot.entry)
    return spot.broken("value_smaller_than_min", value)


def _above(draw: st.DrawFn, spot: Spot, most: float) -> Broken:
    value = _beyond(most, draw(_DISTANCES), spot.entry)
    return spot.broken("value_bigger_than_max", value)


def _beyond(end: float, distance: int, entry: InputSchema) -> int | float:
    """A number that is beyond an end, and that a server's conversion leaves there."""
    if entry.type == "INT":
        return (math.floor(end) if distance < 0 else math.ceil(end)) + distance
    moved = float(end) + distance
    return moved if moved != end else math.nextafter(moved, math.copysign(math.inf, distance))


def _no_choice(spot: Spot) -> st.SearchStrategy[Any]:
    choices = spot.entry.choices or ()
    return TEXT.filter(lambda text: text not in choices)


def _input_type(entry: InputSchema) -> object:
    """The type as a server has it: the list itself for a V1 combo."""
    return list(entry.legacy_choices) if entry.legacy_combo else entry.type
