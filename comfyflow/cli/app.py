"""The commands, put together.

Most of the time that a short command takes would go into reading the options of all others: so
only the one that is called is imported, and all of them only where they are to be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final, NamedTuple

import typer
from typer.core import TyperCommand


class _Command(NamedTuple):
    """Where the function of a command is, and its line in the list of commands.

    Attributes:
        takes_parameters: Whether a workflow's own parameters stand among its options.
    """

    module: str
    function: str
    summary: str
    takes_parameters: bool = False


COMMANDS: Final = {
    "gen-stubs": _Command("gen_stubs", "gen_stubs", "Generate typed Python classes of a server's nodes."),
    "nodes": _Command("nodes", "nodes", "Search the node classes of a server, or show one."),
    "run": _Command("run", "run", "Run a workflow and write its files.", takes_parameters=True),
    "validate": _Command(
        "validate", "validate", "Check workflows as the server will.", takes_parameters=True
    ),
    "compile": _Command(
        "compile", "compile_workflow", "Write a workflow's prompt JSON.", takes_parameters=True
    ),
    "convert": _Command("convert", "convert", "Turn a workflow of the editor into a prompt."),
    "to-python": _Command("to_python", "to_python", "Write a workflow as Python that gives the same graph."),
    "diff": _Command("diff", "diff", "Compare two workflows by structure."),
    "hash": _Command(
        "hash", "hash_workflows", "Print a hash of what a workflow runs.", takes_parameters=True
    ),
    "lock": _Command("lock", "lock", "Record what workflows use of a server.", takes_parameters=True),
    "check": _Command("check", "check", "Say whether workflows would still run.", takes_parameters=True),
    "simulate": _Command("simulate", "simulate", "Run a ComfyUI server without models."),
    "status": _Command("server", "status", "What a server is and what it is doing."),
    "queue": _Command("server", "queue", "What runs and what waits."),
    "history": _Command("server", "history", "What has run: the last prompts, or one."),
    "cancel": _Command("server", "cancel", "Take prompts out of the queue, or stop them."),
    "models": _Command("server", "models", "The model files of a server."),
    "download": _Command("server", "download", "Write the files that a prompt has given."),
    "view": _Command("server", "view", "Fetch one file of a server."),
    "upload": _Command("server", "upload", "Put files into a server's input folder."),
}
"""By name, in the order in which ``--help`` lists them."""


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """The application that these arguments of the command line need.

    Args:
        arguments: What stands behind ``comfyflow``.
    """
    called = arguments[0] if arguments else ""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="ComfyUI workflows as typed, tested Python.",
    )
    app.callback()(_root)
    for name in (called,) if called in COMMANDS else COMMANDS:
        command = COMMANDS[name]
        function = getattr(import_module(f".{command.module}", __package__), command.function)
        kind: type[TyperCommand] | None = None
        settings: dict[str, bool] = {}
        if command.takes_parameters:
            from .workflow_command import WorkflowCommand

            kind = WorkflowCommand
            settings = {"ignore_unknown_options": True, "allow_extra_args": True}
        app.command(name, cls=kind, context_settings=settings, short_help=command.summary)(function)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from .._version import __version__

        typer.echo(f"comfyflow {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """ComfyUI workflows as typed, tested Python."""
