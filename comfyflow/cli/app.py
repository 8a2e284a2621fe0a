"""The commands, put together.

Most of the time that a short command takes would go into reading the options of all others: so
only the one that is called is imported, and to list them none is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Generator
from importlib import import_module
from types import FrameType
from typing import Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from .._version import __version__
from . import ENDING, INTERRUPTED, UNREAD, stop_writing


class _Listed(NamedTuple):
    """Where a command is, and its line in the list of commands."""

    module: str
    name: str
    summary: str


COMMANDS: Final = {
    "init": _Listed("init", "init", "Create a project: a workflow, a test and a CI file."),
    "gen-stubs": _Listed("node_classes", "gen_stubs", "Generate typed Python classes for a server's nodes."),
    "nodes": _Listed("node_classes", "nodes", "Search a server's node classes, or show one."),
    "run": _Listed("run", "run", "Run a workflow and save its output files."),
    "wait": _Listed("wait", "wait", "Wait for prompts on a server and save their output files."),
    "reproduce": _Listed("reproduce", "reproduce", "Recreate an image or video and compare."),
    "batch": _Listed("batch", "batch", "Run a workflow once per row of a sweep, on one or more servers."),
    "worker": _Listed("worker", "worker", "Start a Dask worker beside a ComfyUI server, for batches."),
    "serve": _Listed("serve", "serve", "Serve workflows over HTTP: typed parameters, jobs, a page."),
    "contact-sheet": _Listed("batch_ledger", "contact_sheet", "Show a batch's results on one page."),
    "validate": _Listed("workflow", "validate", "Check workflows the way the server does."),
    "compile": _Listed("workflow", "compile_workflow", "Write a workflow's prompt JSON."),
    "convert": _Listed("convert", "convert", "Convert an editor workflow to a prompt."),
    "to-python": _Listed(
        "to_python", "to_python", "Convert a workflow to Python that builds the same graph."
    ),
    "to-workflow": _Listed(
        "workflow", "to_workflow", "Convert a workflow to a file that opens in the editor."
    ),
    "open": _Listed("open", "open_workflow", "Save a workflow where the editor's sidebar lists it."),
    "migrate": _Listed("migrate", "migrate", "Update Python written for an older node package."),
    "graph": _Listed("graph", "graph", "Draw a workflow: SVG, a page, PNG, Mermaid or Graphviz."),
    "diff": _Listed("diff", "diff", "Compare two workflows by structure."),
    "hash": _Listed("workflow", "hash_workflows", "Print a hash of what a workflow computes."),
    "parameters": _Listed("signature", "parameters", "Suggest parameters for an editor workflow."),
    "schema": _Listed("signature", "schema", "Print a workflow's parameters as JSON Schema."),
    "lock": _Listed("lock", "lock", "Record which parts of a server workflows use."),
    "check": _Listed("lock", "check", "Check whether workflows would still run."),
    "mcp": _Listed("mcp", "mcp", "Serve workflows, and tools to write them, to agents."),
    "simulate": _Listed("simulate", "simulate", "Run a ComfyUI server without models."),
    "doctor": _Listed("doctor", "doctor", "Check this machine's setup and say how to fix it."),
    "where": _Listed("where", "where", "Show which server, schema and node package are in use."),
    "status": _Listed("status", "status", "Show what servers are doing; --watch for a live view."),
    "queue": _Listed("server", "queue", "List running and waiting prompts."),
    "history": _Listed("server", "history", "List recent prompts, or show one."),
    "cancel": _Listed("server", "cancel", "Cancel prompts, waiting or running."),
    "models": _Listed("models", "models", "List a server's model files, or those a workflow is missing."),
    "download": _Listed("server", "download", "Save the output files of a prompt."),
    "view": _Listed("server", "view", "Download one file from a server."),
    "upload": _Listed("server", "upload", "Upload files to a server's input folder."),
    "help": _Listed("help", "show_help", "Show a command's options; all commands with --json."),
}
"""By name, in the order in which ``--help`` lists them."""


@contextlib.contextmanager
def _terminable() -> Generator[None]:
    """Have the signals of `ENDING` do what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    shown = [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def terminate(number: int, frame: FrameType | None) -> None:
        for stream in shown:
            if not stream.isatty():  # the terminal is gone: what is written to it would raise
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
        interrupt = signal.getsignal(signal.SIGINT)  # a shell has those in the background ignore it
        (interrupt if callable(interrupt) else signal.default_int_handler)(number, frame)

    # nohup has SIGHUP ignored.
    taken = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, terminate) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Commands(click.Group):
    """The commands of `COMMANDS`, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's)
        """Their names, as listed."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, out of its module."""
        listed = COMMANDS.get(cmd_name)
        if listed is None:
            return None
        command: click.Command = getattr(import_module(f".{listed.module}", __package__), listed.name)
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list of the commands, for which none needs to be imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, listed.summary) for name, listed in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a shell may complete a word to; no command is imported for that."""
        names = [
            CompletionItem(name, help=listed.summary)
            for name, listed in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; an unknown name is answered with the nearest known ones."""
        if args[0] not in COMMANDS:
            from ..nearest import nearest_names

            near = nearest_names(args[0], COMMANDS)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {', '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what ends it from outside gets the exit codes that shells have for it."""
        try:
            with _terminable():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("comfyflow: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            stop_writing()
            ctx.exit(UNREAD)


@click.group("comfyflow", cls=Commands, context_settings={"show_default": True})
@click.version_option(__version__, message="comfyflow %(version)s")
def app() -> None:
    """ComfyUI workflows as typed, tested Python."""
