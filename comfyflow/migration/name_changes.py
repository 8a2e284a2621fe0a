"""Which names of a generated package were others before, and what stands for them in a Python program.

The program is read from its syntax tree alone; nothing is imported. A name counts only where nothing in the
file but one import gives it its meaning.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..codegen.block import NodeClassPlan
from ..codegen.package_plan import Options, PackagePlan, plan_package
from ..json_types import is_array
from ..node_history import releases, renamed_choices
from ..schema import Schema
from ..versions import release as release_number


@dataclass(frozen=True)
class ImportedName:
    """A name that an import statement takes from a package.

    Attributes:
        package: The package.
        path: The module that it is taken from, by its parts below the package.
        name: What is taken; ``*`` for everything.
        local: What it is called in the file.
        alias: Its place in the statement.
    """

    package: str
    path: tuple[str, ...]
    name: str
    local: str
    alias: ast.alias


@dataclass
class Bindings:
    """The names in a file that come from packages of node classes.

    Attributes:
        imported: What is taken from them, statement by statement.
        modules: Local names of modules: the package, and the parts of the path below it.
        names: Local names of what else is taken.
        bound: How often each name of the file is given a meaning.
        own: How often an import from one of the packages gives it the same one.
    """

    imported: list[ImportedName] = field(default_factory=list[ImportedName])
    modules: dict[str, tuple[str, tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[str, tuple[str, ...]]]
    )
    names: dict[str, ImportedName] = field(default_factory=dict[str, ImportedName])
    bound: Counter[str] = field(default_factory=Counter[str])
    own: Counter[str] = field(default_factory=Counter[str])

    @classmethod
    def of(cls, tree: ast.Module, packages: Collection[str]) -> Bindings:
        """Those of a file.

        Args:
            tree: The file.
            packages: The packages of node classes.
        """
        found = cls()
        for node in ast.walk(tree):
            found.bound.update(_bound(node))
            if isinstance(node, ast.Import):
                found._import(node, packages)
            elif isinstance(node, ast.ImportFrom):
                found._import_from(node, packages)
        return found

    def is_sure(self, local: str) -> bool:
        """Whether imports of one and the same thing, and nothing else, give a name its meaning."""
        return 0 < self.bound[local] == self.own[local]

    def target(self, node: ast.expr) -> tuple[str, tuple[str, ...], str] | None:
        """What an expression names in a package: the package, the module's path and the name.

        Args:
            node: A name, or attributes of one.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or not self.is_sure(node.id):
            return None
        parts.reverse()
        if not parts:
            taken = self.names.get(node.id)
            return None if taken is None else (taken.package, taken.path, taken.name)
        module = self.modules.get(node.id)
        return None if module is None else (module[0], (*module[1], *parts[:-1]), parts[-1])

    def _import(self, node: ast.Import, packages: Collection[str]) -> None:
        for alias in node.names:
            package = _package_of(alias.name, packages)
            if package is None:
                continue
            if alias.asname is not None:
                self._add_module(alias.asname, package, _below(alias.name, package))
            elif "." not in package:
                self._add_module(package, package, ())

    def _import_from(self, node: ast.ImportFrom, packages: Collection[str]) -> None:
        module = source_module(node)
        for alias in node.names:
            local = alias.asname or alias.name
            whole = member(module, alias.name)
            if whole in packages:
                self._add_module(local, whole, ())
                continue
            package = _package_of(module, packages)
            if package is None:
                continue
            path = _below(module, package)
            self.imported.append(ImportedName(package, path, alias.name, local, alias))
            self.names[local] = self.imported[-1]
            self._add_module(local, package, (*path, alias.name))

    def _add_module(self, local: str, package: str, path: tuple[str, ...]) -> None:
        """Note what a name stands for, and whether it stands for the same as elsewhere in the file."""
        if self.modules.setdefault(local, (package, path)) == (package, path):
            self.own[local] += 1


def source_module(node: ast.ImportFrom) -> str:
    """The module that a statement imports from, with the dots of a relative import."""
    return "." * node.level + (node.module or "")


def member(module: str, name: str) -> str:
    """The name of what is in a module: ``a.b``, ``.a.b``, and ``.b`` in ``.``."""
    return f"{module}{name}" if module.endswith(".") else f"{module}.{name}"


