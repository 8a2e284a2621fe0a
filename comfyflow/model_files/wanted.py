"""Which model files a workflow wants, where they belong on disk, and which of them a server has.

A prompt names them in the inputs of its loaders. The editor's file may say more of them: a node's
``properties.models``, and ``models`` of the whole file, list name, address, directory and hash, on the
canvas, in subgraph definitions and in group nodes. What is listed there and loaded by no node is not wanted:
the editor leaves these entries behind where another file is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from ..bounds import MODEL_FILES, NESTING
from ..errors import ModelFileError
from ..graph import Link
from ..graph.prompt import read_nodes
from ..json_types import array_or_empty, is_object, object_or_empty
from ..saved_file import clean_name
from ..schema.installed_files import lists_files
from .folder import folder_of, is_model_name

if TYPE_CHECKING:
    from ..schema import Schema


_DIGITS: Final[Mapping[str, int]] = {
    "md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128, "blake3": 64
}  # fmt: skip
"""The algorithms of hashes that are known, with the digits that each gives."""

_INACTIVE: Final = frozenset({2, 4})
"""Modes of nodes that do not run: muted, bypassed."""


@dataclass(frozen=True)
class Use:
    """An input that names a model file.

    Attributes:
        node_id: The node; ``""`` where only the editor's file names it.
        class_type: Its class.
        input_name: The input; ``""`` where it is not known.
    """

    node_id: str
    class_type: str
    input_name: str

    def __str__(self) -> str:
        name = f".{self.input_name}" if self.input_name else ""
        return f"{f'#{self.node_id} ' if self.node_id else ''}{self.class_type}{name}"


@dataclass(frozen=True)
class WantedModel:
    """A model file that a workflow wants.

    Attributes:
        name: Its path in its folder, with forward slashes, as the inputs of loaders take it.
        directory: The folder below ``models``; None if unknown.
        url: Where the editor's file says that it is; None if it does not.
        hash: Its hash, as the editor's file has it.
        hash_type: Of which kind: ``SHA256``.
        uses: What loads it.
        installed: Whether the server has it; None if that is not known.
    """

    name: str
    directory: str | None = None
    url: str | None = None
    hash: str | None = None
    hash_type: str | None = None
    uses: tuple[Use, ...] = ()
    installed: bool | None = None

    @property
    def hash_name(self) -> str | None:
        """The algorithm of its hash, as `hashlib` names it, or ``blake3``; None if it is another one."""
        if self.hash is not None and self.hash.lower().startswith("blake3:"):
            return "blake3"
        name = (self.hash_type or "sha256").lower().replace("-", "")
        return name if name in _DIGITS else None

    @property
    def hash_is_valid(self) -> bool:
        """Whether it has a hash, with as many digits as its algorithm gives."""
        digits = (self.hash or "").lower().removeprefix("blake3:")
        name = self.hash_name
        return name is not None and re.fullmatch(rf"[0-9a-f]{{{_DIGITS[name]}}}", digits) is not None

    @property
    def path(self) -> str:
        """Its path below ``models``; ``?`` stands for a folder that is not known."""
        return f"{self.directory or '?'}/{self.name}"

    @property
    def other_name(self) -> str | None:
        """What the address calls the file, where that is another name: it may be another model."""
        if self.url is None:
            return None
        try:
            given = unquote(urlsplit(self.url).path).rpartition("/")[2]
        except ValueError:
            return None
        return given if is_model_name(given) and given != _last(self.name) else None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "name": self.name,
            "directory": self.directory,
            "url": self.url,
            "hash": self.hash,
            "hash_type": self.hash_type,
            "installed": self.installed,
            "uses": [
                {"node_id": use.node_id, "class_type": use.class_type, "input": use.input_name}
                for use in self.uses
            ],
        }


@dataclass(frozen=True)
class _NamedModel:
    """What the editor's file says about a model file."""

    name: str
    url: str | None
    directory: str | None
    hash: str | None
    hash_type: str | None
    class_type: str = ""
    is_loaded: bool = False
    """Whether the node that has it runs, and a widget of it has the name."""


@dataclass
class _Wanted:
    uses: list[Use] = field(default_factory=list[Use])


def wanted_files(prompt: object, editor: Mapping[str, Any] | None, schema: Schema) -> list[WantedModel]:
    """The model files that a workflow wants, sorted by path.

    Args:
        prompt: Its prompt JSON.
        editor: The editor's JSON that it was made of, or None.
        schema: The node classes: they say which inputs list files.

    Raises:
        ModelFileError: It names more than `bounds.MODEL_FILES`.
        PromptError: The prompt is not one.
    """
    found: dict[str, _Wanted] = {}
    astray: set[str] = set()
    for use, value in _loaded(prompt, schema):
        if isinstance(value, str) and is_model_name(value):
            found.setdefault(_name(value), _Wanted()).uses.append(use)
        else:
            astray.add(use.class_type)
    entries = list(_entries(editor)) if editor is not None else []
    for entry in entries:
        if entry.is_loaded and (entry.class_type not in schema or entry.class_type in astray):
            name = _name(entry.name)
            if not any(name == known or known.endswith(f"/{name}") for known in found):
                found[name] = _Wanted([Use("", entry.class_type, "")])
    if len(found) > MODEL_FILES:
        raise ModelFileError(
            f"the workflow names {len(found)} model files; more than {MODEL_FILES} are not listed"
        )
    by_name: dict[str, list[_NamedModel]] = {}
    for entry in entries:
        by_name.setdefault(_last(entry.name), []).append(entry)
    files = [_file(name, wanted.uses, by_name.get(_last(name), ())) for name, wanted in found.items()]
    return sorted(files, key=lambda file: file.path)


