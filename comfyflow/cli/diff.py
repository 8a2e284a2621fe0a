"""``comfyflow diff``: what is different between two workflows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import CommandError
from . import PROBLEMS
from .options import complete_file, converting_options, given_schema, json_text, schema_options
from .streams import say

if TYPE_CHECKING:
    from ..graph import Graph
    from ..schema import Schema
    from ..source import Converting

HISTORY: Final = "history:"
"""What a target that is a prompt in a server's history begins with."""


@click.command("diff")
@click.argument("before", metavar="A", shell_complete=complete_file)
@click.argument("after", metavar="B", shell_complete=complete_file)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@schema_options
@converting_options
def diff(
    before: str,
    after: str,
    as_json: bool,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
) -> None:
    """Compare two workflows by structure; exit code 0 if they are the same, 1 if not, 2 on errors.

    A and B are each FILE.py[:NAME], another workflow, - for standard input, or history:ID, a prompt that
    has run on the server.
    """
    from ..diff import diff as compare
    from ..source import Converting

    schema = given_schema(server, object_info, stubs)
    converting = Converting(editor, repair, packs=packs)
    found = compare(*(load_graph(text, schema, server, None, converting) for text in (before, after)))
    if as_json:
        click.echo(json_text(found.to_json()), nl=False)
    elif not found.empty or found.renumbered:
        say(found)
    if not found.empty:
        raise click.exceptions.Exit(PROBLEMS)


def load_graph(
    text: str,
    schema: Schema | None = None,
    server: str | None = None,
    words: list[str] | None = None,
    converting: Converting | None = None,
) -> Graph:
    """The graph of a target.

    Args:
        text: What `load_target` takes, or ``history:ID``: a prompt that has run on the server.
        schema: What to convert an editor workflow with.
        server: The server that has the history; see `chosen_server`.
        words: The parameters of a workflow function.
        converting: How to convert an editor workflow.

    Raises:
        ComfyflowError: It cannot be loaded, or is not a prompt.
    """
    from ..source import Source
    from .target import load_target

    if text.startswith(HISTORY):
        return Source(_prompt_that_ran(text[len(HISTORY) :], server)).graph
    target = load_target(text, words or (), schema, converting)
    if converting is not None:
        for warning in target.warnings:
            say(f"{text}: {warning}", err=True)
    return target.graph


def _prompt_that_ran(prompt_id: str, server: str | None) -> Any:
    from .connection import connected

    with connected(server) as client:
        entry = client.history_entry(prompt_id)
        if entry is None:
            raise CommandError(f"the history of {client.url} has no prompt {prompt_id}")
        return entry.prompt
