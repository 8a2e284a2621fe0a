"""``comfyflow open``: put a workflow where the sidebar of a server's editor lists it."""

from __future__ import annotations

import json
import re
from typing import Final

import click

from ..errors import CommandError, ServerError
from ..exporter.writing import FRONTEND
from .connection import connected
from .options import connection_options, converting_options, server_option
from .streams import STDIN, say
from .workflow_command import WorkflowCommand, target_argument

_CONFLICT: Final = 409
_UNSAFE: Final = re.compile(r"[^\w .()+-]+")
_LONGEST: Final = 120


@click.command("open", cls=WorkflowCommand)
@target_argument
@click.option("--name", metavar="NAME", help="Its name in the sidebar.  [default: the workflow's]")
@click.option("--force", is_flag=True, help="Overwrite a workflow of that name.")
@click.option(
    "--like",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="The editor file it came from: what has not changed stays as it was.",
)
@server_option
@converting_options
@click.pass_context
def open_workflow(
    context: click.Context,
    target: str,
    name: str | None,
    force: bool,
    like: str | None,
    server: str | None,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
) -> None:
    """Save a workflow where the editor's sidebar lists it, and print the address.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input. Its parameters are options:
    --seed 7. It is written for the server's editor and node classes.
    """
    from ..exporter import to_workflow
    from ..schema import load_schema
    from ..source import Converting
    from .target import load_target

    with connected(server) as client:
        schema = load_schema(client.url, **connection_options())
        loaded = load_target(target, context.args, schema, Converting(editor, repair, packs=packs))
        called = sidebar_name(name if name is not None else "" if target == STDIN else loaded.name)
        made = to_workflow(loaded, schema, frontend=schema.editor or FRONTEND, name=called, like=like)
        for warning in dict.fromkeys(map(str, (*loaded.warnings, *made.warnings))):
            say(warning, err=True)
        content = json.dumps(made, ensure_ascii=False).encode("utf-8", "surrogatepass")
        try:
            path = client.put_userdata(f"workflows/{called}.json", content, overwrite=force)
        except ServerError as error:
            if error.status != _CONFLICT:
                raise
            raise CommandError(
                f"{client.url} has a workflow {called!r} already: --force overwrites it, and --name gives "
                "this one another name"
            ) from None
        say(f"{client.url} has it as {path}: open that address, and {called!r} in the sidebar's workflows")


def sidebar_name(name: str) -> str:
    """A name that is one file in one folder, whatever it was made of."""
    plain = name.removesuffix(".json").removesuffix(".png")
    safe = _UNSAFE.sub("_", plain).strip(" .")[:_LONGEST].rstrip(" .")
    return safe or "workflow"
