"""A generated package: made of a schema, its files in memory, and on disk."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..collector import collector_paused
from ..errors import CodegenError
from ..problem import Problem, left_out
from ..schema import NodeSchema, Schema
from ..schema.catalogue import Catalogue
from .block import Renamed
from .compilation import write_compiled, write_files
from .module_text import HEADER
from .package_plan import Options, plan_package
from .render import render
from .schema_file import (
    FILE_NAME,
    NodeLines,
    NotJsonError,
    PackageFiles,
    SchemaFile,
    schema_line,
    written_files,
)

_OURS: Final = HEADER.encode()
_HELD: Final = 1 << 24
"""Nodes whose JSON has no more bytes together are all kept in memory."""
_LARGE_NODE: Final = 1 << 13
"""Of more, those with more bytes are not."""
_HEAD: Final = 4096
_LONGEST_HEAD: Final = 1 << 24
"""The schema file tells in its first bytes which modules were written with it."""
_NAMED: Final = re.compile(r"^(?:class |    )?(\w+)(?:\(| = OutputSlot|: TypeAlias)", re.MULTILINE)
"""Classes, outputs and aliases of generated modules."""


@dataclass(frozen=True)
class Package:
    """A generated package.

    Attributes:
        files: Its files: path in its folder (with forward slashes) and text.
        generated: The class type of every node that is in it.
        skipped: Nodes that are not, and why.
        renamed: Names that differ in Python from the server's.
        compiled: Whether this Python has compiled just these modules before.
    """

    files: Mapping[str, str]
    generated: tuple[str, ...]
    skipped: tuple[Problem, ...]
    renamed: tuple[Renamed, ...]
    compiled: bool = False

    def stale(self, out_dir: str | os.PathLike[str]) -> list[str]:
        """Which files in a folder are not as they should be: changed, missing or left over.

        Args:
            out_dir: The package's folder.

        Returns:
            Their paths in it, sorted; none if the folder is up to date.
        """
        folder = Path(out_dir)
        wrong = [path for path in self.files if not _is_same(folder / path, self.pieces(path))]
        return sorted({*wrong, *_left_over(folder, self.files)})

    def changed(self, out_dir: str | os.PathLike[str]) -> list[Renamed]:
        """Names that the package in a folder still has as comfyflow 0.1 made them, and this one has not.

        Args:
            out_dir: The package's folder.
        """
        asked = [entry for entry in self.renamed if entry.former]
        if not asked:
            return []
        names: set[str] = set()
        for path in self.files:
            present = _read(Path(out_dir) / path) if path.endswith(".py") else None
            names.update(_NAMED.findall(present.decode(errors="replace")) if present is not None else ())
        return [entry for entry in asked if entry.former in names]

    def write(self, out_dir: str | os.PathLike[str]) -> None:
        """Write the package, and delete the modules of an earlier one that are not in it.

        Every file is written to a hidden folder in it first, every module that does not exist
        already, byte for byte, is compiled, and only then all are moved into their places: so a
        module that does not compile and a full disk leave what was there. Files that were not
        generated stay as they are.

        Args:
            out_dir: The package's folder; it is made where it does not exist.

        Raises:
            CodegenError: Python could not import it by its name, a module does not compile, a file
                is in the way that was not generated, a folder in it is a link to somewhere else,
                or the disk refuses.
        """
        folder = Path(out_dir)
        refuse_name(folder)
        try:
            self._write(folder)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise CodegenError(f"cannot write {str(folder)!r}: {reason or error}") from None

    def pieces(self, path: str) -> Iterable[bytes]:
        """The bytes of a file, piece by piece: the schema file need never be in memory as a whole.

        Args:
            path: One of `files`.
        """
        files = self.files
        return files.pieces(path) if isinstance(files, PackageFiles) else (files[path].encode(),)

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_links(folder, {Path(path).parent for path in self.files})
        changed = [path for path in self.files if _changed(folder / path, path, self.pieces(path))]
        left_over = list(_left_over(folder, self.files))
        with tempfile.TemporaryDirectory(prefix=".gen-stubs-", dir=folder) as beside:
            modules = {path: self.files[path].encode() for path in changed if path.endswith(".py")}
            for path in changed:
                if path not in modules:
                    with Path(beside, path).open("wb") as file:
                        file.writelines(self.pieces(path))
            if self.compiled:
                write_files(Path(beside), modules, modules)
            else:
                write_compiled(Path(beside), modules)
            for path in changed:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                Path(beside, path).replace(target)
        for path in left_over:
            (folder / path).unlink()
            _remove_empty(folder, (folder / path).parent)


def refuse_name(folder: Path) -> None:
    """Refuse a folder whose name no ``import`` can say, or that belongs to another package.

    Args:
        folder: Where to write a package.

    Raises:
        CodegenError: It has a name like that; says the nearest that is not one.
    """
    name = Path(os.path.abspath(folder)).name  # noqa: PTH100  # a link keeps its own name
    wrong = ""
    if not name.isidentifier() or keyword.iskeyword(name):
        wrong = "not a name that Python can import"
    elif name in sys.stdlib_module_names or name == __name__.partition(".")[0]:
        wrong = "the name of a package that Python could then no longer find"
    if wrong:
        nearest = re.sub(r"\W+", "_", name).strip("_")
        nearest = nearest if nearest.isidentifier() else f"nodes_{nearest}".rstrip("_")
        nearest = f"{name}_nodes" if nearest == name else nearest
        raise CodegenError(f"{name!r} is {wrong}; write to {folder.with_name(nearest)}")


def _refuse_links(folder: Path, inner: Iterable[Path]) -> None:
    inside = folder.resolve()
    for path in inner:
        if not (folder / path).resolve().is_relative_to(inside):
            raise CodegenError(f"{folder / path} is outside {folder}; nothing was written")


def _changed(target: Path, path: str, pieces: Iterable[bytes]) -> bool:
    """Whether a file must be written.

    Raises:
        CodegenError: What is in its place is not ours.
    """
    head = _read(target, _HEAD)
    if head is None:
        if target.exists():
            raise CodegenError(f"{target} is not a file; nothing was written")
        return True
    if _is_same(target, pieces):
        return False
    ours = head.startswith(_OURS) or (len(head) < _HEAD and not head.strip())
    if path == FILE_NAME:
        ours = ours or b'"generator":"comfyflow gen-stubs"' in head
    if not ours:
        raise CodegenError(f"{target} was not generated by comfyflow; move it away. Nothing was written")
    return True


def _is_same(target: Path, pieces: Iterable[bytes]) -> bool:
    """Whether a file holds these bytes, and no others."""
    try:
        with target.open("rb") as file:
            return all(file.read(len(piece)) == piece for piece in pieces) and not file.read(1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        raise CodegenError(f"cannot read {target}: {error.strerror or error}") from None


def _left_over(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Modules that an earlier run generated and this one does not.

    The schema file of the earlier run names them, so that another package further down is safe.
    It may have been edited: only generated files inside the folder count.
    """
    inside = folder.resolve()
    for path in sorted(written_files(_read(folder / FILE_NAME, _LONGEST_HEAD) or b"") - files.keys()):
        target = folder / path
        if target.parent.resolve().is_relative_to(inside) and _is_ours(target):
            yield path


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_OURS)) == _OURS
    except OSError:
        return False


