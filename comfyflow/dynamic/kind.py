"""What every kind of dynamic input has in common, and what the rooms of the package ask of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..bounds import DYNAMIC_NESTING
from ..json_types import is_array, is_object
from ..record import replace

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .room import CallFitting, ConstructorPlan, DrawnArguments, EditorNode, GeneratedArgument, NodeCosts

ReadInputs = Callable[[object], "tuple[InputSchema, ...]"]
"""Reads the inputs in a ``{"required": …, "optional": …}`` object."""

Chosen = tuple[Any, list[tuple[str, "tuple[InputSchema, ...]"]]]
"""What is chosen, and the inputs that are there therefore, with what is in front of their names."""


class DynamicOption(NamedTuple):
    """One choice of an input that a key unfolds, and the inputs that it brings.

    Attributes:
        key: The value that selects it.
        inputs: What it adds, under names that are relative to the combo's.
    """

    key: str
    inputs: tuple[InputSchema, ...]


class GrowthTemplate(NamedTuple):
    """The template of an input that grows: one slot a value.

    Attributes:
        names: The slots' own names, in order: what is behind the dot in a prompt.
        minimum: How many of the first slots must be filled (if the template is required).
        input: What each slot takes; its ``required`` is the template's.
        prefix: What the names start with, or None if the server lists them by hand.
    """

    names: tuple[str, ...]
    minimum: int
    input: InputSchema
    prefix: str | None


class WrongInput(NamedTuple):
    """An ``invalid_dynamic_input`` of a server: the input that it names, and its details."""

    input_name: str
    details: str


class Counterpart(NamedTuple):
    """Inputs that a dynamic input brings, then and now.

    Attributes:
        was: What it brought.
        now: What it brings.
        prefix: What is in front of their names.
        concerns: Whether a node that is given this has them.
    """

    was: tuple[InputSchema, ...]
    now: tuple[InputSchema, ...]
    prefix: str
    concerns: Callable[[Mapping[str, Any]], bool]


class DynamicInput:
    """One kind of dynamic input. An instance is one of these inputs, as a server describes it.

    A kind is one class in one file, and one line in `comfyflow.dynamic`. What is here is an
    input that brings nothing and is like any other.

    Args:
        entry: The input.
        read: Reads the inputs within it.

    Attributes:
        type: The type by which servers name the kind.
        unfolds: Whether it stands for other inputs.
        is_keyed: Whether a key that is typed in chooses what it brings.
        is_template: Whether it is only a template of slots: nothing is in a prompt under its own
            name, and whether it is required tells nothing.
        is_wild: Whether servers take any link from and to its type (0.4 and later).
        value_class: What the classes derive from that a generated class has for it, or ``""``.
        functions: The functions that a generated constructor calls for it.
        widget_since: Since which release of the editor it has a widget, or None if it has none.
    """

    type: ClassVar[str]
    unfolds: ClassVar[bool] = True
    is_keyed: ClassVar[bool] = False
    is_template: ClassVar[bool] = False
    is_wild: ClassVar[bool] = False
    value_class: ClassVar[str] = ""
    functions: ClassVar[tuple[str, ...]] = ()
    widget_since: ClassVar[str | None] = None

    def __init__(self, entry: InputSchema, read: ReadInputs) -> None:
        self.entry: InputSchema = entry
        self._read = read

    # How it is read.

    @cached_property
    def options(self) -> tuple[DynamicOption, ...]:
        """What its keys bring, in the server's order."""
        return ()

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The keys that choose, each once; None if it is not keyed."""
        return tuple(dict.fromkeys(option.key for option in self.options)) if self.is_keyed else None

    @cached_property
    def growth(self) -> GrowthTemplate | None:
        """How it grows, or None if it does not or its template cannot be used."""
        return None

    @cached_property
    def fields(self) -> tuple[InputSchema, ...]:
        """The inputs that are below its own name, or in each of its rows."""
        return ()

    @property
    def inner(self) -> tuple[InputSchema, ...]:
        """Every input within it, whatever is given."""
        return (*(entry for option in self.options for entry in option.inputs), *self.fields)

    @property
    def template_id(self) -> str | None:
        """The id that ties inputs and outputs of one type together, or None."""
        return None

    @property
    def socket_type(self) -> str | None:
        """The type of what may be linked to it, or None if nothing may."""
        return None

    @property
    def compared_type(self) -> str:
        """The type that a server compares a link's with."""
        return self.type

    # How it is unfolded and validated.

    def unfold(self, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
        """The inputs that it stands for, under their full names.

        Args:
            name: Its own full name.
            given: The node's ``inputs`` in a prompt.
            depth: How many dynamic inputs these are in.
        """
        raise NotImplementedError

    def chosen(self, name: str, given: Mapping[str, Any]) -> Chosen:
        """What is chosen (None if nothing is given, False where it is not one of its keys), and
        what is there therefore.
        """
        return (None, [])

    def wrong(self, name: str, given: Mapping[str, Any], depth: int) -> WrongInput | None:
        """What a server finds wrong with the names that are given below it."""
        return None

    # How it is compared with what it was, and reported.

    def counterparts(self, now: DynamicInput, name: str) -> Iterator[Counterpart]:
        """What it brings, beside what the same input brings now.

        Args:
            now: The same input of another server; of the same kind.
            name: Its full name.
        """
        yield from ()

    def parts(self) -> Iterator[tuple[str, tuple[InputSchema, ...]]]:
        """What it consists of: a line that says what, and the inputs that belong to it."""
        for option in self.options:
            yield repr(option.key), option.inputs

    # How a generated class takes it, and how that class is called.

    def argument(self, plan: ConstructorPlan) -> GeneratedArgument:
        """The argument of a generated constructor."""
        return plan.argument([plan.use("AnyValue")])

    def fitted(self, call: CallFitting, parameter: Any, name: str) -> Any:
        """What stands for it in a call of the generated class; None if it is left out.

        Args:
            call: The call, as far as it is written.
            parameter: The argument.
            name: Its full name.
        """
        return call.plain(parameter, name)

    # How strategies draw it.

    def linkable(self) -> Iterator[InputSchema]:
        """The inputs that a link can lead to whatever else the node is given."""
        yield from ()

    def cost(self, costs: NodeCosts, bound: Any, depth: int) -> float:
        """The least number of nodes that it needs once it is given."""
        return costs.of_links(self.entry, bound)

    def drawn(self, arguments: DrawnArguments, name: str) -> list[Any]:
        """Draw what is given for it; the inputs that it brings."""
        arguments.value(self.entry, name)
        return []

    # How the editor's nodes get it.

    def add_socket(self, node: EditorNode, spec: Any) -> None:
        """Add its sockets to a node of the editor."""
        node.socket(spec.name, spec.type)


def read_options(options: Mapping[str, Any], read: ReadInputs) -> tuple[DynamicOption, ...]:
    """The ``options`` of an input that have a key."""
    listed = options.get("options")
    return tuple(
        DynamicOption(option["key"], read(option.get("inputs")))
        for option in (listed if is_array(listed) else ())
        if is_object(option) and isinstance(option.get("key"), str)
    )


def unfold_inputs(
    inputs: Iterable[InputSchema], given: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> Iterator[InputSchema]:
    """The inputs that a node has for these values, under their full dotted names.

    The rules are the server's (``get_finalized_class_inputs`` of 0.4 and later).

    Args:
        inputs: What the node class declares.
        given: The node's ``inputs`` in a prompt; only names, and the keys that choose, matter.
        prefix: The dotted name in front, with its dot.
        depth: How many dynamic inputs this one is in.
    """
    for entry in inputs:
        name = prefix + entry.name
        if not entry.is_dynamic:
            yield entry if not prefix else replace(entry, name=name)
        elif depth < DYNAMIC_NESTING and entry.dynamic is not None:
            yield from entry.dynamic.unfold(name, given, depth + 1)


def wrong_input(
    inputs: Iterable[InputSchema], given: Mapping[str, Any], prefix: str = "", depth: int = 0
) -> WrongInput | None:
    """The first thing that a server finds wrong with the names below a node's dynamic inputs; it
    then looks at nothing else of the node.

    Args:
        inputs: What the node class declares.
        given: What the node is given.
        prefix: The dotted name in front, with its dot.
        depth: How many dynamic inputs these are in.
    """
    for entry in inputs:
        wrong = entry.dynamic.wrong(prefix + entry.name, given, depth) if entry.dynamic is not None else None
        if wrong is not None:
            return wrong
    return None
