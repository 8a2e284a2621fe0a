"""How a node is written as a call of its generated class: which arguments, nested how.

A call is found only if a type checker accepts it and the prompt comes out the same: every input
of the class is said, nothing more is, and no value is of a type that the argument does not take.
Inputs that the class does not have are added to the node behind the call. What a function's nodes carry
decides which of them are made by their classes.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..codegen.argument import EXTRA
from ..json_types import is_array, is_number, is_object
from ..schema import InputSchema
from .accepted import ANY, SOCKET, Accepted, python_value
from .node_class import ConstructorParameter, InnerClass, NodeClass, NodeClasses
from .program import WHOLE, Body, CallStep, Local, NodeStep, ParameterUse, Source, sources

_ANY_VALUE: Final = Accepted(anything=True)
_EXTRA: Final[str] = ast.literal_eval(EXTRA)

Carried: TypeAlias = "Callable[[Source], str]"
"""What a source carries: a socket class, `ANY`, or the Python type of a parameter's value."""


@dataclass
class Leaf:
    """The value of one input, under its full wire name; `whole` if it is a number without a
    fraction that must be written as an int.
    """

    wire: str
    whole: bool = False


@dataclass
class Inner:
    """A call of a class within the node's class."""

    path: tuple[str, ...]
    arguments: dict[str, Value] = field(default_factory=dict[str, "Value"])
    source: Leaf | None = None


@dataclass
class ListValue:
    """A list of values."""

    values: list[Value]


@dataclass
class Named:
    """Values by slot name."""

    values: dict[str, Value]


Value: TypeAlias = "Leaf | Inner | ListValue | Named"


@dataclass
class NodeCall:
    """A call of a generated class.

    Attributes:
        node_class: The class.
        arguments: By argument name; those that equal the default are left out.
        outputs: What each output carries.
        extra: The wire names of inputs that the class does not have.
    """

    node_class: NodeClass
    arguments: dict[str, Value]
    outputs: list[str]
    extra: list[str]


class UnfitError(ValueError):
    """The class cannot say this node; never leaves this package."""


def fit(
    step: NodeStep, node_class: NodeClass, classes: NodeClasses, carried: Carried, slots: Iterable[int]
) -> NodeCall | None:
    """The call of a class that makes a node, or None if there is none.

    Args:
        step: The node.
        node_class: Its class.
        classes: All classes of the package.
        carried: What a source carries.
        slots: Which of its outputs are used.
    """
    try:
        return _Fitting(step, node_class, classes, carried).call(slots)
    except UnfitError:
        return None


