"""Which model files a simulated server has: those of its schema, and those on its disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from ..model_files.folder import EXTENSIONS, LOADERS, is_model_name
from ..schema import InputSchema, Schema
from .folders import Folders

_CONFIGS: Final = "configs"
PLACEHOLDER: Final = "simulated.safetensors"
"""Offered where a schema lists no file at all, so that the editor has something to choose."""


Installed: TypeAlias = Mapping[str, Sequence[str]] | Literal["any", "listed"]
"""Which model files there are, see `ModelFiles`."""


class ModelFiles:
    """The model files of a simulated server.

    Args:
        schema: Whose combos list files.
        folders: The server's files.
        installed: Folder to the only files in it; ``listed``: those that the schema lists;
            ``any``: every name that ends like a model file, for no model is loaded anyway.
        kinds: Kinds of model files beside those of every version.
    """

    extensions = EXTENSIONS

    def __init__(
        self, schema: Schema, folders: Folders, installed: Installed = "any", kinds: Sequence[str] = ()
    ) -> None:
        self._schema = schema
        self._folders = folders
        self._installed = installed
        self._kinds = kinds

    def folder_names(self) -> list[str]:
        """The kinds of model files."""
        return list(dict.fromkeys([*LOADERS, *self._kinds, *self._only()]))

    def files(self, folder: str) -> list[str]:
        """The files of a kind, sorted."""
        found = set(self._folders.models(folder))
        if self.are_named:
            return sorted(found | set(self._only().get(folder, ())))
        for class_type, input_name in LOADERS.get(folder, ()):
            node = self._schema.get(class_type)
            entry: InputSchema | None = node.by_name.get(input_name) if node is not None else None
            listed = entry.choices or () if entry is not None else ()
            # A combo may list words beside files: the VAE `pixel_space`, for one.
            found.update(name for name in listed if is_model_name(name) or folder == _CONFIGS)
        if not found and LOADERS.get(folder) and self.takes_any_name(PLACEHOLDER):
            found.add(PLACEHOLDER)
        return sorted(found)

    def takes_any_name(self, value: object) -> bool:
        """Whether a value is taken as a model file although nothing lists it."""
        return self._installed == "any" and is_model_name(value)

    @property
    def are_named(self) -> bool:
        """Whether the files were named, so that those of the schema do not count."""
        return not isinstance(self._installed, str)

    def _only(self) -> Mapping[str, Sequence[str]]:
        return {} if isinstance(self._installed, str) else self._installed


def lists_models(choices: Sequence[Any]) -> bool:
    """Whether the choices of a combo are model files: one of them ends like one."""
    return any(is_model_name(choice) for choice in choices)
