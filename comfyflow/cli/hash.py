"""``comfyflow hash``: one word for what a workflow runs."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import ObjectInfo, Server, given_schema
from .parameters import split_targets


def hash_workflows(
    context: typer.Context,
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="FILE.py[:NAME], or another workflow.")
    ],
    object_info: ObjectInfo = None,
    server: Server = None,
) -> None:
    """Print the canonical hash of what each workflow runs, whatever its ids, titles and unused nodes."""
    from ..diff import canonical_hash
    from ..prompt import read_prompt
    from .target import load_target, own_schema

    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info)
    for text in files:
        target = load_target(text, words, schema)
        digest = canonical_hash(read_prompt(target.prompt), schema or own_schema(target))
        typer.echo(f"{digest}  {text}")
