"""``comfyflow migrate``: today's names in programs that were written for an older node package."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CommandError
from ..generated import SCHEMA_FILE, is_generated
from . import PROBLEMS
from .options import PATH
from .streams import say

if TYPE_CHECKING:
    from ..migration import NameChanges


@click.command("migrate")
@click.argument("files", metavar="FILE.py...", nargs=-1, required=True, type=PATH)
@click.option("--write", is_flag=True, help="Write the files instead of showing what would change.")
@click.option(
    "--package",
    "packages",
    metavar="NAME",
    multiple=True,
    help="A node package that the files import.  [default: all of them]",
)
def migrate(files: tuple[Path, ...], write: bool, packages: tuple[str, ...]) -> None:
    """Update Python files that use names of an older node package.

    Regenerate the package first. Nothing is executed. Shows the changes as a diff; exit code 1 if there
    are changes that were not written with --write, or decisions left to you.
    """
    from ..migration import migrate as migrate_source

    left = False
    known: dict[Path, NameChanges] = {}
    for file in files:
        data = _read(file)
        found = dict(_packages_of(file, data, packages))
        done = migrate_source(
            data, {name: _changes(folder, known) for name, folder in found.items()}, str(file)
        )
        for remark in done.remarks:
            say(f"{remark.place}: {remark.message}", err=True)
        left = left or bool(done.remarks) or (done.changed and not write)
        if not found:
            say(f"{file}: imports no generated node package", err=True)
        if done.changed and write:
            _write(file, done.after.encode(done.encoding))
            say(f"{file}: rewritten", err=True)
        elif done.changed:
            lines = difflib.unified_diff(
                done.before.splitlines(), done.after.splitlines(), str(file), str(file), lineterm=""
            )
            say("\n".join(lines))
    raise click.exceptions.Exit(PROBLEMS if left else 0)


def _changes(folder: Path, known: dict[Path, NameChanges]) -> NameChanges:
    """What happened to the names of the package in a folder; looked up once."""
    if folder not in known:
        from ..migration import NameChanges
        from ..schema import load_schema

        known[folder] = NameChanges.of(load_schema(folder / SCHEMA_FILE))
    return known[folder]


def _packages_of(file: Path, data: bytes, asked: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """The generated packages that a file imports, and where they are. Nothing is imported for it.

    Raises:
        CommandError: One that was asked for does not exist.
    """
    from ..migration.program import imported_modules

    roots = list(_roots(file))
    wanted: set[Path] = set()
    for name in asked:
        folder = next(_generated(name, roots), None)
        if folder is None or folder[0] != name:
            raise CommandError(f"there is no generated package {name!r} for {file}; run gen-stubs first")
        wanted.add(folder[1].resolve())
        yield folder
    for module in imported_modules(data, str(file)):
        relative = module.startswith(".")
        if wanted and not relative:
            continue
        for name, place in _beside(module, roots[0]) if relative else _generated(module, roots):
            if not wanted or place.resolve() in wanted:
                yield name, place


def _beside(module: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The generated package that a relative module is, or is in.

    Args:
        module: Its name with the dots.
        folder: Where the file that imports it is.
    """
    name = module.lstrip(".")
    dots = len(module) - len(name)
    parents = [folder, *folder.parents]
    parts = name.split(".")
    for count in range(1, len(parts) + 1) if name and dots <= len(parents) else ():
        place = parents[dots - 1].joinpath(*parts[:count])
        if is_generated(place):
            yield "." * dots + ".".join(parts[:count]), place
            return


def _generated(module: str, roots: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """The generated package that a module is, or is in."""
    parts = module.split(".")
    spec = PathFinder.find_spec(parts[0])
    installed = [Path(place).parent for place in (spec.submodule_search_locations or ())] if spec else []
    for root in (*roots, *installed):
        for count in range(1, len(parts) + 1):
            folder = root.joinpath(*parts[:count])
            if is_generated(folder):
                yield ".".join(parts[:count]), folder
                return


def _roots(file: Path) -> Iterator[Path]:
    """Where packages beside a file may be: in its folder, and in those above it up to the current one."""
    here = Path.cwd()
    folder = Path(os.path.abspath(file)).parent  # noqa: PTH100  # a link stays where it is
    yield folder
    while folder != here and folder.is_relative_to(here):
        folder = folder.parent
        yield folder
    yield here


def _read(file: Path) -> bytes:
    from ..migration.program import MAX_BYTES

    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None


def _write(file: Path, data: bytes) -> None:
    """Put a file in the place of another in one step; its permissions stay."""
    from ..saved_file import SavedFile

    target = file.resolve()
    try:
        mode = target.stat().st_mode
        with SavedFile(target, overwrite=True, renamed=False) as saved:
            saved.partial.write_bytes(data)
            saved.partial.chmod(mode & 0o7777)
    except OSError as error:
        raise CommandError(f"cannot write {file}: {error.strerror or error}") from None
