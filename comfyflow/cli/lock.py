"""``comfyflow lock`` and ``check``: what of a server workflows use, and whether they would still run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import click

from ..errors import CommandError
from . import PROBLEMS
from .options import (
    PATH,
    file_or_screen,
    given_schema,
    json_text,
    object_info_option,
    output_option,
    schema_options,
    server_option,
    stubs_option,
    write_text,
)
from .parameters import split_targets
from .streams import plain, say
from .workflow_command import WorkflowCommand, targets_argument

if TYPE_CHECKING:
    from ..lock import Checked, Lock
    from ..schema import Schema
    from ..source import Source


LOCK_FILE = Path("comfyflow.lock")


@click.command("lock", cls=WorkflowCommand)
@targets_argument
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=PATH,
    default=LOCK_FILE,
    callback=file_or_screen,
    help="The lock file; - is standard output.",
)
@schema_options
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if it is stale.")
@click.pass_context
def lock(
    context: click.Context,
    targets: tuple[str, ...],
    output: Path | None,
    object_info: Path | None,
    server: str | None,
    stubs: str | None,
    check: bool,
) -> None:
    """Record the node signatures and model files that workflows use, to compare servers with.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input.
    """
    from ..lock import make_lock
    from .target import load_targets

    if check and output is None:
        raise CommandError("--check compares with a lock file, and -o - is standard output")
    files, words = split_targets(targets, context.args)
    schema = given_schema(server, object_info, stubs)
    loaded = load_targets(files, words, schema)
    schema = schema if schema is not None else _common_schema(loaded)
    made = make_lock({name: target.prompt for name, target in loaded.items()}, schema)
    text = made.to_text()
    if check and output is not None:
        stale = not output.is_file() or output.read_bytes() != text.encode()
        say(f"{output} is {'stale' if stale else 'up to date'}\n{schema}")
        raise click.exceptions.Exit(PROBLEMS if stale else 0)
    write_text(text, output)
    plural = "" if len(loaded) == 1 else "s"
    say(
        f"locked{'' if output is None else f' in {output}'}: {len(made.nodes)} node classes of ComfyUI "
        f"{made.version}, for {len(loaded)} workflow{plural}\n{schema}",
        err=output is None,
    )


def _common_schema(loaded: dict[str, Source]) -> Schema:
    """The schema that all workflows are checked against by themselves."""
    from .target import own_schema

    schemas = [own_schema(target) for target in loaded.values()]
    if any(schema.raw is not schemas[0].raw for schema in schemas):
        raise CommandError("these workflows use different node packages; pass --server or --object-info")
    return schemas[0]


Format: TypeAlias = Literal["text", "json", "junit", "sarif", "github"]
"""How to print the findings."""


@click.command("check", cls=WorkflowCommand)
@targets_argument
@click.option("--lock", metavar="FILE", type=PATH, help="The lock to check against: see comfyflow lock.")
@server_option
@stubs_option
@object_info_option
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    default="text",
    help="How to print the findings.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@output_option
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.pass_context
def check(
    context: click.Context,
    targets: tuple[str, ...],
    lock: Path | None,
    server: str | None,
    stubs: str | None,
    object_info: Path | None,
    form: Format,
    as_json: bool,
    output: Path | None,
    strict: bool,
) -> None:
    """Check whether workflows would still run on a server; exit code 1 if one would not.

    TARGET is FILE.py[:NAME], or another workflow; - is standard input.

    A server, or --object-info, is compared with the lock, or with the node package of a Python
    workflow. With --lock alone, the workflows are checked against the lock.
    """
    from ..lock import Checked, read_lock
    from ..lock import check as check_prompt
    from .target import load_targets

    files, words = split_targets(targets, context.args)
    locked = read_lock(lock) if lock is not None else None
    by_lock = locked is not None and (server, object_info, stubs) == (None, None, None)
    given = given_schema(server, object_info, stubs) if not by_lock else None
    new: Schema | Lock | None = given if given is not None else locked
    if new is None:
        raise CommandError("give --server URL, --object-info FILE or --lock FILE: what to check against")
    checked: list[Checked] = []
    for text, target in load_targets(files, words, given).items():
        old = None if given is None else locked or target.own_schema()
        drifts = check_prompt(target.prompt, new, old, places=target.places)
        checked.append(Checked(text, _file(text), tuple(drifts)))
    against = new if isinstance(new, Mapping) else new.schema
    write_text(_printed(checked, "json" if as_json else form, strict, against), output)
    if any(not workflow.runs or (strict and _warns(workflow)) for workflow in checked):
        raise click.exceptions.Exit(PROBLEMS)


def _file(text: str) -> str | None:
    """The file that a target is in."""
    for candidate in (text, text.rpartition(":")[0]):
        if candidate and Path(candidate).is_file():
            return candidate
    return None


def _warns(workflow: Checked) -> bool:
    return any(drift.severity == "warning" for drift in workflow.drifts)


def _printed(checked: list[Checked], form: Format, strict: bool, against: Schema) -> str:
    from ..lock import to_github, to_junit, to_sarif

    if form == "json":
        return json_text([workflow.to_json() for workflow in checked])
    if form == "junit":
        return to_junit(checked, strict)
    if form == "sarif":
        from .._version import __version__

        return json_text(to_sarif(checked, __version__))
    if form == "github":
        return to_github(checked)
    return plain("\n".join([*map(str, checked), str(against)]) + "\n")
