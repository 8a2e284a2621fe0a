"""The page of the reference that lists the events of a run and of a server, from their classes."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, get_args

from comfyflow import client


def _attributes(kind: type[Any]) -> dict[str, str]:
    """What the docstrings of a class and of those above it say about each field."""
    told: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        section = inspect.cleandoc(each.__doc__ or "").partition("\nAttributes:\n")[2]
        for name, text in re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE):
            told[name] = " ".join(text.split())
    return told


def _types(kind: type[Any]) -> dict[str, str]:
    """What fields are, as the source says it."""
    told: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        told.update({name: str(value) for name, value in inspect.get_annotations(each).items()})
    return told


def _fields(kind: type[Any]) -> list[str]:
    told, types = _attributes(kind), _types(kind)
    names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    names = names or list(getattr(kind, "__struct_fields__", ()))
    rows = [(f"`{name}`", f"`{types.get(name, '')}`", told.get(name, "")) for name in names]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def _section(kind: type[Any]) -> str:
    first = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].split())
    rows = _fields(kind)
    table = "\n\n| Field | Type | |\n| --- | --- | --- |\n" + "\n".join(rows) if rows else ""
    return f"### {kind.__name__}\n\n{first}{table}"


def page() -> str:
    """The page."""
    parts = [
        "# Events",
        "Import them from `comfyflow.client`. [How to get them](../events.md).",
        "## Events of one prompt",
        "What `run(..., on_event=function)` and `handle.events()` give: `RunEvent` is their union.",
        *(_section(kind) for kind in get_args(client.RunEvent)),
        "## Everything that a server says",
        "What `client.events()` and `client.on` give: `ServerEvent` is their union.",
        *(_section(kind) for kind in get_args(client.ServerEvent)),
    ]
    return "\n\n".join(parts) + "\n"
