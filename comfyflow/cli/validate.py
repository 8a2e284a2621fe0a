"""``comfyflow validate``: what a server would say of a workflow, and what it would not."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import typer

from . import PROBLEMS
from .options import ObjectInfo, Server, given_schema
from .parameters import split_targets


class Format(str, Enum):
    """How to print a report."""

    TEXT = "text"
    JSON = "json"


def validate(
    context: typer.Context,
    targets: Annotated[list[str], typer.Argument(metavar="TARGET...", help="FILE.py[:NAME] or prompt JSON.")],
    object_info: ObjectInfo = None,
    server: Server = None,
    form: Annotated[Format, typer.Option("--format", help="How to print the reports.")] = Format.TEXT,
) -> None:
    """Check workflows as the server will; exit code 1 where one has problems."""
    from ..validate import validate_prompt
    from .target import load_target, own_schema

    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info)
    reports: dict[str, Any] = {}
    sound = True
    for text in files:
        target = load_target(text, words, schema)
        report = validate_prompt(target.prompt, schema or own_schema(target), places=target.places)
        sound = sound and report.ok and not report.errors
        reports[text] = report.to_json()
        if form is Format.TEXT:
            for warning in target.warnings:
                typer.echo(f"{text}: {warning}")
            typer.echo(f"{text}: {report}")
    if form is Format.JSON:
        shown = reports if len(files) > 1 else reports[files[0]]
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    if not sound:
        raise typer.Exit(PROBLEMS)
