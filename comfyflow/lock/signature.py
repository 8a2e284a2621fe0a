"""What of a node class matters to a prompt: its signature, without prose and looks.

A signature has the form of an /object_info entry, so whatever reads the one reads the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ..bounds import DYNAMIC_NESTING
from ..json_types import is_array, is_object, object_or_empty
from ..schema import InputSchema, NodeSchema, lists_files
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


def signature(node: NodeSchema, used: Used, files_known: bool = True) -> dict[str, Any]:
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
