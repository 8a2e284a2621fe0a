"""The classes that the code generator makes for a schema, as one calls them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from ..codegen.argument import Argument
from ..codegen.block import INDENT, Block, NodeClassPlan
from ..codegen.class_plan import matched_templates
from ..codegen.combo import fixed_choices
from ..codegen.package_plan import DEFAULT_MAX_CHOICES, Options, PackagePlan, TypeVariable, plan_package
from ..schema import InputSchema, NodeSchema, Schema
from .accepted import ANY, Accepted, carried_names, option_classes, read_annotation

Aliases = Mapping[str, frozenset[tuple[type[Any], Any]]]


@dataclass
class ConstructorParameter:
    """An argument of a constructor.

    Attributes:
        name: Its name in Python.
        accepted: What it takes.
        default: What the prompt gets where nothing is given; absent where nothing does.
        has_default: Whether there is one.
        may_be_left_out: Whether it need not be given.
        options: For an input that a key unfolds, the class of each option's key.
        group: The class of a row, or of what is linked and what that asks for.
    """

    name: str
    accepted: Accepted
    default: Any = None
    has_default: bool = False
    may_be_left_out: bool = False
    options: Mapping[str, InnerClass] = field(default_factory=dict[str, "InnerClass"])
    group: InnerClass | None = None


@dataclass
class InnerClass:
    """A class with a constructor: a node's own, or one within it.

    Attributes:
        path: Its dotted name, from the node's class on.
        parameters: Its arguments by wire name, in the server's order.
        source: What may be linked, where its first argument is that.
        key: For an option, what selects it.
    """

    path: tuple[str, ...]
    parameters: Mapping[str, ConstructorParameter]
    source: Accepted | None = None
    key: str = ""

    @property
    def may_be_bare(self) -> bool:
        """Whether nothing need be given."""
        return all(parameter.may_be_left_out for parameter in self.parameters.values())


@dataclass
class OutputClass:
    """An output of a node class: its name, and what it carries (a socket class, a type
    variable or `ANY`).
    """

    name: str
    carried: str


class NodeClass:
    """One generated class.

    Args:
        schema: The node.
        plan: Its plan.
        package: The package that it is in.
    """

    def __init__(self, schema: NodeSchema, plan: NodeClassPlan, package: NodeClasses) -> None:
        self.schema = schema
        self.name: str = plan.name
        self._plan = plan
        self._package = package

    @cached_property
    def constructor(self) -> InnerClass:
        """The class itself, as one calls it."""
        root = _tree(self._plan.blocks)
        return InnerClass((self.name,), dict(self._parameters(root, (self.name,))))

    @cached_property
    def outputs(self) -> list[OutputClass]:
        """The outputs by slot."""
        return [
            OutputClass(output.name, next(iter(carried_names(ast.parse(output.type, mode="eval").body))))
            for output in self._plan.blocks[0].outputs
        ]

    @property
    def is_tuple(self) -> bool:
        """Whether type checkers see a tuple of its outputs."""
        return "MultiOutputNode[" in self._plan.blocks[0].bases.replace("PlainMultiOutputNode", "")

    def constraints(self, variable: str) -> tuple[str, ...]:
        """The types that a type variable of it may stand for; none means any."""
        return self._package.constraints.get((self.schema.python_module, variable), ())

    @property
    def has_variables(self) -> bool:
        """Whether it has type variables, which must be found from what is linked to it."""
        return bool(matched_templates(self.schema))

    def _parameters(
        self, branch: _ClassTree, path: tuple[str, ...]
    ) -> Iterator[tuple[str, ConstructorParameter]]:
        for argument in branch.block.arguments or ():
            wire: str = ast.literal_eval(argument.wire)
            yield wire, self._parameter(argument, branch, path)

    def _parameter(
        self, argument: Argument, branch: _ClassTree, path: tuple[str, ...]
    ) -> ConstructorParameter:
        default = argument.default
        parameter = ConstructorParameter(
            argument.name,
            read_annotation(argument.annotation, self._package.aliases),
            may_be_left_out=default is not None,
        )
        if default is not None and not argument.left_out and default != "()":
            parameter.default, parameter.has_default = ast.literal_eval(default), True
        options: dict[str, InnerClass] = {}
        for group, name in option_classes(argument.annotation):
            inner = branch.find(group, name)
            if inner is not None:
                made = self._inner(inner, (*path, group, name))
                options[made.key] = made
        parameter.options = options
        for name in _plain_names(argument.annotation):
            inner = branch.find(name)
            if inner is not None:
                parameter.group = self._inner(inner, (*path, name))
        return parameter

    def _inner(self, branch: _ClassTree, path: tuple[str, ...]) -> InnerClass:
        source = branch.block.source
        key = next((ast.literal_eval(value) for name, value in branch.block.constants if name == "_key"), "")
        return InnerClass(
            path,
            dict(self._parameters(branch, path)),
            read_annotation(source, self._package.aliases) if source is not None else None,
            key,
        )


class NodeClasses:
    """The generated classes of a schema, by class type.

    Args:
        schema: The schema that the package is generated from.
    """

    def __init__(self, schema: Schema) -> None:
        nodes = [schema[name] for name in sorted(schema)]
        plan = plan_package(nodes, Options())
        self._plans = {one.class_type: one for module in plan.modules for one in module.classes}
        self._schema = schema
        self._classes: dict[str, NodeClass] = {}
        self.aliases: Aliases = {
            alias.name: _typed(map(ast.literal_eval, alias.choices)) for alias in plan.choices
        }
        self.constraints: Final = dict(_constraints(plan))
        self._bases: dict[str, frozenset[str]] = {
            str(socket.name): frozenset(part.strip() for part in socket.bases.split(","))
            for socket in plan.sockets
        }

    def find(self, class_type: str) -> NodeClass | None:
        """The class of that type, or None if the package has none."""
        plan = self._plans.get(class_type)
        if plan is None:
            return None
        if class_type not in self._classes:
            self._classes[class_type] = NodeClass(self._schema[class_type], plan, self)
        return self._classes[class_type]

    def choice_type(self, entry: InputSchema, value: Any) -> str:
        """The type of a parameter that is one of a combo's choices, today this one."""
        fixed = fixed_choices(entry, DEFAULT_MAX_CHOICES)
        if fixed is None or (type(value), value) not in _typed(fixed):
            return "str" if isinstance(value, str) else type(value).__name__
        wanted = _typed(fixed)
        return next((f"_c.{name}" for name, choices in self.aliases.items() if choices == wanted), "str")

    def may_carry(self, carried: str, wanted: frozenset[str]) -> bool:
        """Whether an output that carries one thing may be linked where others are wanted."""
        if carried == ANY or ANY in wanted or carried in wanted:
            return True
        return not wanted.isdisjoint(self._bases.get(carried, frozenset()))


