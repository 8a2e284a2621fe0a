"""Which server a command talks to."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Final

import click

from ..configuration import SERVER_VARIABLE, named_server
from ..errors import ClientError, CommandError, ServerUnreachable
from ..json_types import is_object
from .options import server_url

if TYPE_CHECKING:
    from ..client import Client
    from ..client_options import ClientOptions
    from ..schema import Schema

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GREETING_SECONDS: Final = 20.0
"""A server that loads a model may take some to answer."""


def chosen_server(option: str | None) -> str:
    """The server to use: the option, ``COMFYFLOW_SERVER``, the config file, or this machine.

    Raises:
        ConfigurationError: The option is empty, or the config file cannot be read.
    """
    return server_url(named_server(option).url)


@contextlib.contextmanager
def connected(
    server: str | None,
    simulate: bool = False,
    seconds: float | None = None,
    simulated: Schema | None = None,
    more: ClientOptions | None = None,
) -> Generator[Client, None, None]:
    """A client of the chosen server, or of a simulator that lives as long as the block.

    Args:
        server: The option ``--server``.
        simulate: The option ``--simulate``.
        seconds: How long to wait for the server to say that it is one.
        simulated: The classes of the simulator; by default the reference package's.
        more: What the command itself asks of the client.

    Raises:
        CommandError: Both were asked for, the simulator's extra is not installed, or no ComfyUI
            server answers; says how to start one.
    """
    from ..client import Client
    from .options import connection_options

    if simulate:
        if server is not None:
            raise CommandError("give --server or --simulate, not both")
        with simulated_server(simulated) as url, Client(url) as client:
            yield client
        return
    options: ClientOptions = {**connection_options(), **(more or {})}
    with Client(chosen_server(server), **options) as client:
        _greet(client, _GREETING_SECONDS if seconds is None else min(seconds, _GREETING_SECONDS))
        yield client


def server_classes(server: str | None, seconds: float | None, names: Iterable[str]) -> Schema:
    """Node classes as the chosen server has them, with the version of the editor that it requires.

    Args:
        server: The option ``--server``.
        seconds: How long to wait for it.
        names: The classes; those that it lacks are the reference package's.

    Raises:
        CommandError: No ComfyUI server answers.
    """
    from ..client.routes.node_class_routes import of_server
    from .options import reference_schema

    with connected(server, seconds=seconds) as client:
        return client._driver.drive(of_server(client._core, reference_schema(), names))


def _greet(client: Client, seconds: float) -> None:
    """Have the server say that it is a ComfyUI server.

    Raises:
        CommandError: It does not.
    """
    from ..client.address import elsewhere as for_page
    from ..client.address import for_answer
    from ..client.flow import Request

    elsewhere = f"name a server with --server URL or {SERVER_VARIABLE}"
    try:
        answer = client.request("GET", "/api/system_stats", timeout=max(seconds, 0.1))
    except ServerUnreachable as error:
        if not error.unsent:
            raise CommandError(
                f"{error}. Is that a ComfyUI server, and is it busy? If not, {elsewhere}"
            ) from None
        raise CommandError(f"{error}. {_without_server(str(error), elsewhere)}") from None
    if answer.ok and is_object(_json_value(answer.content)):
        return
    if answer.status in (404, 405) and _speaks_api_v2(client):
        return
    said = f"GET /api/system_stats of {client.url} gave"
    request = Request("GET", "/api/system_stats")
    address, signed = client._core.address, bool(client._core.credentials)
    advice = for_answer(address, request, answer, signed)
    if answer.status in (401, 403) or (answer.status == 400 and advice):
        raise CommandError(f"{said} {answer.status}: {advice}")
    what = "a web page, not data" if answer.ok else str(answer.status)
    there = advice or (for_page(address) if answer.ok or answer.status in _REDIRECTS else "")
    hint = f" ({there})" if there else ""
    raise CommandError(f"{said} {what}: that is not a ComfyUI server, or not its address{hint}; {elsewhere}")


def _speaks_api_v2(client: Client) -> bool:
    """Whether a server other than ComfyUI speaks the Comfy API v2."""
    from ..client.backend import recognise

    try:
        return client._driver.drive(recognise(client._core)).name == "comfy-api-v2"
    except ClientError:
        return False


def _without_server(said: str, elsewhere: str) -> str:
    """What to do where no server answers.

    Args:
        said: The error, which may say it in part.
        elsewhere: How to name another server.
    """
    context = click.get_current_context(silent=True)
    options = context.command.params if context is not None else ()
    can_simulate = any("--simulate" in option.opts for option in options)
    if "comfyflow simulate" in said:
        return f"Or {elsewhere}" + (", or run with --simulate" if can_simulate else "")
    without = ("run with --simulate, or " if can_simulate else "") + "start `comfyflow simulate`"
    return f"Start ComfyUI (python main.py) or {elsewhere}; without one, {without}"


def _json_value(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


@contextlib.contextmanager
def simulated_server(classes: Schema | None = None) -> Generator[str, None, None]:
    """A simulator that lives as long as the block; gives its address.

    Args:
        classes: Its classes; by default the reference package's.
    """
    from ..simulator import Simulator

    with Simulator(classes, previews=True, step_seconds=0.03) as simulator:
        yield simulator.url
