"""The lock: what some workflows use of a server, written down to be compared with later.

Of a node class it has the signature, without prose and looks. A signature has the form of an /object_info
entry, so whatever reads the one reads the other. The file is JSON for people: short values on a line, long
ones an element a line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

from ..bounds import DYNAMIC_NESTING
from ..errors import LockError
from ..graph import Graph
from ..graph.prompt import read_nodes
from ..json_types import array_or_empty, is_array, is_object, object_or_empty
from ..schema import InputSchema, NodeSchema, Schema, Version, lists_files, required_editor
from ..schema.input_schema import read_inputs

FILES: Final = "comfyflow_files"
"""The option that marks a list as one of installed files, of which only the used ones are kept."""

LOOKS: Final = frozenset(
    {
        "advanced",
        "component",
        "control_after_generate",
        "display",
        "display_name",
        "dynamicPrompts",
        "gradient_stops",
        "group_name",
        "hidden",
        "label_off",
        "label_on",
        "multi_select",
        "multiline",
        "placeholder",
        "refresh_button",
        "socketless",
        "tooltip",
        "widgetType",
    }
)
"""Options that only the editor heeds: what a prompt may hold and what it does is the same."""

_FLAGS: Final = ("output_node", "deprecated", "api_node", "is_input_list", "has_intermediate_output")

Used: TypeAlias = Callable[[str], "set[str]"]
"""The texts that nodes give to the input of a (dotted) name, or to any below it."""


@dataclass(frozen=True)
class _Files:
    """Which files of a list are kept: those in use that are there, if the list is known."""

    used: Used
    known: bool

    def kept(self, name: str, choices: tuple[Any, ...] | None) -> list[str]:
        listed = {choice for choice in choices or () if isinstance(choice, str)}
        used = self.used(name)
        return sorted(used & listed if self.known else used)


def class_signature(node: NodeSchema, used: Used, files_known: bool = True) -> dict[str, Any]:
    """The signature of a node class.

    Args:
        node: The node class.
        used: Tells which files are in use: of lists of files only those are kept.
        files_known: Whether the node class lists what is installed on a server; otherwise all
            files in use are kept.
    """
    files = _Files(used, files_known)
    groups: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
    for entry in node.inputs:
        groups["required" if entry.required else "optional"][entry.name] = _definition(entry, "", files, 0)
    raw = node.raw
    made: dict[str, Any] = {
        "python_module": node.python_module,
        "input": {group: members for group, members in groups.items() if members},
        "output": [list(out.choices) if out.choices is not None else out.type for out in node.outputs],
        "output_name": [out.name for out in node.outputs],
    }
    if any(out.is_list for out in node.outputs):
        made["output_is_list"] = [out.is_list for out in node.outputs]
    if any(out.match_template is not None for out in node.outputs):
        made["output_matchtypes"] = raw.get("output_matchtypes")
    made.update({flag: True for flag in _FLAGS if raw.get(flag) is True})
    return made


def is_file_list(entry: InputSchema) -> bool:
    """Whether a combo lists installed files, in a server's schema or in a lock's."""
    return entry.is_combo and (entry.options.get(FILES) is True or lists_files(entry))


def _definition(entry: InputSchema, prefix: str, files: _Files, depth: int) -> list[Any]:
    name = f"{prefix}{entry.name}"
    options = {key: value for key, value in entry.options.items() if key not in LOOKS}
    kind: Any = list(entry.legacy_choices) if entry.legacy_combo else entry.type
    if is_file_list(entry):
        kept = files.kept(name, entry.choices)
        options[FILES] = True
        if entry.legacy_combo:
            kind = kept
        elif entry.choices is not None:
            options["options"] = kept
    elif entry.is_dynamic:
        options = _dynamic_options(options, name, files, depth + 1)
    return [kind, dict(sorted(options.items()))] if options else [kind]


def _dynamic_options(options: dict[str, Any], name: str, files: _Files, depth: int) -> dict[str, Any]:
    """The options of a dynamic input, the inputs within them without looks too."""
    made = dict(options)
    if depth > DYNAMIC_NESTING:
        return {}
    if is_array(made.get("options")):
        made["options"] = [
            {"key": option.get("key"), "inputs": _groups(option.get("inputs"), name, files, depth)}
            for option in made["options"]
            if is_object(option)
        ]
    if is_object(made.get("inputs")):
        made["inputs"] = _groups(made["inputs"], name, files, depth)
    if is_object(made.get("template")):
        template = dict(made["template"])
        if is_object(template.get("input")):
            template["input"] = _groups(template["input"], name, files, depth)
        made["template"] = template
    return made


def _groups(groups: object, name: str, files: _Files, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for group in ("required", "optional"):
        members: Mapping[str, Any] = object_or_empty(object_or_empty(groups).get(group))
        entries = read_inputs({group: members})
        if entries:
            made[group] = {entry.name: _definition(entry, f"{name}.", files, depth) for entry in entries}
    return made


WIDTH: Final = 110
MAX_DEPTH: Final = 150


def depth_of(value: Any) -> int:
    """How deep a value is nested."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for held in level
            for inner in (held.values() if is_object(held) else held if is_array(held) else ())
        ]
    return depth


