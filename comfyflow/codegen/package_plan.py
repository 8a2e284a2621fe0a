"""The plan of a whole package: which modules there are, and what is in each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final

from ..problem import Problem, left_out
from ..record import replace
from ..schema import InputSchema, NodeSchema
from .argument import Annotator
from .block import NodeClassPlan, Renamed, SkippedNodeError
from .class_plan import ClassPlanner, matched_templates
from .code import Code
from .combo import ChoiceAlias, ChoiceAliases, fixed_choices
from .module_path import IMPORTED, RESERVED, ModulePath, module_paths
from .name import PythonName, class_name, class_names, former_names
from .socket_type import SocketClass, SocketTypes, is_any, walk_inputs

DEFAULT_MAX_CHOICES: Final = 100


@dataclass(frozen=True)
class Options:
    """What to generate, and how.

    Attributes:
        docs: Whether docstrings and the schema file hold the server's prose.
        max_choices: The longest list of choices that is a `Literal`; a longer one is ``str``.
        include: Patterns (``*``, ``?``, ``[...]``) of class types or of the server's modules;
            none means all.
        exclude: The same, of nodes to leave out.
    """

    docs: bool = True
    max_choices: int = DEFAULT_MAX_CHOICES
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def wants(self, node: NodeSchema) -> bool:
        """Whether to generate a node."""
        names = (node.class_type, node.python_module)

        def matches(patterns: tuple[str, ...]) -> bool:
            return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)

        return (not self.include or matches(self.include)) and not matches(self.exclude)


@dataclass(frozen=True)
class TypeVariable:
    """The type variable of a template of inputs that are of one type.

    Attributes:
        name: Its name in the module.
        constraints: The types it may stand for, each with its comma in front, or ``""`` for any.
    """

    name: Code
    constraints: Code


@dataclass
class ModulePlan:
    """One module with nodes."""

    path: ModulePath
    python_module: str
    classes: list[NodeClassPlan] = field(default_factory=list[NodeClassPlan])
    type_variables: list[TypeVariable] = field(default_factory=list[TypeVariable])

    @property
    def imports(self) -> set[str]:
        """Every name that its classes need."""
        return set[str]().union(*(plan.imports for plan in self.classes))

    def variable(self, allowed: str, index: int, sockets: SocketTypes) -> Code:
        """The type variable for the ``index``-th template of a node that allows these types."""
        carried = Code("") if is_any(allowed) else sockets.input(allowed)
        members = carried.split(" | ") if carried else []
        if len(members) == 1:
            return carried
        constraints = Code("".join(f", {member}" for member in members))
        alike = [known for known in self.type_variables if known.constraints == constraints]
        if index < len(alike):
            return alike[index].name
        made = TypeVariable(Code(f"_T{len(self.type_variables)}"), constraints)
        self.type_variables.append(made)
        return made.name


@dataclass
class PackagePlan:
    """Everything that the templates need.

    Attributes:
        modules: The modules with nodes, by path.
        packages: The packages between them that have none themselves.
        sockets: The socket types that the package adds.
        choices: Its aliases for lists of choices.
        class_types: The nodes that are in it.
        skipped: Those that are not.
        renamed: Names that differ from the server's.
    """

    modules: list[ModulePlan]
    packages: list[ModulePath]
    sockets: list[SocketClass]
    choices: list[ChoiceAlias]
    class_types: list[str]
    skipped: list[Problem]
    renamed: list[Renamed]


def plan_package(nodes: Iterable[NodeSchema], options: Options) -> PackagePlan:
    """Plan the package for these nodes.

    Args:
        nodes: They are sorted by their class types. They are gone through twice, and none is held on to;
            what is not a list may give each again.
        options: What to generate.
    """
    skipped: list[Problem] = []
    shared = _SharedTypes(options.max_choices)
    heads: list[NodeSchema] = []
    readable: set[str] = set()
    for node in nodes:
        heads.append(replace(node, inputs=(), outputs=(), raw={}))
        if _spared(node, skipped, partial(shared.add, node)):
            readable.add(node.class_type)
    paths, packages = module_paths({node.python_module for node in heads})
    taken = _taken(paths)
    names, former = class_names(heads, taken), former_names(heads, taken)
    sockets, choices = (
        SocketTypes(shared.kinds, shared.unions),
        ChoiceAliases(
            [(names[class_type], entry, fixed) for class_type, entry, fixed in shared.lists],
            {names[node.class_type] for node in heads if node.of_pack},
        ),
    )
    planner = ClassPlanner(Annotator(sockets, choices), options.docs)
    modules: dict[str, ModulePlan] = {}
    planned: list[str] = []
    for node in nodes:
        if node.class_type not in readable:
            continue
        if not isinstance(nodes, list):
            choices.read_again(walk_inputs(node), options.max_choices)
        module = modules.get(node.python_module) or ModulePlan(paths[node.python_module], node.python_module)
        name, before = names[node.class_type], former[node.class_type]
        changed = before if before != name else ""
        plan = partial(_plan_class, node, name, changed, planner, module, sockets)
        if _spared(node, skipped, plan):
            modules[node.python_module] = module
            planned.append(node.class_type)
    ordered = sorted(modules.values(), key=lambda module: module.path.parts)
    renamed = [
        *_renamed_modules(ordered),
        *(Renamed("", "choices", old, new, old) for old, new in choices.changed.items()),
        *(entry for module in ordered for one in module.classes for entry in one.renamed),
    ]
    return PackagePlan(ordered, packages, list(sockets), list(choices), planned, skipped, renamed)


def python_names(node: NodeSchema, nodes: Iterable[NodeSchema]) -> tuple[str, list[Renamed]]:
    """What a node's class is called in a package with these nodes, and which of its names differ there.

    Args:
        node: One of them.
        nodes: They are sorted by their class types. Where the class keeps its own name, as every identifier
            does, they are not gone through: a server need not be asked for them.
    """
    keeps = class_name(node.class_type, IMPORTED | RESERVED) == node.class_type
    heads = [replace(each, inputs=(), outputs=(), raw={}) for each in ([node] if keeps else nodes)]
    paths, _ = module_paths({each.python_module for each in heads})
    alone = plan_package([node], Options(docs=False))
    differ = [entry for entry in alone.renamed if entry.kind in ("input", "output")]
    return str(class_names(heads, _taken(paths))[node.class_type]), differ


def _taken(paths: Mapping[str, ModulePath]) -> set[str]:
    """Names that no class can have."""
    return {part for path in paths.values() for part in path.parts} | IMPORTED | RESERVED


def _spared(node: NodeSchema, skipped: list[Problem], step: Callable[[], None]) -> bool:
    """Whether a node is still to be generated after a step: no node may cost a server's others."""
    try:
        step()
    except SkippedNodeError as error:
        skipped.append(left_out(node.class_type, str(error)))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this node's, and it is reported
        fault = f"{type(error).__name__}: {error}"
        reason = f"comfyflow itself failed ({fault:.200}); please report this with the node's object_info"
        skipped.append(left_out(node.class_type, reason))
    else:
        return True
    return False


