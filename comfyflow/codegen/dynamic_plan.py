"""The arguments for dynamic inputs, and the classes within a class that they need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..record import replace
from ..schema import InputSchema
from .argument import Argument, ArgumentScope, argument
from .block import IN_CLASS_BODIES, INDENT, Block, NodeClassPlan, Renamed
from .code import Code, LiteralType, text, texts, union
from .docstring import argument_lines, docstring
from .name import PythonName, capitalized, distinct_names, python_name
from .socket_type import is_any

if TYPE_CHECKING:
    from .class_plan import ClassPlanner


@dataclass
class DynamicArgument:
    """The argument for one dynamic input of a block: what its kind asks for is planned here.

    Attributes:
        planner: Plans the constructors of inner classes.
        block: The class whose argument it is.
        scope: That class's body.
        plan: The plan of the whole node.
        entry: The input.
        name: The argument's name.
        group: What an inner class for it is called.
        depth: How many dynamic inputs the block is in.
        kept: Names of inputs beside it that the editor hides: a server keeps them for older prompts.
    """

    planner: ClassPlanner
    block: Block
    scope: ArgumentScope
    plan: NodeClassPlan
    entry: InputSchema
    name: PythonName
    group: PythonName
    depth: int
    kept: frozenset[str] = frozenset()

    def use(self, name: str) -> str:
        """A name that the module imports."""
        return self.scope.use(name)

    def builtin(self, name: str) -> str:
        """A built-in type, whatever the class calls its outputs."""
        return self.scope.builtin(name)

    def types(self, entry: InputSchema) -> str:
        """The type of what an input takes that is not dynamic."""
        return union(self.planner.annotator.types(entry, self.scope))

    def output(self, kind: str) -> str:
        """The type of an output that may be linked to a socket of this type."""
        carried = self.use("Any") if is_any(kind) else self.planner.annotator.sockets.input(kind)
        return self.scope.output(carried)

    def text(self, value: str) -> str:
        """A string as a literal."""
        return text(value)

    def texts(self, values: Iterable[str]) -> str:
        """A tuple of texts as a literal."""
        return texts(values)

    def literal(self, values: Iterable[str]) -> str:
        """``Literal[...]`` of texts."""
        self.use("Literal")
        return LiteralType(values)

    def call(self, function: str, *arguments: str) -> str:
        """A call of a function that the module imports."""
        return f"_{self.use(function)}({', '.join(arguments)})"

    def older_default(self, keys: Sequence[str]) -> str | None:
        """The default that the input had in an older release, if it is one of these keys."""
        is_asked = self.depth == 0 and self.entry.required
        older = self.plan.older_defaults.get(self.entry.name) if is_asked else None
        return text(older) if older in keys else None

    def argument(
        self, types: Iterable[str], default: str | None = None, value: str | None = None
    ) -> Argument:
        """The argument; what is handed in is source that this plan gave."""
        return argument(
            self.entry,
            self.name,
            types,
            None if default is None else Code(default),
            None if value is None else Code(value),
        )

    def inner_class(
        self, base: str, inputs: Sequence[InputSchema], title: str, source: str | None = None
    ) -> bool:
        """Plan the class within the class; whether it has an argument without a default."""
        given = None if source is None else Code(source)
        return self._inner_block(self._pad, self.group, base, inputs, title, given).must_be_given

    def option_classes(
        self, base: str, options: Mapping[str, Sequence[InputSchema]]
    ) -> tuple[list[str], list[str]]:
        """Plan a class for each key; their names, and the keys that alone say everything."""
        names = distinct_names(options, IN_CLASS_BODIES)
        title = docstring([f"The options of {self.entry.name}."], self._pad + INDENT)
        self.plan.blocks.append(Block(self._pad, self.group, Code(""), title))
        bare: list[str] = []
        for key, inputs in options.items():
            pad = Code(self._pad + INDENT)
            needed = tuple(map(self._as_needed, inputs))
            block = self._inner_block(pad, names[key], base, needed, f"{key}.")
            block.constants.append((Code("_key"), text(key)))
            if not block.must_be_given:
                block.constants.append((Code("_bare_key"), text(key)))
                bare.append(key)
            if names[key] != key:
                wire = f"{self.entry.name}={key}"
                self.plan.renamed.append(Renamed(self.plan.class_type, "option", wire, names[key]))
        return [f"{self.group}.{names[key]}" for key in options], bare

    def _as_needed(self, entry: InputSchema) -> InputSchema:
        """An option's input: not needed where the node still takes it beside the option.

        ``SaveVideo`` of 0.33.0 asks for ``format.codec``, and takes the ``codec`` of older prompts.
        """
        return replace(entry, required=False) if entry.name in self.kept else entry

    @property
    def _pad(self) -> Code:
        return Code(self.block.pad + INDENT)

    def _inner_block(
        self,
        pad: Code,
        name: PythonName,
        base: str,
        inputs: Sequence[InputSchema],
        title: str,
        source: Code | None = None,
    ) -> Block:
        block = Block(pad, name, Code(self.use(base)), Code(""), source=source)
        self.plan.blocks.append(block)
        scope = ArgumentScope(imports=self.scope.imports)
        names = self.planner.add_constructor(block, tuple(inputs), scope, self.plan, (), self.depth + 1)
        about = argument_lines(((names[entry.name], entry) for entry in inputs), self.planner.docs)
        block.docstring = docstring([title, *about], pad + INDENT)
        return block


def group_name(wire: str, reserved: Collection[str]) -> PythonName:
    """What an inner class for the input of this name is called: ``ResizeType``."""
    return python_name(capitalized(python_name(wire)), reserved)
