"""``comfyflow serve``: workflows as a service over HTTP."""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import socket
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..configuration import SERVE_KEY_VARIABLE, WEBHOOK_SECRET_VARIABLE, named_servers
from ..errors import CommandError
from ..extra import needing
from ..source import Converting
from .connection import server_classes, simulated_server
from .options import (
    PATH,
    connection_options,
    converting_options,
    partner_api_key_option,
    read_secret,
    reference_schema,
    server_url,
    servers_option,
)
from .streams import say
from .target import find_workflow, is_python, load_target

if TYPE_CHECKING:
    from ..serve.access import ApiKey
    from ..serve.served_workflow import ServedWorkflow

_GRACE_SECONDS: Final = 10
_CONNECTIONS: Final = 2000
"""The limit of concurrent connections; further ones are asked to come back later."""


@click.command("serve", short_help="Serve workflows over HTTP.")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@servers_option
@partner_api_key_option
@click.option("--simulate", is_flag=True, help="Run jobs on the built-in simulator.")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="The address to listen on.")
@click.option(
    "--port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    default=8190,
    help="The port; 0 picks a free one.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=PATH,
    default=Path("serve"),
    help="The folder for outputs, uploads and the ledger of jobs.",
)
@click.option("--keys", metavar="FILE", type=PATH, help="API keys with their limits, as TOML.")
@click.option("--no-keys", is_flag=True, help="Allow everyone who can reach it, from other machines too.")
@click.option(
    "--allow-host", "names", metavar="NAME", multiple=True, help="A host name to answer to. Can be repeated."
)
@click.option("--allow-paid", is_flag=True, help="Allow nodes that call paid services.")
@click.option(
    "--webhook-secret",
    metavar="SECRET",
    callback=read_secret,
    help="The secret to sign webhooks with, or @FILE; without it, webhooks are off.",
)
@click.option(
    "--allow-private-webhooks", is_flag=True, help="Allow webhooks to this machine and its network."
)
@click.option(
    "--depth",
    metavar="COUNT",
    type=click.IntRange(1, 100),
    default=3,
    help="How many jobs to queue per server.",
)
@click.option(
    "--queue",
    metavar="COUNT",
    type=click.IntRange(min=1),
    default=10_000,
    help="How many jobs of all clients may wait or run.",
)
@converting_options
def serve(
    targets: tuple[str, ...],
    servers: tuple[str, ...],
    simulate: bool,
    host: str,
    port: int,
    out: Path,
    keys: Path | None,
    no_keys: bool,
    names: tuple[str, ...],
    allow_paid: bool,
    webhook_secret: str | None,
    allow_private_webhooks: bool,
    depth: int,
    queue: int,
    editor: str | None,
    repair: bool,
    packs: tuple[str, ...],
) -> None:
    """Serve workflows over HTTP: typed parameters, jobs that outlive a restart, a page with a form.

    TARGET is FILE.py[:NAME]; or another workflow, whose parameters are in NAME.parameters.toml next to it.

    \b
    POST /workflows/NAME/jobs      create a job: its parameters as JSON, or a form with files
    GET  /jobs/ID                  its state and results
    GET  /jobs/ID/events           its events as they happen
    GET  /jobs/ID/outputs/0        its first file
    GET  /openapi.json             the whole API

    It listens only on this machine. For others: --host 0.0.0.0 --keys keys.toml.

    Exit codes: 0 it was stopped; 2 it could not start.
    """  # noqa: D301  # click's mark for preformatted lines
    if servers and simulate:
        raise CommandError("give --server or --simulate, not both")
    if keys is not None and no_keys:
        raise CommandError("give --keys or --no-keys, not both")
    with needing("serving workflows", "serve"):
        for library in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
            importlib.import_module(library)
    from ..client.address import is_loopback
    from ..serve.access import read_keys
    from ..serve.webhook import WebhookOptions

    known = () if no_keys else read_keys(keys)
    if not known and not no_keys and not is_loopback(host):
        raise CommandError(
            f"--host {host} lets other machines in: give API keys with --keys FILE or {SERVE_KEY_VARIABLE}, "
            "or give --no-keys"
        )
    secret = os.environ.get(WEBHOOK_SECRET_VARIABLE, "") if webhook_secret is None else webhook_secret
    webhooks = WebhookOptions.of(secret, allow_private=allow_private_webhooks)
    urls = () if simulate else tuple(server_url(each.url) for each in named_servers(servers))
    asks = functools.partial(server_classes, urls[0], None) if urls else None
    workflows = _workflows(targets, Converting(editor, repair, asks, packs))
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_listening(host, port))
        if simulate:
            urls = (stack.enter_context(simulated_server()),)
        _serve(
            listening, workflows, known, [*names, host],
            servers=urls, out=out, allow_paid=allow_paid, depth=depth, queue=queue, webhooks=webhooks,
            editor=not known and not simulate,  # with keys, the servers stay private
        )  # fmt: skip


def _workflows(targets: Sequence[str], converting: Converting) -> dict[str, ServedWorkflow]:
    found: dict[str, ServedWorkflow] = {}
    for target in targets:
        made = _workflow(target, converting)
        if made.name in found:
            raise CommandError(f"two workflows are called {made.name!r}; rename one, or serve it separately")
        found[made.name] = made
    return found


def _workflow(target: str, converting: Converting) -> ServedWorkflow:
    from ..named_inputs import named_inputs_beside
    from ..serve.target import served_function, served_source

    function = find_workflow(target)
    if function is not None:
        return served_function(function)
    source = load_target(target, (), None, None if is_python(target) else converting)
    named = named_inputs_beside(target, source.graph)
    if named is None and not is_python(target):
        say(
            f"{target} is served without parameters: `comfyflow parameters {target} --save` chooses some",
            err=True,
        )
    name = source.name if is_python(target) else Path(target).name.partition(".")[0]
    return served_source(name or "workflow", source, named or (), reference_schema(), Path(target).parent)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    """A listening socket.

    Raises:
        CommandError: The port is in use, or the address does not belong to this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CommandError(f"cannot listen on {host}: {error.strerror or error}") from None
    with made:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
        except OSError as error:
            raise CommandError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port"
            ) from None
        yield made


def _serve(
    listening: socket.socket,
    workflows: dict[str, ServedWorkflow],
    keys: Sequence[ApiKey],
    names: Sequence[str],
    **options: Any,
) -> None:
    from ..serve.access import Access
    from ..serve.app import create_app
    from ..serve.process import ServiceProcess
    from ..serve.service import Service, ServiceOptions

    logging.basicConfig(level=logging.WARNING, format="comfyflow: %(message)s", stream=sys.stderr)
    service = Service(workflows, ServiceOptions(options=connection_options(), **options))
    app = create_app(service, Access(keys), names=names)
    process = ServiceProcess(app, service, grace=_GRACE_SECONDS, connections=_CONNECTIONS)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/"
    process.run(listening, lambda: click.echo(f"{url} serves {', '.join(workflows)} (Ctrl-C stops it)"))
