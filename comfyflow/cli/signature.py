"""``comfyflow parameters`` and ``schema``: which inputs of a workflow have names, or may have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CommandError, ParameterError
from .options import (
    converting_options,
    given_schema,
    json_text,
    output_option,
    reference_schema,
    say_warnings,
    schema_options,
    write_text,
)
from .streams import say

if TYPE_CHECKING:
    from ..parameters import Parameter


@click.command("parameters")
@click.argument("target", metavar="TARGET")
@schema_options
@converting_options
@click.option("--save", is_flag=True, help="Save them as NAME.parameters.toml beside the workflow.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def parameters(
    target: str,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    save: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Suggest parameters for a prompt or an editor workflow: prompts, files, seeds, sizes, models.

    The author's own choices come first: inputs of the app mode and of subgraphs. --save writes them
    beside the workflow; rename, describe and delete them there. From then on that file is what `run`,
    `batch` and `schema` use.
    """
    from ..named_inputs import beside, read_named_inputs, signature_of, write_named_inputs
    from ..parameters import Parameters
    from ..proposal import propose
    from ..source import Converting
    from .target import is_python, load_target

    if is_python(target):
        raise CommandError(f"{target} is Python and declares its own parameters: comfyflow schema {target}")
    given = given_schema(server, object_info, stubs)
    schema = given if given is not None else reference_schema()
    source = load_target(target, (), schema, Converting(editor, repair, None, packs))
    say_warnings(source.warnings, known=given is not None)
    saved = beside(Path(target))
    if saved.is_file() and not force:
        if save:
            raise CommandError(f"{saved} already exists; --force overwrites it")
        named = read_named_inputs(saved, source.graph)
    else:
        named = propose(source, schema)
    known = Parameters(signature_of(named, source, schema))
    for parameter in known.values():
        _tell_misfit(parameter)
    if save:
        write_text(write_named_inputs(named, Path(target).name), saved)
        say(f"wrote {len(named)} parameters to {saved}", err=True)
    elif as_json:
        rows = [
            {
                "name": each.name,
                "inputs": [".".join(place) for place in each.places],
                "default": known[each.name].default if not known[each.name].is_required else None,
                "description": each.description,
            }
            for each in named
        ]
        write_text(json_text(rows), None)
    else:
        for each in named:
            places = ", ".join(".".join(place) for place in each.places)
            say(f"--{each.name.replace('_', '-'):<24} {places}: {known[each.name].default!r:.60}")
        if not named:
            say("nothing looks like a parameter", err=True)


def _tell_misfit(parameter: Parameter) -> None:
    """Report a saved value that its input does not accept."""
    if parameter.is_required:
        return
    try:
        parameter.from_json(parameter.default)
    except ParameterError as error:
        option = f"--{parameter.name.replace('_', '-')}"
        say(f"comfyflow: the workflow's value for {option} does not fit: it {error.reason}", err=True)


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
