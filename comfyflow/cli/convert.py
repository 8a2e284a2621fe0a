"""``comfyflow convert``: an editor workflow as the prompt that the editor itself would send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CommandError
from .options import ObjectInfo, Out, Server, given_schema, reference_schema, write_text

if TYPE_CHECKING:
    from ..importer import Conversion


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Editor JSON, or a file that carries it.")],
    output: Out = None,
    object_info: ObjectInfo = None,
    server: Server = None,
    editor: Annotated[str, typer.Option("--editor", metavar="VERSION", help="1.45 or 1.27.")] = "1.45",
    repair: Annotated[
        bool, typer.Option("--repair", help="What the author meant, where the editor surprises.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="For random choices in texts: {a|b}.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell where each value comes from, instead of the prompt.")
    ] = False,
) -> None:
    """Turn a workflow of the editor into a prompt, without a browser; warnings go to standard error."""
    from ..importer import convert_workflow, read_workflow

    found = read_workflow(file)
    if found.workflow is None:
        raise CommandError(
            f"{file} holds no workflow of the editor but a prompt: comfyflow compile prints it"
        )
    schema = given_schema(server, object_info) or reference_schema()
    conversion = convert_workflow(found.workflow, schema, editor=editor, repair=repair, seed=seed)
    for warning in conversion.warnings:
        typer.echo(str(warning), err=True)
    if explain:
        write_text(_explained(conversion), output)
        return
    write_text(json.dumps(conversion.prompt, indent=2, ensure_ascii=False) + "\n", output)


def _explained(conversion: Conversion) -> str:
    """Each node, and under it where each of its values came from."""
    lines: list[str] = []
    for node_id, node in conversion.items():
        lines.append(f"#{node_id} {node.get('class_type')}")
        lines.extend(f"  {origin}" for origin in conversion.explain(node_id))
    return "\n".join(lines) + "\n"