def _package_of(module: str, packages: Collection[str]) -> str | None:
    return next((name for name in packages if module == name or module.startswith(f"{name}.")), None)


def _below(module: str, package: str) -> tuple[str, ...]:
    rest = module[len(package) + 1 :]
    return tuple(rest.split(".")) if rest else ()


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node of the tree gives a meaning."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        if node.name is not None:
            yield node.name
    elif isinstance(node, ast.MatchMapping):
        if node.rest is not None:
            yield node.rest
    elif type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):
        yield getattr(node, "name", "")


Changed = Mapping[str, Any]


@dataclass(frozen=True)
class NameChanges:
    """What happened to the names of a package of node classes.

    Attributes:
        classes: What classes were called, and are called now.
        choices: The same, of the aliases of lists of choices.
        outputs: By class, what its outputs were called and are called now.
        present: The classes of the package, and their class types.
        aliases: The aliases of the package.
        changed: By class, what ComfyUI changed in it since a known release: the version, and what.
        defaults: By class, the inputs that need not be given.
        widths: By class, how many outputs it has.
    """

    classes: Mapping[str, str] = field(default_factory=dict[str, str])
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    present: Mapping[str, str] = field(default_factory=dict[str, str])
    aliases: frozenset[str] = frozenset()
    changed: Mapping[str, list[tuple[str, Changed]]] = field(
        default_factory=dict[str, list[tuple[str, Changed]]]
    )
    defaults: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    widths: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def of(cls, schema: Schema) -> NameChanges:
        """Those of the package that is generated from a schema.

        Args:
            schema: The package's.
        """
        plan = plan_package([schema[name] for name in sorted(schema)], Options())
        planned = [one for module in plan.modules for one in module.classes]
        present = {str(one.name): one.class_type for one in planned}
        names = {class_type: name for name, class_type in present.items()}
        aliases = frozenset(str(alias.name) for alias in plan.choices)
        former: dict[str, dict[str, str]] = {"node": {}, "choices": {}}
        for entry in plan.renamed:
            if entry.former and entry.kind in former:
                former[entry.kind][entry.former] = entry.name
        return cls(
            {old: new for old, new in former["node"].items() if old not in present},
            {**_of_older_releases(aliases), **former["choices"]},
            dict(_outputs(plan, names)),
            present,
            aliases,
            dict(_changed(schema, present)),
            {str(one.name): frozenset(_with_default(one)) for one in planned},
            {str(one.name): len(one.blocks[0].outputs) for one in planned},
        )


def _of_older_releases(aliases: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for release in releases().values():
        for old in release["aliases"]:
            new = renamed_choices(old)
            if new in aliases and old not in aliases:
                found[old] = new
    return found


def _outputs(plan: PackagePlan, names: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The outputs that were called otherwise; a second of one name had, and has, a number."""
    found: dict[str, dict[str, str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for entry in plan.renamed:
        if entry.kind == "output" and entry.former:
            counts[entry.class_type, entry.former] += 1
            number = counts[entry.class_type, entry.former]
            former = entry.former if number == 1 else f"{entry.former}_{number}"
            found.setdefault(entry.class_type, {})[former] = entry.name
    for class_type, outputs in found.items():
        yield names[class_type], outputs


def _with_default(plan: NodeClassPlan) -> Iterator[str]:
    for argument in plan.blocks[0].arguments or ():
        if argument.default is not None:
            yield ast.literal_eval(argument.wire)


def _changed(schema: Schema, present: Mapping[str, str]) -> Iterator[tuple[str, list[tuple[str, Changed]]]]:
    """Remarks about ComfyUI's own classes, as far as the package's classes are so new."""
    for name, class_type in present.items():
        node = schema[class_type]
        told = [
            (version, release["changed"][class_type])
            for version, release in releases().items()
            if class_type in release["changed"]
            and not node.of_pack
            and schema.version >= release_number(version)
        ]
        if told:
            yield name, told


def lost_values(changed: Changed) -> Iterator[tuple[str, list[Any], Any]]:
    """Of the inputs that a release changed: the name, choices that it dropped, and a lost default."""
    for name, lost in changed.get("inputs", {}).items():
        choices = lost.get("choices")
        yield name, list(choices) if is_array(choices) else [], lost.get("default")