def _plan_class(
    node: NodeSchema,
    name: PythonName,
    former: str,
    planner: ClassPlanner,
    module: ModulePlan,
    sockets: SocketTypes,
) -> None:
    """Add the class of a node to its module."""
    variables: dict[str, Code] = {}
    seen: defaultdict[str, int] = defaultdict(int)
    for template, allowed in sorted(matched_templates(node).items()):
        variables[template] = module.variable(allowed, seen[allowed], sockets)
        seen[allowed] += 1
    module.classes.append(planner.plan(node, name, variables, former))


class _SharedTypes:
    """What the classes of a package share: its socket types and its lists of choices.

    Args:
        limit: The longest list of choices that is a `Literal`.
    """

    def __init__(self, limit: int) -> None:
        self.kinds: set[str] = set()
        self.unions: set[str] = set()
        self.lists: list[tuple[str, InputSchema, tuple[Any, ...]]] = []
        self._limit = limit

    def add(self, node: NodeSchema) -> None:
        """Add those of a node; none of one that fails."""
        kinds: set[str] = set()
        unions: set[str] = set()
        lists: list[tuple[str, InputSchema, tuple[Any, ...]]] = []
        for entry in walk_inputs(node):
            kinds.update(_kinds(entry))
            fixed = fixed_choices(entry, self._limit) if entry.is_combo else None
            if fixed is not None:
                lists.append((node.class_type, entry, fixed))
        for output in node.outputs:
            if not output.is_wild and not is_any(output.type):
                (unions if "," in output.type else kinds).add(output.type)
        self.kinds |= kinds
        self.unions |= unions
        self.lists += lists


def _kinds(entry: InputSchema) -> Iterator[str]:
    """The socket types that an input's annotation names."""
    kind = entry.type if entry.dynamic is None else entry.dynamic.socket_type
    if kind is not None and not is_any(kind):
        yield kind


def _renamed_modules(modules: Iterable[ModulePlan]) -> Iterator[Renamed]:
    for module in modules:
        name = ".".join(module.path.parts)
        if name != module.python_module:
            yield Renamed("", "module", module.python_module, name)