def _read(path: Path, most: int = -1) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise CodegenError(f"cannot read {path}: {error.strerror or error}") from None


def _remove_empty(folder: Path, below: Path) -> None:
    while below != folder:
        shutil.rmtree(below / "__pycache__", ignore_errors=True)
        if any(below.iterdir()):
            return
        below.rmdir()
        below = below.parent


def generate(schema: Schema, options: Options | None = None) -> Package:
    """Generate the node classes of a server.

    The same schema and options always give the same bytes. Nothing is written: see
    `Package.write`. A node that cannot be generated is left out and reported.

    Args:
        schema: The server's nodes.
        options: What to generate; all of it with docs, if left out.

    Raises:
        CodegenError: There is no node to generate.
    """
    with collector_paused():
        return _generate(schema, options or Options())


def _generate(schema: Schema, options: Options) -> Package:
    lines = NodeLines()
    skipped: list[Problem] = []
    held = _Held(schema)
    try:
        for name in sorted(schema.raw):
            node = schema.get(name)
            if node is not None and options.wants(node):
                try:
                    lines.add(name, schema_line(node, options.docs))
                except NotJsonError as error:
                    skipped.append(left_out(name, str(error)))
            held.look_away(name)
        plan = plan_package(held.nodes([*lines]), options)
        skipped = sorted(
            (*schema.problems_so_far, *skipped, *plan.skipped), key=lambda entry: entry.class_type or ""
        )
        if not plan.class_types:
            raise CodegenError(f"no node can be generated from {schema.source}")
        modules = {**dict(render(plan, str(schema.version))), "py.typed": ""}
        paths = [path for path in modules if path != "py.typed"]
        file = SchemaFile(lines, plan.class_types, str(schema.version), paths, schema.unusual_editor)
    except OSError as error:
        raise CodegenError(
            f"cannot cache the nodes of {schema.source} on disk: {error.strerror or error}"
        ) from None
    return Package(PackageFiles(modules, file), tuple(plan.class_types), tuple(skipped), tuple(plan.renamed))


class _Held:
    """The nodes of a schema, of which the large ones are read again each time: a server's lists of files
    do not fit into memory together.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        raw = schema.raw
        sizes = {name: len(raw.json(name)) for name in raw} if isinstance(raw, Catalogue) else {}
        few = sum(sizes.values()) <= _HELD
        self._large = set[str]() if few else {name for name, size in sizes.items() if size > _LARGE_NODE}

    def look_away(self, name: str) -> None:
        """Forget a node, if it is large."""
        if name in self._large:
            self._schema.release(name)

    def nodes(self, names: list[str]) -> Iterable[NodeSchema]:
        """These nodes; a list where none is large."""
        return _ReadAnew(self, self._schema, names) if self._large else [self._schema[name] for name in names]


class _ReadAnew:
    """Nodes that are read when they are come to, each time."""

    def __init__(self, held: _Held, schema: Schema, names: list[str]) -> None:
        self._held = held
        self._schema = schema
        self._names = names

    def __iter__(self) -> Iterator[NodeSchema]:
        for name in self._names:
            yield self._schema[name]
            self._held.look_away(name)
