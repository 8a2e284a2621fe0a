"""``comfyflow check``: would these workflows still run, and what is different?"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CommandError
from . import PROBLEMS
from .options import ObjectInfo, Out, Server, given_schema, json_text, write_text
from .parameters import split_targets

if TYPE_CHECKING:
    from ..lock import Checked, Lock
    from ..schema import Schema
    from .target import Target


class Format(str, Enum):
    """How to print what was found."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"


def check(
    context: typer.Context,
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="FILE.py[:NAME], or another workflow.")
    ],
    lock: Annotated[
        Path | None, typer.Option("--lock", metavar="FILE", help="What they were made for: comfyflow lock.")
    ] = None,
    server: Server = None,
    object_info: ObjectInfo = None,
    form: Annotated[Format, typer.Option("--format", help="How to print what was found.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Out = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings too.")] = False,
) -> None:
    """Say whether workflows would still run on a server; exit code 1 where one would not.

    With --server or --object-info, that is compared with the lock, or with the node package of a
    Python workflow. With --lock alone, the workflows are checked against the lock.
    """
    from ..lock import Checked, read_lock
    from ..lock import check as check_prompt
    from .target import load_target

    files, words = split_targets(targets, context.args)
    locked = read_lock(lock) if lock is not None else None
    given = given_schema(server, object_info)
    new: Schema | Lock | None = given if given is not None else locked
    if new is None:
        raise CommandError("give --server URL, --object-info FILE or --lock FILE: what to check against")
    checked: list[Checked] = []
    for text in files:
        target = load_target(text, words, given)
        old = None if given is None else locked or _own_schema(target)
        drifts = check_prompt(target.prompt, new, old, places=target.places)
        checked.append(Checked(text, _file(text), tuple(drifts)))
    form = Format.JSON if as_json else form
    write_text(_printed(checked, form, strict), output)
    if any(not workflow.runs or (strict and _warns(workflow)) for workflow in checked):
        raise typer.Exit(PROBLEMS)


def _own_schema(target: Target) -> Schema | None:
    """The node package that a Python workflow was written with; of other workflows nothing is known."""
    return target.workflow.schema() if target.workflow is not None else None


def _file(text: str) -> str | None:
    """The file that a target is in."""
    for candidate in (text, text.rpartition(":")[0]):
        if candidate and Path(candidate).is_file():
            return candidate
    return None


def _warns(workflow: Checked) -> bool:
    return any(drift.severity == "warning" for drift in workflow.drifts)


def _printed(checked: list[Checked], form: Format, strict: bool) -> str:
    from ..lock import to_github, to_junit, to_sarif

    if form is Format.JSON:
        return json_text([workflow.to_json() for workflow in checked])
    if form is Format.JUNIT:
        return to_junit(checked, strict)
    if form is Format.SARIF:
        from .._version import __version__

        return json_text(to_sarif(checked, __version__))
    if form is Format.GITHUB:
        return to_github(checked)
    return "\n".join(map(str, checked)) + "\n"
