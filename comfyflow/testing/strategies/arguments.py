"""The arguments of one node: constants, and which inputs wait for a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from hypothesis import strategies as st

from ...graph import Link
from ...schema import MISSING, DynamicOption, InputSchema, NodeSchema
from ...schema.input_schema import AUTOGROW, DYNAMIC_COMBO, DYNAMIC_GROUP, DYNAMIC_SLOT, Autogrow
from .catalogue import NEVER, Bound, Catalogue, rows_needed

T = TypeVar("T")

MOST_MORE: Final = 4
"""How many slots or rows more than needed an input grows at most."""

_ONE_IN_FOUR: Final = st.integers(0, 3)


class _Entry(NamedTuple):
    """An input under its full name. If it must be given, its least cost is set aside."""

    entry: InputSchema
    name: str
    given: bool


class Demand:
    """An input of a node that waits for its link.

    Attributes:
        input_name: Its full name.
        types: The types that it takes.
        cost: How many nodes are set aside for it.
    """

    __slots__ = ("cost", "input_name", "types")

    def __init__(self, input_name: str, types: tuple[str, ...], cost: float) -> None:
        self.input_name: str = input_name
        self.types: tuple[str, ...] = types
        self.cost: float = cost


class Arguments:
    """What one node is given.

    In half of the nodes everything is as plain as can be: defaults, nothing optional, nothing
    that grows. So graphs shrink, and are drawn quickly.

    Args:
        draw: Hypothesis's.
        catalogue: What can be made.
        bound: What the node's MatchType templates stand for.
        free: How many nodes there may be for it and for what it needs.

    Attributes:
        inputs: By full name, in the server's order; None where a link is waited for.
        demands: The inputs that wait for a link.
        free: How many nodes are left when the demands' are set aside.
    """

    def __init__(self, draw: st.DrawFn, catalogue: Catalogue, bound: Bound, free: float) -> None:
        self.inputs: dict[str, Any] = {}
        self.demands: list[Demand] = []
        self.free: float = free
        self._draw = draw
        self._catalogue = catalogue
        self._bound = bound
        self._rich = False
        self._linked: Mapping[str, Link] = {}

    def fill(self, node: NodeSchema, linked: Mapping[str, Link]) -> None:
        """Draw all arguments of a node.

        Args:
            node: Its class.
            linked: Inputs, by full name, that are linked already.
        """
        self._linked = linked
        self._rich = self._draw(st.booleans())
        spared = sum(self._catalogue.spared(node, name, self._bound) for name in linked)
        self.free -= self._catalogue.cost_of_node(node, self._bound) - spared
        stack = [_Entry(entry, entry.name, entry.required) for entry in reversed(node.inputs)]
        while stack:
            stack.extend(reversed(self._fill(*stack.pop())))

    def _fill(self, entry: InputSchema, name: str, given: bool) -> list[_Entry]:
        """Draw one input; the inputs that it brings."""
        if entry.type == AUTOGROW:
            return [] if entry.autogrow is None else self._slots(entry.autogrow, name)
        if name in self._linked:
            self.inputs[name] = self._linked[name]
            return []
        if not given and not self._wanted(entry):
            return []
        if entry.type == DYNAMIC_COMBO:
            return self._option(entry, name)
        if entry.type == DYNAMIC_GROUP:
            return self._rows(entry, name)
        if entry.type == DYNAMIC_SLOT:
            self._demand(entry, name)
            return [_Entry(inner, f"{name}.{inner.name}", inner.required) for inner in entry.slot_inputs]
        self._value(entry, name)
        return []

    def _wanted(self, entry: InputSchema) -> bool:
        """Whether something that could be left out is given; if so, its cost is set aside."""
        if not self._rich:
            return False
        cost = self._cost(entry)
        if cost > self.free or not self._draw(st.booleans()):
            return False
        self.free -= cost
        return True

    def _cost(self, entry: InputSchema) -> float:
        return self._catalogue.cost_of_given(entry, self._bound)

    def _value(self, entry: InputSchema, name: str) -> None:
        widget = self._catalogue.widget(entry)
        if widget is None:
            self._demand(entry, name)
            return
        types = self._catalogue.accepted(entry, self._bound)
        cost = self._catalogue.cost_of_types(types)
        if cost <= self.free and (self._catalogue.is_socket(entry) or self._linked_by_choice()):
            self.free -= cost
            self._demand(entry, name)
        elif not self._rich and widget.plain is not MISSING:
            self.inputs[name] = widget.plain
        else:
            self.inputs[name] = self._draw(widget.values)

    def _linked_by_choice(self) -> bool:
        return self._rich and self._draw(_ONE_IN_FOUR) == 3

    def _demand(self, entry: InputSchema, name: str) -> None:
        types = self._catalogue.accepted(entry, self._bound)
        self.inputs[name] = None
        self.demands.append(Demand(name, types, self._catalogue.cost_of_types(types)))

    def _option(self, entry: InputSchema, name: str) -> list[_Entry]:
        set_aside = self._cost(entry)
        limit = self.free + set_aside
        costs = [(option, self._cost_of(option)) for option in entry.dynamic_options]
        usable = [(option, cost) for option, cost in costs if cost <= limit]
        usable = usable or [min(costs, key=lambda each: each[1])]
        option, cost = choice(self._draw, usable) if self._rich else usable[0]
        self.free += set_aside - cost
        self.inputs[name] = option.key
        return [_Entry(inner, f"{name}.{inner.name}", inner.required) for inner in option.inputs]

    def _cost_of(self, option: DynamicOption) -> float:
        return self._catalogue.cost_of_inputs(option.inputs, self._bound)

    def _slots(self, grown: Autogrow, name: str) -> list[_Entry]:
        names = [f"{name}.{slot}" for slot in grown.names]
        needed = min(max(grown.minimum, 0), len(names)) if grown.input.required else 0
        linked = max((index + 1 for index, each in enumerate(names) if each in self._linked), default=0)
        count = max(needed, linked)
        count += self._more(len(names) - count, self._cost(grown.input))
        return [_Entry(grown.input, each, True) for each in names[:count]]

    def _rows(self, entry: InputSchema, name: str) -> list[_Entry]:
        needed = rows_needed(entry)
        most = entry.options.get("max")
        room = most - needed if isinstance(most, int) else MOST_MORE
        count = needed + self._more(room, self._catalogue.cost_of_inputs(entry.group, self._bound))
        return [
            _Entry(field, f"{name}.{row}.{field.name}", field.required)
            for row in range(count)
            for field in entry.group
        ]

    def _more(self, room: int, cost: float) -> int:
        """How many more of something than needed; their cost is set aside."""
        most = min(room, MOST_MORE)
        if cost == NEVER:
            return 0
        if cost > 0:
            most = min(most, int(max(self.free, 0) // cost))
        if not self._rich or most < 1:
            return 0
        more = self._draw(_index(most + 1))
        self.free -= more * cost
        return more


def choice(draw: st.DrawFn, choices: Sequence[T]) -> T:
    """One of them; the first is the simplest."""
    return choices[0] if len(choices) == 1 else choices[draw(_index(len(choices)))]


@lru_cache(maxsize=4096)
def _index(length: int) -> st.SearchStrategy[int]:
    return st.integers(0, length - 1)
