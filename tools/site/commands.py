"""The page of the reference that lists every command, its options and the exit codes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from click.testing import CliRunner

from comfyflow.cli.app import app

SHARED: Final = 8
"""An option that many commands take with the same meaning is described once."""


def catalogue() -> dict[str, Any]:
    """What ``comfyflow help --json`` prints."""
    done = CliRunner().invoke(app, ["help", "--json"], catch_exceptions=False)
    told: dict[str, Any] = json.loads(done.output)
    return told


def _coded(text: str) -> str:
    """A string with its options as code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part[:1] == "`" else re.sub(r"(?<!\S)--[a-z][\w-]*", r"`\g<0>`", part) for part in parts
    )


def _text(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")


def _written(option: dict[str, Any]) -> str:
    names = ", ".join(f"`{name}`" for name in option["options"])
    if option["flag"]:
        return names
    value = "|".join(option["choices"] or ()) or option["metavar"] or option["type"].upper()
    return f"{names} {_text(value)}"


def _meaning(option: dict[str, Any]) -> str:
    more: list[str] = [_coded(_text(option["help"] or ""))]
    if option["multiple"]:
        more.append("May be repeated.")
    if option["default"] not in (None, False, "", []):
        more.append(f"Default: `{option['default']}`.")
    if option["environment"]:
        more.append("Environment: " + ", ".join(f"`{name}`" for name in option["environment"]) + ".")
    return " ".join(part for part in more if part)


def _row(option: dict[str, Any]) -> str:
    return f"| {_written(option)} | {_meaning(option)} |"


def _leaves(commands: list[dict[str, Any]], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for command in commands:
        name = f"{before}{command['name']}"
        yield name, command
        yield from _leaves(command.get("commands", []), f"{name} ")


def _help(text: str) -> str:
    return _coded(text.replace("\b", "").strip())


def page() -> str:
    """The page."""
    told = catalogue()
    commands = list(_leaves(told["commands"]))
    count = Counter(_row(option) for _, command in commands for option in command["options"])
    shared = {row for row, number in count.items() if number >= SHARED}
    parts = [
        "# Commands",
        "Made from `comfyflow help --json`, which programs can read. `comfyflow COMMAND --help` prints one.",
        "| Command | |\n| --- | --- |\n"
        + "\n".join(
            f"| [`{name}`](#{name.replace(' ', '-')}) | {_text(command['help'].split(chr(10) * 2)[0])} |"
            for name, command in commands
        ),
        "## Exit codes",
        "| Code | Meaning |\n| --- | --- |\n"
        + "\n".join(f"| {each['code']} | {_text(each['meaning'])} |" for each in told["exit_codes"]),
        "## Options of many commands",
        "Commands that talk to a server take these.",
        "| Option | Meaning |\n| --- | --- |\n" + "\n".join(row for row in count if row in shared),
    ]
    for name, command in commands:
        arguments = " ".join(each["metavar"] or each["name"].upper() for each in command["arguments"])
        usage = f"comfyflow {name}{' [OPTIONS]' if command['options'] else ''} {arguments}".rstrip()
        parts += [f"## {name}", f"`{usage}`", _help(command["help"])]
        rows = [row for row in map(_row, command["options"]) if row not in shared]
        if rows:
            parts.append("| Option | Meaning |\n| --- | --- |\n" + "\n".join(rows))
        if any(row in shared for row in map(_row, command["options"])):
            parts.append("It takes the [options of many commands](#options-of-many-commands) too.")
        if command["takes_workflow_parameters"]:
            parts.append("It also takes the [parameters of the workflow](../parameters.md).")
    return "\n\n".join(parts) + "\n"
