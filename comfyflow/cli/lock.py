"""``comfyflow lock``: write down what workflows use of a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CommandError
from . import PROBLEMS
from .options import PATH, given_schema, schema_options, write_text
from .parameters import split_targets
from .plain_text import say
from .workflow_command import WorkflowCommand, targets_argument

if TYPE_CHECKING:
    from ..schema import Schema
    from ..source import Source

LOCK_FILE = Path("comfyflow.lock")


@click.command("lock", cls=WorkflowCommand)
@targets_argument
@click.option("-o", "--output", metavar="FILE", type=PATH, default=LOCK_FILE, help="The lock file.")
@schema_options
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it is stale.")
@click.pass_context
def lock(
    context: click.Context,
    targets: tuple[str, ...],
    output: Path,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    check: bool,
) -> None:
    """Record the node signatures and model files that workflows use, to compare servers with.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input.
    """
    from ..lock import make_lock
    from .target import load_targets

    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info, stubs)
    loaded = load_targets(files, words, schema)
    schema = schema if schema is not None else _common_schema(loaded)
    made = make_lock({name: target.prompt for name, target in loaded.items()}, schema)
    text = made.to_text()
    if check:
        stale = not output.is_file() or output.read_bytes() != text.encode()
        say(f"{output} is {'stale' if stale else 'up to date'}\n{schema}")
        raise click.exceptions.Exit(PROBLEMS if stale else 0)
    write_text(text, output)
    plural = "" if len(loaded) == 1 else "s"
    say(
        f"locked in {output}: {len(made.nodes)} node classes of ComfyUI {made.version}, "
        f"for {len(loaded)} workflow{plural}\n{schema}"
    )


def _common_schema(loaded: dict[str, Source]) -> Schema:
    """The schema that all workflows are checked against by themselves."""
    from .target import own_schema

    schemas = [own_schema(target) for target in loaded.values()]
    if any(schema.raw is not schemas[0].raw for schema in schemas):
        raise CommandError("these workflows use different node packages; pass --server or --object-info")
    return schemas[0]
