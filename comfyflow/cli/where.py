"""``comfyflow where``: which server, schema, node package and config file are in effect here."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from ..errors import ComfyflowError
from . import PROBLEMS
from .options import (
    given_schema,
    json_text,
    object_info_option,
    reference_schema,
    server_option,
    stubs_option,
)
from .streams import say

_SECONDS: Final = 5.0
"""How long a server may take to say that it is one."""


@click.command("where")
@server_option
@object_info_option
@stubs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def where(server: str | None, object_info: Path | None, stubs: str | None, as_json: bool) -> None:
    """Show which server, schema and node package commands use here; exit code 1 if the schema is missing.

    It takes the options of the other commands and shows what they would use.
    """
    found: dict[str, dict[str, Any]] = {
        "server": _server(server),
        "schema": _schema(server, object_info, stubs),
        "stubs": _stubs(stubs),
        "config": _config(),
        "versions": _versions(),
    }
    if as_json:
        click.echo(json_text(found), nl=False)
    else:
        for name, part in found.items():
            say(f"{name:<9} {_LINES[name](part)}")
    if "error" in found["schema"]:
        raise click.exceptions.Exit(PROBLEMS)


def _server(option: str | None) -> dict[str, Any]:
    from ..client.address import read_address
    from ..configuration import named_server
    from .connection import connected
    from .options import server_url

    found: dict[str, Any] = {"url": None, "named_by": None, "version": None}
    try:
        chosen = named_server(option)
        found["named_by"] = chosen.by
        found["url"] = read_address(server_url(chosen.url))[0].url
        with connected(option, seconds=_SECONDS) as client:
            found["version"] = client.system_stats().system.comfyui_version or "?"
    except ComfyflowError as error:
        found["error"] = str(error)
    return found


def _schema(server: str | None, object_info: Path | None, stubs: str | None) -> dict[str, Any]:
    try:
        given = given_schema(server, object_info, stubs)
        schema = given if given is not None else reference_schema()
    except ComfyflowError as error:
        return {"error": str(error)}
    return {
        "source": schema.source,
        "version": schema.version_text,
        "node_classes": len(schema.raw),
        "own_package_first": given is None,
    }


def _stubs(option: str | None) -> dict[str, Any]:
    from ..generated import STUBS
    from .options import package_schema_of

    package = option if option is not None else STUBS
    try:
        schema = package_schema_of(package)
    except ComfyflowError as error:
        return {"package": package, "error": str(error)}
    folder = Path(sys.modules[package].__file__ or "").parent
    return {
        "package": package,
        "folder": str(folder),
        "version": schema.version_text,
        "node_classes": len(schema.raw),
    }


def _config() -> dict[str, Any]:
    from ..configuration import config_file

    path = config_file()
    return {"file": str(path), "exists": path.exists()}


def _versions() -> dict[str, Any]:
    from .._version import __version__

    return {
        "comfyflow": __version__,
        "folder": str(Path(__file__).parents[1]),
        "python": platform.python_version(),
        "executable": sys.executable,
    }


def _server_line(part: Mapping[str, Any]) -> str:
    named = f"{part['url']} ({part['named_by']})" if part["url"] else "none"
    return f"{named}: {part.get('error') or 'ComfyUI ' + str(part['version'])}"


def _schema_line(part: Mapping[str, Any]) -> str:
    if "error" in part:
        return f"none: {part['error']}"
    count, version = part["node_classes"], part["version"]
    shown = f"{count} node classes of ComfyUI {version}, from {part['source']}"
    own = "of the workflow's own node package; otherwise " if part["own_package_first"] else ""
    return own + shown


def _stubs_line(part: Mapping[str, Any]) -> str:
    if "error" in part:
        return f"none: {part['error']}"
    count, version = part["node_classes"], part["version"]
    return f"{part['package']}: {count} node classes of ComfyUI {version}, in {part['folder']}"


def _config_line(part: Mapping[str, Any]) -> str:
    return f"{part['file']}{'' if part['exists'] else ' (not found)'}"


def _versions_line(part: Mapping[str, Any]) -> str:
    return (
        f"comfyflow {part['comfyflow']} in {part['folder']}, Python {part['python']} ({part['executable']})"
    )


_LINES: Final = {
    "server": _server_line,
    "schema": _schema_line,
    "stubs": _stubs_line,
    "config": _config_line,
    "versions": _versions_line,
}
"""How each part is shown in a line."""
