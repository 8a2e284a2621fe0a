"""``comfyflow compile``: a Python workflow as prompt JSON."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .options import ObjectInfo, Out, Server, given_schema, write_text


def compile_workflow(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="FILE.py[:NAME], or another workflow.")],
    output: Out = None,
    object_info: ObjectInfo = None,
    server: Server = None,
    compact: Annotated[bool, typer.Option("--compact", help="On one line.")] = False,
) -> None:
    """Write the prompt JSON of a workflow; its parameters are options: --seed 7."""
    from .target import load_target

    loaded = load_target(target, context.args, given_schema(server, object_info))
    text = json.dumps(loaded.prompt, indent=None if compact else 2, ensure_ascii=False)
    for warning in loaded.warnings:
        typer.echo(str(warning), err=True)
    write_text(text + "\n", output)
