"""``comfyflow gen-stubs``: node classes from a server's /object_info."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import CommandError, SchemaError
from . import PROBLEMS
from .options import ObjectInfo, Server, given_schema

if TYPE_CHECKING:
    from ..codegen import Renamed
    from ..schema import Schema

_SHOWN_CLASSES: Final = 10
"""Of how many classes with renamed names a line is printed."""


def gen_stubs(
    server: Server = None,
    object_info: ObjectInfo = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The package's folder.")] = Path(
        "comfynodes"
    ),
    docs: Annotated[bool, typer.Option("--docs/--no-docs", help="The server's texts as docstrings.")] = True,
    max_choices: Annotated[
        int, typer.Option("--max-choices", min=0, help="Longer lists of choices are typed as str.")
    ] = 100,
    include: Annotated[
        list[str] | None, typer.Option("--include", metavar="PATTERN", help="Only these classes or modules.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Not these classes or modules.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if files are stale.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List every name that differs in Python.")
    ] = False,
) -> None:
    """Generate typed Python node classes from a server or a saved /object_info."""
    from ..codegen import Options, generate

    schema = given_schema(server, object_info) or _of_default_server()
    options = Options(
        docs=docs, max_choices=max_choices, include=tuple(include or ()), exclude=tuple(exclude or ())
    )
    package = generate(schema, options)
    if check:
        stale = package.stale(out)
        for path in stale:
            typer.echo(f"stale: {out / path}")
        typer.echo(
            f"{len(stale)} of {len(package.files)} files are stale" if stale else "all files are up to date"
        )
        raise typer.Exit(PROBLEMS if stale else 0)
    package.write(out)
    lines = [f"renamed: {each}" for each in package.renamed] if verbose else _by_class(package.renamed)
    lines += [f"skipped: {each}" for each in package.skipped]
    lines.append(
        f"generated {len(package.generated)} node classes in {len(package.files)} files under {out} "
        f"(ComfyUI {schema.version}; {len(package.skipped)} skipped, {len(package.renamed)} renamed)"
    )
    typer.echo("\n".join(lines))


def _of_default_server() -> Schema:
    """The schema of the server that commands talk to where none is named.

    Raises:
        CommandError: It does not answer.
    """
    from ..schema import load_schema
    from .connection import chosen_server

    try:
        return load_schema(chosen_server(None))
    except SchemaError as error:
        raise CommandError(
            f"{error}. Say where the nodes are to come from: --server URL, or --object-info FILE with a "
            "saved answer of GET /object_info"
        ) from None


def _by_class(renamed: Sequence[Renamed]) -> list[str]:
    """A line for each class with names that differ in Python, those with the most first."""
    classes: dict[str, list[Renamed]] = {}
    for each in renamed:
        classes.setdefault(each.class_type or each.wire, []).append(each)
    groups = sorted(classes.values(), key=len, reverse=True)
    lines = [f"renamed: {first}{_more(len(more))}" for first, *more in groups[:_SHOWN_CLASSES]]
    hidden = groups[_SHOWN_CLASSES:]
    if hidden:
        count = sum(map(len, hidden))
        lines.append(f"renamed: {count} names in {len(hidden)} other classes; --verbose lists every one")
    return lines


def _more(count: int) -> str:
    return f", and {count} more name{'s' if count > 1 else ''} of this class" if count else ""
