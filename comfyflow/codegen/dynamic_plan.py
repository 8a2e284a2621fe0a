"""The arguments for dynamic inputs, and the classes within a class that they need."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..schema import Autogrow, InputSchema
from ..schema.input_schema import AUTOGROW, DYNAMIC_COMBO, DYNAMIC_GROUP
from .argument import Argument, Scope, argument
from .block import IN_CLASS_BODIES, INDENT, Block, ClassPlan, Renamed
from .code import Code, LiteralType, text, texts, union
from .docstring import argument_lines, docstring
from .name import PythonName, capitalized, distinct_names, python_name
from .socket_type import is_any, slot_type

if TYPE_CHECKING:
    from .class_plan import ClassPlanner


@dataclass
class DynamicInput:
    """One dynamic input of a block.

    Attributes:
        planner: Plans the constructors of inner classes.
        block: The class whose argument it is.
        scope: That class's body.
        plan: The plan of the whole node.
        group: What an inner class for it is called.
        depth: How many dynamic inputs the block stands in.
        kept: Names of inputs beside it that the editor hides: a server keeps them for older prompts.
    """

    planner: ClassPlanner
    block: Block
    scope: Scope
    plan: ClassPlan
    group: PythonName
    depth: int
    kept: frozenset[str] = frozenset()

    def argument(self, entry: InputSchema, name: PythonName) -> Argument:
        """The argument for it; its inner classes are added to the plan."""
        if entry.type == DYNAMIC_COMBO:
            return self._combo(entry, name)
        if entry.type == AUTOGROW:
            return self._autogrow(entry, name)
        if entry.type == DYNAMIC_GROUP:
            return self._rows(entry, name)
        return self._slot(entry, name)

    def _combo(self, entry: InputSchema, name: PythonName) -> Argument:
        options = {option.key: option for option in entry.dynamic_options}
        if not options:
            return argument(entry, name, [self.scope.builtin("str")])
        names = distinct_names(options, IN_CLASS_BODIES)
        title = docstring([f"The options of {entry.name}."], self._pad + INDENT)
        self.plan.blocks.append(Block(self._pad, self.group, Code(""), title))
        self.scope.use("DynamicChoice")
        bare: list[str] = []
        for key, option in options.items():
            pad = Code(self._pad + INDENT)
            inputs = tuple(map(self._as_needed, option.inputs))
            block = self._inner_block(pad, names[key], "DynamicChoice", inputs, f"{key}.")
            block.constants.append((Code("_key"), text(key)))
            if not block.must_be_given:
                block.constants.append((Code("_bare_key"), text(key)))
                bare.append(key)
            if names[key] != key:
                wire = f"{entry.name}={key}"
                self.plan.renamed.append(Renamed(self.plan.class_type, "option", wire, names[key]))
        types: list[str] = [f"{self.group}.{names[key]}" for key in options]
        if not bare:
            return argument(entry, name, types)
        types.append(LiteralType(bare))
        self.scope.imports |= {"Literal", "choose"}
        older = self.plan.older_defaults.get(entry.name) if self.depth == 0 and entry.required else None
        default = text(older) if older in bare else None
        return argument(entry, name, types, default, Code(f"_choose({name}, self.{self.group})"))

    def _as_needed(self, entry: InputSchema) -> InputSchema:
        """An option's input: not needed where the node still takes it beside the option.

        ``SaveVideo`` of 0.33.0 asks for ``format.codec``, and takes the ``codec`` of older prompts.
        """
        return replace(entry, required=False) if entry.name in self.kept else entry

    def _autogrow(self, entry: InputSchema, name: PythonName) -> Argument:
        template = entry.autogrow
        if template is None:
            return argument(entry, name, [self.scope.use("AnyValue")])
        inner: str = (
            self.scope.use("AnyValue")
            if template.input.is_dynamic
            else union(self.planner.annotator.types(template.input, self.scope))
        )
        kind = f"{self.scope.use('Sequence')}[{inner}]"
        self.scope.use("autogrow")
        needed = entry.required and template.input.required and template.minimum > 0
        default = None if needed else Code("()")
        if template.prefix is not None:
            value = Code(f"_autogrow({name}, {text(template.prefix)})")
            return argument(entry, name, [kind], default, value)
        named = f"{self.scope.use('Mapping')}[{self._slot_names(template)}, {inner}]"
        value = Code(f'_autogrow({name}, "", {texts(template.names)})')
        return argument(entry, name, [named, kind], default, value)

    def _slot_names(self, template: Autogrow) -> str:
        if not template.names:
            return self.scope.builtin("str")
        self.scope.use("Literal")
        return LiteralType(template.names)

    def _rows(self, entry: InputSchema, name: PythonName) -> Argument:
        self._inner_block(self._pad, self.group, "GroupRow", entry.group, f"A row of {entry.name}.")
        self.scope.imports.update(("GroupRow", "autogrow"))
        least = entry.options.get("min")
        default = None if entry.required and isinstance(least, int) and least > 0 else Code("()")
        rows = f"{self.scope.use('Sequence')}[{self.group}]"
        return argument(entry, name, [rows], default, Code(f'_autogrow({name}, "")'))

    def _slot(self, entry: InputSchema, name: PythonName) -> Argument:
        kind = slot_type(entry)
        carried = self.scope.use("Any") if is_any(kind) else self.planner.annotator.sockets.input(kind)
        source = Code(self.scope.output(carried))
        nothing = any(option.get("when") is None for option in entry.slot_options)
        title = f"What is linked to {entry.name}, and what it then asks for."
        self.scope.use("SlotChoice")
        block = self._inner_block(
            self._pad,
            self.group,
            "SlotChoice",
            entry.slot_inputs,
            title,
            Code(f"{source} | None") if nothing else source,
        )
        return argument(entry, name, [self.group] if block.must_be_given else [self.group, source])

    @property
    def _pad(self) -> Code:
        return Code(self.block.pad + INDENT)

    def _inner_block(
        self,
        pad: Code,
        name: PythonName,
        base: str,
        inputs: tuple[InputSchema, ...],
        title: str,
        source: Code | None = None,
    ) -> Block:
        block = Block(pad, name, Code(base), Code(""), source=source)
        self.plan.blocks.append(block)
        scope = Scope(imports=self.scope.imports)
        names = self.planner.add_constructor(block, inputs, scope, self.plan, (), self.depth + 1)
        about = argument_lines(((names[entry.name], entry) for entry in inputs), self.planner.docs)
        block.docstring = docstring([title, *about], pad + INDENT)
        return block


def group_name(wire: str, reserved: Collection[str]) -> PythonName:
    """What an inner class for the input of this name is called: ``ResizeType``."""
    return python_name(capitalized(python_name(wire)), reserved)
