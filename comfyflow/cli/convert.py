"""``comfyflow convert``: an editor workflow as the prompt that the editor itself would send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CommandError
from .options import (
    converting_options,
    given_schema,
    output_option,
    reference_schema,
    say_warnings,
    schema_options,
    write_text,
)
from .streams import given_file, plain

if TYPE_CHECKING:
    from ..importer import Conversion


@click.command("convert")
@click.argument("file", metavar="FILE", type=click.Path())
@output_option
@schema_options
@converting_options
@click.option("--seed", metavar="N", type=int, help="Seed for random choices in text: {a|b}.")
@click.option("--explain", is_flag=True, help="Show where each value comes from instead of the prompt.")
def convert(
    file: str,
    output: Path | None,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    seed: int | None,
    explain: bool,
) -> None:
    """Convert an editor workflow to a prompt, without a browser; warnings go to standard error.

    FILE is editor JSON, or a file that carries it; - is standard input.
    """
    from ..importer import convert_workflow, read_workflow
    from ..source import editor_classes, in_file

    source, name = given_file(file)
    found = read_workflow(source, name=name)
    if found.workflow is None:
        raise CommandError(f"{name} holds a prompt, not an editor workflow; comfyflow compile prints it")
    given = given_schema(server, object_info, stubs)
    schema = given if given is not None else reference_schema()
    schema.expect(editor_classes(found.workflow))
    with in_file(name):
        conversion = convert_workflow(
            found.workflow, schema, editor=editor, repair=repair, seed=seed, packs=packs
        )
    say_warnings(conversion.warnings, known=given is not None)
    if explain:
        write_text(plain(_explained(conversion)), output)
        return
    write_text(json.dumps(conversion.prompt, indent=2, ensure_ascii=False) + "\n", output)


def _explained(conversion: Conversion) -> str:
    """Each node, and under it where each of its values came from."""
    lines: list[str] = []
    for node_id, node in conversion.items():
        lines.append(f"#{node_id} {node.get('class_type')}")
        lines.extend(f"  {origin}" for origin in conversion.explain(node_id))
    return "\n".join(lines) + "\n"
