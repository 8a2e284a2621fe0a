"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from . import check as check_command
from . import compile as compile_command
from . import convert, gen_stubs, nodes, server, simulate, to_python, validate
from . import diff as diff_command
from . import hash as hash_command
from . import lock as lock_command
from . import run as run_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="ComfyUI workflows as typed, tested Python.",
)

PARAMETERS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""For commands that take a workflow's own parameters as options."""

app.command("gen-stubs")(gen_stubs.gen_stubs)
app.command("convert")(convert.convert)
app.command("compile", context_settings=PARAMETERS)(compile_command.compile_workflow)
app.command("validate", context_settings=PARAMETERS)(validate.validate)
app.command("diff")(diff_command.diff)
app.command("hash", context_settings=PARAMETERS)(hash_command.hash_workflows)
app.command("lock", context_settings=PARAMETERS)(lock_command.lock)
app.command("check", context_settings=PARAMETERS)(check_command.check)
app.command("nodes")(nodes.nodes)
app.command("run", context_settings=PARAMETERS)(run_command.run)
app.command("to-python")(to_python.to_python)
app.command("simulate")(simulate.simulate)
for command in (
    server.status,
    server.queue,
    server.history,
    server.cancel,
    server.models,
    server.download,
    server.view,
    server.upload,
):
    app.command(command.__name__)(command)


def _version(wanted: bool) -> None:
    if wanted:
        from .._version import __version__

        typer.echo(f"comfyflow {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """ComfyUI workflows as typed, tested Python."""
