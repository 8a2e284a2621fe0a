"""``comfyflow validate``: what a server would say of a workflow, and what it would not."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import PROBLEMS
from .options import ObjectInfo, Server, given_schema, reference_schema

if TYPE_CHECKING:
    from ..schema import Schema
    from .target import Target


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
    from .target import load_target

    files, words = _split(targets, context.args)
    schema = given_schema(server, object_info)
    reports: dict[str, Any] = {}
    sound = True
    for text in files:
        target = load_target(text, words, schema)
        report = validate_prompt(target.prompt, schema or _own_schema(target), places=target.places)
        sound = sound and report.ok
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


def _split(targets: list[str], extra: list[str]) -> tuple[list[str], list[str]]:
    """Targets and parameters: unknown options and their values end up among the targets."""
    words = [*targets, *extra]
    first = next((index for index, word in enumerate(words) if word.startswith("--")), len(words))
    return words[:first], words[first:]


def _own_schema(target: Target) -> Schema:
    return target.workflow.schema() if target.workflow is not None else reference_schema()
