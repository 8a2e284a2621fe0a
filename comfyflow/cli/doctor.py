"""``comfyflow doctor``: what is wrong on this machine, each with its cure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..errors import ComfyflowError, ServerUnreachable
from ..generated import STUBS
from . import PROBLEMS
from .lock import LOCK_FILE
from .options import PATH, json_text, server_option
from .streams import say

if TYPE_CHECKING:
    from ..doctor import Diagnosis
    from ..schema import Schema

_SECONDS: Final = 5.0
"""How long a server may take to say that it is one."""


@click.command("doctor")
@server_option
@click.option(
    "--lock",
    "lock_file",
    metavar="FILE",
    type=PATH,
    help=f"The lock file.  [default: {LOCK_FILE}, if it exists]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(server: str | None, lock_file: Path | None, as_json: bool) -> None:
    """Check what works on this machine and what does not, and say how to fix it.

    Checks Python, the package and its extras, the settings, the server and its editor, the node
    package, and the lock file. Exit code 1 if there is a problem; warnings leave it at 0.
    """
    found = list(_diagnoses(server, lock_file))
    sound = all(each.state != "problem" for each in found)
    if as_json:
        value = {"ok": sound, "checks": [each.to_json() for each in found]}
        click.echo(json_text(value), nl=False)
    else:
        say("\n".join(map(str, found)))
    if not sound:
        raise click.exceptions.Exit(PROBLEMS)


def _diagnoses(server: str | None, lock_file: Path | None) -> Iterator[Diagnosis]:
    from ..doctor import installation, lock, settings

    yield from installation()
    yield from settings()
    url, of_server = _server(server)
    yield from of_server
    classes, of_classes = _classes(server) if url is not None else (None, None)
    if of_classes is not None:
        yield of_classes
    yield _stubs(classes, f"--server {url}" if server is not None else "")
    yield lock(lock_file or LOCK_FILE, classes, named=lock_file is not None)


def _server(option: str | None) -> tuple[str | None, list[Diagnosis]]:
    """The address of the server if it answers, without credentials; and findings about it and its editor."""
    from ..client.address import read_address
    from ..configuration import named_server
    from ..doctor import Diagnosis, editor, running_server
    from .connection import connected
    from .options import server_url

    try:
        chosen = named_server(option)
        url = read_address(server_url(chosen.url))[0].url
    except ComfyflowError as error:
        cure = "name a server: --server http://127.0.0.1:8188"
        return None, [Diagnosis("server", "problem", str(error), cure)]
    where = f"{url} ({chosen.by})"
    try:
        with connected(option, seconds=_SECONDS) as client:
            stats = client.system_stats()
    except ComfyflowError as error:
        cause = error.__context__
        if isinstance(cause, ServerUnreachable):
            cure = "start ComfyUI, or name a server: --server URL; without one: comfyflow simulate"
            return None, [Diagnosis("server", "warning", f"{where}: {cause}", cure)]
        return None, [Diagnosis("server", "problem", f"{where}: {error}", "see docs/connecting.md")]
    return url, [running_server(stats, where), editor(stats)]


def _classes(server: str | None) -> tuple[Schema | None, Diagnosis | None]:
    """The server's node classes, or the diagnosis that they cannot be read."""
    from ..doctor import Diagnosis
    from ..schema import load_schema
    from .connection import chosen_server
    from .options import connection_options

    try:
        return load_schema(chosen_server(server), **connection_options()), None
    except ComfyflowError as error:
        cure = "check the server's log: a custom node pack may break GET /object_info"
        return None, Diagnosis("node classes", "problem", str(error), cure)


def _stubs(classes: Schema | None, option: str) -> Diagnosis:
    from ..doctor import Diagnosis, stubs
    from .options import reference_schema

    try:
        known = reference_schema()
    except ComfyflowError as error:
        cure = f"comfyflow gen-stubs --out {STUBS}, or python -m pip install --force-reinstall comfyflow-dsl"
        return Diagnosis("stubs", "problem", str(error), cure)
    folder = Path(sys.modules[STUBS].__file__ or "").parent
    return stubs(known, folder, classes, option)
