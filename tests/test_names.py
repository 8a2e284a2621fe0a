"""One name, one thing: no class of the package is called as another one is."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "comfyflow"

TWINS = {
    "MultiOutputNode": "a base class; a type checker sees one with the fields of `Node` spelled",
    "_Transport": "the client's two drivers: the same over asyncio and over threads",
}
"""Names of classes that stand for the same thing in two forms, with the reason."""


def class_names() -> dict[str, list[str]]:
    """Where the classes of each name are."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(f"{file.relative_to(PACKAGE)}:{node.lineno}")
    return found


def test_a_name_of_a_class_means_one_thing() -> None:
    twice = {name: places for name, places in class_names().items() if len(places) > 1}
    assert {name: places for name, places in twice.items() if name not in TWINS} == {}
    assert sorted(twice) == sorted(TWINS)
