"""A graph divided into functions: one for each subgraph, called as often as it is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..graph import ROOT, Graph, GraphNode, Link
from ..graph.walk import sources_first
from ..schema import NodeSchema, Schema
from .accepted import ANY
from .annotation import Annotations
from .name import NameScope, function_name, snake
from .parameter import Chosen, Place
from .program import WHOLE, Body, BodyParameter, CallStep, Local, NodeStep, ParameterUse, Unit
from .text import docstring_text

MAX_DIFFERENCES: Final = 12
"""Uses of a subgraph that differ in more values than this get a function each."""

Carried: TypeAlias = "Callable[[Link], str]"
Typed: TypeAlias = "Callable[[Place, list[Any]], Chosen]"


@dataclass
class _Shared:
    """A function to write, and the units that call it.

    Attributes:
        units: The units; they are alike except for values and for what is linked to them.
        body: The function.
        given: The parameter of each place (a relative id and an input), or None for a constant.
        results: The index of each result (a relative id and a slot).
    """

    units: list[Unit]
    body: Body
    given: dict[Place, str] = field(default_factory=dict[Place, str])
    results: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])


class Division:
    """Divides one graph.

    Args:
        graph: The graph.
        units: Its units, outer ones first.
        schema: The schema of its classes.
        chosen: The values that are parameters of the whole workflow, in their order.
        carried: What an output carries.
        typed: Makes a parameter of a value that differs between the uses of a subgraph.
        annotations: What people call each subgraph and its inputs.
        taken: Names that no function gets.
    """

    def __init__(
        self,
        graph: Graph,
        units: Mapping[str, Unit],
        schema: Schema,
        chosen: Mapping[Place, Chosen],
        carried: Carried,
        typed: Typed,
        annotations: Annotations,
        taken: Iterable[str],
    ) -> None:
        self._graph = graph
        self._units = units
        self._schema = schema
        self._chosen_at: defaultdict[str, list[tuple[int, str, Chosen]]] = defaultdict(list)
        for rank, ((key, name), one) in enumerate(chosen.items()):
            self._chosen_at[key].append((rank, name, one))
        self._carried = carried
        self._typed = typed
        self._annotations = annotations
        self._titles = annotations.subgraphs
        self._taken = set(taken)
        self._names = NameScope(taken)
        self._users: defaultdict[str, list[tuple[str, str, int]]] = defaultdict(list)
        for node_id, node in graph.items():
            for name, link in node.links:
                self._users[link.node_id].append((node_id, name, link.slot))
        self._shared: dict[str, _Shared] = {}

    def program(self, name: str, docstring: str) -> list[Body]:
        """The functions, each before those that call it; the last is the workflow."""
        main = _Shared([self._units[ROOT]], Body(self._names.claim(function_name(name)), docstring))
        groups = [main, *self._groups()]
        for group in groups:
            self._taken.add(group.body.name)
            for unit in group.units:
                self._shared[unit.path] = group
        for group in groups:
            self._take_results(group)
            self._take_parameters(group)
        for group in groups:
            self._fill(group)
        return _callees_first(main.body)

    def _groups(self) -> list[_Shared]:
        """Units that can be one function."""
        alike: defaultdict[Any, list[Unit]] = defaultdict(list)
        for path, unit in self._units.items():
            if path != ROOT:
                alike[self._shape(unit)].append(unit)
        groups: list[_Shared] = []
        for units in alike.values():
            differing = sum(1 for _ in self._differing(units))
            for members in [units] if differing <= MAX_DIFFERENCES else [[unit] for unit in units]:
                title = self._titles.get(members[0].path, "")
                name = self._names.claim(function_name(snake(title) or f"subgraph {members[0].path}"))
                groups.append(
                    _Shared(members, Body(name, _docstring(title, len(members)), unit=members[0].path))
                )
        return groups

    def _shape(self, unit: Unit) -> Any:
        """What two units must have in common: all but values and what is linked to them."""
        inside = set(unit.nodes)
        nodes = tuple(
            (unit.relative(key), node.class_type, node.title, tuple(self._slots(unit, inside, node)))
            for key, node in sorted((key, self._graph[key]) for key in unit.nodes)
        )
        inner = tuple(sorted(unit.relative(path) for path in self._below(unit)))
        return self._titles.get(unit.path), nodes, inner

    def _slots(self, unit: Unit, inside: set[str], node: GraphNode) -> Iterator[tuple[Any, ...]]:
        known: NodeSchema | None = self._schema.get(node.class_type)
        for name, value in node.inputs.items():
            if type(value) is not Link:
                entry = known.by_name.get(name) if known is not None else None
                keyed = (
                    known is None
                    or (entry is not None and entry.is_dynamic and entry.is_choice)
                    or "." in name
                )
                yield name, repr(value) if keyed and isinstance(value, str) else "value"
            elif value.node_id in inside:
                yield name, unit.relative(value.node_id), value.slot
            else:
                yield name, "link"

    def _below(self, unit: Unit) -> Iterator[str]:
        waiting = list(unit.children)
        for path in waiting:
            yield path
            waiting.extend(self._units[path].children)

    def _differing(self, units: list[Unit]) -> Iterator[Place]:
        """The places whose values are not the same in all uses."""
        first = units[0]
        for key in first.nodes if len(units) > 1 else ():
            relative = first.relative(key)
            nodes = [self._graph[unit.absolute(relative)] for unit in units]
            for name, value in nodes[0].inputs.items():
                if type(value) is not Link and any(repr(node.inputs[name]) != repr(value) for node in nodes):
                    yield relative, name

    def _take_results(self, group: _Shared) -> None:
        """What the function returns: what is used outside, and the nodes that are run for."""
        first = group.units[0]
        found: set[tuple[str, int]] = set()
        for unit in group.units:
            inside = set(unit.nodes)
            for key in unit.nodes:
                users = self._users[key]
                relative = unit.relative(key)
                found.update((relative, slot) for user, _, slot in users if user not in inside)
                if not users:
                    found.add((relative, WHOLE))
        places = {first.relative(key): place for place, key in enumerate(first.nodes)}
        ordered = sorted(found, key=lambda result: (result[1] == WHOLE, places[result[0]], result[1]))
        group.results = {result: index for index, result in enumerate(ordered)}

    def _take_parameters(self, group: _Shared) -> None:
        scope = NameScope(self._taken)
        self._take_links(group, scope)
        self._take_chosen(group, scope)
        for place in sorted(set(self._differing(group.units)) - group.given.keys()):
            one = self._typed_values(group, place)
            self._add(group, place, BodyParameter(scope.claim(*one.names), one.type))

    def _take_chosen(self, group: _Shared, scope: NameScope) -> None:
        """A parameter for each value that is one of the whole workflow."""
        chosen: dict[Place, list[tuple[int, Chosen]]] = {}
        for unit in group.units:
            for key in unit.nodes:
                for rank, name, one in self._chosen_at.get(key, ()):
                    chosen.setdefault((unit.relative(key), name), []).append((rank, one))
        is_main = group.units[0].path == ROOT
        known: dict[Any, BodyParameter] = {}
        for place, found in sorted(chosen.items(), key=lambda entry: entry[1][0][0]):
            one = found[0][1]
            same: Any = tuple(other.shared for _, other in found)
            if None in same or len(found) != len(group.units):
                same = place
            if same not in known:
                kind = one.type if len(group.units) == 1 else self._typed_values(group, place).type
                known[same] = BodyParameter(scope.claim(*one.names), kind, one.default, is_main)
            self._add(group, place, known[same])

    def _typed_values(self, group: _Shared, place: Place) -> Chosen:
        """The parameter for a place whose value differs, of a type that takes all of them."""
        relative, name = place
        values = [self._graph[unit.absolute(relative)].inputs[name] for unit in group.units]
        return self._typed((group.units[0].absolute(relative), name), values)

    def _take_links(self, group: _Shared, scope: NameScope) -> None:
        """A parameter for each thing that is linked from outside, to however many inputs."""
        first = group.units[0]
        inside = set(first.nodes)
        found: defaultdict[tuple[Link, ...], list[Place]] = defaultdict(list)
        for key in first.nodes:
            for name, link in self._graph[key].links:
                if link.node_id not in inside:
                    relative = first.relative(key)
                    found[tuple(self._link(unit, relative, name) for unit in group.units)].append(
                        (relative, name)
                    )
        for links, places in found.items():
            carried = {self._carried(link) for link in links}
            labels = [
                self._annotations.inputs.get((first.path, first.absolute(key), name), "")
                for key, name in places
            ]
            inner = [name.rpartition(".")[2] for _, name in places]
            wanted = [name for name in map(snake, [*labels, *inner]) if name]
            parameter = BodyParameter(
                scope.claim(*dict.fromkeys(wanted)), carried=carried.pop() if len(carried) == 1 else ANY
            )
            for place in places:
                self._add(group, place, parameter)

    def _link(self, unit: Unit, relative: str, name: str) -> Link:
        found: Link = self._graph[unit.absolute(relative)].inputs[name]
        return found

    def _add(self, group: _Shared, place: Place, parameter: BodyParameter) -> None:
        group.body.parameters[parameter.name] = parameter
        group.given[place] = parameter.name

    def _fill(self, group: _Shared) -> None:
        """The steps of the function, seen from the first unit that uses it."""
        unit, body = group.units[0], group.body
        owner = {key: key for key in unit.members}
        for child in unit.children:
            owner.update(dict.fromkeys(self._units[child].nodes, child))

        def local(key: str, slot: int) -> Local:
            if owner[key] == key:
                return Local(key, slot)
            child = self._units[owner[key]]
            return Local(call_key(child.path), self._shared[child.path].results[child.relative(key), slot])

        def value(key: str, name: str) -> Any:
            given = group.given.get((unit.relative(key), name))
            if given is not None:
                return ParameterUse(given)
            held = self._graph[key].inputs[name]
            return local(held.node_id, held.slot) if type(held) is Link else held

        for key in unit.members:
            body.steps[key] = NodeStep(
                self._graph[key], {name: value(key, name) for name in self._graph[key].inputs}
            )
        for path in unit.children:
            callee, called = self._units[path], self._shared[path]
            arguments: dict[str, Any] = {}
            for (relative, name), parameter in called.given.items():
                arguments.setdefault(parameter, value(callee.absolute(relative), name))
            body.steps[call_key(path)] = CallStep(called.body, arguments)
        body.results = [local(unit.absolute(relative), slot) for relative, slot in group.results]


def _docstring(title: str, uses: int) -> str:
    shown = docstring_text(title)
    return (
        f"The subgraph {shown}."
        if shown
        else f"A subgraph that is used {'once' if uses == 1 else f'{uses} times'}."
    )


def call_key(path: str) -> str:
    """The key of the step that calls the function of a unit. No node beside it has that id."""
    return f"{path}:()"


def _callees_first(main: Body) -> list[Body]:
    """The functions that a function needs, and itself last."""
    bodies = {id(main): main}

    def callees(key: int) -> Iterator[int]:
        for step in bodies[key].steps.values():
            if isinstance(step, CallStep):
                bodies[id(step.body)] = step.body
                yield id(step.body)

    return [bodies[key] for key in sources_first([id(main)], callees)]
