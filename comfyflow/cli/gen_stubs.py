"""``comfyflow gen-stubs``: node classes from a server's /object_info."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CommandError
from . import PROBLEMS
from .options import ObjectInfo, Server, given_schema

_HERE = Path("comfynodes")


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
) -> None:
    """Generate typed Python node classes from a server or a saved /object_info."""
    from ..codegen import Options, generate

    schema = given_schema(server, object_info)
    if schema is None:
        raise CommandError("give --server URL or --object-info FILE: where the nodes are to come from")
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
    for renamed in package.renamed:
        typer.echo(f"renamed: {renamed}")
    for skipped in package.skipped:
        typer.echo(f"skipped: {skipped}")
    typer.echo(
        f"generated {len(package.generated)} node classes in {len(package.files)} files under {out} "
        f"(ComfyUI {schema.version}; {len(package.skipped)} skipped, {len(package.renamed)} renamed)"
    )
