"""``comfyflow schema``: the parameters of a workflow as JSON Schema."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import CommandError
from .options import (
    given_schema,
    json_text,
    output_option,
    reference_schema,
    schema_options,
    write_text,
)


@click.command("schema")
@click.argument("target", metavar="TARGET")
@schema_options
@output_option
def schema(
    target: str, object_info: Path | None, server: str | None, stubs: str | None, output: Path | None
) -> None:
    """Print a workflow's parameters as JSON Schema, for forms, agents and other languages.

    TARGET is FILE.py[:NAME]; or another workflow, whose parameters are in NAME.parameters.toml beside
    it. A parameter that is passed unchanged to an input takes that input's range: a number for
    KSampler.steps has the range of that input.
    """
    from .target import find_workflow, is_python, load_target

    given = given_schema(server, object_info, stubs)
    found = find_workflow(target)
    if found is not None:
        write_text(json_text(found.json_schema(given)), output)
        return
    from ..named_inputs import named_inputs_beside, signature_of
    from ..workflows.parameters_model import build_model, json_schema

    if is_python(target):
        raise CommandError(f"{target} has no parameters")
    known = given if given is not None else reference_schema()
    source = load_target(target, (), known)
    named = named_inputs_beside(target, source.graph)
    if named is None:
        raise CommandError(f"{target} has no parameters: comfyflow parameters {target} --save chooses some")
    model = build_model(Path(target).stem, "", signature_of(named, source, known))
    write_text(json_text(json_schema(model, Path(target).stem)), output)
