"""``comfyflow validate``: what a server would say about a workflow, and what it would not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import click

from . import PROBLEMS
from .options import converting_options, given_schema, say_warnings, schema_options
from .parameters import split_targets
from .plain_text import say
from .standard_input import shown_name
from .workflow_command import WorkflowCommand, targets_argument

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
