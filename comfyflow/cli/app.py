"""The commands, put together.

Most of the time that a short command takes would go into reading the options of all others: so
only the one that is called is imported, and to list them none is.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, NamedTuple

import click
from click.shell_completion import CompletionItem

from .._version import __version__
from . import INTERRUPTED, UNREAD, stop_writing


class _Listed(NamedTuple):
    """Where a command is, and its line in the list of commands."""

    module: str
    name: str
    summary: str


COMMANDS: Final = {
    "init": _Listed("init", "init", "Make a project: a workflow, its test and what runs it in CI."),
    "gen-stubs": _Listed("gen_stubs", "gen_stubs", "Generate typed Python classes of a server's nodes."),
    "nodes": _Listed("nodes", "nodes", "Search the node classes of a server, or show one."),
    "run": _Listed("run", "run", "Run a workflow and write its files."),
    "wait": _Listed("wait", "wait", "Wait for prompts that are on a server, and write their files."),
    "reproduce": _Listed("reproduce", "reproduce", "Make a picture or a video again and compare."),
    "batch": _Listed("batch", "batch", "Run a workflow once for each row of a sweep, on many servers."),
    "worker": _Listed("worker", "worker", "Be a worker of Dask beside a ComfyUI server, for batches."),
    "serve": _Listed("serve", "serve", "Serve workflows over HTTP: typed parameters, jobs, a page."),
    "contact-sheet": _Listed("contact_sheet", "contact_sheet", "Show what a batch gave on one page."),
    "validate": _Listed("validate", "validate", "Check workflows as the server will."),
    "compile": _Listed("compile", "compile_workflow", "Write a workflow's prompt JSON."),
    "convert": _Listed("convert", "convert", "Turn a workflow of the editor into a prompt."),
    "to-python": _Listed("to_python", "to_python", "Write a workflow as Python that gives the same graph."),
    "to-workflow": _Listed("to_workflow", "to_workflow", "Write a workflow that opens in the editor."),
    "open": _Listed("open", "open_workflow", "Put a workflow where the editor's sidebar lists it."),
    "migrate": _Listed("migrate", "migrate", "Rewrite Python from names of an older node package."),
    "graph": _Listed("graph", "graph", "Draw a workflow: SVG, a page, PNG, Mermaid or Graphviz."),
    "diff": _Listed("diff", "diff", "Compare two workflows by structure."),
    "hash": _Listed("hash", "hash_workflows", "Print a hash of what a workflow runs."),
    "parameters": _Listed("propose", "parameters", "Propose parameters for a workflow of the editor."),
    "schema": _Listed("schema", "schema", "Print a workflow's parameters as JSON Schema."),
    "lock": _Listed("lock", "lock", "Record what workflows use of a server."),
    "check": _Listed("check", "check", "Say whether workflows would still run."),
    "mcp": _Listed("mcp", "mcp", "Serve workflows, and tools to write them, to agents."),
    "simulate": _Listed("simulate", "simulate", "Run a ComfyUI server without models."),
    "doctor": _Listed("doctor", "doctor", "Say what works on this machine, and the cure for what does not."),
    "where": _Listed("where", "where", "Say which server, schema and node package are in force."),
    "status": _Listed(
        "status", "status", "What servers are and what they are doing; --watch for a live view."
    ),
    "queue": _Listed("server", "queue", "What runs and what waits."),
    "history": _Listed("server", "history", "What has run: the last prompts, or one."),
    "cancel": _Listed("server", "cancel", "Take prompts out of the queue, or stop them."),
    "models": _Listed("models", "models", "The model files of a server, and those that a workflow misses."),
    "download": _Listed("server", "download", "Write the files that a prompt has given."),
    "view": _Listed("server", "view", "Fetch one file of a server."),
    "upload": _Listed("server", "upload", "Put files into a server's input folder."),
    "help": _Listed("help", "show_help", "Say what a command takes; all of it with --json."),
}
"""By name, in the order in which ``--help`` lists them."""


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
        """The command that is called; a name that is none is answered with the nearest that are."""
        if args[0] not in COMMANDS:
            from ..nearest import nearest_names

            near = nearest_names(args[0], COMMANDS)
            if near:
                ctx.fail(f"No such command {args[0]!r}. Did you mean {', '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what ends it from outside gets the exit codes that shells have for it."""
        try:
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
