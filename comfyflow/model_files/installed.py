"""Which of some model files a server has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .folder import is_model_name
from .wanted import WantedModel

if TYPE_CHECKING:
    from ..schema import Schema


def on_server(
    files: Iterable[WantedModel],
    schema: Schema,
    folders: Sequence[str],
    listed: Callable[[str], Sequence[str]],
) -> Iterator[WantedModel]:
    """Model files with whether a server has them, and the folder that it looks for them in.

    Args:
        files: The files.
        schema: The server's node classes.
        folders: Its model folders.
        listed: The files in one of them.
    """
    contents: dict[str, frozenset[str]] = {}

    def content(folder: str) -> frozenset[str]:
        if folder not in contents:
            contents[folder] = frozenset(map(_slashes, listed(folder))) if folder in folders else frozenset()
        return contents[folder]

    for file in files:
        choices = [found for use in file.uses if (found := _choices(schema, use.class_type, use.input_name))]
        directory = file.directory or _folder(choices, {folder: content(folder) for folder in folders})
        offered = any(file.name in names for names in choices)
        there = directory is not None and file.name in content(directory)
        known = bool(choices) or directory is not None
        yield replace(file, directory=directory, installed=(offered or there) if known else None)


def on_disk(files: Iterable[WantedModel], models: Path) -> Iterator[WantedModel]:
    """Model files with whether they are in a folder of models.

    Args:
        files: The files.
        models: The folder.
    """
    from .place import place

    for file in files:
        path = place(models, file)
        yield replace(file, installed=file.installed or (path is not None and path.is_file()))


def _choices(schema: Schema, class_type: str, input_name: str) -> frozenset[str]:
    """The files that an input offers; none if the server does not say."""
    node = schema.get(class_type)
    entry = node.by_name.get(input_name) if node is not None else None
    values: Sequence[Any] = (entry.choices if entry is not None else None) or ()
    return frozenset(_slashes(value) for value in values if isinstance(value, str))


def _folder(choices: Iterable[frozenset[str]], contents: Mapping[str, frozenset[str]]) -> str | None:
    """The folder whose files are just those that an input offers; words among them aside."""
    models = {folder: set(filter(is_model_name, listed)) for folder, listed in contents.items()}
    for names in choices:
        files = {name for name in names if is_model_name(name)}
        same = [folder for folder, listed in models.items() if files and files == listed]
        if len(same) == 1:
            return same[0]
    return None


def _slashes(name: str) -> str:
    return name.replace("\\", "/")
