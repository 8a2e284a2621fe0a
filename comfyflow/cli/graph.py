"""``comfyflow graph``: a workflow to be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from ..errors import ConversionError
from ..picture import Theme
from . import PROBLEMS
from .options import converting_options, file_only, given_schema, schema_options
from .streams import say, shown_name
from .workflow_command import WorkflowCommand, target_argument

if TYPE_CHECKING:
    from ..graph import Graph
    from ..schema import Schema
    from ..source import Source


@click.command("graph", cls=WorkflowCommand)
@target_argument
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    callback=file_only,
    help="The file to write: .svg, .html, .png, .mmd or .dot.",
)
@schema_options
@converting_options
@click.option("--check", is_flag=True, help="Mark problems in the drawing; exit with 1 if there are any.")
@click.option("--arrange", is_flag=True, help="Ignore the saved positions and lay everything out again.")
@click.option("--theme", type=click.Choice(get_args(Theme)), default="auto", help="Light or dark background.")
@click.pass_context
def graph(
    context: click.Context,
    target: str,
    output: Path,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
    check: bool,
    arrange: bool,
    theme: Theme,
) -> None:
    """Draw a workflow the way the editor draws it.

    TARGET is FILE.py[:NAME], prompt JSON, or another workflow; - is standard input. Nodes with a saved
    position stay there; the rest is laid out.
    """
    from ..graph import Graph
    from ..layout import layout
    from ..picture import Picture
    from ..source import Converting
    from ..validate import validate_prompt
    from .target import load_target

    schema = given_schema(server, object_info, stubs)
    source = load_target(target, context.args, schema, Converting(editor, repair, packs=packs))
    against = schema if schema is not None else _classes(source)
    report = validate_prompt(source.prompt, against, places=source.places) if check else None
    drawn = _on_its_canvas(source, against)
    if arrange:
        drawn = Graph(drawn.values(), drawn.scopes.values(), layout(drawn, against, afresh=True))
    Picture(
        drawn,
        against,
        problems=report.problems if report is not None else (),
        title=source.name or shown_name(target),
        theme=theme,
    ).save(output)
    for warning in source.warnings:
        say(warning, err=True)
    if report is not None and not report.ok:
        say(f"{shown_name(target)}: {report}", err=True)
        raise click.exceptions.Exit(PROBLEMS)


def _classes(source: Source) -> Schema:
    """The classes that a target is drawn with: a picture needs none itself."""
    from ..errors import SchemaError
    from .options import reference_schema
    from .target import own_schema

    try:
        return own_schema(source)
    except SchemaError:
        return reference_schema()


def _on_its_canvas(source: Source, schema: Schema) -> Graph:
    """The graph of a target; that of a prompt on the canvas of the editor's workflow that came with it.

    A file that a server made holds both. Which node of the one is which of the other, their ids and
    classes say; a workflow that cannot be converted is left aside, since what ran is the prompt.
    """
    from ..graph import Graph
    from ..importer import convert_workflow

    graph = source.graph
    if source.editor is None or graph.canvas.positions:
        return graph
    try:
        seen = convert_workflow(source.editor, schema, repair=True, seed=0).graph
    except ConversionError:
        return graph
    same = {key for key, node in graph.items() if key in seen and seen[key].class_type == node.class_type}
    if not same:
        return graph
    nodes = [node.within(seen[key].scope) if key in same else node for key, node in graph.items()]
    return Graph(nodes, {**graph.scopes, **seen.scopes}.values(), seen.canvas)
