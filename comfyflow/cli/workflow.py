"""Commands that look at a workflow, or write it: validate, compile, hash, to-workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import click

from . import PROBLEMS
from .options import converting_options, given_schema, output_option, say_warnings, schema_options, write_text
from .parameters import split_targets
from .streams import say, shown_name
from .workflow_command import WorkflowCommand, target_argument, targets_argument

Format: TypeAlias = Literal["text", "json"]
"""How to print a report."""


@click.command("validate", cls=WorkflowCommand)
@targets_argument
@schema_options
@converting_options
@click.option(
    "--format", "form", type=click.Choice(get_args(Format)), default="text", help="How to print the reports."
)
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.pass_context
def validate(
    context: click.Context,
    targets: tuple[str, ...],
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    form: Format,
    strict: bool,
) -> None:
    """Check workflows the way the server does; exit code 1 if one has problems.

    TARGET is FILE.py[:NAME], prompt JSON, or another workflow; - is standard input.

    A warning means that the server accepts something that gets lost or goes wrong. A note is worth
    knowing and never changes the exit code.
    """
    from ..source import Converting
    from ..validate import validate_prompt
    from .target import load_targets, own_schema

    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info, stubs)
    reports: dict[str, Any] = {}
    sound = True
    converting = Converting(editor, repair, packs=packs)
    for text, target in load_targets(files, words, schema, converting).items():
        against = schema if schema is not None else own_schema(target)
        report = validate_prompt(target.prompt, against, places=target.places)
        sound = sound and report.ok and not report.errors and not (strict and report.warnings)
        reports[text] = report.to_json()
        if form == "text":
            known = schema is not None
            say_warnings(target.warnings, known=known, before=f"{shown_name(text)}: ", err=False)
            say(f"{shown_name(text)}: {report}")
    if form == "json":
        shown = reports if len(files) > 1 else reports[files[0]]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    if not sound:
        raise click.exceptions.Exit(PROBLEMS)


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
