"""The commands, put together.

Most of the time that a short command takes would go into reading the options of all others: so
only the one that is called is imported, and all of them only where they are to be listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Final, NamedTuple

import typer


class _Command(NamedTuple):
    """Where the function of a command is, and whether it takes a workflow's own parameters."""

    module: str
    function: str
    takes_parameters: bool = False


COMMANDS: Final = {
    "gen-stubs": _Command("gen_stubs", "gen_stubs"),
    "convert": _Command("convert", "convert"),
    "compile": _Command("compile", "compile_workflow", takes_parameters=True),
    "validate": _Command("validate", "validate", takes_parameters=True),
    "diff": _Command("diff", "diff"),
    "hash": _Command("hash", "hash_workflows", takes_parameters=True),
    "lock": _Command("lock", "lock", takes_parameters=True),
    "check": _Command("check", "check", takes_parameters=True),
    "nodes": _Command("nodes", "nodes"),
    "run": _Command("run", "run", takes_parameters=True),
    "to-python": _Command("to_python", "to_python"),
    "simulate": _Command("simulate", "simulate"),
    "status": _Command("server", "status"),
    "queue": _Command("server", "queue"),
    "history": _Command("server", "history"),
    "cancel": _Command("server", "cancel"),
    "models": _Command("server", "models"),
    "download": _Command("server", "download"),
    "view": _Command("server", "view"),
    "upload": _Command("server", "upload"),
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
        if command.takes_parameters and called:
            from .workflow_command import WorkflowCommand

            settings = {"ignore_unknown_options": True, "allow_extra_args": True}
            app.command(name, cls=WorkflowCommand, context_settings=settings)(function)
        else:
            app.command(name)(function)
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
