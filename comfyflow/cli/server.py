"""Commands that look at a server: queue, history, cancel, download, view, upload."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import click

from ..errors import CommandError, PartialSuccess, ServerError
from ..json_types import array_or_empty, object_or_empty
from . import FAILED, PROBLEMS, UNUSABLE
from .connection import connected
from .ending import write_outputs
from .options import PATH, json_text, server_option
from .streams import say

if TYPE_CHECKING:
    from ..output_file import OutputFile


Folder: TypeAlias = Literal["output", "input", "temp"]
"""One of a server's folders."""

json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("queue")
@server_option
@json_option
def queue(server: str | None, as_json: bool) -> None:
    """List running and waiting prompts."""
    with connected(server) as client:
        listed = client.queue()
        rows = [("running", entry) for entry in listed.running]
        rows += [("pending", entry) for entry in listed.pending]
        if as_json:
            _print_json(
                [
                    {"state": state, "prompt_id": entry.prompt_id, "number": entry.number}
                    for state, entry in rows
                ]
            )
            return
        for state, entry in rows:
            say(f"{state}  {entry.prompt_id}  {len(entry.prompt)} nodes")
        if not rows:
            click.echo("nothing is running or waiting")


@click.command("history")
@click.argument("prompt_id", metavar="[PROMPT_ID]", required=False)
@server_option
@click.option(
    "-n", "--count", metavar="N", type=click.IntRange(min=1), default=20, help="How many of the latest."
)
@json_option
def history(prompt_id: str | None, server: str | None, count: int, as_json: bool) -> None:
    """List recent prompts, or show one of them."""
    with connected(server) as client:
        if prompt_id is not None:
            found = client.history_entry(prompt_id)
            if found is None:
                raise CommandError(f"the history of {client.url} has no prompt {prompt_id}")
            _print_json(found.raw)
            return
        entries = client.history(max_items=count).values()
        if as_json:
            _print_json({entry.prompt_id: entry.raw for entry in entries})
            return
        for entry in entries:
            ending = entry.outcome.ending if entry.outcome is not None else "?"
            names = [name for output in _files(entry.raw) for name in output]
            say(f"{ending:<15} {entry.prompt_id}  {', '.join(names)}")
        if not entries:
            click.echo("nothing has run")


@click.command("cancel")
@click.argument("prompt_ids", metavar="[PROMPT_ID...]", nargs=-1)
@server_option
@click.option("--all", "everything", is_flag=True, help="Interrupt what is running and clear the queue.")
def cancel(prompt_ids: tuple[str, ...], server: str | None, everything: bool) -> None:
    """Cancel prompts, waiting or running."""
    if everything == bool(prompt_ids):
        raise CommandError("name the prompts to cancel, or pass --all (comfyflow queue lists them)")
    with connected(server) as client:
        if everything:
            client.clear_queue()
            client.interrupt()
            click.echo("cleared the queue and interrupted what was running")
            return
        missed = False
        for prompt_id in prompt_ids:
            stopped = client.attach(prompt_id).cancel()
            missed = missed or not stopped
            click.echo(f"{prompt_id} {'cancelled' if stopped else 'had already ended'}")
        if missed:
            raise click.exceptions.Exit(PROBLEMS)


@click.command("download")
@click.argument("prompt_id", metavar="PROMPT_ID")
@server_option
@click.option("--out", metavar="DIR", type=PATH, default=Path(), help="The folder to write files to.")
def download(prompt_id: str, server: str | None, out: Path) -> None:
    """Save the output files of a prompt in the history."""
    with connected(server) as client:
        partial: PartialSuccess | None = None
        try:
            result = client.attach(prompt_id).result()
        except PartialSuccess as error:
            partial, result = error, error.result
        whole = write_outputs(client, result, out)
        if partial is not None:
            say(f"comfyflow: {partial.args[0]}", err=True)
        if partial is not None or not whole:
            raise click.exceptions.Exit(FAILED if partial is not None else UNUSABLE)


@click.command("view")
@click.argument("name", metavar="NAME")
@server_option
@click.option(
    "--type",
    "kind",
    type=click.Choice(get_args(Folder)),
    default="output",
    help="The server folder to read from.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=PATH,
    help="The file or folder to write to; - is standard output.",
)
def view(name: str, server: str | None, kind: Folder, output: Path | None) -> None:
    """Download one file from a server.

    NAME is as `comfyflow history` lists it: SUBFOLDER/NAME [TYPE].
    """
    from ..saved_file import SavedFile

    found = re.fullmatch(r"(.+) \[(output|input|temp)\]", name)
    path, folder = (found[1], found[2]) if found is not None else (name, kind)
    subfolder, _, filename = path.rpartition("/")
    with connected(server) as client:
        try:
            data = client.view(filename, subfolder=subfolder, type=folder)
        except ServerError as error:
            if error.status not in (400, 403, 404):
                raise
            raise CommandError(
                f"{client.url} has no file {path!r} in its {folder} folder, or does not serve "
                f"it ({error.status}); `comfyflow history` lists what prompts produced; --type names "
                f"another folder"
            ) from None
    if str(output) == "-":
        click.echo(data, nl=False)
        return
    with SavedFile.at(output or Path(), filename) as saved:
        saved.partial.write_bytes(data)
    say(saved.path)


@click.command("upload")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
@server_option
@click.option("--subfolder", metavar="DIR", default="", show_default=False)
@click.option("--overwrite", is_flag=True, help="Overwrite files of the same name.")
def upload(files: tuple[Path, ...], server: str | None, subfolder: str, overwrite: bool) -> None:
    """Upload files to a server's input folder; prints the names to use for them in inputs."""
    with connected(server) as client:
        for file in files:
            stored = client.upload_image(file, subfolder=subfolder, overwrite=overwrite)
            say(stored.reference)


def _files(entry: Mapping[str, Any]) -> list[list[str]]:
    from ..graph.prompt import read_nodes
    from ..output_file import NodeOutput

    outputs = object_or_empty(entry.get("outputs"))
    asked = array_or_empty(entry.get("prompt"))
    nodes = read_nodes(asked[2] if len(asked) > 2 else None)
    found: list[list[str]] = []
    for node_id, raw in outputs.items():
        class_type = nodes[node_id].class_type if node_id in nodes else ""
        output = NodeOutput(object_or_empty(raw), node_id, class_type=class_type)
        found.append([_name(file) for file in output.files])
    return found


def _name(file: OutputFile) -> str:
    """A file in the form that `view` takes."""
    return file.annotated_name.removesuffix(" [output]")


def _print_json(value: Any) -> None:
    click.echo(json_text(value), nl=False)
