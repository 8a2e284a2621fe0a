"""The folders of a simulated server: input, output, temp, models, user; and which model files it has."""

from __future__ import annotations

import os
import random
import re
import string
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from ..model_files.folder import EXTENSIONS, LOADERS, is_model_name
from ..schema import InputSchema, Schema

FOLDER_TYPES: Final = ("input", "output", "temp")
EXAMPLE: Final = "example.png"
"""A picture that every ComfyUI has in its input folder."""

_ANNOTATIONS: Final = {f"[{kind}]": kind for kind in FOLDER_TYPES}
_DATE_PARTS: Final = {
    "%year%": "%Y", "%month%": "%m", "%day%": "%d", "%hour%": "%H", "%minute%": "%M", "%second%": "%S",
}  # fmt: skip


class PathEscapeError(ValueError):
    """A name that points outside the folder that it belongs to."""


@dataclass(frozen=True)
class WrittenFile:
    """A file that a node wrote.

    Attributes:
        path: Where it is on disk.
        filename: Its name.
        subfolder: The folder in `type`'s folder, with ``/``, or ``""``.
        type: ``output``, ``temp`` or ``input``.
    """

    path: Path
    filename: str
    subfolder: str
    type: str

    def to_json(self) -> dict[str, str]:
        """The file as servers describe it in an output."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}


@dataclass
class Folders:
    """Where a simulated server keeps its files. Every path that leaves here is inside `root`.

    Args:
        root: The server's folder; made where it is missing.
    """

    root: Path
    temp_prefix: str = field(default="")
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _counters: dict[tuple[Path, str], int] = field(default_factory=dict[tuple[Path, str], int], repr=False)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        for name in (*FOLDER_TYPES, "models", "user/default"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        example = self.root / "input" / EXAMPLE
        if not example.exists():
            example.write_bytes(_example())
        letters = random.choices(string.ascii_lowercase, k=5)  # noqa: S311 (a name, not a secret)
        self.temp_prefix = "_temp_" + "".join(letters)

    def of(self, kind: str) -> Path:
        """The folder of a type: ``input``, ``output`` or ``temp``."""
        return self.root / kind

    def inside(self, base: Path, *parts: str) -> Path:
        """A path under a folder.

        Raises:
            PathEscapeError: The parts leave it, or hold a NUL.
        """
        if any("\0" in part for part in parts):
            raise PathEscapeError("a NUL in a file name")
        path = Path(os.path.normpath(base.joinpath(*parts)))
        if path != base and base not in path.parents:
            raise PathEscapeError(f"{'/'.join(parts)!r} is outside {base.name}")
        real = path.resolve()
        if real != base and base.resolve() not in real.parents:
            raise PathEscapeError(f"{'/'.join(parts)!r} is outside {base.name}, through a symbolic link")
        return path

    def annotated(self, name: str, default: str = "input") -> Path:
        """The path of a name as prompts hold it: ``folder/file.png [output]``.

        Raises:
            PathEscapeError: It leaves its folder.
        """
        bare, kind = split_annotation(name)
        return self.inside(self.of(kind or default), bare)

    def new_file(
        self, prefix: str, kind: str, extension: str, size: tuple[int, int] = (0, 0), mark: str = "_"
    ) -> WrittenFile:
        """A name for a file that a save node is about to write: ``prefix_00001_.png``.

        Args:
            prefix: The node's ``filename_prefix``; may hold folders, ``%width%``, ``%year%``, ….
            kind: ``output`` or ``temp``.
            extension: Without a dot.
            size: Width and height, for the placeholders.
            mark: What is behind the number: pictures have ``_``, sounds and texts nothing.

        Raises:
            PathEscapeError: The prefix leaves the folder.
        """
        base = self.of(kind)
        wanted = self.inside(base, _filled(prefix, size))
        folder, stem = wanted.parent, wanted.name
        with self._lock:
            folder.mkdir(parents=True, exist_ok=True)
            number = self._counters.get((folder, stem)) or _last_number(folder, stem)
            number += 1
            while (folder / f"{stem}_{number:05}{mark}.{extension}").exists():
                number += 1
            self._counters[folder, stem] = number
        subfolder = folder.relative_to(base).as_posix()
        name = f"{stem}_{number:05}{mark}.{extension}"
        return WrittenFile(folder / name, name, "" if subfolder == "." else subfolder, kind)

    def models(self, kind: str) -> list[str]:
        """The model files of a folder, as servers list them: with ``/``, sorted."""
        try:
            base = self.inside(self.root / "models", kind)
        except PathEscapeError:
            return []
        return sorted(path.relative_to(base).as_posix() for path in _files(base))

    def inputs(self) -> list[str]:
        """The files of the input folder itself."""
        return sorted(entry.name for entry in self.of("input").iterdir() if entry.is_file())


@cache
def _example() -> bytes:
    import io

    from PIL import Image

    from .painting import paint
    from .values import Painting

    picture = paint(Painting("a cabin in the mountains at dawn, birds", "", 1), 512, 512)
    buffer = io.BytesIO()
    Image.fromarray((picture * 255).astype("uint8")).save(buffer, format="PNG")
    return buffer.getvalue()


def split_annotation(name: str) -> tuple[str, str | None]:
    """A name and the folder type that it is annotated with (``a.png [temp]``), or None."""
    for mark, kind in _ANNOTATIONS.items():
        if name.endswith(mark):
            return name[: -len(mark)].rstrip(), kind
    return name, None


def _filled(prefix: str, size: tuple[int, int]) -> str:
    now = datetime.now().astimezone()
    values: Mapping[str, str] = {
        "%width%": str(size[0]),
        "%height%": str(size[1]),
        **{mark: now.strftime(part) for mark, part in _DATE_PARTS.items()},
    }
    for mark, value in values.items():
        prefix = prefix.replace(mark, value)
    return prefix


def _last_number(folder: Path, stem: str) -> int:
    pattern = re.compile(re.escape(stem) + r"_(\d{1,9})_?(\.|_)")
    found = (pattern.match(entry.name) for entry in folder.iterdir())
    return max((int(match.group(1)) for match in found if match), default=0)


def _files(base: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(base):
        yield from (Path(folder) / name for name in names if not name.startswith("."))


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
