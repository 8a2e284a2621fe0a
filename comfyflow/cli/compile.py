"""``comfyflow compile``: a Python workflow as prompt JSON."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import given_schema, output_option, schema_options, write_text
from .plain_text import say
from .workflow_command import WorkflowCommand, target_argument


@click.command("compile", cls=WorkflowCommand)
@target_argument
@output_option
@schema_options
@click.option("--compact", is_flag=True, help="Print it on one line.")
@click.pass_context
def compile_workflow(
    context: click.Context,
    target: str,
    output: Path | None,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    compact: bool,
) -> None:
    """Write a workflow's prompt JSON; its parameters are options: --seed 7.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input.
    """
    from .target import is_python, load_target

    said = (server, object_info, stubs) != (None, None, None)
    schema = given_schema(server, object_info, stubs) if said or not is_python(target) else None
    loaded = load_target(target, context.args, schema)
    text = json.dumps(loaded.prompt, indent=None if compact else 2, ensure_ascii=False)
    for warning in loaded.warnings:
        say(warning, err=True)
    write_text(text + "\n", output)
