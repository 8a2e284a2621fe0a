"""``comfyflow lock``: write down what workflows use of a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CommandError
from . import PROBLEMS
from .options import ObjectInfo, Server, given_schema, write_text
from .parameters import split_targets

if TYPE_CHECKING:
    from ..schema import Schema
    from .target import Target

LOCK_FILE = Path("comfyflow.lock")


def lock(
    context: typer.Context,
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="FILE.py[:NAME], or another workflow.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The lock file.")
    ] = LOCK_FILE,
    object_info: ObjectInfo = None,
    server: Server = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it is stale.")] = False,
) -> None:
    """Record the node signatures and model files that workflows use, to compare servers with."""
    from ..lock import make_lock
    from .target import load_target

    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info)
    loaded = {text: load_target(text, words, schema) for text in files}
    made = make_lock(
        {name: target.prompt for name, target in loaded.items()}, schema or _common_schema(loaded)
    )
    text = made.to_text()
    if check:
        stale = not output.is_file() or output.read_bytes() != text.encode()
        typer.echo(f"{output} is {'stale' if stale else 'up to date'}")
        raise typer.Exit(PROBLEMS if stale else 0)
    write_text(text, output)
    plural = "" if len(loaded) == 1 else "s"
    typer.echo(
        f"locked in {output}: {len(made.nodes)} node classes of ComfyUI {made.version}, "
        f"for {len(loaded)} workflow{plural}"
    )


def _common_schema(loaded: dict[str, Target]) -> Schema:
    """The schema that all workflows are checked against by themselves."""
    from .target import own_schema

    schemas = [own_schema(target) for target in loaded.values()]
    if any(schema.raw is not schemas[0].raw for schema in schemas):
        raise CommandError("these workflows use different node packages; give --server or --object-info")
    return schemas[0]
