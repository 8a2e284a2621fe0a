"""Generated packages in tests: written somewhere, imported, and their nodes made with drawn values."""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from comfyflow import raw_node
from comfyflow.codegen import Options, Package, generate
from comfyflow.dynamic_input import DynamicChoice, GroupRow
from comfyflow.schema import InputSchema, NodeSchema, load_schema

_numbers = itertools.count()


def node(
    required: Mapping[str, Any] | None = None,
    optional: Mapping[str, Any] | None = None,
    output: list[Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One entry of an /object_info."""
    return {
        "input": {"required": required or {}, "optional": optional or {}},
        "output": output or [],
        "python_module": "nodes",
        "category": "test",
        **more,
    }


def package_of(nodes: Mapping[str, Any], **options: Any) -> Package:
    return generate(load_schema(nodes, "0.27.0"), Options(**options))


def source_of(nodes: Mapping[str, Any], file: str = "nodes.py", **options: Any) -> str:
    """The text of one file of a package without docs."""
    return package_of(nodes, docs=options.pop("docs", False), **options).files[file]


def load_package(package: Package, folder: Path) -> ModuleType:
    """Write a package under a name that is not taken, and import it."""
    name = f"generated_{next(_numbers)}"
    package.write(folder / name)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


@contextmanager
def own_path() -> Generator[None, None, None]:
    """Forget afterwards which folders came into the path, and what was imported from there.

    A program may leave them, for its process ends; the next test in this process must not find them.
    """
    before = [*sys.path]
    try:
        yield
    finally:
        if added := {Path(folder) for folder in sys.path if folder not in before}:
            sys.path[:] = before
            for name, module in list(sys.modules.items()):
                if not added.isdisjoint(Path(getattr(module, "__file__", None) or "/").parents):
                    del sys.modules[name]


@contextmanager
def importable(folder: Path) -> Generator[None, None, None]:
    """Have what is in a folder imported by its name, and forget it afterwards.

    A worker of xdist may come to a fixture of a module twice, each time with a folder of its own.
    """
    with own_path():
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        yield


def load_nodes(nodes: Mapping[str, Any], folder: Path, **options: Any) -> ModuleType:
    return load_package(package_of(nodes, **options), folder)


def classes_of(package: ModuleType) -> dict[str, Any]:
    """Every class of a generated package, by class type."""
    classes = [getattr(package, name) for name in package.__all__]
    return {cls._class_type: cls for cls in classes}


def makings(cls: Any, schema: NodeSchema) -> Iterator[dict[str, Any]]:
    """Arguments to make a node with: the required ones, once for each option of each DynamicCombo."""
    pairs = list(zip(_parameters(cls), schema.inputs, strict=True))
    base = {
        name: _drawn(cls, name, entry)
        for (name, parameter), entry in pairs
        if parameter.default is inspect.Parameter.empty
    }
    yield base
    for (name, _), _entry in pairs:
        for option in _options(cls, name)[1:]:
            yield {**base, name: _made(option)}


def _parameters(cls: Any) -> list[tuple[str, inspect.Parameter]]:
    return list(inspect.signature(cls.__init__).parameters.items())[1:]


def _options(cls: Any, name: str) -> list[Any]:
    """The option classes that an argument's annotation names, in its order."""
    annotation = inspect.signature(cls.__init__).parameters[name].annotation
    for group in filter(_is_a, vars(cls).values()):
        if re.search(rf"\b{group.__name__}\.", annotation):
            return [inner for inner in vars(group).values() if _is_a(inner, DynamicChoice)]
    return []


def _is_a(value: object, base: type = object) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def _made(cls: Any) -> Any:
    """An option, a row or a slot, with everything that it must be given."""
    given: dict[str, Any] = {}
    for name, parameter in _parameters(cls):
        if name == "source":
            return cls(linked(), **given)
        if parameter.default is inspect.Parameter.empty:
            given[name] = _any_value(cls, name)
    return cls(**given)


def _any_value(cls: Any, name: str) -> Any:
    options = _options(cls, name)
    if options:
        return _made(options[0])
    annotation = inspect.signature(cls.__init__).parameters[name].annotation
    inner = [one for one in filter(_is_a, vars(cls).values()) if one.__name__ in annotation]
    if inner:
        return [_made(inner[0])] if issubclass(inner[0], GroupRow) else _made(inner[0])
    return [linked()] if annotation.startswith(("Sequence[", "Mapping[")) else linked()


def linked() -> Any:
    return raw_node("Anything")[0]


def _drawn(cls: Any, name: str, entry: InputSchema) -> Any:
    """A value for one input of a node, from what the schema says of it."""
    options = _options(cls, name)
    if options:
        return _made(options[0])
    if entry.autogrow is not None:
        return [linked()] * max(1, entry.autogrow.minimum)
    if entry.is_dynamic:
        return _any_value(cls, name)
    if entry.choices:
        return entry.choices[0]
    simple = {"INT": 1, "FLOAT": 0.5, "STRING": "text", "BOOLEAN": True, "COMBO": "a file"}
    return simple.get(entry.type, linked())


def shuffled(value: Any, order: Any) -> Any:
    """A JSON value with the keys of all its objects in another order, inputs excepted: those are in
    ``input_order``, or their order is what the server says.
    """
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {
            key: value[key] if key in ("required", "optional") else shuffled(value[key], order)
            for key in keys
        }
    if isinstance(value, list):
        return [shuffled(item, order) for item in value]
    return value
