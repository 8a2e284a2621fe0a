"""What can be made of a schema: which nodes, at what least cost, and what can be before and
behind them. Found once for a schema, so that drawing only chooses.

The cost of a node is the number of nodes of the smallest tree that gives it all it needs.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from hypothesis import strategies as st

from ...bounds import DYNAMIC_NESTING
from ...dynamic import is_wild
from ...errors import SchemaError
from ...schema import InputSchema, NodeSchema, OutputSchema, Schema
from ...schema.input_schema import ANY
from ...validate.rules import ServerRules
from .constant import EXACT_TYPES, Constants, constants_of, core_exact_types, core_values

NEVER: Final = math.inf
"""The cost of what cannot be made."""

EVERY: Final = "output of any type"
"""Stands among the types that an input takes where it takes every output."""

DECLARED: Final = "declared "
"""Before a type: an output is declared to be of it, and stands for it by no template."""

Bound = Mapping[str, str]
"""The type that each template of a node stands for whose inputs are of one type."""

Choose = Callable[[NodeSchema], bool]

GivenValues = Mapping[str, Mapping[str, st.SearchStrategy[Any]]]
"""Class, input: its values."""


@dataclass(frozen=True)
class LinkOrigin:
    """An output of a node class that a link can start from.

    Attributes:
        cost: The least number of nodes that it takes.
        class_type: The class.
        slot: The output.
        bound: What its templates must stand for, so that the output has the wanted type.
    """

    cost: float
    class_type: str
    slot: int
    bound: Bound


@dataclass(frozen=True)
class LinkTarget:
    """An input of a node class that a link of some type can lead to.

    Attributes:
        cost: The least number of nodes from the link to the end of an output node.
        class_type: The class.
        input_name: The input's full name.
        bound: What its templates must stand for.
    """

    cost: float
    class_type: str
    input_name: str
    bound: Bound


class Vocabulary:
    """What can be made of a schema.

    Args:
        schema: The schema.
        choose: Says which node classes may be used; by default, all.
        values: What some inputs, by class and name, are given in place of all that the schema
            allows. Nothing is linked to them.
        largest: The largest number that is given where it need not be larger.
    """

    def __init__(
        self,
        schema: Schema,
        choose: Choose | None = None,
        values: GivenValues | None = None,
        largest: int | None = None,
    ) -> None:
        self.schema = schema
        self._largest = largest
        self.nodes: dict[str, NodeSchema] = {
            name: node for name, node in schema.items() if choose is None or choose(node)
        }
        self._rules = ServerRules(schema.version)
        self.wild: Final = self._rules.wild_outputs
        self._linkable: dict[str, tuple[InputSchema, ...]] = {}
        self._widgets: dict[int, tuple[InputSchema, Constants | None]] = {}
        self._fixed: set[int] = set()
        self._exact: set[int] = set()
        self._fix(values or {})
        self._by_types: dict[tuple[str, ...], list[LinkOrigin]] = {}
        self._targets: dict[str, list[LinkTarget]] = {}
        self.type_costs: dict[str, float] = {}
        self.costs: dict[str, float] = {}
        self._find_costs()
        self.ends: dict[str, float] = {}
        self._find_ends()

    def _fix(self, values: GivenValues) -> None:
        for name, node in self.nodes.items():
            fixed = {**core_values(node), **values.get(name, {})}
            exact = core_exact_types(node)
            for entry in node.inputs:
                if entry.name in exact:
                    self._exact.add(id(entry))
                if entry.name in fixed:
                    self._widgets[id(entry)] = entry, Constants(fixed[entry.name])
                    self._fixed.add(id(entry))

    def widget(self, entry: InputSchema) -> Constants | None:
        """The constants of an input, found once; None for a socket."""
        known = self._widgets.get(id(entry))
        if known is None or known[0] is not entry:
            known = entry, constants_of(entry, self.schema.files_known, self._largest)
            self._widgets[id(entry)] = known
        return known[1]

    def linkable(self, node: NodeSchema) -> tuple[InputSchema, ...]:
        """The inputs of a class that a link can lead to whatever else it is given."""
        known = self._linkable.get(node.class_type)
        if known is None:
            known = self._linkable[node.class_type] = tuple(_linkable_inputs(node))
        return known

    def templates(self, node: NodeSchema) -> list[str]:
        """The templates of a node class whose inputs are of one type."""
        inputs = [entry.match_template for entry in self.linkable(node)]
        outputs = [output.match_template for output in node.outputs]
        return list(dict.fromkeys(name for name in [*inputs, *outputs] if name is not None))

    def is_socket(self, entry: InputSchema) -> bool:
        """Whether an input must be linked rather than typed in, if that can be done."""
        return bool(entry.options.get("forceInput")) or self.widget(entry) is None

    def accepted(self, entry: InputSchema, bound: Bound) -> tuple[str, ...]:
        """The types of outputs that an input takes, sorted; ``(EVERY,)`` for all.

        The type ``*`` among others is that of an output that says nothing of what it gives: all
        servers since 0.4 take it anywhere, except for nodes that look at the type themselves. Before
        0.8, ``*`` as a member of a union is a type like any other.

        Empty if no link is drawn to it: a choice, or an input without a socket. What an
        input takes that unfolds is not its ``slotType``: 0.27.0 compares a link with its type
        itself, so that only an output of type ``*`` fits.
        """
        if entry.is_combo or entry.options.get("socketless") or id(entry) in self._fixed:
            return ()
        if is_wild(entry.type):
            wanted = bound.get(entry.match_template or "") or entry.match_types
        else:
            wanted = entry.type
        types = {part.strip() for part in wanted.split(",")}
        if wanted == ANY or (ANY in types and self._rules.checks_combos):
            return (EVERY,)
        if id(entry) in self._exact:
            return tuple(sorted(f"{DECLARED}{kind}" for kind in types))
        if self.wild:
            types.add(ANY)
        return tuple(sorted(types))

    def cost_of_types(self, types: Iterable[str]) -> float:
        """The least number of nodes that give one of these types."""
        return min((self._cost_of_type(kind) for kind in types), default=NEVER)

    def _cost_of_type(self, kind: str) -> float:
        if kind == EVERY:
            return min(self.type_costs.values(), default=NEVER)
        return self.type_costs.get(kind, NEVER)

    def of_inputs(self, entries: Iterable[InputSchema], bound: Bound, depth: int = 0) -> float:
        """The least number of nodes that these inputs need."""
        return sum(self.of_input(entry, bound, depth) for entry in entries)

    def of_input(self, entry: InputSchema, bound: Bound, depth: int = 0) -> float:
        """The least number of nodes that an input needs; 0 where it can be left out."""
        if depth > DYNAMIC_NESTING:
            return NEVER
        if entry.dynamic is not None and entry.dynamic.is_template:
            return entry.dynamic.cost(self, bound, depth)
        return self.of_given(entry, bound, depth) if entry.required else 0

    def of_given(self, entry: InputSchema, bound: Bound, depth: int = 0) -> float:
        """The least number of nodes that an input needs that is not left out."""
        if entry.is_dynamic and entry.dynamic is not None and not entry.dynamic.is_template:
            return entry.dynamic.cost(self, bound, depth)
        return 0 if self.widget(entry) is not None else self.of_links(entry, bound)

    def of_links(self, entry: InputSchema, bound: Bound) -> float:
        """The least number of nodes that give what an input takes."""
        return self.cost_of_types(self.accepted(entry, bound))

    @property
    def never(self) -> float:
        """The cost of what cannot be given."""
        return NEVER

    def cost_of_node(self, node: NodeSchema, bound: Bound) -> float:
        """The least number of nodes of a tree that ends in a node of this class."""
        return 1 + self.of_inputs(node.inputs, bound)

    def _find_costs(self) -> None:
        """The least fixed point: costs only fall, each round looks one node farther."""
        changed = True
        while changed:
            changed = False
            for name, node in self.nodes.items():
                cost = self.cost_of_node(node, {})
                if cost >= self.costs.get(name, NEVER):
                    continue
                self.costs[name] = cost
                for output in node.outputs:
                    for kind in output_types(output, {}):
                        if cost < self.type_costs.get(kind, NEVER):
                            self.type_costs[kind] = cost
                            changed = True

    def _find_ends(self) -> None:
        """For each class, how many nodes it takes from its outputs to the end of an output
        node, and the same for each type of link.
        """
        self.link_ends: dict[str, float] = {}
        makeable = [(name, self.nodes[name]) for name in self.costs]
        for name, node in makeable:
            if node.is_output_node:
                self.ends[name] = 0
        changed = True
        while changed:
            changed = self._find_link_ends(makeable)
            for name, node in makeable:
                cost = min(
                    (self.cost_bound(node, bound, True) for bound in self._bindings(node)), default=NEVER
                )
                if cost - self.costs[name] < self.ends.get(name, NEVER):
                    self.ends[name] = cost - self.costs[name]
                    changed = True

    def _find_link_ends(self, makeable: Iterable[tuple[str, NodeSchema]]) -> bool:
        changed = False
        for name, node in makeable:
            end = self.ends.get(name, NEVER)
            if end == NEVER:
                continue
            for entry in self.linkable(node):
                for kind in self.accepted(entry, {}):
                    if is_wild(entry.type) and kind == EVERY:
                        continue  # what it costs depends on the type: `targets` knows
                    cost = self.costs[name] - self._spared(entry, {}) + end
                    if cost < self.link_ends.get(kind, NEVER):
                        self.link_ends[kind] = cost
                        changed = True
        return changed

    def link_end(self, kind: str) -> float:
        """The least number of nodes from a link of some type to the end of an output node."""
        return min(self.link_ends.get(kind, NEVER), self.link_ends.get(EVERY, NEVER))

    def spared(self, node: NodeSchema, name: str, bound: Bound) -> float:
        """What a node costs less because the input of this name is linked already."""
        return sum(self._spared(entry, bound) for entry in self.linkable(node) if entry.name == name)

    def cost_bound(self, node: NodeSchema, bound: Bound, to_the_end: bool) -> float:
        """The cost of a node whose templates stand for these types, and of the way to the end."""
        cost = self.cost_of_node(node, bound)
        return cost + self.end_of(node, bound) if to_the_end else cost

    def _spared(self, entry: InputSchema, bound: Bound) -> float:
        return self.of_input(entry, bound) if entry.required else 0

    def _bindings(self, node: NodeSchema) -> Iterator[Bound]:
        """What the templates of a node can stand for; several are tried with one type each."""
        names = self.templates(node)
        if not names:
            yield {}
        for name in names:
            for kind in self.types_of_template(node, name):
                yield {name: kind}

    def types_of_template(self, node: NodeSchema, template: str) -> list[str]:
        """The types that a template of a node can stand for, the cheapest first."""
        allowed: set[str] | None = None
        for entry in self.linkable(node):
            if entry.match_template == template:
                kinds = set(self.accepted(entry, {}))
                if EVERY not in kinds:
                    allowed = kinds if allowed is None else allowed & kinds
        known = (
            kind
            for kind in self.type_costs
            if kind != ANY and not is_wild(kind) and not kind.startswith(DECLARED)
        )
        usable = (kind for kind in known if allowed is None or kind in allowed)
        return sorted(usable, key=lambda kind: (self.type_costs[kind], kind))

    @cached_property
    def _sources(self) -> Mapping[str, list[LinkOrigin]]:
        """The outputs of each type. Outputs of a template are under every type that it can be
        for.
        """
        found: defaultdict[str, list[LinkOrigin]] = defaultdict(list)
        for name, cost in self.costs.items():
            node = self.nodes[name]
            for output in node.outputs:
                for kind in output_types(output, {}):
                    found[kind].append(LinkOrigin(cost, name, output.index, {}))
                if output.match_template is not None:
                    for kind in self.types_of_template(node, output.match_template):
                        bound = {output.match_template: kind}
                        matched = self.cost_of_node(node, bound)
                        if matched < NEVER:
                            found[kind].append(LinkOrigin(matched, name, output.index, bound))
        return found

    def sources(self, types: tuple[str, ...]) -> list[LinkOrigin]:
        """The outputs that can be linked to an input that takes these types, cheapest first."""
        known = self._by_types.get(types)
        if known is None:
            wanted = self._sources if EVERY in types else types
            unique = {
                (source.class_type, source.slot, *source.bound.values()): source
                for kind in wanted
                for source in self._sources.get(kind, ())
            }
            known = sorted(unique.values(), key=lambda source: (source.cost, source.class_type, source.slot))
            self._by_types[types] = known
        return known

    @cached_property
    def _inputs_by_type(self) -> Mapping[str, list[tuple[str, InputSchema]]]:
        found: defaultdict[str, list[tuple[str, InputSchema]]] = defaultdict(list)
        for name in self.costs:
            if self.ends.get(name, NEVER) < NEVER:
                for entry in self.linkable(self.nodes[name]):
                    for kind in self.accepted(entry, {}):
                        found[kind].append((name, entry))
        return found

    def targets(self, kind: str) -> list[LinkTarget]:
        """The inputs that a link of this type can lead to, the nearest to an end first."""
        known = self._targets.get(kind)
        if known is None:
            found = {
                (name, entry.name): target
                for each in ((kind,) if kind.startswith(DECLARED) else (kind, EVERY))
                for name, entry in self._inputs_by_type.get(each, ())
                if (target := self._target(name, entry, kind)).cost < NEVER
            }
            known = sorted(
                found.values(), key=lambda target: (target.cost, target.class_type, target.input_name)
            )
            self._targets[kind] = known
        return known

    def _target(self, name: str, entry: InputSchema, kind: str) -> LinkTarget:
        node = self.nodes[name]
        template = entry.match_template
        if template is None:
            return LinkTarget(
                self.costs[name] - self._spared(entry, {}) + self.ends[name], name, entry.name, {}
            )
        bound = {template: kind}
        cost = self.cost_of_node(node, bound) - self._spared(entry, bound) + self.end_of(node, bound)
        return LinkTarget(cost, name, entry.name, bound)

    def end_of(self, node: NodeSchema, bound: Bound) -> float:
        """How many nodes it takes from a node to the end of an output node, at least."""
        if node.is_output_node:
            return 0
        kinds = (kind for output in node.outputs for kind in output_types(output, bound))
        return min((self.link_end(kind) for kind in kinds), default=NEVER)


class Pool:
    """The node classes that can be in a graph, those that need least first.

    Args:
        vocabulary: What can be made.

    Raises:
        SchemaError: Nothing can.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        totals = {name: cost + vocabulary.ends.get(name, NEVER) for name, cost in vocabulary.costs.items()}
        found = sorted((total, name) for name, total in totals.items() if total < NEVER)
        if not found:
            raise SchemaError(
                f"cannot generate workflows from {vocabulary.schema!r}: no output node's inputs can be filled"
            )
        self.totals: Final = [int(total) for total, _ in found]
        self.names: Final = [name for _, name in found]

    def affordable(self, free: float) -> list[str]:
        """The classes that a number of nodes suffices for."""
        return self.names[: bisect_right(self.totals, free)]


def output_types(output: OutputSchema, bound: Bound) -> tuple[str, ...]:
    """The types of an output; none if it gives a choice or its template is not bound.

    A type that some node looks at itself is there a second time, marked as declared.
    """
    if output.match_template is not None:
        kind = bound.get(output.match_template)
        return () if kind is None else (kind,)
    if output.choices is not None or output.is_wild:
        return ()
    types = [part.strip() for part in output.type.split(",")]
    return (*types, *(f"{DECLARED}{kind}" for kind in types if kind in EXACT_TYPES))


def _linkable_inputs(node: NodeSchema) -> Iterator[InputSchema]:
    """The inputs of a class that a link can lead to whatever else it is given, under their full
    names: its own, and the first slot of each that grows.
    """
    for entry in node.inputs:
        if entry.dynamic is None:
            yield entry
        else:
            yield from entry.dynamic.linkable()
