"""``comfyflow help``: what ``--help`` says, and for machines all of it at once."""

from __future__ import annotations

import inspect
from typing import Any, Final

import click

from .. import errors
from .._version import __version__
from ..configuration import SERVER_VARIABLE
from ..errors import CommandError
from ..nearest import did_you_mean
from ..validate import server_error
from . import FAILED, INTERRUPTED, PROBLEMS, TIMED_OUT, UNREAD, UNUSABLE
from .options import json_text

FORMAT: Final = 1
"""The version of the schema: it grows when a key changes its meaning or goes, not when one comes."""

EXIT_CODES: Final = {
    0: "done",
    PROBLEMS: "the check ran and found problems",
    UNUSABLE: "the check could not run: a bad file, a bad option, no server",
    FAILED: "the run failed on the server",
    TIMED_OUT: "the timeout has passed",
    INTERRUPTED: "Ctrl-C, SIGTERM or SIGHUP",
    UNREAD: "the output's reader has gone",
}
"""What each exit code means; a command's own help says more."""

PROBLEM_TYPES: Final = {
    server_error.REQUIRED_INPUT_MISSING: "a required input is missing",
    server_error.BAD_LINKED_INPUT: "a link is not a node id and an output index",
    server_error.RETURN_TYPE_MISMATCH: "the linked output's type is not the input's",
    server_error.INVALID_INPUT_TYPE: "a value cannot be converted to the input's type",
    server_error.VALUE_SMALLER_THAN_MIN: "a number is below the input's minimum",
    server_error.VALUE_BIGGER_THAN_MAX: "a number is above the input's maximum",
    server_error.VALUE_NOT_IN_LIST: "a value is not one of the input's choices",
    server_error.CUSTOM_VALIDATION_FAILED: "the class's own check rejected a value",
    server_error.EXCEPTION_INNER: "the server raised while checking an upstream node",
    server_error.EXCEPTION_OUTPUT: "the server raised while checking an output node",
    server_error.DEPENDENCY_CYCLE: "nodes depend on themselves",
    server_error.INVALID_DYNAMIC_INPUT: "a dynamic input does not have the form its class allows",
    "no_prompt": "the request has no prompt",
    "invalid_prompt": "a node has no class",
    "missing_node_type": "the server has no such class",
    "prompt_no_outputs": "no node of the prompt is an output node",
    "prompt_outputs_failed_validation": "no output node of the prompt is valid",
}
"""ComfyUI's words for what is wrong with a prompt."""

ENVIRONMENT: Final = {
    "--server": SERVER_VARIABLE,
    **{
        option: f"COMFYFLOW_{variable}"
        for option, variable in {
            "--bearer": "BEARER",
            "--basic": "BASIC",
            "--token": "TOKEN",
            "--api-key": "API_KEY",
            "--user": "USER",
            "--header": "HEADERS",
            "--ca": "CA",
            "--partner-api-key": "PARTNER_API_KEY",
        }.items()
    },
}
"""The variables that stand for options; ``docs/connecting.md`` says when."""


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print everything a program needs to know, as JSON.")
@click.pass_context
def show_help(context: click.Context, name: str | None, as_json: bool) -> None:
    """Show a command's options; without a name, list the commands.

    With --json: all commands with their options, the exit codes, and the errors and problems that
    other commands name in their JSON.
    """
    root = context.find_root()
    group = root.command
    if not isinstance(group, click.Group):
        raise CommandError("there are no commands to describe")
    names = group.list_commands(root)
    if name is not None and name not in names:
        near = did_you_mean(name, names, "`comfyflow help` lists them")
        raise CommandError(f"unknown command {name!r}; {near}")
    if not as_json:
        click.echo(root.get_help() if name is None else _sub(group, root, name).get_help())
        return
    told: dict[str, Any] = {
        "format": FORMAT,
        "version": __version__,
        "commands": [_command(_sub(group, root, each)) for each in names if name in (None, each)],
        "exit_codes": [{"code": code, "meaning": meaning} for code, meaning in EXIT_CODES.items()],
        "errors": [_error(getattr(errors, each)) for each in errors.__all__],
        "problems": [{"type": kind, "meaning": meaning} for kind, meaning in PROBLEM_TYPES.items()],
    }
    click.echo(json_text(told), nl=False)


def _sub(group: click.Group, root: click.Context, name: str) -> click.Context:
    command = group.get_command(root, name)
    if command is None:
        raise CommandError(f"unknown command {name!r}")
    return click.Context(command, info_name=name, parent=root)


def _command(context: click.Context) -> dict[str, Any]:
    command = context.command
    params = command.get_params(context)
    told: dict[str, Any] = {
        "name": context.info_name,
        "help": inspect.cleandoc(command.help or ""),
        "takes_workflow_parameters": command.ignore_unknown_options,
        "arguments": [_parameter(each) for each in params if isinstance(each, click.Argument)],
        "options": [_option(each) for each in params if isinstance(each, click.Option)],
    }
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        told["commands"] = [_command(_sub(command, context, each)) for each in names]
    return told


def _parameter(parameter: click.Parameter) -> dict[str, Any]:
    kind = parameter.type
    told: dict[str, Any] = {
        "name": parameter.name,
        "type": kind.name,
        "metavar": parameter.metavar,
        "required": parameter.required,
        "multiple": parameter.multiple or parameter.nargs == -1,
        "choices": [str(each) for each in kind.choices] if isinstance(kind, click.Choice) else None,
        "minimum": None,
        "maximum": None,
        "environment": _environment(parameter),
    }
    if isinstance(kind, (click.IntRange, click.FloatRange)):
        told |= {"minimum": kind.min, "maximum": kind.max}
    return told


def _option(option: click.Option) -> dict[str, Any]:
    default: object = None if callable(option.default) else option.to_info_dict().get("default")
    plain = default if isinstance(default, (str, int, float, bool, type(None))) else str(default)
    return {
        **_parameter(option),
        "options": [*option.opts, *option.secondary_opts],
        "flag": option.is_flag,
        "default": plain,
        "help": option.help,
    }


def _environment(parameter: click.Parameter) -> list[str]:
    """The variables that stand for an option, where it is not given."""
    return [ENVIRONMENT[option] for option in parameter.opts if option in ENVIRONMENT]


def _error(kind: type[Exception]) -> dict[str, Any]:
    (first, *_) = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    parents = [each.__name__ for each in kind.__bases__]
    return {"name": kind.__name__, "parents": parents, "meaning": " ".join(first.split())}
