"""A new project: what is in it, and how it gets onto the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._version import __version__
from ..errors import ProjectError
from ..generated import SCHEMA_FILE, STUBS, is_generated
from .sample import ProjectName, SampleWorkflow, rendered, sample_workflow

if TYPE_CHECKING:
    from ..codegen import Package
    from ..schema import Schema


_KEPT: Final = frozenset({"README.md", ".gitignore"})
"""Files that a folder may have already: they stay as they are."""


@dataclass(frozen=True)
class Project:
    """A new project; nothing of it is written before `write`.

    Attributes:
        folder: Its folder.
        name: Its name.
        sample: The workflow that it begins with.
        files: Path and text of each file; paths are absolute.
        kept: Files that were there already and stay as they are.
        package: The node classes that are written with it; None if it uses a package that is there.
    """

    folder: Path
    name: ProjectName
    sample: SampleWorkflow
    files: Mapping[Path, str]
    kept: tuple[Path, ...]
    package: Package | None

    def write(self) -> None:
        """Write the files, each of which must be new; what was written is removed where one is not.

        Raises:
            ProjectError: A file is there, or cannot be written.
            CodegenError: The node classes cannot be written.
        """
        done: list[Path] = []
        try:
            for path, text in self.files.items():
                done += _made_folders(path.parent)
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    done.append(path)
                    file.write(text)
            if self.package is not None:
                self.package.write(self.folder / STUBS)
        except BaseException as error:
            for path in reversed(done):
                path.rmdir() if path.is_dir() else path.unlink()
            if isinstance(error, OSError):
                raise ProjectError(
                    f"cannot write {error.filename or self.folder}: {error.strerror or error}; "
                    "nothing was kept"
                ) from None
            raise


def plan_project(folder: Path, name: str | None, schema: Schema | None) -> Project:
    """A project that could be made in a folder.

    Its workflow is compiled with the node classes that it will have and validated against their schema.

    Args:
        folder: Where to make it; it may exist, and be a git repository or lie in one.
        name: Its name; None for the folder's.
        schema: The node classes to generate for it; None for those that ``comfynodes`` in the folder has,
            else for the reference package.

    Raises:
        ProjectError: The name is invalid, a file exists already, or the server lacks the nodes
            that a first workflow needs.
        SchemaError: The schema of the package that is there cannot be read.
        CodegenError: There is no node to generate.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100  # a link keeps its own name
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder} is a file, not a folder")
    names = ProjectName.checked(name if name is not None else folder.name)
    package = _generated(schema)
    if package is not None and os.path.lexists(folder / STUBS):
        raise ProjectError(
            f"{folder / STUBS} already exists; nothing was written. To update it, run "
            f"comfyflow gen-stubs --out {STUBS}; without --server or --object-info, init uses it as it is"
        )
    _refuse_occupied(
        folder, [folder / each for each in ("pyproject.toml", names.source, f"tests/{names.test}")]
    )
    present = folder if is_generated(folder / STUBS) else None
    sample = sample_workflow(names, schema if schema is not None else _schema(present), package, present)
    wanted = dict(_files(folder, names, sample, stubs=package is not None or present is not None))
    kept = tuple(path for path in wanted if _may_stay(path, folder))
    _refuse_occupied(folder, [path for path in wanted if path not in kept])
    files = {path: text for path, text in wanted.items() if path not in kept}
    return Project(folder, names, sample, files, kept, package)


def _refuse_occupied(folder: Path, paths: Iterable[Path]) -> None:
    listed = ", ".join(os.path.relpath(path, folder) for path in paths if os.path.lexists(path))
    if listed:
        raise ProjectError(
            f"{folder} already has {listed}; nothing was written. Choose another folder, "
            "or move these files away"
        )


def _generated(schema: Schema | None) -> Package | None:
    if schema is None:
        return None
    from ..codegen import generate

    return generate(schema)


def _schema(present: Path | None) -> Schema:
    """The schema of the package that the project finds: its own, or the reference package's.

    Raises:
        ProjectError: There is no package of node classes.
        SchemaError: Its schema cannot be read.
    """
    from ..schema.object_info import read_schema

    if present is not None:
        return read_schema(present / STUBS / SCHEMA_FILE)
    import importlib

    from ..schema.package import package_schema

    try:
        importlib.import_module(STUBS)
    except ImportError as error:
        raise ProjectError(
            f"the node package {STUBS!r} was not found ({error}); pass --server URL or --object-info FILE"
        ) from None
    return package_schema({STUBS})


def _files(
    folder: Path, names: ProjectName, sample: SampleWorkflow, *, stubs: bool
) -> Iterator[tuple[Path, str]]:
    root = _repository(folder)
    below = "" if root is None or root == folder else folder.relative_to(root).as_posix()
    values: dict[str, Any] = {
        "name": names.name,
        "module": names.module,
        "version": __version__,
        "stubs": stubs,
        "below": below,
        "quoted_below": json.dumps(below),
        "quoted_pictures": json.dumps(
            "/".join(filter(None, (below, ".pytest_cache/d/comfyflow-differences")))
        ),
        "options": sample.options,
        "kind": sample.kind,
    }
    yield folder / "pyproject.toml", rendered("pyproject.toml", values)
    yield folder / names.source, sample.source
    yield folder / "tests" / names.test, sample.test
    yield folder / "tests" / "goldens" / sample.golden_name, sample.golden
    yield folder / "README.md", rendered("README.md", values)
    yield folder / ".gitignore", rendered("gitignore", values)
    workflows = Path(".github", "workflows")
    if below and root is not None:  # GitHub looks nowhere else
        yield root / workflows / f"{names.module}-tests.yml", rendered("tests.yml", values)
    else:
        yield folder / workflows / "tests.yml", rendered("tests.yml", values)


def _may_stay(path: Path, folder: Path) -> bool:
    return path.name in _KEPT and path.parent == folder and path.is_file()


def _repository(folder: Path) -> Path | None:
    """The git repository that a folder is, or lies in; not the one in which people keep their whole home."""
    root = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    try:
        return None if root == Path.home() and root != folder else root
    except RuntimeError:  # a user without a home
        return root


def _made_folders(folder: Path) -> list[Path]:
    """Make a folder; which folders that were not there, from the outside in."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing
