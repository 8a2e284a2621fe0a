"""``comfyflow hash``: one word for what a workflow runs."""

from __future__ import annotations

from pathlib import Path

import click

from .options import given_schema, schema_options
from .parameters import split_targets
from .workflow_command import WorkflowCommand, targets_argument


@click.command("hash", cls=WorkflowCommand)
@targets_argument
@schema_options
@click.pass_context
def hash_workflows(
    context: click.Context,
    targets: tuple[str, ...],
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
) -> None:
    """Print a canonical hash of what each workflow computes, independent of ids, titles and unused nodes.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input.
    """
    from ..diff import canonical_hash
    from .target import load_targets, own_schema

    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info, stubs)
    for text, target in load_targets(files, words, schema).items():
        digest = canonical_hash(target.graph, schema if schema is not None else own_schema(target))
        click.echo(f"{digest}  {text}")