def _loaded(prompt: object, schema: Schema) -> Iterator[tuple[Use, object]]:
    """The inputs of a prompt that name model files, and what they name.

    Editors mix up the values of subgraphs, so that a loader may get a number or a string: the file is then
    the one that its own widget names.
    """
    for node_id, node in read_nodes(prompt).items():
        known = schema.get(node.class_type)
        for name, value in node.inputs.items():
            entry = known.by_name.get(name) if known is not None else None
            named = is_model_name(value) and (entry is None or entry.is_choice or lists_files(entry))
            astray = not is_model_name(value) and folder_of(node.class_type, name) is not None
            if named or (astray and not isinstance(value, Link)):
                yield Use(node_id, node.class_type, name), value


def _file(name: str, uses: Iterable[Use], entries: Iterable[_NamedModel]) -> WantedModel:
    used = tuple(uses)
    folders = [folder for use in used if (folder := folder_of(use.class_type, use.input_name)) is not None]
    told = sorted(entries, key=lambda entry: (entry.directory not in folders, entry.url is None))
    file = WantedModel(name, folders[0] if folders else None, uses=used)
    if not told:
        return file
    best = told[0]
    return replace(
        file,
        directory=best.directory or file.directory,
        url=best.url,
        hash=best.hash,
        hash_type=best.hash_type,
    )


def _entries(editor: Mapping[str, Any]) -> Iterator[_NamedModel]:
    """What is listed in the editor's file, wherever it is."""
    for raw in array_or_empty(editor.get("models")):
        yield from _entry(raw, "", loaded=False)
    for node in _nodes(editor, 0):
        widgets = node.get("widgets_values")
        values: list[Any] = list(widgets.values()) if is_object(widgets) else array_or_empty(widgets)
        chosen = {_name(value) for value in values if isinstance(value, str)}
        runs = node.get("mode") not in _INACTIVE
        kind = node.get("type")
        for raw in array_or_empty(object_or_empty(node.get("properties")).get("models")):
            for entry in _entry(raw, kind if isinstance(kind, str) else "", loaded=False):
                yield replace(entry, is_loaded=runs and _name(entry.name) in chosen)


def _nodes(scope: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > NESTING:
        return
    for node in array_or_empty(scope.get("nodes")):
        if is_object(node):
            yield node
    inner: list[Any] = array_or_empty(object_or_empty(scope.get("definitions")).get("subgraphs"))
    groups: Any = object_or_empty(scope.get("extra")).get("groupNodes")
    for each in (*inner, *object_or_empty(groups).values()):
        if is_object(each):
            yield from _nodes(each, depth + 1)


def _entry(raw: object, class_type: str, *, loaded: bool) -> Iterator[_NamedModel]:
    if not is_object(raw):
        return
    name = _text(raw, "name")
    if name is not None:
        yield _NamedModel(
            name,
            _text(raw, "url"),
            _text(raw, "directory"),
            _text(raw, "hash"),
            _text(raw, "hash_type"),
            class_type,
            loaded,
        )


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    value = raw.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _name(value: str) -> str:
    """A name as servers on every system can be asked for it: those on Windows list backslashes."""
    return value.replace("\\", "/")


def _last(name: str) -> str:
    return _name(name).rpartition("/")[2]


_DEEPEST: Final = 8
_HIDDEN: Final = re.compile(r"(^|/)\.")


def models_folder(comfyui: Path) -> Path:
    """The folder of models of a ComfyUI.

    Args:
        comfyui: Its folder, which has ``models``.

    Raises:
        ModelFileError: It has no folder ``models``.
    """
    models = comfyui / "models"
    if models.is_dir():
        return models
    if comfyui.name == "models" and comfyui.is_dir():
        raise ModelFileError(
            f"{comfyui} is the models folder itself; pass the ComfyUI folder above it: {comfyui.parent}"
        )
    raise ModelFileError(f"{comfyui} has no models folder; pass the ComfyUI folder")


def place(models: Path, file: WantedModel) -> Path | None:
    """Where a file goes, or None if that is refused; see `refused`."""
    return models.joinpath(*PurePosixPath(file.path).parts) if refused(file) is None else None


def refused(file: WantedModel) -> str | None:
    """Why a file is not written, or None.

    Its directory and name come from a workflow. They may lead into folders below the folder of models, and
    nowhere else; a link that is there is the user's own, and is followed.
    """
    if file.directory is None:
        return "its folder is not known"
    if not is_model_name(file.name):
        return "its suffix is not that of a model file"
    for what, text in (("directory", file.directory), ("name", file.name)):
        parts = text.split("/")
        if any(clean_name(part) != part or part in ("", ".", "..") for part in parts):
            return f"its {what} {text!r:.120} is outside the models folder, or is not a valid file name"
        if _HIDDEN.search(text) or len(parts) > _DEEPEST:
            return f"its {what} {text!r:.120} is hidden, or too deep"
    return None


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
