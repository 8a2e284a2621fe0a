"""``comfyflow mcp``: workflows, and tools to write them, for agents."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..configuration import named_server
from ..errors import ComfyflowError, CommandError
from ..extra import needing
from ..parameters import Parameters
from . import ENDING
from .connection import chosen_server, simulated_server
from .options import (
    PATH,
    complete_file,
    connection_options,
    given_schema,
    object_info_option,
    partner_api_key_option,
    read_secret,
    reference_schema,
    server_option,
)
from .target import find_workflow, load_target, told

if TYPE_CHECKING:
    from ..agents import PublishedWorkflow, SchemaInUse
    from ..client import AsyncClient
    from ..source import Source
    from ..workflows import WorkflowFunction

_HERE: Final = "127.0.0.1"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST: Final = 60
_LONGEST_ABOUT: Final = 2_000
_GIVES: Final = "Runs on the ComfyUI server; returns small versions of its pictures, its files and its hash."


@click.command("mcp")
@click.argument("targets", metavar="[TARGET...]", nargs=-1, shell_complete=complete_file)
@server_option
@partner_api_key_option
@object_info_option
@click.option("--simulate", is_flag=True, help="Run workflows on the built-in simulator.")
@click.option(
    "--root",
    metavar="DIR",
    type=PATH,
    default=Path(),
    help="The only folder whose files agents may name; the command works there.",
)
@click.option(
    "--out", metavar="DIR", type=PATH, default=Path("output"), help="Where outputs are written, below --root."
)
@click.option(
    "--http",
    "port",
    metavar="PORT",
    type=click.IntRange(0, 65535),
    help="Serve over HTTP; 0 picks a free port.",
)
@click.option("--host", metavar="ADDRESS", default=_HERE, help="With --http: where to listen.")
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="With --http: another name of this computer.",
)
@click.option(
    "--agent-token",
    metavar="TOKEN",
    callback=read_secret,
    help="With --http: the token that clients must send, or @FILE.",
)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=50.0,
    help="How long a call waits for a prompt, which then keeps running.",
)
@click.option("--allow-paid", is_flag=True, help="Let agents run nodes that call paid services.")
def mcp(
    targets: tuple[str, ...],
    server: str | None,
    object_info: Path | None,
    simulate: bool,
    root: Path,
    out: Path,
    port: int | None,
    host: str,
    hosts: tuple[str, ...],
    agent_token: str | None,
    wait: float,
    allow_paid: bool,
) -> None:
    """Serve workflows and tools to agents over the Model Context Protocol.

    Each TARGET, FILE.py[:NAME] or another workflow with its parameters, is a tool that runs it. Others find
    and describe node classes, check, convert, compare and run workflows that an agent writes as JSON.
    Without --http, the client starts this command and talks to its standard input and output.
    """
    with needing("comfyflow mcp", "mcp"):
        import anyio

        from ..agents import Root, Workbench
        from ..agents.http import serve_http
        from ..agents.server import AgentServer
    if simulate and server is not None:
        raise CommandError("give --server or --simulate, not both")
    if port is None and (host != _HERE or hosts or agent_token is not None):
        raise CommandError("--host, --allow-host and --agent-token are for HTTP: give --http PORT too")
    if port is None and sys.stdin is None:
        raise CommandError("standard input is closed, and an agent writes to it; give --http PORT for HTTP")
    with contextlib.ExitStack() as stack:
        simulated = given_schema(None, object_info) if simulate and object_info is not None else None
        url = stack.enter_context(simulated_server(simulated)) if simulate else None
        schema = _schema(server, object_info, url)
        with contextlib.redirect_stdout(sys.stderr):  # standard output is reserved for the protocol
            workflows = published(targets, schema)
        place = Root(root)
        stack.callback(os.chdir, Path.cwd())
        os.chdir(place.folder)  # a prompt's files are relative to this folder
        bench = Workbench(
            place,
            place.inside(str(out)),
            schema,
            _connect(server, url),
            workflows,
            wait_seconds=wait,
            allow_paid=allow_paid,
        )
        agents = AgentServer(bench)
        if port is None:
            if threading.current_thread() is threading.main_thread():
                # Nothing can interrupt the thread that waits for the client's next line.
                for number in ENDING:
                    if signal.getsignal(number) is not signal.SIG_IGN:
                        signal.signal(number, signal.SIG_DFL)
            anyio.run(agents.serve_stdio)
            return
        on_start = partial(click.echo, err=True)
        serve = partial(serve_http, agents, host, port, hosts=hosts, token=agent_token, on_start=on_start)
        anyio.run(serve)


def _schema(server: str | None, object_info: Path | None, simulated: str | None) -> SchemaInUse:
    from ..agents import SchemaInUse
    from ..client.server_classes import asked_schema
    from ..client_options import ClientOptions

    if object_info is not None or (simulated is None and named_server(server).is_default):
        fixed = given_schema(None, object_info) if object_info is not None else None
        return SchemaInUse((lambda: fixed) if fixed is not None else None, changes=False)
    if simulated is None:
        options = connection_options()
        asked = chosen_server(server)
    else:
        options, asked = ClientOptions(), simulated
    return SchemaInUse(lambda: asked_schema(asked, **options), changes=True)


def _connect(server: str | None, simulated: str | None) -> Callable[[], AsyncClient]:
    from ..client import AsyncClient

    if simulated is not None:
        return lambda: AsyncClient(simulated)
    url, options = chosen_server(server), connection_options()
    return lambda: AsyncClient(url, **options)


def published(targets: Iterable[str], schema: SchemaInUse) -> dict[str, PublishedWorkflow]:
    """The workflows that become tools, by name.

    Args:
        targets: The command line's targets.
        schema: The schema to read workflows with that are not Python.

    Raises:
        ComfyflowError: One cannot be loaded.
    """
    from ..agents.server import TOOLS

    made: dict[str, PublishedWorkflow] = {}
    for target in targets:
        found = _publish(target, schema)
        name = found.name if found.name not in TOOLS else f"{found.name}_workflow"
        candidates = (name, *(f"{name}_{number}" for number in range(2, len(made) + 3)))
        free = next(each for each in candidates if each not in made)
        made[free] = replace(found, name=free)
    return made


def _publish(target: str, schema: SchemaInUse) -> PublishedWorkflow:
    function = find_workflow(target)
    if function is not None:
        about = inspect.getdoc(function.function) or ""
        shown, parameters = function.json_schema(), function.typed_parameters()
        return _workflow(function.name, about, shown, parameters, partial(_called, function, target))
    from ..named_inputs import named_inputs_beside, signature_of, with_values
    from ..proposal import propose
    from ..workflows.parameters_model import build_model, json_schema

    known = schema.named() or reference_schema()
    source = load_target(target, (), known)
    name = Path(target).stem
    if source.workflow is not None:
        return _workflow(source.name, "", {"type": "object", "properties": {}}, {}, lambda _: source)
    chosen = named_inputs_beside(target, source.graph)
    named = chosen if chosen is not None else propose(source, known)
    parameters = signature_of(named, source, known)
    shown = json_schema(build_model(name, "", parameters), name)
    about = f"The workflow {Path(target).name}."
    return _workflow(name, about, shown, parameters, partial(with_values, source, named))


def _workflow(
    name: str,
    about: str,
    shown: Mapping[str, Any],
    parameters: Mapping[str, inspect.Parameter],
    make: Callable[[Mapping[str, Any]], Source],
) -> PublishedWorkflow:
    from ..agents import PublishedWorkflow

    clean = _UNFIT.sub("_", name).strip("_")[:_LONGEST] or "workflow"
    told_of = f"{about[:_LONGEST_ABOUT]}\n\n{_GIVES}".strip()
    return PublishedWorkflow(clean, told_of, {**shown, "type": "object"}, parameters, make)


def _called(function: WorkflowFunction[..., Any], target: str, arguments: Mapping[str, Any]) -> Source:
    from ..source import Source

    try:
        made = Parameters(function.parameters).call(function, arguments)
    except ComfyflowError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise CommandError(told(error, Path(target.rpartition(":")[0] or target))) from error
    return Source.of(made, name=function.name)