def node_classes(schema: Schema) -> NodeClasses:
    """The classes of a schema; planned once, for planning a package takes a while."""
    found = schema.derived.get(NodeClasses)
    if not isinstance(found, NodeClasses):
        found = schema.derived[NodeClasses] = NodeClasses(schema)
    return found


def _typed(values: Iterable[Any]) -> frozenset[tuple[type[Any], Any]]:
    """Values with their types: 1 is not True."""
    found: set[tuple[type[Any], Any]] = set()
    for value in values:
        found.add((value.__class__, value))
    return frozenset(found)


@dataclass
class _ClassTree:
    """A class statement, and those within it."""

    block: Block
    inner: dict[str, _ClassTree] = field(default_factory=dict[str, "_ClassTree"])

    def find(self, *path: str) -> _ClassTree | None:
        found: _ClassTree | None = self
        for name in path:
            found = found.inner.get(name) if found is not None else None
        return found


def _tree(blocks: list[Block]) -> _ClassTree:
    """The classes in one another; each statement says by its indentation where it is."""
    root = _ClassTree(blocks[0])
    open_branches = [root]
    for block in blocks[1:]:
        depth = len(block.pad) // len(INDENT)
        branch = _ClassTree(block)
        del open_branches[depth:]
        open_branches[-1].inner[block.name] = branch
        open_branches.append(branch)
    return root


def _plain_names(annotation: str) -> Iterator[str]:
    """The names in an annotation, those within ``Sequence[...]`` too."""
    for part in ast.walk(ast.parse(annotation, mode="eval")):
        if isinstance(part, ast.Name):
            yield part.id


def _constraints(plan: PackagePlan) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for module in plan.modules:
        for variable in module.type_variables:
            yield (module.python_module, variable.name), _members(variable)


def _members(variable: TypeVariable) -> tuple[str, ...]:
    return tuple(part.strip().removeprefix("_t.") for part in variable.constraints.split(",") if part.strip())
