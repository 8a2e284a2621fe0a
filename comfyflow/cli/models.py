"""``comfyflow models``: the model files of a server, and those that a workflow misses."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import ClientError, CommandError, ModelFileError, ServerError, ServerUnreachable
from . import PROBLEMS, UNUSABLE
from .connection import connected
from .options import PATH, complete_file, json_text, server_option
from .streams import can_ask, plain, say

if TYPE_CHECKING:
    from ..client import Client
    from ..model_files.download import Downloads, Progress
    from ..model_files.wanted import WantedModel
    from ..schema import Schema

_SECONDS: Final = 5.0


@click.command("models")
@click.argument("words", metavar="[FOLDER]", nargs=-1)
@server_option
@click.option(
    "--missing",
    "target",
    metavar="TARGET",
    help="A workflow: list the model files it is missing.",
    shell_complete=complete_file,
)
@click.option("--download", is_flag=True, help="With --missing: download the missing files; asks first.")
@click.option("--into", metavar="DIR", type=PATH, help="The ComfyUI folder to download into.")
@click.option("--yes", is_flag=True, help="With --download: do not ask first.")
@click.option(
    "--allow-host",
    "hosts",
    metavar="HOST",
    multiple=True,
    help="Allow downloads from this host although it is private or http.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(
    words: tuple[str, ...],
    server: str | None,
    target: str | None,
    download: bool,
    into: Path | None,
    yes: bool,
    hosts: tuple[str, ...],
    as_json: bool,
) -> None:
    """List a server's model files: its folders, or the files in one; or those that a workflow is missing.

    With --missing, TARGET is FILE.py[:NAME] or another workflow; its own parameters follow --. Exit
    code 1 if something is missing.
    """
    if target is not None:
        _missing(target, words, server, download, into, yes, frozenset(map(str.casefold, hosts)), as_json)
        return
    if download or into is not None or yes or hosts:
        raise CommandError("--download, --into, --yes and --allow-host need --missing TARGET")
    if len(words) > 1:
        raise CommandError(f"pass one folder, not {len(words)}: {' '.join(words)}")
    folder = words[0] if words else None
    with connected(server) as client:
        names = client.model_folders() if folder is None else _models_in(client, folder)
        if as_json:
            click.echo(json_text(names), nl=False)
            return
        for name in names:
            say(name)
        if not names:
            click.echo(f"the server has no files in {folder or 'its model folders'}", err=True)


def _models_in(client: Client, folder: str) -> list[str]:
    try:
        return client.models(folder)
    except ServerError as error:
        if error.status != 404:
            raise
        raise CommandError(str(error)) from None


def _missing(
    target: str,
    words: Sequence[str],
    server: str | None,
    download: bool,
    into: Path | None,
    yes: bool,
    hosts: frozenset[str],
    as_json: bool,
) -> None:
    """List what a workflow wants, and fetch what is missing.

    Raises:
        CommandError: The options do not go together, or a server that was named does not answer.
        ComfyflowError: The workflow cannot be read.
    """
    from ..model_files.wanted import models_folder, on_disk

    if download and into is None:
        raise CommandError("name the ComfyUI folder to download into: --into DIR")
    if download and as_json:
        raise CommandError("pass --download or --json, not both")
    if not download and (yes or hosts):
        raise CommandError("--yes and --allow-host need --download")
    folder = models_folder(into) if into is not None else None
    files = _wanted(target, words, server)
    if folder is not None:
        files = list(on_disk(files, folder))
    missing = [file for file in files if not file.installed]
    if as_json:
        click.echo(json_text([file.to_json() for file in files]), nl=False)
    else:
        say("\n".join(_lines(files)))
    if missing and download and folder is not None:
        from ..model_files.download import Downloads

        _fetch(missing, Downloads(folder, hosts), yes)
    elif missing:
        raise click.exceptions.Exit(PROBLEMS)


def _wanted(target: str, words: Sequence[str], server: str | None) -> list[WantedModel]:
    """What a workflow wants, with whether the server has it where there is one."""
    from ..model_files.wanted import on_server, wanted_files
    from .target import load_target, own_schema

    with _answering(server) as client:
        schema = _classes(server) if client is not None else None
        source = load_target(target, words, schema)
        known = schema if schema is not None else own_schema(source)
        files = wanted_files(source.prompt, source.editor, known)
        if client is None or schema is None:
            return files
        return list(on_server(files, schema, client.model_folders(), client.models))


@contextlib.contextmanager
def _answering(server: str | None) -> Generator[Client | None, None, None]:
    """A client of the server; None if none was named and none answers, which is reported.

    Raises:
        CommandError: The server that was named does not answer.
    """
    from ..configuration import named_server

    with contextlib.ExitStack() as stack:
        try:
            client = stack.enter_context(connected(server, seconds=_SECONDS))
        except CommandError as error:
            if not named_server(server).is_default or not isinstance(error.__context__, ServerUnreachable):
                raise
            click.echo(
                "comfyflow: no server answered, so it is not known which files are installed", err=True
            )
            yield None
            return
        yield client


def _classes(server: str | None) -> Schema:
    from ..schema import load_schema
    from .connection import chosen_server
    from .options import connection_options

    return load_schema(chosen_server(server), **connection_options())


def _lines(files: Sequence[WantedModel]) -> Iterable[str]:
    states = {True: "present", False: "missing", None: "unknown"}
    for file in files:
        yield f"{states[file.installed]:<8} {file.path}"
        if file.installed:
            continue
        yield f"         {file.url or 'unknown address'}"
        if file.other_name is not None:
            yield f"         the address names {file.other_name}, which may be another model"
        if file.hash is not None:
            yield f"         {file.hash_type or 'SHA256'} {file.hash}"
        yield f"         used by {', '.join(map(str, file.uses[:4]))}{', …' if len(file.uses) > 4 else ''}"
    missing = sum(not file.installed for file in files)
    yield (
        f"{missing} of {len(files)} model files are missing" if files else "the workflow uses no model files"
    )


def _fetch(missing: Sequence[WantedModel], downloads: Downloads, yes: bool) -> None:
    """Fetch files, one after the other, once the user agrees to it.

    Raises:
        click.exceptions.Exit: Not all are there in the end.
    """
    from ..bounds import readable

    wanted: list[WantedModel] = []
    known, unknown = 0, 0
    for file in missing:
        reason = downloads.refusal(file)
        try:
            size = downloads.size(file) if reason is None else None
        except ModelFileError as error:
            reason = str(error)
            size = None
        if reason is not None:
            say(f"not downloaded: {file.path}: {reason}", err=True)
            continue
        wanted.append(file)
        known, unknown = known + (size or 0), unknown + (size is None)
        say(f"{readable(size) if size is not None else 'of unknown size':>16}  {_told(file)}")
    if wanted:
        more = f" and {unknown} of unknown size" if unknown else ""
        total = f"{len(wanted)} file{'s' if len(wanted) > 1 else ''}, {readable(known)}{more}"
        if not yes:
            if not can_ask():
                raise CommandError(
                    f"cannot ask before downloading {total}: standard input is not a terminal; add --yes"
                )
            click.confirm(f"download {total} into {downloads.models}?", abort=True)
    done = sum(_fetched(file, downloads) for file in wanted)
    say(f"downloaded {done} of {len(missing)} missing model files into {downloads.models}")
    if done < len(missing):
        raise click.exceptions.Exit(UNUSABLE)


def _told(file: WantedModel) -> str:
    from ..model_files.folder import CODE

    notes = [] if file.hash else ["no hash to verify it"]
    if file.other_name is not None:
        notes.append(f"the address names {file.other_name}, which may be another model")
    if file.name.lower().endswith(tuple(CODE)):
        notes.append("this format can run code when it is loaded")
    return f"{file.path}  {file.url}" + (f"  ({'; '.join(notes)})" if notes else "")


def _fetched(file: WantedModel, downloads: Downloads) -> bool:
    from ..bounds import readable

    try:
        with _bar(file.path) as progress:
            done = downloads.fetch(file, progress)
    except (ModelFileError, ClientError) as error:
        say(f"comfyflow: {error}", err=True)
        return False
    except KeyboardInterrupt:
        say(f"comfyflow: the partial {file.path} was kept; run the same command again to resume", err=True)
        raise
    say(f"{done.path} ({readable(done.size)}{', hash checked' if done.checked else ''})")
    return True


@contextlib.contextmanager
def _bar(name: str) -> Generator[Progress, None, None]:
    """A bar on standard error; nothing where that is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _size: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(bar_width=30), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(TextColumn("{task.description}"), *columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(escape(plain(name)), total=None)
        yield lambda done, size: bars.update(task, completed=done, total=size)
