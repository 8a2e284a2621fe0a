"""Where each of a server's Python modules goes in the package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ..dynamic import VALUE_CLASSES
from .name import PythonName, distinct_names, file_name

MAX_PARTS: Final = 8
"""How deep the tree gets; what is deeper is in the last part's name."""

RESERVED: Final = frozenset({"choices", "sockets"})
"""Modules of every generated package."""

IMPORTED: Final = frozenset(
    {
        "Any", "AnyValue", "FileValue", "Generic", "Literal", "Mapping", "MultiOutputNode", "Node", "Output",
        "OutputNode", "OutputSlot", "PlainMultiOutputNode", "Sequence", "SingleOutputNode",
        "TYPE_CHECKING", "TypeVar", "annotations", *VALUE_CLASSES,
        "AudioOutput", "ImageOutput", "LatentOutput", "Model3DOutput", "NodeOutput", "TextOutput",
        "VideoOutput",
    }
)  # fmt: skip
"""What a generated module imports: no node class may be called so, nor a module, which becomes a
name in the package that it is in.
"""


@dataclass(frozen=True)
class ModulePath:
    """One module of the package.

    Attributes:
        parts: Its dotted name in the package.
        is_package: Whether other modules are below it: then it is an ``__init__.py``.
    """

    parts: tuple[PythonName, ...]
    is_package: bool

    @property
    def file(self) -> str:
        """The path in the package's folder, with forward slashes."""
        return "/".join(self.parts) + ("/__init__.py" if self.is_package else ".py")

    @property
    def dotted(self) -> str:
        """The name relative to the package: ``.comfy_extras.nodes_wan``."""
        return f".{'.'.join(self.parts)}"

    @property
    def root(self) -> str:
        """The package itself, as this module imports from it: ``..``."""
        return "." * (len(self.parts) + self.is_package)


@dataclass
class _Branch:
    is_module: bool = False
    below: dict[str, _Branch] = field(default_factory=dict[str, "_Branch"])


def module_paths(python_modules: Iterable[str]) -> tuple[dict[str, ModulePath], list[ModulePath]]:
    """A place in the package for each module of the server.

    Names that are not file names everywhere are made into some; those that differ only in case
    are told apart, for some file systems do not. Nothing leaves the package's folder.

    Args:
        python_modules: The server's names, dotted.

    Returns:
        The module for each name, and the packages in between that have no nodes themselves.
    """
    root = _Branch()
    wires = {name: _parts(name) for name in python_modules}
    for parts in wires.values():
        branch = root
        for part in parts:
            branch = branch.below.setdefault(part, _Branch())
        branch.is_module = True
    names: dict[tuple[str, ...], tuple[PythonName, ...]] = {(): ()}
    between: list[ModulePath] = []
    waiting: list[tuple[tuple[str, ...], _Branch]] = [((), root)]
    while waiting:
        wire, branch = waiting.pop()
        reserved = IMPORTED if wire else IMPORTED | RESERVED
        found = distinct_names(branch.below, reserved, named=file_name, fold=True)
        for part, child in branch.below.items():
            names[(*wire, part)] = (*names[wire], found[part])
            waiting.append(((*wire, part), child))
            if child.below and not child.is_module:
                between.append(ModulePath(names[(*wire, part)], True))
    paths = {
        name: ModulePath(names[parts], bool(_branch(root, parts).below)) for name, parts in wires.items()
    }
    return paths, sorted(between, key=lambda path: path.parts)


def _parts(name: str) -> tuple[str, ...]:
    parts = name.split(".")
    if len(parts) > MAX_PARTS:
        parts = [*parts[: MAX_PARTS - 1], ".".join(parts[MAX_PARTS - 1 :])]
    return tuple(parts)


def _branch(root: _Branch, parts: tuple[str, ...]) -> _Branch:
    for part in parts:
        root = root.below[part]
    return root
