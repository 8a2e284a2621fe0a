"""What each room of the package offers to the kinds of dynamic inputs that it asks.

A kind knows no room: it is handed one of these, and says what it needs in the room's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .autogrow import GrownSlots
    from .kind import DynamicOption

GeneratedArgument = Any
"""An argument of a generated constructor."""


class ConstructorPlan(Protocol):
    """The constructor that is being generated, at the place of one dynamic input.

    What is handed in as source is a type or an expression that the plan itself gave.
    """

    @property
    def name(self) -> str:
        """The argument's name."""
        ...

    @property
    def group(self) -> str:
        """What a class within the class is called that stands for the input."""
        ...

    def use(self, name: str) -> str:
        """A name that the module imports."""
        ...

    def builtin(self, name: str) -> str:
        """A built-in type, whatever the class calls its outputs."""
        ...

    def types(self, entry: InputSchema) -> str:
        """The type of what an input takes that is not dynamic."""
        ...

    def output(self, kind: str) -> str:
        """The type of an output that may be linked to a socket of this type."""
        ...

    def text(self, value: str) -> str:
        """A string as a literal."""
        ...

    def texts(self, values: Iterable[str]) -> str:
        """A tuple of texts as a literal."""
        ...

    def literal(self, values: Iterable[str]) -> str:
        """``Literal[...]`` of texts."""
        ...

    def call(self, function: str, *arguments: str) -> str:
        """A call of a function that generated modules import."""
        ...

    def older_default(self, keys: Sequence[str]) -> str | None:
        """The default that the input had in an older release, if it is one of these keys."""
        ...

    def inner_class(
        self, base: str, inputs: Sequence[InputSchema], title: str, source: str | None = None
    ) -> bool:
        """Plan the class within the class that stands for the input.

        Args:
            base: What it derives from.
            inputs: What its constructor takes.
            title: The first line of its docstring.
            source: The type of a first argument, which is what is linked, or None for none.

        Returns:
            Whether it has an argument without a default.
        """
        ...

    def option_classes(
        self, base: str, options: Mapping[str, Sequence[InputSchema]]
    ) -> tuple[list[str], list[str]]:
        """Plan a class for each of these keys, with the inputs that it brings.

        Returns:
            Their names, and the keys that alone say everything.
        """
        ...

    def argument(
        self, types: Iterable[str], default: str | None = None, value: str | None = None
    ) -> GeneratedArgument:
        """The argument.

        Args:
            types: The members of its type.
            default: Its default, or None.
            value: What goes into the prompt, if that is not the argument itself.
        """
        ...


class CallFitting(Protocol):
    """A call of a generated class that is being found for the inputs of a node."""

    @property
    def left(self) -> Mapping[str, Any]:
        """The inputs that are not said yet, by full name."""
        ...

    def has(self, name: str) -> bool:
        """Whether an input is given and not said yet."""
        ...

    def take(self, name: str) -> Any:
        """An input, which is said thereby."""
        ...

    def take_below(self, name: str) -> dict[str, Any]:
        """The inputs under a dynamic one, by what is behind its name."""
        ...

    def plain(self, parameter: Any, name: str) -> Any:
        """What stands for an input that is like any other."""
        ...

    def arguments(self, inner: Any, entries: Iterable[InputSchema], prefix: str) -> dict[str, Any]:
        """The arguments of a class within the class."""
        ...

    def leaf(self, accepted: Any, name: str, value: Any) -> Any:
        """A value, if an argument takes it."""
        ...

    def leaf_of(self, name: str) -> Any:
        """The value of an input as it is."""
        ...

    def inner(self, inner: Any, arguments: dict[str, Any], source: Any = None) -> Any:
        """A call of a class within the class."""
        ...

    def listed(self, values: list[Any]) -> Any:
        """A list."""
        ...

    def named(self, values: dict[str, Any]) -> Any:
        """A dictionary."""
        ...

    def unfit(self) -> Exception:
        """The error that says that no call is found."""
        ...


class NodeCosts(Protocol):
    """How many nodes inputs need."""

    @property
    def never(self) -> float:
        """The cost of what cannot be given."""
        ...

    def of_inputs(self, entries: Iterable[InputSchema], bound: Any, depth: int = 0) -> float:
        """Of several inputs, of which the optional ones are left out."""
        ...

    def of_given(self, entry: InputSchema, bound: Any, depth: int = 0) -> float:
        """Of one that is not left out."""
        ...

    def of_links(self, entry: InputSchema, bound: Any) -> float:
        """Of what can be linked to one."""
        ...


class DrawnArguments(Protocol):
    """The arguments of a node that is being drawn."""

    inputs: dict[str, Any]

    def value(self, entry: InputSchema, name: str) -> None:
        """Draw a constant or a link."""
        ...

    def link(self, entry: InputSchema, name: str) -> None:
        """Ask for a link."""
        ...

    def is_linked(self, name: str) -> bool:
        """Whether an input is linked already."""
        ...

    def given(self, entry: InputSchema, name: str) -> Any:
        """An input that is drawn and not left out."""
        ...

    def below(self, name: str, entries: Iterable[InputSchema]) -> list[Any]:
        """Inputs to draw below a name."""
        ...

    def option(self, entry: InputSchema, options: Sequence[DynamicOption]) -> DynamicOption:
        """One of the options that there are enough nodes for."""
        ...

    def more(self, room: int | None, entries: Iterable[InputSchema]) -> int:
        """How many more rows of inputs than needed.

        Args:
            room: How many more there may be; None if nothing is said.
            entries: The inputs of a row.
        """
        ...

    def more_slots(self, room: int, entry: InputSchema) -> int:
        """How many more slots than needed."""
        ...


class EditorNode(Protocol):
    """A node of the editor that is being put together."""

    def socket(self, name: str, type_: Any) -> None:
        """Add a socket."""
        ...

    def match(self, template: str, name: str, allowed: str) -> None:
        """Let an input share its type with others of a template."""
        ...

    def start_growing(self, spec: Any, slots: GrownSlots) -> None:
        """Add the first slots of an input that grows."""
        ...
