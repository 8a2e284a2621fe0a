"""``comfyflow schema``: the parameters of a workflow as JSON Schema."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import CommandError
from .options import json_text, output_option, write_text


@click.command("schema")
@click.argument("target")
@output_option
def schema(target: str, output: Path | None) -> None:
    """Print the parameters of a workflow as JSON Schema, for forms, agents and other languages.

    TARGET is FILE.py[:NAME]. What a parameter comes to as it is narrows it: a number that is given to
    KSampler.steps has that input's range.
    """
    from .target import find_workflow

    found = find_workflow(target)
    if found is None:
        raise CommandError(f"{target} is no workflow function: only those have parameters with types")
    write_text(json_text(found.json_schema()), output)
