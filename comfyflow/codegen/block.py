"""What a plan is made of: one `Block` for each ``class`` statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..dynamic import VALUE_CLASSES
from .argument import Argument
from .code import Code
from .name import PythonName

INDENT: Final = "    "

IN_CLASS_BODIES: Final = frozenset(
    {
        "Any", "AnyValue", "FileValue", "Literal", "Mapping", "Output", "OutputSlot", "Sequence",
        *VALUE_CLASSES,
    }
)  # fmt: skip
"""Names that the body of a generated class reads: nothing in it may be called so."""


class SkippedNodeError(ValueError):
    """A node that cannot be generated; never leaves this package."""


@dataclass(frozen=True)
class Renamed:
    """A name that differs in Python from what the server calls it.

    Attributes:
        class_type: The node, or ``""`` for a module or a socket type.
        kind: ``node``, ``input``, ``output``, ``option``, ``socket`` or ``module``; or ``choices``,
            for a list that has another alias than before.
        wire: The server's name; of a list of choices, the former alias.
        name: The Python name.
        former: What comfyflow 0.1 called it, where that is another name; else ``""``.
    """

    class_type: str
    kind: str
    wire: str
    name: str
    former: str = ""

    def __str__(self) -> str:
        where = f"{self.class_type!r:.200}: " if self.class_type and self.kind != "node" else ""
        former = f" (before: {self.former})" if self.former else ""
        return f"{where}{self.kind} {self.wire!r:.200} is {self.name}{former}"


class OutputPlan(NamedTuple):
    """One output: an attribute of its class."""

    name: PythonName
    type: Code
    slot: int


@dataclass
class Block:
    """One ``class`` statement.

    Attributes:
        pad: The indentation of the statement.
        name: The class.
        bases: What it derives from, or ``""``.
        docstring: Its docstring.
        constants: Class attributes and their values.
        outputs: Attributes that are outputs.
        source: The type of a first argument, which is what is linked; or None if there is none.
        arguments: The constructor's arguments, or None if there is no constructor.
    """

    pad: Code
    name: PythonName
    bases: Code
    docstring: Code
    constants: list[tuple[Code, Code]] = field(default_factory=list[tuple[Code, Code]])
    outputs: list[OutputPlan] = field(default_factory=list[OutputPlan])
    source: Code | None = None
    arguments: list[Argument] | None = None

    @property
    def left_out(self) -> Code | None:
        """The wire names of arguments that stay out of the prompt when they are None."""
        names = [argument.wire for argument in self.arguments or () if argument.left_out]
        return Code(f"({', '.join(names)}{',' if len(names) == 1 else ''})") if names else None

    @property
    def must_be_given(self) -> bool:
        """Whether an argument has no default."""
        return any(argument.default is None for argument in self.arguments or ())


@dataclass
class NodeClassPlan:
    """One node's class: its own block, then those of its dynamic inputs.

    Attributes:
        class_type: The node.
        name: Its class.
        blocks: The class statements, in order.
        imports: Names that the module must import for them.
        renamed: Names in it that differ from the server's.
        older_defaults: What inputs had for a default in an older release. An input that a key unfolds
            can state none: one that was a plain combo before keeps the default that it had.
    """

    class_type: str
    name: PythonName
    blocks: list[Block] = field(default_factory=list[Block])
    imports: set[str] = field(default_factory=set[str])
    renamed: list[Renamed] = field(default_factory=list[Renamed])
    older_defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
