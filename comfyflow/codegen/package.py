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
from ..schema import Schema
from .block import Renamed
from .compilation import write_compiled, write_files
from .package_plan import Options, plan_package
from .render import HEADER, render
from .schema_file import FILE_NAME, NotJsonError, node_line, schema_file, written_files

_OURS: Final = HEADER.encode()
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
    """

    files: Mapping[str, str]
    generated: tuple[str, ...]
    skipped: tuple[Problem, ...]
    renamed: tuple[Renamed, ...]

    def stale(self, out_dir: str | os.PathLike[str]) -> list[str]:
        """Which files in a folder are not as they should be: changed, missing or left over.

        Args:
            out_dir: The package's folder.

        Returns:
            Their paths in it, sorted; none where the folder is up to date.
        """
        folder = Path(out_dir)
        wrong = [path for path, text in self.files.items() if _read(folder / path) != text.encode()]
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

        Every file is written to a hidden folder in it first, every module that is not there
        already, byte for byte, is compiled, and only then all are moved into their places: so a
        module that does not compile and a full disk leave what was there. Files that were not
        generated stay as they are.

        Args:
            out_dir: The package's folder; it is made where it does not exist.

        Raises:
            CodegenError: Python could not import it by its name, a module does not compile, a file
                stands in the way that was not generated, a folder in it is a link to somewhere else,
                or the disk refuses.
        """
        folder = Path(out_dir)
        refuse_name(folder)
        try:
            self._write(folder)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise CodegenError(f"cannot write {str(folder)!r}: {reason or error}") from None

    def _write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_links(folder, {Path(path).parent for path in self.files})
        files = {path: text.encode() for path, text in self.files.items()}
        changed = {path: data for path, data in files.items() if _changed(folder / path, path, data)}
        left_over = list(_left_over(folder, self.files))
        with tempfile.TemporaryDirectory(prefix=".gen-stubs-", dir=folder) as beside:
            modules = {path: data for path, data in changed.items() if path.endswith(".py")}
            write_files(Path(beside), changed, changed.keys() - modules.keys())
            write_compiled(Path(beside), modules)
            for path in changed:
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                Path(beside, path).replace(target)
        for path in left_over:
            (folder / path).unlink()
            _remove_empty(folder, (folder / path).parent)


def refuse_name(folder: Path) -> None:
    """Refuse a folder whose name no ``import`` can say, or says of another package.

    Args:
        folder: Where a package is to be written.

    Raises:
        CodegenError: It has such a name; says the nearest that is none.
    """
    name = Path(os.path.abspath(folder)).name  # noqa: PTH100  # a link keeps its own name
    wrong = ""
    if not name.isidentifier() or keyword.iskeyword(name):
        wrong = "no name that Python can import"
    elif name in sys.stdlib_module_names or name == __name__.partition(".")[0]:
        wrong = "the name of a package that Python would no longer find"
    if wrong:
        nearest = re.sub(r"\W+", "_", name).strip("_")
        nearest = nearest if nearest.isidentifier() else f"nodes_{nearest}".rstrip("_")
        nearest = f"{name}_nodes" if nearest == name else nearest
        raise CodegenError(f"{name!r} is {wrong}; write to {folder.with_name(nearest)}")


def _refuse_links(folder: Path, inner: Iterable[Path]) -> None:
    inside = folder.resolve()
    for path in inner:
        if not (folder / path).resolve().is_relative_to(inside):
            raise CodegenError(f"{folder / path} leads out of {folder}; nothing was written")


def _changed(target: Path, path: str, data: bytes) -> bool:
    """Whether a file must be written.

    Raises:
        CodegenError: What stands in its place is not ours.
    """
    present = _read(target)
    if present is None:
        if target.exists():
            raise CodegenError(f"{target} is no file; nothing was written")
        return True
    if present == data:
        return False
    ours = present.startswith(_OURS) or not present.strip()
    if path == FILE_NAME:
        ours = ours or b'"generator":"comfyflow gen-stubs"' in present[:4096]
    if not ours:
        raise CodegenError(f"{target} was not generated by comfyflow; move it away. Nothing was written")
    return True


def _left_over(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    """Modules that an earlier run generated and this one does not.

    The schema file of the earlier run names them, so that another package further down is safe.
    It may have been edited: only generated files inside the folder count.
    """
    inside = folder.resolve()
    for path in sorted(written_files(_read(folder / FILE_NAME) or b"") - files.keys()):
        target = folder / path
        if target.parent.resolve().is_relative_to(inside) and _is_ours(target):
            yield path


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_OURS)) == _OURS
    except OSError:
        return False


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read()
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
    lines: dict[str, str] = {}
    skipped = list(schema.problems)
    for name in sorted(schema):
        if options.wants(schema[name]):
            try:
                lines[name] = node_line(schema[name], options.docs)
            except NotJsonError as error:
                skipped.append(left_out(name, str(error)))
    plan = plan_package([schema[name] for name in lines], options)
    skipped = sorted((*skipped, *plan.skipped), key=lambda entry: entry.class_type or "")
    lines = {node.class_type: lines[node.class_type] for node in plan.nodes}
    if not lines:
        raise CodegenError(f"there is no node to generate in {schema.source}")
    files = dict(render(plan, str(schema.version)))
    files[FILE_NAME] = schema_file(lines, str(schema.version), files, schema.unusual_editor)
    files["py.typed"] = ""
    return Package(files, tuple(lines), tuple(skipped), tuple(plan.renamed))