def written(value: Any, indent: int = 0, start: int = 0) -> str:
    """A value that is not deeper than `MAX_DEPTH`, as text.

    Args:
        value: Plain JSON values.
        indent: How far its lines are indented.
        start: How much is before it on its first line.
    """
    line = _line(value)
    if len(line) + indent + start <= WIDTH or not value or not (is_object(value) or is_array(value)):
        return line
    inner = indent + 2
    pad, end = "\n" + " " * inner, "\n" + " " * indent
    if is_object(value):
        keys = [_line(key) for key in value]
        items = [
            f"{key}: {written(held, inner, len(key) + 2)}"
            for key, held in zip(keys, value.values(), strict=True)
        ]
        return f"{{{pad}{f',{pad}'.join(items)}{end}}}"
    return f"[{pad}{f',{pad}'.join(written(held, inner) for held in value)}{end}]"


def _line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # A lone surrogate can only be written escaped.
    return json.dumps(value) if any("\ud800" <= character <= "\udfff" for character in text) else text


FORMAT: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024

_KEY: Final = "comfyflow_lock"


@dataclass(frozen=True)
class Lock:
    """The parts of a server that some workflows use.

    Attributes:
        version: The server's version.
        workflows: What the workflows are called.
        nodes: The signature of each node class that they use; see `class_signature`.
        source: Where it was read from, for messages.
        editor: The version of the editor that the server requires, if it said it.
    """

    version: Version
    workflows: tuple[str, ...]
    nodes: Mapping[str, Any]
    source: str = "the lock"
    editor: str | None = None

    @cached_property
    def schema(self) -> Schema:
        """The lock as a schema of just these nodes. Its lists of files have the used ones only."""
        editor = self.editor or required_editor(self.version)
        return Schema(self.nodes, self.version, self.source, editor=editor)

    def to_text(self) -> str:
        """The lock as it is written to a file: the same for the same server and workflows, an
        input a line.

        Raises:
            LockError: A definition is nested too deep to be written.
        """
        value = {
            _KEY: FORMAT,
            "comfyui_version": str(self.version),
            **({"editor_version": self.editor} if self.editor is not None else {}),
            "workflows": list(self.workflows),
            "nodes": dict(self.nodes),
        }
        if depth_of(value) > MAX_DEPTH:
            raise LockError("a node's definition is nested too deep to lock")
        return written(value) + "\n"


def make_lock(workflows: Mapping[str, object | Graph], schema: Schema) -> Lock:
    """Record which parts of a server workflows use.

    Args:
        workflows: The graph or the prompt JSON of each workflow, by what to call it.
        schema: The server's. Of its lists of installed files, those that the workflows use are
            kept; where it does not know what is installed, all files that they name.

    Raises:
        LockError: A workflow uses a node class that the server does not have.
    """
    given: dict[str, list[Mapping[str, Any]]] = {}
    missing: dict[str, list[str]] = {}
    for name, workflow in workflows.items():
        graph = workflow if isinstance(workflow, Graph) else read_nodes(workflow)
        for node in graph.values():
            if node.class_type in schema:
                given.setdefault(node.class_type, []).append(node.inputs)
            else:
                missing.setdefault(node.class_type, []).append(name)
    if missing:
        told = "; ".join(
            f"{class_type or 'for a node without a class_type'} (in {users[0]})"
            for class_type, users in missing.items()
        )
        raise LockError(f"{schema.source} has no node class {told}")
    nodes = {
        name: class_signature(schema[name], _texts(given[name]), schema.files_known) for name in sorted(given)
    }
    return Lock(schema.version, tuple(sorted(workflows)), nodes, editor=schema.unusual_editor)


def read_lock(path: str | os.PathLike[str]) -> Lock:
    """Read a lock file.

    Args:
        path: The file.

    Raises:
        LockError: It cannot be read, or is not a lock.
    """
    file = Path(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise LockError(f"cannot read {file}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise LockError(f"{file} is larger than {MAX_BYTES} bytes, too large for a lock")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LockError(f"{file} is not valid JSON: {error}") from None
    if not is_object(value) or _KEY not in value:
        raise LockError(f"{file} is not a lock file: create one with comfyflow lock")
    if value[_KEY] != FORMAT:
        raise LockError(f"{file} is a lock in another format ({value[_KEY]!r:.20}): run comfyflow lock again")
    said = value.get("comfyui_version")
    version = Version.parse(said) if isinstance(said, str) else None
    nodes = value.get("nodes")
    if version is None or not is_object(nodes):
        raise LockError(f"{file} is damaged: it has no version or no nodes")
    names = tuple(str(name) for name in array_or_empty(value.get("workflows")))
    editor = value.get("editor_version")
    return Lock(version, names, nodes, str(file), editor if isinstance(editor, str) else None)


def _texts(given: list[Mapping[str, Any]]) -> Used:
    """What texts are in an input, or in the inputs below it, in any of some nodes."""

    def used(name: str) -> set[str]:
        below = f"{name}."
        return {
            value
            for inputs in given
            for key, value in inputs.items()
            if isinstance(value, str) and (key == name or key.startswith(below))
        }

    return used
