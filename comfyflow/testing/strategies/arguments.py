"""The arguments of one node: constants, and which inputs wait for a link; and strategies for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from hypothesis import strategies as st

from ...errors import SchemaError
from ...graph import Link
from ...node import Output, raw_node
from ...schema import MISSING, DynamicOption, InputSchema, NodeSchema, Schema
from ...schema.input_schema import ANY
from .vocabulary import EVERY, NEVER, Bound, Vocabulary

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
        vocabulary: What can be made.
        bound: What the node's templates stand for whose inputs are of one type.
        free: How many nodes there may be for it and for what it needs.

    Attributes:
        inputs: By full name, in the server's order; None if a link is waited for.
        demands: The inputs that wait for a link.
        free: How many nodes are left when the demands' are set aside.
    """

    def __init__(self, draw: st.DrawFn, vocabulary: Vocabulary, bound: Bound, free: float) -> None:
        self.inputs: dict[str, Any] = {}
        self.demands: list[Demand] = []
        self.free: float = free
        self._draw = draw
        self._vocabulary = vocabulary
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
        spared = sum(self._vocabulary.spared(node, name, self._bound) for name in linked)
        self.free -= self._vocabulary.cost_of_node(node, self._bound) - spared
        stack = [_Entry(entry, entry.name, entry.required) for entry in reversed(node.inputs)]
        while stack:
            stack.extend(reversed(self._fill(*stack.pop())))

    def _fill(self, entry: InputSchema, name: str, given: bool) -> list[_Entry]:
        """Draw one input; the inputs that it brings."""
        dynamic = entry.dynamic
        if dynamic is not None and dynamic.is_template:
            return dynamic.drawn(self, name)
        if name in self._linked:
            self.inputs[name] = self._linked[name]
            return []
        if not given and not self._wanted(entry):
            return []
        if dynamic is not None:
            return dynamic.drawn(self, name)
        self.value(entry, name)
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
        return self._vocabulary.of_given(entry, self._bound)

    def value(self, entry: InputSchema, name: str) -> None:
        """Draw a constant or a link."""
        widget = self._vocabulary.widget(entry)
        if widget is None:
            self.link(entry, name)
            return
        types = self._vocabulary.accepted(entry, self._bound)
        cost = self._vocabulary.cost_of_types(types)
        if cost <= self.free and (self._vocabulary.is_socket(entry) or self._linked_by_choice()):
            self.free -= cost
            self.link(entry, name)
        elif not self._rich and widget.plain is not MISSING:
            self.inputs[name] = widget.plain
        else:
            self.inputs[name] = self._draw(widget.values)

    def _linked_by_choice(self) -> bool:
        return self._rich and self._draw(_ONE_IN_FOUR) == 3

    def link(self, entry: InputSchema, name: str) -> None:
        """Ask for a link."""
        types = self._vocabulary.accepted(entry, self._bound)
        self.inputs[name] = None
        self.demands.append(Demand(name, types, self._vocabulary.cost_of_types(types)))

    def is_linked(self, name: str) -> bool:
        """Whether an input is linked already."""
        return name in self._linked

    def given(self, entry: InputSchema, name: str) -> _Entry:
        """An input that is drawn and not left out."""
        return _Entry(entry, name, True)

    def below(self, name: str, entries: Iterable[InputSchema]) -> list[_Entry]:
        """Inputs to draw below a name."""
        return [_Entry(entry, f"{name}.{entry.name}", entry.required) for entry in entries]

    def option(self, entry: InputSchema, options: Sequence[DynamicOption]) -> DynamicOption:
        """One of the options that there are enough nodes for."""
        set_aside = self._cost(entry)
        limit = self.free + set_aside
        costs = [(option, self._vocabulary.of_inputs(option.inputs, self._bound)) for option in options]
        usable = [(option, cost) for option, cost in costs if cost <= limit]
        usable = usable or [min(costs, key=lambda each: each[1])]
        option, cost = choice(self._draw, usable) if self._rich else usable[0]
        self.free += set_aside - cost
        return option

    def more(self, room: int | None, entries: Iterable[InputSchema]) -> int:
        """How many more rows of inputs than needed; their cost is set aside."""
        most = MOST_MORE if room is None else room
        return self._more(most, self._vocabulary.of_inputs(entries, self._bound))

    def more_slots(self, room: int, entry: InputSchema) -> int:
        """How many more slots than needed; their cost is set aside."""
        return self._more(room, self._cost(entry))

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


_PLENTY: Final = 1_000_000


def node_inputs(
    node: NodeSchema,
    links: Callable[[tuple[str, ...]], st.SearchStrategy[Any]] | None = None,
    values: Mapping[str, st.SearchStrategy[Any]] | None = None,
) -> st.SearchStrategy[dict[str, Any]]:
    """What a node of a class can be given, by wire name: ``raw_node(node.class_type, inputs)``.

    Args:
        node: The class.
        links: Draws what a socket of some types is linked to; ``("*",)`` for any type. By
            default, the first output of a raw node whose class is called as the type.
        values: By input, what is given there in place of all that the schema allows.

    Raises:
        SchemaError: An input can be given nothing: a list of files without a file, a range with
            nothing in it.
    """
    vocabulary = _OneNode(node, values or {})
    if vocabulary.cost_of_node(node, {}) == NEVER:
        names = [entry.name for entry in node.inputs if vocabulary.of_input(entry, {}) == NEVER]
        raise SchemaError(f"{node.class_type}: nothing fits {', '.join(map(repr, names))}")
    return _inputs(vocabulary, node, links or _any_output)


@st.composite
def _inputs(
    draw: st.DrawFn,
    vocabulary: Vocabulary,
    node: NodeSchema,
    links: Callable[[tuple[str, ...]], st.SearchStrategy[Any]],
) -> dict[str, Any]:
    arguments = Arguments(draw, vocabulary, {}, _PLENTY)
    arguments.fill(node, {})
    for demand in arguments.demands:
        arguments.inputs[demand.input_name] = draw(links(_named(demand.types)))
    return arguments.inputs


class _OneNode(Vocabulary):
    """One class, for which every link can be made."""

    def __init__(self, node: NodeSchema, values: Mapping[str, st.SearchStrategy[Any]]) -> None:
        schema = Schema({node.class_type: node.raw})
        super().__init__(schema, values={node.class_type: values})

    def cost_of_types(self, types: Iterable[str]) -> float:
        return 0 if tuple(types) else NEVER


def _named(types: tuple[str, ...]) -> tuple[str, ...]:
    """The types of a socket as a schema writes them."""
    return (ANY,) if EVERY in types else tuple(kind for kind in types if kind != ANY)


def _any_output(types: tuple[str, ...]) -> st.SearchStrategy[Output[Any]]:
    return st.builds(lambda: raw_node(types[0])[0])