class _Fitting:
    def __init__(self, step: NodeStep, node_class: NodeClass, classes: NodeClasses, carried: Carried) -> None:
        self.left = dict(step.inputs)
        self._class = node_class
        self._classes = classes
        self._carried = carried
        self._matched: defaultdict[str, set[str]] = defaultdict(set)

    def call(self, slots: Iterable[int]) -> NodeCall:
        outputs = self._class.outputs
        if any(slot >= len(outputs) for slot in slots):
            raise UnfitError
        schema, constructor = self._class.schema, self._class.constructor
        arguments = self.arguments(constructor, schema.inputs, "")
        if self.left:
            arguments |= self._added(constructor, schema.added_inputs)
        variables = {output.carried for output in outputs if output.carried.startswith("_T")}
        found = {name: self._variable(name) for name in sorted({*variables, *self._matched})}
        carried = [found.get(output.carried, output.carried) for output in outputs]
        return NodeCall(self._class, arguments, carried, list(self.left))

    def _variable(self, name: str) -> str:
        """What a type variable stands for, as type checkers find it."""
        linked = self._matched[name]
        if not linked:
            raise UnfitError
        constraints = self._class.constraints(name)
        for constraint in constraints:
            if all(self._classes.may_carry(carried, frozenset({constraint})) for carried in linked):
                return ANY if ANY in linked else constraint
        if constraints:
            raise UnfitError
        if ANY in linked:
            return ANY
        return next(iter(linked)) if len(linked) == 1 else SOCKET

    def arguments(self, inner: InnerClass, entries: Iterable[InputSchema], prefix: str) -> dict[str, Value]:
        """The arguments of a class, for the inputs whose names have that in front."""
        arguments: dict[str, Value] = {}
        for entry in entries:
            parameter = inner.parameters.get(entry.name)
            if parameter is None:
                raise UnfitError
            value = self._argument(parameter, entry, prefix + entry.name)
            if value is not None:
                arguments[parameter.name] = value
        return arguments

    def _added(self, constructor: InnerClass, entries: Iterable[InputSchema]) -> dict[str, Value]:
        """What a pack adds to its nodes, each in its argument or else as extra."""
        arguments: dict[str, Value] = {}
        for name in dict.fromkeys(entry.name for entry in entries if entry.name in self.left):
            parameter = constructor.parameters.get(name)
            if parameter is not None and self._takes(parameter.accepted, name):
                arguments[parameter.name] = self.leaf(parameter.accepted, name, self.left.pop(name))
        extra = constructor.parameters.get(_EXTRA)
        if extra is not None:
            known = [name for name in self.left if self._takes(_ANY_VALUE, name)]
            values: dict[str, Value] = {
                name: self.leaf(_ANY_VALUE, name, self.left.pop(name)) for name in known
            }
            if values:
                arguments[extra.name] = Named(values)
        return arguments

    def _takes(self, accepted: Accepted, name: str) -> bool:
        try:
            self.leaf(accepted, name, self.left[name])
        except UnfitError:
            return False
        return True

    def _argument(self, parameter: ConstructorParameter, entry: InputSchema, name: str) -> Value | None:
        dynamic = entry.dynamic
        found: Value | None = (
            self.plain(parameter, name) if dynamic is None else dynamic.fitted(self, parameter, name)
        )
        return found

    def plain(self, parameter: ConstructorParameter, name: str) -> Value | None:
        """What stands for an input that is like any other; None if it is left out."""
        if name not in self.left:
            if parameter.has_default or not parameter.may_be_left_out:
                raise UnfitError
            return None
        value = self.left.pop(name)
        leaf = self.leaf(parameter.accepted, name, value)
        same = parameter.has_default and _equal(python_value(value), parameter.default)
        return None if same else leaf

    def has(self, name: str) -> bool:
        """Whether an input is given and not said yet."""
        return name in self.left

    def take(self, name: str) -> Any:
        """An input, which is said thereby."""
        return self.left.pop(name)

    def take_below(self, name: str) -> dict[str, Any]:
        """The inputs under a dynamic one, which are said thereby."""
        start = f"{name}."
        found = [key for key in self.left if key.startswith(start)]
        return {key[len(start) :]: self.left.pop(key) for key in found}

    def leaf(self, accepted: Accepted | None, name: str, value: Any) -> Leaf:
        """A value, if an argument takes it."""
        if accepted is None:
            raise UnfitError
        if isinstance(value, (Local, ParameterUse)):
            self._link(accepted, self._carried(value))
            return Leaf(name)
        plain = python_value(value)
        if accepted.value(plain):
            return Leaf(name)
        if isinstance(plain, float) and plain.is_integer() and accepted.value(int(plain)):
            return Leaf(name, whole=True)
        raise UnfitError

    def leaf_of(self, name: str) -> Leaf:
        """The value of an input as it is."""
        return Leaf(name)

    def inner(self, inner: InnerClass, arguments: dict[str, Value], source: Leaf | None = None) -> Inner:
        """A call of a class within the class."""
        return Inner(inner.path, arguments, source)

    def listed(self, values: list[Value]) -> ListValue:
        """A list."""
        return ListValue(values)

    def named(self, values: dict[str, Value]) -> Named:
        """A dictionary."""
        return Named(values)

    def unfit(self) -> UnfitError:
        """The error that says that no call is found."""
        return UnfitError()

    def _link(self, accepted: Accepted, carried: str) -> None:
        if accepted.anything or carried in accepted.types:
            return
        variables = accepted.variables
        for variable in variables:
            self._matched[variable].add(carried)
        if not variables and not self._classes.may_carry(carried, accepted.carried):
            raise UnfitError


