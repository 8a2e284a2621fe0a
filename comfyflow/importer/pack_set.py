"""The packs whose rules are in effect in a conversion: shipped, installed, and given ones."""

from __future__ import annotations

import importlib
import importlib.util
import random
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

from ..errors import ConversionError
from .javascript import shown_json
from .live_graph import LGraph, LGraphNode
from .pack import Fill, Pack, PackNode, Role
from .packs import SHIPPED
from .report import ConversionReport

_MOST_KEPT: Final = 10_000
ENTRY_POINTS: Final = "comfyflow.packs"
"""The group of entry points under which distributions bring their own packs."""


class PackTable:
    """Packs by what they have. Where several have a class, the first that has its module counts; one that
    says nothing of modules has every module.

    Args:
        packs: In the order in which they are asked.
    """

    def __init__(self, packs: Iterable[Pack]) -> None:
        self.packs: Final = tuple(packs)
        self.connecting: Final = tuple(pack for pack in self.packs if pack.connect is not None)
        self.roles: dict[str, tuple[Pack, Role]] = {
            type_: (pack, role) for pack in reversed(self.packs) for type_, role in pack.virtual.items()
        }
        self._fills: dict[tuple[str, str], tuple[Pack, Fill] | None] = {}

    def fill(self, type_: str, module: str) -> tuple[Pack, Fill] | None:
        """What is done to the nodes of a class, and by which pack."""
        key = (type_, module)
        if key not in self._fills:
            if len(self._fills) > _MOST_KEPT:
                self._fills.clear()
            found = [(pack, fill) for pack in self.packs if (fill := pack.fill(*key)) is not None]
            own = [one for one in found if one[0].has_module(module) or not one[0].modules]
            self._fills[key] = next(iter([*own, *found]), None)
        return self._fills[key]


class PackSet:
    """The packs of one conversion.

    Args:
        table: The packs.
        report: Takes the warnings.
        seed: The seed of what packs draw at random.
    """

    def __init__(self, table: PackTable, report: ConversionReport, seed: int) -> None:
        self._table = table
        self._report = report
        self._seed = seed
        self._random: random.Random | None = None

    def role(self, type_: str) -> tuple[Pack, Role] | None:
        """What a type is that exists in the editor only, and whose; None if no pack has it."""
        return self._table.roles.get(type_)

    def fill(self, node: LGraphNode) -> None:
        """Do to a node what its pack's code would do.

        Raises:
            ConversionError: The plug-in failed.
        """
        shape = node.shape
        if shape is None or shape.core:
            return
        found = self._table.fill(node.type, shape.module)
        if found is None:
            return
        pack, fill = found
        node.pack = pack.name
        if self._random is None:
            self._random = random.Random(self._seed)  # noqa: S311 - no secret
        try:
            fill(PackNode(node, self._report, self._random))
        except Exception as error:
            raise ConversionError(
                f"the plug-in for the pack {pack.name} failed at node {node.key} ({node.type}):"
                f" {type(error).__name__}: {error}"
            ) from error

    def connect(self, graph: LGraph) -> None:
        """Make the links of a graph that packs make.

        Raises:
            ConversionError: The plug-in failed.
        """
        for pack in self._table.connecting:
            self._connect(pack, graph)

    def _connect(self, pack: Pack, graph: LGraph) -> None:
        try:
            if pack.connect is not None:
                pack.connect(graph, self._report)
        except Exception as error:
            raise ConversionError(
                f"the plug-in for the pack {pack.name} failed at the links of {graph.host_names()}:"
                f" {type(error).__name__}: {error}"
            ) from error


def pack_set(given: Iterable[Pack | ModuleType | str], report: ConversionReport, seed: int) -> PackSet:
    """The packs of a conversion: those given, then those installed, then those shipped with comfyflow.

    Raises:
        ConversionError: One cannot be loaded.
        TypeError: They are one string.
    """
    if isinstance(given, str):
        raise TypeError(f"packs must be a list, not a string: write [{given!r}]")
    known = standing_packs()
    loaded = [loaded_pack(one) for one in given]
    return PackSet(PackTable([*loaded, *known.packs]) if loaded else known, report, seed)


@cache
def standing_packs() -> PackTable:
    """The packs that are always in effect: installed by the entry point ``comfyflow.packs``, and shipped.

    Raises:
        ConversionError: One cannot be loaded.
    """
    return PackTable([*_installed(), *SHIPPED])


def loaded_pack(given: Pack | ModuleType | str) -> Pack:
    """A pack, or the ``PACK`` of a module; a string is the module's name, or its file.

    Raises:
        ConversionError: The module does not exist, it fails, or it has no ``PACK``.
    """
    if isinstance(given, Pack):
        return given
    name = given if isinstance(given, str) else given.__name__
    module = _imported(given) if isinstance(given, str) else given
    return _pack_of(module, name)


def _installed() -> Iterator[Pack]:
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        what = f"{point.value}, the entry point {point.name} of {ENTRY_POINTS}"
        try:
            loaded = point.load()
        except Exception as error:
            raise ConversionError(
                f"the pack {what} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        yield loaded if isinstance(loaded, Pack) else _pack_of(loaded, what)


def _pack_of(module: object, name: str) -> Pack:
    pack = getattr(module, "PACK", None)
    if not isinstance(pack, Pack):
        raise ConversionError(f"{name} is not a pack plug-in: it has no PACK = Pack(…)")
    return pack


def _imported(name: str) -> ModuleType:
    try:
        return _of_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
    except Exception as error:
        hint = ""
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            hint = "; name an importable module or a file such as my_pack.py"
        raise ConversionError(
            f"the pack {shown_json(name)} cannot be loaded: {type(error).__name__}: {error}{hint}"
        ) from error


def _of_file(path: Path) -> ModuleType:
    name = f"comfyflow_pack_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
