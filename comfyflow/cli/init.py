"""``comfyflow init``: a new project whose tests pass at once."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PATH, object_info_option, server_option
from .streams import say

if TYPE_CHECKING:
    from ..project import Project
    from ..schema import Schema


@click.command("init")
@click.argument("folder", metavar="[DIR]", type=PATH, default=Path())
@click.option("--name", metavar="NAME", help="The project's name.  [default: the folder's]")
@server_option
@object_info_option
def init(folder: Path, name: str | None, server: str | None, object_info: Path | None) -> None:
    """Create a project: a workflow, a test, settings, and a CI file that runs the test.

    DIR defaults to the current folder. Existing files are never changed. With --server or --object-info
    the project gets that server's node classes, otherwise it uses the reference package.
    """
    from ..project import plan_project

    project = plan_project(folder, name, _schema(server, object_info))
    project.write()
    say("\n".join(_told(project)))


def _schema(server: str | None, object_info: Path | None) -> Schema | None:
    """The schema that an option names; a project does not depend on what a machine is configured for."""
    from .options import given_schema

    return given_schema(server, object_info) if server is not None or object_info is not None else None


def _told(project: Project) -> list[str]:
    """What was made, and three lines of what to do next."""
    lines = [f"created {project.name.name} in {project.folder}"]
    lines += [f"  {_shown(path, project.folder)}" for path in project.files]
    if project.package is not None:
        lines.append(f"  comfynodes{os.sep} ({len(project.package.generated)} node classes)")
    lines += [f"  {_shown(path, project.folder)} already existed and was left alone" for path in project.kept]
    folder = _shown(project.folder, Path.cwd())
    step = "" if folder == "." else f"cd {_quoted(folder)} && "
    return [
        *lines,
        "next:",
        f'  {step}python -m pip install -e ".[test]"',
        "  pytest",
        f"  comfyflow run {project.name.module}.py {project.sample.options} --simulate",
    ]


def _shown(path: Path, folder: Path) -> str:
    """A path as seen from a folder, where that is shorter."""
    try:
        seen = os.path.relpath(path, folder)
    except ValueError:  # another drive of Windows
        return str(path)
    return min(seen, str(path), key=len)


def _quoted(text: str) -> str:
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)
