"""``comfyflow to-workflow``: a workflow of any kind as one that opens in the editor."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import converting_options, given_schema, output_option, schema_options, write_text
from .plain_text import say
from .workflow_command import WorkflowCommand, target_argument


@click.command("to-workflow", cls=WorkflowCommand)
@target_argument
@output_option
@click.option(
    "--frontend",
    metavar="VERSION",
    help="The editor release that will load it.  [default: that of the original file, else 1.45]",
)
@click.option(
    "--like",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The editor file it came from: what has not changed stays as it was.",
)
@click.option("--subgraphs", is_flag=True, help="Turn functions that the workflow calls into subgraphs.")
@schema_options
@converting_options
@click.pass_context
def to_workflow(
    context: click.Context,
    target: str,
    output: Path | None,
    frontend: str | None,
    like: str | None,
    subgraphs: bool,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
) -> None:
    """Convert a workflow to a file that opens in the editor and makes the same prompt there.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input. Its parameters are options:
    --seed 7. What the editor would send differently is reported on standard error.
    """
    from ..exporter import to_workflow as write_workflow
    from ..source import Converting
    from .target import load_target

    given = given_schema(server, object_info, stubs)
    loaded = load_target(target, context.args, given, Converting(editor, repair, packs=packs))
    made = write_workflow(loaded, given, frontend=frontend, like=like, subgraphs=subgraphs)
    for warning in dict.fromkeys(map(str, (*loaded.warnings, *made.warnings))):
        say(warning, err=True)
    write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", output)
