"""A schema whose lists of files are those that the simulated server has now.

A real server lists its folders again at each ``/object_info`` and each validation; so does this. The
reference schema lacks the classes of loops: they are here as servers after 0.36 have them.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import SimulatorError
from ..json_types import is_array, object_or_empty
from ..model_files.folder import LOADERS
from ..schema import Schema, load_schema, takes_file
from ..schema.catalogue import layered
from ..schema.input_schema import ANY_FILE, read_input
from .folders import PLACEHOLDER, Folders, ModelFiles, lists_models
from .profile import Profile

START: Final = "StartLoop"
END: Final = "EndLoop"
ITERATION: Final = "LoopIteration"
PROGRESS: Final = "LoopProgress"
RESULT: Final = "LoopResult"

_MODULE: Final = "comfy_extras.nodes_loop"
_CATEGORY: Final = "utilities/looping"


def _match(name: str) -> list[Any]:
    return ["COMFY_MATCHTYPE_V3", {"template": {"template_id": name, "allowed_types": "*"}}]


_MODES: Final = {
    "simple": {"num_iterations": ["INT", {"default": 4, "min": 0}]},
    "For": {
        "start_iteration_index": ["INT", {"default": 0}],
        "max_iteration": ["INT", {"default": 4, "max": 0xFFFFFFFFFFFFFFFF}],
        "step": ["INT", {"default": 1, "min": 1}],
    },
    "List": {"list": _match("list_item")},
}
"""What each mode of a StartLoop takes."""


def _node_class(
    class_type: str,
    inputs: dict[str, Any],
    outputs: list[tuple[str, str, bool]],
    optional: dict[str, Any] | None = None,
    matched: list[str | None] | None = None,
    **more: Any,
) -> dict[str, Any]:
    groups: dict[str, Any] = {"required": inputs, "optional": optional or {}}
    hidden = more.pop("hidden", {})
    if hidden:
        groups["hidden"] = hidden
    return {
        "input": groups,
        "input_order": {name: list(group) for name, group in groups.items()},
        "is_input_list": True,
        "output": [kind for kind, _, _ in outputs],
        "output_name": [name for _, name, _ in outputs],
        "output_is_list": [is_list for _, _, is_list in outputs],
        "output_matchtypes": matched,
        "output_tooltips": [None] * len(outputs),
        "name": class_type,
        "display_name": class_type,
        "description": "",
        "python_module": _MODULE,
        "category": _CATEGORY,
        "output_node": False,
        "has_intermediate_output": False,
        "deprecated": False,
        "experimental": False,
        "dev_only": False,
        "api_node": False,
        "price_badge": None,
        "search_aliases": [],
        "essentials_category": None,
        **more,
    }


LOOP_CLASSES: Final[Mapping[str, Mapping[str, Any]]] = {
    START: _node_class(
        START,
        {
            "mode": [
                "COMFY_DYNAMICCOMBO_V3",
                {"options": [{"key": key, "inputs": {"required": inputs}} for key, inputs in _MODES.items()]},
            ],
            "cache_iterations": ["BOOLEAN", {"advanced": True, "default": False}],
        },
        [
            ("INT", "iteration_index", False),
            ("BOOLEAN", "is_first", False),
            ("BOOLEAN", "is_last", False),
            ("COMFY_MATCHTYPE_V3", "list_item", False),
            ("COMFY_MATCHTYPE_V3", "current_iteration_value", False),
        ],
        optional={
            "parent_iteration": ["INT", {"forceInput": True}],
            "initial_iteration_value": _match("carried_value"),
        },
        matched=[None, None, None, "list_item", "carried_value"],
        hidden={"dynprompt": ["DYNPROMPT"], "execution_list": ["EXECUTION_LIST"], "unique_id": ["UNIQUE_ID"]},
    ),
    END: _node_class(
        END,
        {"accumulate": ["BOOLEAN", {"default": False}]},
        [("COMFY_MATCHTYPE_V3", "outputs", True)],
        optional={
            "output_value": _match("output_value"),
            "next_iteration_value": _match("carried_value"),
            "terminations": [
                "COMFY_AUTOGROW_V3",
                {
                    "template": {
                        "input": {"required": {"termination": ["*", {}]}},
                        "prefix": "termination",
                        "min": 0,
                        "max": 50,
                    }
                },
            ],
        },
        matched=["output_value"],
        hidden={"execution_list": ["EXECUTION_LIST"], "unique_id": ["UNIQUE_ID"]},
    ),
    ITERATION: _node_class(
        ITERATION,
        {
            "iteration_index": ["INT", {}],
            "is_first": ["BOOLEAN", {}],
            "is_last": ["BOOLEAN", {}],
            "reuse_cache": ["BOOLEAN", {}],
        },
        [
            ("INT", "INT", False),
            ("BOOLEAN", "BOOLEAN", False),
            ("BOOLEAN", "BOOLEAN", False),
            ("*", "*", False),
            ("*", "*", True),
        ],
        optional={"list_item": ["*", {}], "current_iteration_value": ["*", {}]},
        dev_only=True,
    ),
    PROGRESS: _node_class(
        PROGRESS,
        {"start_id": ["STRING", {}], "position": ["INT", {}], "total": ["INT", {}]},
        [("INT", "INT", False)],
        output_node=True,
        dev_only=True,
    ),
    RESULT: _node_class(
        RESULT,
        {"close_id": ["STRING", {}]},
        [],
        hidden={"execution_list": ["EXECUTION_LIST"]},
        output_node=True,
        dev_only=True,
    ),
}


_UPLOADS: Final[Mapping[str, tuple[str, ...]]] = {
    "image_upload": ("image",),
    "audio_upload": ("audio", "video"),
    "video_upload": ("video",),
}
_FOLDER_OF: Final = {loader: folder for folder, loaders in LOADERS.items() for loader in loaders}
_FILE_NAMES: Final = ("text_encoder", "model_path", "name")
_LATENTS: Final = ("LoadLatent", "latent")


class LiveNodes(Mapping[str, Any]):
    """An /object_info with the files of now in its combos; a node is looked at when it is asked for.

    Args:
        schema: The server's classes.
        folders: Its files.
        models: Its models.
        named: Model files that a prompt names, which are taken for installed ones.
        shown: Whether they are shown to a client. Lists that are not all that is
            taken (`ANY_FILE`).
    """

    def __init__(
        self,
        schema: Schema,
        folders: Folders,
        models: ModelFiles,
        named: Iterable[str] = (),
        shown: bool = False,
    ) -> None:
        self._shown = shown
        self._raw = schema.raw
        self._folders = folders
        self._models = models
        self._named = tuple(dict.fromkeys(named))

    def __getitem__(self, class_type: str) -> Any:
        node = self._raw[class_type]
        groups = object_or_empty(object_or_empty(node).get("input"))
        changed: dict[str, dict[str, Any]] = {}
        for group in ("required", "optional"):
            for name, definition in object_or_empty(groups.get(group)).items():
                choices = _choices(definition)
                files = self._files(class_type, name, definition, choices) if choices is not None else None
                if files is None:
                    continue
                found = _with_choices(definition, files)
                if self._shown and (class_type, name) != _LATENTS and self._takes_any(definition):
                    found = [
                        found[0],
                        {**object_or_empty(found[1] if len(found) > 1 else None), ANY_FILE: True},
                    ]
                changed.setdefault(group, dict(groups[group]))[name] = found
        return {**node, "input": {**groups, **changed}} if changed else node

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, class_type: object) -> bool:
        return class_type in self._raw

    def _takes_any(self, definition: Any) -> bool:
        """Whether a list of files is one of models, of which every name is taken."""
        options = object_or_empty(definition[1] if len(definition) > 1 else None)
        return self._models.takes_any_name(PLACEHOLDER) and not any(
            options.get(upload) for upload in _UPLOADS
        )

    def _files(self, class_type: str, name: str, definition: Any, choices: Sequence[Any]) -> list[Any] | None:
        """What a combo lists now, or None if it is not a list of files."""
        options = object_or_empty(definition[1] if len(definition) > 1 else None)
        for upload, kinds in _UPLOADS.items():
            if options.get(upload) and "image_folder" not in options:
                return [file for file in self._folders.inputs() if _is_kind(file, kinds)]
        if (class_type, name) == _LATENTS:
            return [file for file in self._folders.inputs() if file.endswith(".latent")]
        folder = _FOLDER_OF.get((class_type, name))
        if folder is None and takes_file(read_input(name, definition, True)):
            return list(dict.fromkeys([*choices, *self._folders.inputs()]))
        if folder is None and not lists_models(choices) and not (not choices and _names_file(name)):
            return None
        listed = [*choices, *(self._models.files(folder) if folder is not None else ())]
        if self._models.takes_any_name(PLACEHOLDER):
            listed += [*self._named, *([] if listed else [PLACEHOLDER])]
        elif folder is not None and self._models.are_named:
            listed = [
                *(choice for choice in choices if not lists_models([choice])),
                *self._models.files(folder),
            ]
        return list(dict.fromkeys(listed))


def _choices(definition: Any) -> Sequence[Any] | None:
    if not is_array(definition) or not definition:
        return None
    if is_array(definition[0]):
        return definition[0]
    kind, *options = definition
    listed = object_or_empty(options[0]).get("options") if options else None
    return listed if kind == "COMBO" and is_array(listed) else None


def _with_choices(definition: Any, choices: list[Any]) -> list[Any]:
    if is_array(definition[0]):
        return [choices, *definition[1:]]
    return [definition[0], {**definition[1], "options": choices}]


def _names_file(name: str) -> bool:
    return name.rstrip("0123456789").endswith("_name") or name in _FILE_NAMES


def _is_kind(file: str, kinds: Sequence[str]) -> bool:
    guessed = mimetypes.guess_type(file)[0] or ""
    return guessed.split("/", 1)[0] in kinds


def named_models(prompt: Mapping[str, Any], models: ModelFiles) -> list[str]:
    """The model files that a prompt names and the server takes although nothing lists them."""
    nodes = (object_or_empty(node) for node in prompt.values())
    values = (value for node in nodes for value in object_or_empty(node.get("inputs")).values())
    return [value for value in values if isinstance(value, str) and models.takes_any_name(value)]


def simulated_schema(
    source: Schema | Mapping[str, Any] | str | os.PathLike[str] | None, version: str
) -> Schema:
    """The classes that a simulator is given: its own schema, or the reference package's.

    Raises:
        SimulatorError: None is given, and there is no reference package.
    """
    if isinstance(source, Schema):
        return source
    if source is not None:
        return load_schema(source, version)
    path = reference_file()
    if path is None:
        raise SimulatorError("there is no reference schema: pass a server's object_info")
    schema = load_schema(path, version)
    if not Profile.named(version).loops:
        return schema
    return Schema(layered(schema.raw, LOOP_CLASSES), version, schema.source, schema.files_known)


def reference_file() -> Path | None:
    """The file with ComfyUI's core nodes that lies beside the reference node package."""
    import importlib.util

    found = importlib.util.find_spec("comfynodes")
    for folder in found.submodule_search_locations or () if found is not None else ():
        for name in ("schema.json", "schema.json.gz"):
            path = Path(folder) / name
            if path.is_file():
                return path
    return None
