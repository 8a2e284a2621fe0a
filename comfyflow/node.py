"""The base classes of generated nodes, and what users hold while they build a graph.

An `Output` is something that a link can start from. `OutputSlot` makes a node's outputs
its attributes. `Node` is one node with its inputs; `SingleOutputNode` is its own output,
`MultiOutputNode` can be unpacked, `OutputNode` produces files or text when it runs. Only the
standard library is imported here: every generated module imports this one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeAlias, TypeGuard, TypeVar, overload
from weakref import ref

from .dynamic_input import DynamicValue, Extra, shown_argument, without_none
from .errors import NodeUsageError
from .located import Located, code_at
from .nearest import did_you_mean
from .problem import Place

if TYPE_CHECKING:
    from typing_extensions import Never, Self, TypeVarTuple, Unpack

    Ts = TypeVarTuple("Ts")

T_co = TypeVar("T_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)
NodeT = TypeVar("NodeT", bound="Node")


class Output(Generic[T_co]):
    """An output of a node, which can be linked to an input of type ``T_co``.

    A node with one output is itself an `Output` and can be passed wherever that output is expected.
    """

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise NodeUsageError(
            f"{_name(self)} has no truth value while the graph is being built: its value is known only "
            "when the server runs it. To choose at run time, use a switch node; to test whether "
            "an argument was given, write `is not None`."
        )

    if not TYPE_CHECKING:

        def __iter__(self):
            raise NodeUsageError(
                f"{_name(self)} is a single output and cannot be unpacked or iterated over; use it directly"
            )

        def __getattr__(self, name):
            if name in _Slot.__slots__:  # it is being copied, and has nothing yet
                raise AttributeError(name)
            raise AttributeError(f"{_name(self)} is an output and has no attribute {name!r}")


class _Slot(Output[T_co]):
    """The output in one slot of a node."""

    __slots__ = ("__weakref__", "_node", "_slot")

    def __init__(self, node: Node, slot: int) -> None:
        self._node = node
        self._slot = slot

    def __eq__(self, other: object) -> bool:
        return type(other) is _Slot and other._node is self._node and other._slot == self._slot

    def __hash__(self) -> int:
        return hash((id(self._node), self._slot))

    def __repr__(self) -> str:
        return f"<{_name(self)}>"


def _no_slot() -> None:
    return None


class OutputSlot(Generic[T_co]):
    """Makes an output an attribute of its node class.

    Args:
        slot: The index of the output, as links count it.
    """

    __slots__ = ("_last", "_name", "_slot")

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._name = ""
        self._last: Callable[[], _Slot[Any] | None] = _no_slot

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, node: None, owner: type) -> OutputSlot[T_co]: ...

    @overload
    def __get__(self, node: object, owner: type) -> Output[T_co]: ...

    def __get__(self, node: Any, owner: type) -> Any:
        if node is None:
            return self
        # A large graph reads the outputs of its loaders again and again: one object serves them all.
        last = self._last()
        if last is not None and last._node is node:
            return last
        output: _Slot[Any] = _Slot(node, self._slot)
        self._last = ref(output)
        return output

    def __set__(self, node: object, value: Never) -> None:
        raise NodeUsageError(
            f"{type(node).__name__}.{self._name} is an output and cannot be assigned; "
            "pass values when you create the node"
        )

    def __repr__(self) -> str:
        return f"<output {self._name!r} of slot {self._slot}; read it from a node, not from the class>"


AnyValue: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | Output[Any]
"""What an input of any type accepts: a JSON value or an output, but not a node with several
outputs or a class."""


class _Marks:
    """Settings made on a node after it was created; few nodes have any."""

    __slots__ = ("bypassed", "node_id", "title")

    def __init__(self) -> None:
        self.title: str | None = None
        self.node_id: str | None = None
        self.bypassed = False

    def copy(self) -> _Marks:
        """Separate marks, for a copy of the node."""
        made = _Marks()
        made.title, made.node_id, made.bypassed = self.title, self.node_id, self.bypassed
        return made


class Node(Located):
    """One node of a graph: a node class of the server and its inputs.

    Its public attributes are its outputs, under the server's names. Operations on a node are
    functions: `titled`, `with_id`, `with_inputs`, `bypassed`.
    """

    if not TYPE_CHECKING:  # a type checker would see a clash with the tuple of MultiOutputNode
        __slots__ = ("__weakref__", "_code", "_inputs", "_instruction", "_marks")

    _class_type: ClassVar[str] = ""
    """The exact name of the class on the server."""
    _display_name: ClassVar[str] = ""
    """Its name in the editor: the title of a node without one."""
    _output_types: ClassVar[tuple[str, ...]] = ()
    """The server's type of each output, by slot."""

    _inputs: dict[str, Any]
    _code: CodeType
    _instruction: int
    _marks: _Marks | None

    def _make(self, inputs: dict[str, Any], left_out: tuple[str, ...] = ()) -> None:
        """Store the constructor's arguments.

        Args:
            inputs: Values by wire name; they become the node's own. A dynamic value is unfolded
                into dotted names.
            left_out: Names of optional inputs that None leaves out.

        Raises:
            NodeUsageError: A value is a class, or a node with several outputs.
        """
        frame = sys._getframe(2)
        self._code = frame.f_code
        self._instruction = frame.f_lasti
        self._marks = None
        if left_out:
            without_none(inputs, left_out)
        for value in inputs.values():
            if type(value) not in _PLAIN and not isinstance(value, Output):
                inputs = dict(_unfold(self, inputs))
                break
        self._inputs = inputs

    def __repr__(self) -> str:
        return f"<{self._class_type} made at {place_of(self)}>"

    def __copy__(self) -> Self:
        made = super().__copy__()
        if self._marks is not None:
            made._marks = self._marks.copy()
        return made

    def _pickled(self) -> Mapping[str, Any]:
        return {"_code": place_of(self)}

    def __setstate__(self, fields: Mapping[str, Any]) -> None:
        super().__setstate__(fields)
        place: object = self._code
        if isinstance(place, Place):
            self._code, self._instruction = code_at(place), -1

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            names = [key for key in dir(type(self)) if not key.startswith("_")]
            if name in _SLOTS:
                raise AttributeError(f"{type(self).__name__} was not created by its constructor")
            hint = did_you_mean(name, names, f"its outputs are: {', '.join(names) or 'none'}")
            raise AttributeError(f"{type(self).__name__} has no output {name!r}; {hint}")


