"""The pages of the reference that list every public name, one page a door."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any, Final

from .links import ROOT

DOORS_FILE: Final = ROOT / "tests" / "doors.txt"


def doors() -> dict[str, list[str]]:
    """The public names of each module that users import from, as `tests/doors.txt` pins them."""
    found: dict[str, list[str]] = {}
    for line in DOORS_FILE.read_text(encoding="utf-8").split():
        door, _, name = line.rpartition(".")
        found.setdefault(door, []).append(name)
    return dict(sorted(found.items()))


def path(door: str) -> str:
    """Where the page of a door is."""
    return f"reference/api/{door}.md"


def _kind(value: object) -> str:
    if inspect.isclass(value):
        return "Errors" if issubclass(value, BaseException) else "Classes"
    return "Functions" if inspect.isroutine(value) else "Types and values"


def _home(door: str, name: str, value: Any) -> str:
    """The module where a name is defined: what reads the source finds it there."""
    module = getattr(value, "__module__", None)
    if isinstance(module, str) and module.startswith("comfyflow") and getattr(value, "__name__", "") == name:
        return f"{module}.{name}"
    return f"{door}.{name}"


def _section(door: str, name: str, value: Any, shown: dict[str, str]) -> Iterator[str]:
    home = _home(door, name, value)
    if home in shown:
        yield f"### {name}\n\nSee [`{shown[home]}.{name}`]({shown[home]}.md#{home}).\n"
    else:
        yield f"::: {home}\n    options:\n      heading: {name}\n      toc_label: {name}\n"


def pages() -> dict[str, str]:
    """The pages, by their paths."""
    listed = doors()
    found: dict[str, str] = {}
    rows: list[str] = []
    shown: dict[str, str] = {}
    deepest_first = sorted(listed, key=lambda door: (-door.count("."), door))
    for door in deepest_first:
        module = importlib.import_module(door)
        names = listed[door]
        by_kind: dict[str, list[str]] = {}
        for name in names:
            by_kind.setdefault(_kind(getattr(module, name)), []).append(name)
        title = (inspect.getdoc(module) or door).splitlines()[0]
        rows.append(f"| [`{door}`]({door}.md) | {title} |")
        parts = [f"# {door}\n\n{title}\n"]
        for kind in ("Classes", "Functions", "Errors", "Types and values"):
            if kind not in by_kind:
                continue
            parts.append(f"## {kind}\n")
            for name in by_kind[kind]:
                value = getattr(module, name)
                parts += _section(door, name, value, shown)
                shown.setdefault(_home(door, name, value), door)
        found[path(door)] = "\n".join(parts)
    table = "\n".join(sorted(rows))
    found["reference/api/index.md"] = (
        "# Python API\n\nImport from these modules. Everything else is private and may change.\n\n"
        f"| Module | |\n| --- | --- |\n{table}\n"
    )
    return found
