"""Plans as Python source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..dynamic import FUNCTIONS, VALUE_CLASSES
from ..node_history import dropped_nodes
from . import module_text
from .block import INDENT, Block
from .code import Code, text, texts
from .docstring import docstring
from .layout import attributes, constructor
from .module_path import ModulePath
from .module_text import checked, filled, listed
from .name import PythonName
from .package_plan import ModulePlan, PackagePlan
from .socket_type import COMMON

_SOURCES: Final = {
    "collections.abc": ("Mapping", "Sequence"),
    "typing": ("TYPE_CHECKING", "Any", "Generic", "Literal", "TypeVar"),
    "comfyflow.dynamic_input": (*sorted({*VALUE_CLASSES, *FUNCTIONS}), "extra"),
    "comfyflow.input_file": ("FileValue",),
    "comfyflow.node": (
        "AnyValue",
        "MultiOutputNode",
        "Node",
        "Output",
        "OutputNode",
        "OutputSlot",
        "PlainMultiOutputNode",
        "SingleOutputNode",
    ),
    "comfyflow.output_file": (
        "AudioOutput",
        "ImageOutput",
        "LatentOutput",
        "Model3DOutput",
        "NodeOutput",
        "TextOutput",
        "VideoOutput",
    ),
}
_HIDDEN: Final = FUNCTIONS | {"extra"}
"""Functions that get an underscore: they are not nodes."""


def render(plan: PackagePlan, schema_version: str) -> Iterator[tuple[str, str]]:
    """The modules of a package: path in its folder, and source.

    Args:
        plan: The package.
        schema_version: The version of the server it is for.
    """
    yield "__init__.py", _init(plan, schema_version)
    yield "sockets.py", _sockets(plan)
    yield "choices.py", _choices(plan)
    for module in plan.modules:
        yield module.path.file, _module(module)
    for package in plan.packages:
        yield package.file, _head(f"Nodes of {'.'.join(package.parts)}, by module.")


def _head(*lines: str) -> str:
    return filled(module_text.HEAD, docstring(lines, ""))


def _sockets(plan: PackagePlan) -> str:
    head = _head("The types of this server's sockets.")
    common = listed(module_text.SOCKET_IMPORT, ((Code(name),) for name in (*sorted(COMMON), "Socket")))
    return "".join((head, module_text.FUTURE, common, listed(module_text.SOCKET, _own(plan))))


def _own(plan: PackagePlan) -> Iterator[tuple[Code | PythonName, ...]]:
    return ((socket.name, socket.bases) for socket in plan.sockets)


def _choices(plan: PackagePlan) -> str:
    head = _head("Lists of choices that are the same on every server of this version.")
    aliases = [
        filled(module_text.CHOICES, alias.name, listed("    {},\n", ((choice,) for choice in alias.choices)))
        for alias in plan.choices
    ]
    return "".join((head, module_text.CHOICES_BEGIN, *aliases, module_text.CHOICES_END))


def _module(module: ModulePlan) -> str:
    former = list(_former([module]))
    classes = {one.class_type for one in module.classes}
    some_are_gone = not classes.issuperset(dropped_nodes(module.python_module))
    imports = _imports(module, {"TYPE_CHECKING"} if former or some_are_gone else set[str]())
    variables = ((variable.name, variable.constraints) for variable in module.type_variables)
    parts = [
        _head(f"Node classes of the server's module {module.python_module}."),
        module_text.FUTURE,
        listed("{}\n", ((line,) for line in imports)),
        listed(module_text.TYPE_VARIABLE, variables),
        *(_class(block) for plan in module.classes for block in plan.blocks),
    ]
    if former or some_are_gone:
        parts.append(filled(module_text.MISSING_NODE, _names(former, INDENT)))
    return "".join(parts)


def _class(block: Block) -> str:
    bases = Code(f"({checked(block.bases)})" if block.bases else "")
    head = filled(module_text.CLASS, block.pad, block.name, bases, block.docstring)
    body, made = attributes(block), constructor(block)
    return "".join(("" if block.pad else "\n", head, body, "\n" if made else "", made))


def _names(former: Sequence[tuple[Code, Code]], pad: str) -> Code:
    """A dict of former names and present ones, its lines at an indentation."""
    if not former:
        return Code("{}")
    entries = listed(f"{pad}{INDENT}{{}}: {{}},\n", former)
    return Code(f"{{\n{entries}{pad}}}")


def _imports(module: ModulePlan, more: set[str]) -> Iterator[Code]:
    used = module.imports | more
    if module.type_variables:
        used.add("TypeVar")
    if any(variable.constraints for variable in module.type_variables):
        used.add("sockets")
    if "builtins" in used:
        yield Code("import builtins as _b")
    for source, names in _SOURCES.items():
        wanted = [f"{name} as _{name}" if name in _HIDDEN else name for name in names if name in used]
        if source == "comfyflow.dynamic_input":
            yield Code("")
        if wanted:
            yield Code(f"from {source} import {', '.join(wanted)}")
    yield Code("")
    for name, short in (("choices", "_c"), ("sockets", "_t")):
        if name in used:
            yield Code(f"from {module.path.root} import {name} as {short}")


def _init(plan: PackagePlan, schema_version: str) -> str:
    head = _head(
        f"The nodes of ComfyUI {schema_version}.",
        "",
        "Each stands in the module that the server has it from, and here too. A module is loaded",
        "when the first of its nodes is used.",
    )
    homes = [(module.path.dotted, [one.name for one in module.classes]) for module in plan.modules]
    former = list(_former(plan.modules))
    package = filled(
        module_text.PACKAGE,
        homes=Code("".join(_home(dotted, names) for dotted, names in homes) or f"{INDENT}pass\n"),
        names=listed(
            "    {},\n", ((text(name),) for name in sorted(name for _, names in homes for name in names))
        ),
        modules=Code("".join(_home_names(dotted, names) for dotted, names in homes)),
        top=texts(_top(module.path for module in plan.modules)),
        former=Code(f"_FORMER = {_names(former, '')}\n" if former else ""),
        argument=Code(", _FORMER" if former else ""),
    )
    return f"{head}{package}"


def _home(dotted: str, names: Iterable[PythonName]) -> str:
    """The import of a module's nodes, for type checkers."""
    imported = listed("        {0} as {0},\n", ((name,) for name in names))
    return filled("    from {} import (\n{}    )\n", Code(dotted), imported)


def _home_names(dotted: str, names: Iterable[PythonName]) -> str:
    """The names of a module's nodes."""
    written = listed('        "{}",\n', ((name,) for name in names))
    return filled("    {}: (\n{}    ),\n", text(dotted), written)


def _former(modules: Sequence[ModulePlan]) -> Iterator[tuple[Code, Code]]:
    """What classes were called before, and are called now; not where another has the old name."""
    classes = [one for module in modules for one in module.classes]
    used = {one.name for one in classes}
    for entry in (entry for one in classes for entry in one.renamed):
        if entry.kind == "node" and entry.former and entry.former not in used:
            yield text(entry.former), text(entry.name)


def _top(paths: Iterable[ModulePath]) -> list[str]:
    return sorted({"choices", "sockets", *(path.parts[0] for path in paths)})