def _equal(value: Any, default: Any) -> bool:
    """Whether two JSON values are the same in a prompt: 1 is 1.0, but true is not 1."""
    if is_array(value) and is_array(default):
        return len(value) == len(default) and all(map(_equal, value, default))
    if is_object(value) and is_object(default):
        return value.keys() == default.keys() and all(_equal(value[key], default[key]) for key in value)
    if isinstance(value, bool) or isinstance(default, bool):
        return value is default
    comparable = type(value) is type(default) or (is_number(value) and is_number(default))
    return comparable and bool(value == default)


FROM_COMFYFLOW: Final = frozenset(
    {"Any", "Node", "Output", "RawNode", "foreign_path", "raw_node", "titled", "with_inputs", "workflow"}
)
"""Names that generated source has from elsewhere: a class with that name cannot be used."""

RAW_NODE: Final = "RawNode"
ANY_NODE: Final = "Node"


@dataclass(frozen=True)
class FunctionResult:
    """What a function returns in one place.

    Attributes:
        carried: What the output carries.
        node: The class of the node, where it is a node as a whole; else ``""``.
    """

    carried: str
    node: str = ""


Called: TypeAlias = "Mapping[int, list[FunctionResult]]"
"""The results of functions, by the identity of their bodies."""


@dataclass
class Fitted:
    """A body, and how each of its nodes is made.

    Attributes:
        body: The function.
        parameters: What each parameter carries: a socket class, `ANY`, or a type of Python.
        called: The results of the functions that it calls.
        calls: The call of each node that its class can make; the others are raw nodes.
        uses: How often each slot of each step is used.
    """

    body: Body
    parameters: Mapping[str, str]
    called: Called
    calls: dict[str, NodeCall] = field(default_factory=dict[str, NodeCall])
    uses: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])

    @property
    def results(self) -> list[FunctionResult]:
        """What it returns."""
        return [self.result(result) for result in self.body.results]

    def result(self, source: Local) -> FunctionResult:
        """What a slot of a step is."""
        step = self.body.steps[source.step]
        if isinstance(step, CallStep):
            return self.called[id(step.body)][source.slot]
        made = self.calls.get(source.step)
        if source.slot == WHOLE:
            carried = made.outputs[0] if made is not None and len(made.outputs) == 1 else ANY
            return FunctionResult(carried, RAW_NODE if made is None else _whole_type(made))
        return FunctionResult(made.outputs[source.slot] if made is not None else ANY)

    def carried(self, source: Source) -> str:
        """What a source carries."""
        return self.result(source).carried if isinstance(source, Local) else self.parameters[source.name]


def _whole_type(made: NodeCall) -> str:
    """The annotation of a node: its class, unless that class needs a type argument."""
    return ANY_NODE if made.node_class.has_variables else made.node_class.name


def fit_body(
    body: Body,
    order: Iterable[str],
    classes: NodeClasses,
    parameters: Mapping[str, str],
    called: Called,
) -> Fitted:
    """Find the call of every node of a body.

    Args:
        body: The function.
        order: Its steps, each after what it needs.
        classes: The package's classes.
        parameters: What each parameter carries.
        called: The results of the functions that it calls.
    """
    uses: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for source in (*(one for step in body.steps.values() for one in sources(step)), *body.results):
        if isinstance(source, Local):
            slots = uses[source.step]
            slots[source.slot] = slots.get(source.slot, 0) + 1
    fitted = Fitted(body, parameters, called, uses=dict(uses))
    for key in order:
        step = body.steps[key]
        if isinstance(step, NodeStep):
            node_class = classes.find(step.node.class_type)
            if node_class is not None and node_class.name not in FROM_COMFYFLOW:
                call = fit(step, node_class, classes, fitted.carried, uses[key])
                if call is not None:
                    fitted.calls[key] = call
    return fitted
