"""Commands that look at a server: queue, history, cancel, models, status, download, upload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import CommandError
from ..json_types import array_or_empty, object_or_empty
from . import PROBLEMS
from .connection import connected
from .options import Server

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
_HERE = Path()


def status(server: Server = None, as_json: AsJson = False) -> None:
    """What a server is and what it is doing."""
    with connected(server) as client:
        stats = client.system_stats()
        remaining = client.queue_remaining()
        if as_json:
            _print_json({"url": client.url, "queue_remaining": remaining, **stats})
            return
        system = object_or_empty(stats.get("system"))
        typer.echo(f"ComfyUI {system.get('comfyui_version', '?')} at {client.url}")
        typer.echo(f"queue: {remaining} running or waiting")
        for device in array_or_empty(stats.get("devices")):
            known = object_or_empty(device)
            typer.echo(
                f"device: {known.get('name')}, {_size(known.get('vram_free'))} of "
                f"{_size(known.get('vram_total'))} free"
            )


def queue(server: Server = None, as_json: AsJson = False) -> None:
    """What runs and what waits."""
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
            typer.echo(f"{state}  {entry.prompt_id}  {len(entry.prompt)} nodes")
        if not rows:
            typer.echo("nothing runs or waits")


def history(
    prompt_id: Annotated[str | None, typer.Argument(metavar="[PROMPT_ID]")] = None,
    server: Server = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many, the last ones.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What has run: the last prompts, or one of them."""
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
            typer.echo(f"{ending:<11} {entry.prompt_id}  {', '.join(names)}")
        if not entries:
            typer.echo("nothing has run")


def cancel(
    prompt_ids: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT_ID...]")] = None,
    server: Server = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop what runs and clear the queue.")] = False,
) -> None:
    """Take prompts out of the queue, or stop them if they run."""
    if everything == bool(prompt_ids):
        raise CommandError("say which prompts to cancel, or --all (comfyflow queue lists them)")
    with connected(server) as client:
        if everything:
            client.clear_queue()
            client.interrupt()
            typer.echo("the queue is cleared and what ran is interrupted")
            return
        missed = False
        for prompt_id in prompt_ids or ():
            stopped = client.attach(prompt_id).cancel()
            missed = missed or not stopped
            typer.echo(f"{prompt_id} {'cancelled' if stopped else 'had ended already'}")
        if missed:
            raise typer.Exit(PROBLEMS)


def models(
    folder: Annotated[str | None, typer.Argument(metavar="[FOLDER]")] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The model files of a server: its folders, or the files in one."""
    with connected(server) as client:
        names = client.model_folders() if folder is None else client.models(folder)
        if as_json:
            _print_json(names)
            return
        for name in names:
            typer.echo(name)


def download(
    prompt_id: Annotated[str, typer.Argument(metavar="PROMPT_ID")],
    server: Server = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where files are written.")] = _HERE,
) -> None:
    """Write the files that a prompt of the history has given."""
    with connected(server) as client:
        result = client.attach(prompt_id).result()
        for path in client.download(result, out):
            typer.echo(str(path))


def view(
    name: Annotated[str, typer.Argument(metavar="NAME", help="SUBFOLDER/NAME, as the server lists it.")],
    server: Server = None,
    kind: Annotated[str, typer.Option("--type", help="output, input or temp.")] = "output",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it.")
    ] = None,
) -> None:
    """Fetch one file of a server."""
    from ..output_file import clean_name

    subfolder, _, filename = name.rpartition("/")
    target = output or Path(clean_name(filename))
    with connected(server) as client:
        data = client.view(filename, subfolder=subfolder, type=kind)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise CommandError(f"cannot write {target}: {error.strerror}") from None
    typer.echo(str(target))


def upload(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    server: Server = None,
    subfolder: Annotated[str, typer.Option("--subfolder", metavar="DIR")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of the same name.")] = False,
) -> None:
    """Put files into a server's input folder; prints the names by which inputs take them."""
    with connected(server) as client:
        for file in files:
            stored = client.upload_image(file, subfolder=subfolder, overwrite=overwrite)
            typer.echo(stored.reference)


def _files(entry: Mapping[str, Any]) -> list[list[str]]:
    from ..output_file import NodeOutput

    outputs = object_or_empty(entry.get("outputs"))
    return [[file.name for file in NodeOutput(object_or_empty(raw)).files] for raw in outputs.values()]


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _size(value: Any) -> str:
    return f"{value / 2**30:.1f} GiB" if isinstance(value, (int, float)) else "?"