_SLOTS = frozenset({"__weakref__", "_code", "_inputs", "_instruction", "_marks"})


class SingleOutputNode(Node, Output[T_co]):
    """A node with one output, which it represents."""

    __slots__ = ()


class PlainMultiOutputNode(Node):
    """A node with several outputs that type checkers do not see as a tuple.

    For nodes whose outputs have the names of a tuple's methods (``count``, ``index``).
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[Output[Any]]:
        return (_Slot(self, slot) for slot in range(len(self._output_types)))

    def __len__(self) -> int:
        return len(self._output_types)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, slot: int) -> Output[Any]:
        return _Slot(self, range(len(self._output_types))[slot])


if TYPE_CHECKING:

    class MultiOutputNode(Node, tuple[Unpack[Ts]]):
        """A node with several outputs: ``model, clip, vae = CheckpointLoaderSimple(...)``.

        Type checkers see a tuple of its outputs, so that unpacking gives each its own type.
        """

        __slots__ = ()

        def __new__(cls, *args: Any, **kwargs: Any) -> Self:  # noqa: D102
            ...
else:

    class MultiOutputNode(PlainMultiOutputNode):
        """A node with several outputs: ``model, clip, vae = CheckpointLoaderSimple(...)``."""

        __slots__ = ()

        def __class_getitem__(cls, outputs):
            return cls


class OutputNode(Node, Generic[R_co]):
    """A node that a prompt can be run for. It produces an ``R_co`` (see `output_file`)."""

    __slots__ = ()

    _result_class: ClassVar[type[Any]]
    """The class ``R_co``, for the client."""


class RawNode(Node):
    """A node of any class name, for classes without stubs. Created by `raw_node`."""

    __slots__ = ("_raw_class_type",)

    _raw_class_type: str

    @property
    def _class_type(self) -> str:  # type: ignore[override]
        return self._raw_class_type

    def __getitem__(self, slot: int) -> Output[Any]:
        """The output in a slot, counted from 0."""
        if type(slot) is not int or slot < 0:
            raise NodeUsageError(f"an output of a raw node is read by its index (0 or more), not {slot!r}")
        return _Slot(self, slot)

    if not TYPE_CHECKING:

        def __iter__(self):
            raise NodeUsageError(
                f"the number of outputs of {self._raw_class_type!r} is not known; read each by index: node[0]"
            )

        def __getattr__(self, name):
            if name in _SLOTS or name == "_raw_class_type":
                raise AttributeError("RawNode was not created by raw_node()")
            raise AttributeError(
                f"the outputs of a raw node have no names; read them by index: node[0], not .{name}"
            )


def raw_node(class_type: str, inputs: Mapping[str, Any] | None = None) -> RawNode:
    """Create a node of a class without stubs.

    Args:
        class_type: The class's name on the server; any characters are allowed.
        inputs: Values and outputs by wire name (``model.seconds`` for dynamic inputs). They are
            not typed; `Workflow.validate` checks them where the schema knows the class.

    Returns:
        The node; its outputs are ``node[0]``, ``node[1]``, ….
    """
    node = RawNode.__new__(RawNode)
    node._raw_class_type = class_type
    node._make(dict(inputs or {}))
    return node


def titled(node: NodeT, title: str) -> NodeT:
    """Give a node a title, which the editor, messages and progress display.

    Returns:
        The same node.
    """
    _marks_of(node).title = title
    return node


def with_id(node: NodeT, node_id: str | int) -> NodeT:
    """Set a node's id in the prompt instead of a counted one.

    Args:
        node: The node.
        node_id: Any non-empty string or a number: ``"12"``, ``12``, ``"sampler"``.

    Returns:
        The same node.
    """
    if type(node_id) not in (str, int) or node_id == "":
        raise NodeUsageError(f"a node id must be a string or a number, not {node_id!r}", place_of(node))
    _marks_of(node).node_id = str(node_id)
    return node


def with_inputs(node: NodeT, inputs: Mapping[str, Any]) -> NodeT:
    """Give a node inputs that its class does not declare.

    For inputs that a newer server or a node pack accepts beyond the stubs, and for those that
    the editor adds. They are not typed; `Workflow.validate` checks them.

    Args:
        node: The node.
        inputs: Values and outputs by wire name. An existing one is replaced.

    Returns:
        The same node.

    Raises:
        NodeUsageError: It is not a node, or a value is a class or a node with several outputs.
    """
    _checked_node(node)
    node._inputs = {**node._inputs, **dict(_unfold(node, inputs))}
    return node


def bypassed(node: NodeT, bypass: bool = True) -> NodeT:
    """Leave a node out of the prompt and link what is behind it to what is before it.

    As in the editor, each of its outputs becomes what is linked to the input of the same place, if its
    type suits what takes the output; else to the first input that does. If nothing is linked there,
    nothing comes, and that input is left out of the prompt. Inputs are counted as the editor shows
    them: sockets first, then values.

    Args:
        node: The node.
        bypass: False undoes it.

    Returns:
        The same node.
    """
    _marks_of(node).bypassed = bypass
    return node


def place_of(node: Node) -> Place:
    """The file and line of the call that made a node."""
    return Place.of(node._code, node._instruction)


def slot_of(output: Output[Any]) -> tuple[Node, int]:
    """The node and the slot of an output; of a node with one output, itself and 0."""
    if isinstance(output, _Slot):
        return output._node, output._slot
    if isinstance(output, Node):
        return output, 0
    raise NodeUsageError(f"expected an output of a node, got {shown_argument(output)}")


def is_output(value: object) -> TypeGuard[Output[Any]]:
    """Whether a value is an output of a node, which an input can be linked to."""
    return isinstance(value, Output)


def _checked_node(node: object) -> None:
    if not isinstance(node, Node):
        raise NodeUsageError(f"expected a node, got {shown_argument(node)}")


def _marks_of(node: Node) -> _Marks:
    _checked_node(node)
    if node._marks is None:
        node._marks = _Marks()
    return node._marks


def _unfold(node: Node, inputs: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in inputs.items():
        name = prefix + key
        if type(value) in _PLAIN:
            yield name, value
        elif isinstance(value, DynamicValue):
            yield from _unfold(node, value._written(key), prefix)
        elif isinstance(value, Extra):
            twice = next((given for given in value.given if given in inputs), None)
            if twice is not None:
                raise NodeUsageError(
                    f"extra gives {twice!r}, which is an argument of {node._class_type}; pass it there",
                    place_of(node),
                )
            yield from _unfold(node, value.given)
        else:
            yield name, _accepted(node, name, value)


def _accepted(node: Node, name: str, value: Any) -> object:
    """Check a value that is not of a plain type: whether an input can take it."""
    if is_output(value):
        return value
    what = f"input {name!r} of {node._class_type} got"
    place = place_of(node)
    if isinstance(value, Node):
        names = ", ".join(key for key, slot in vars(type(value)).items() if isinstance(slot, OutputSlot))
        which = f"choose one of its outputs: {names}" if names else "it has no output to link"
        if isinstance(value, RawNode):
            which = "choose one of its outputs by index: node[0]"
        raise NodeUsageError(f"{what} the node {value._class_type}; {which}", place)
    if isinstance(value, type):
        raise NodeUsageError(f"{what} the class {value.__name__}; call it to create a node", place)
    if isinstance(value, OutputSlot):
        raise NodeUsageError(f"{what} {value!r}", place)
    if callable(value):
        raise NodeUsageError(
            f"{what} the function {shown_argument(value)}; call it and pass what it returns", place
        )
    return value


def _name(output: object) -> str:
    if not isinstance(output, _Slot):
        return type(output).__name__
    node = output._node
    for name, slot in vars(type(node)).items():
        if isinstance(slot, OutputSlot) and slot._slot == output._slot:
            return f"{type(node).__name__}.{name}"
    return f"output {output._slot} of {node._class_type}"


_PLAIN = frozenset({str, int, float, bool, _Slot, type(None)})
"""The types of nearly all values; these need no further checks."""
