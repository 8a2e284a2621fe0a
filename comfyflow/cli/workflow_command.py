"""Commands that take a workflow's own parameters as options, and list them in their help."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

import click

from ..errors import ComfyflowError
from ..nearest import nearest_names
from .options import CONNECTION_NAMES, complete_file
from .parameters import parameter_rows
from .streams import STDIN
from .target import find_workflow

_WORDS = f"{__name__}.words"


class WorkflowCommand(click.Command):
    """A command that takes the parameters of the workflow that is before them.

    Its help lists those of the workflow that is before ``--help``.
    """

    ignore_unknown_options = True
    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; they are remembered for the help, which is written while they are read."""
        ctx.meta[_WORDS] = tuple(args)
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's options, except for those of a connection that the workflow calls its own.

        Who calls a parameter ``user`` means it behind the workflow; the server's is then given
        by the environment or the config file.
        """
        words: Sequence[str] = ctx.meta.get(_WORDS, ())
        said = {word[2:].partition("=")[0].replace("-", "_") for word in words if word.startswith("--")}
        params = super().get_params(ctx)
        if not said & CONNECTION_NAMES:
            return params
        own: set[str] = set()
        for word in words:
            with contextlib.suppress(ComfyflowError):
                found = None if word.startswith("-") else find_workflow(word)
                own |= set(found.parameters) if found is not None else set()
        return [each for each in params if each.name not in own & CONNECTION_NAMES]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parameters below the command's own options."""
        words: Sequence[str] = ctx.meta.get(_WORDS, ())
        for word in words:
            # What cannot be loaded is said when it is run; help is help anyway.
            with contextlib.suppress(ComfyflowError):
                found = None if word.startswith("-") else find_workflow(word)
                if found is not None:
                    with formatter.section(f"Parameters of {word}"):
                        formatter.write_dl(parameter_rows(found.typed_parameters()) or [("none", "")])
        super().format_epilog(ctx, formatter)


def _first_is_no_option(
    context: click.Context, _parameter: click.Parameter, value: str | tuple[str, ...]
) -> str | tuple[str, ...]:
    """An option that the command does not know is a workflow's parameter only behind a workflow.

    Raises:
        click.NoSuchOption: It is before one.
    """
    first = value if isinstance(value, str) else value[0]
    if first.startswith("-") and first != STDIN:
        name = first.partition("=")[0]
        known = [option for each in context.command.get_params(context) for option in each.opts]
        near = nearest_names(name, known)
        message = f"No such option {name!r}; a workflow's own parameters go after the workflow."
        raise click.NoSuchOption(name, message, near, context)
    return value


target_argument: Final = click.argument(
    "target", metavar="TARGET", callback=_first_is_no_option, shell_complete=complete_file
)
targets_argument: Final = click.argument(
    "targets",
    metavar="TARGET...",
    nargs=-1,
    required=True,
    callback=_first_is_no_option,
    shell_complete=complete_file,
)
