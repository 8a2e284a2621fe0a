"""What the names of a Python program stand for, as far as they come from packages of node classes.

Read from the syntax tree alone; nothing is imported. A name counts only where nothing in the file
but one import gives it its meaning.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field


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
