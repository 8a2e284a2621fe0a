"""Options that several commands share."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ..errors import CommandError

if TYPE_CHECKING:
    from ..schema import Schema

PATH: Final = click.Path(path_type=Path)

server_option = click.option("--server", metavar="URL", help="A running ComfyUI: http://127.0.0.1:8188.")
object_info_option = click.option(
    "--object-info", metavar="FILE", type=PATH, help="A saved answer of GET /object_info (.gz too)."
)
output_option = click.option(
    "-o", "--output", metavar="FILE", type=PATH, help="Write here instead of to the screen."
)


def given_schema(server: str | None, object_info: Path | None) -> Schema | None:
    """The schema that the options name, or None where they name none.

    Raises:
        CommandError: Both options were given.
        SchemaError: It cannot be read.
    """
    if server is not None and object_info is not None:
        raise CommandError("give --server or --object-info, not both")
    source = server if server is not None else object_info
    if source is None:
        return None
    from ..schema import load_schema

    return load_schema(server_url(server) if server is not None else str(object_info))


def server_url(text: str) -> str:
    """The URL of a server as people write it: ``127.0.0.1:8188`` will do."""
    return text if "://" in text else f"http://{text}"


def reference_schema() -> Schema:
    """The schema of the node package that comes with comfyflow (or that stands in its place).

    Raises:
        CommandError: There is no package ``comfynodes``.
    """
    return package_schema_of("comfynodes")


def package_schema_of(package: str) -> Schema:
    """The schema beside a generated package: an installed one, or one in the current folder.

    Raises:
        CommandError: There is no such package.
        SchemaError: It is none that was generated.
    """
    import importlib

    from ..schema.package import package_schema

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        importlib.import_module(package)
    except (ImportError, ValueError) as error:
        raise CommandError(f"there is no package {package!r} of node classes: {error}") from None
    return package_schema({package})


def json_text(value: Any) -> str:
    """Plain JSON values for a program to read.

    Raises:
        CommandError: They are nested too deep to be written.
    """
    for indent in (2, None):
        with contextlib.suppress(RecursionError):
            return json.dumps(value, indent=indent) + "\n"
    raise CommandError("there is a value in it that is nested too deep to be printed")


def write_text(text: str, out: Path | None) -> None:
    """Put text on the screen or into a file.

    Raises:
        CommandError: The file cannot be written.
    """
    if out is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {out}: {error.strerror}") from None
