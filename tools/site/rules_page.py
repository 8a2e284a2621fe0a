"""The page that links each numbered rule of `docs/editor-rules.md` to the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

from .links import DOCS, ROOT, listing, site_path

_TEST = re.compile(r"^def test_rule_(\d+)_(\w+)\(", re.MULTILINE)
_RULE = re.compile(r"^(\d+)\. (.*(?:\n    .*|\n   .*)*)", re.MULTILINE)


def rules() -> dict[int, str]:
    """The first sentence of each rule."""
    text = (DOCS / "editor-rules.md").read_text(encoding="utf-8").partition("\n## The rules")[2]
    found = {
        int(number): " ".join(rule.split()) for number, rule in _RULE.findall(text.partition("\n## ")[0])
    }
    return {number: f"{rule.partition('. ')[0].rstrip('.')}." for number, rule in found.items()}


def tests() -> dict[int, list[tuple[Path, str]]]:
    """The tests of each rule: the file and what the test is called."""
    found: dict[int, list[tuple[Path, str]]] = {}
    for path in sorted((ROOT / "tests").glob("test_importer*.py")):
        for number, name in _TEST.findall(path.read_text(encoding="utf-8")):
            found.setdefault(int(number), []).append((path, name))
    return found


def _link(path: Path, number: int, name: str) -> str:
    to = site_path(path.relative_to(ROOT).as_posix())
    return f"[{name.replace('_', ' ')}](../{to}) (`test_rule_{number}_{name}`)"


def page() -> str:
    """The page."""
    held = tests()
    rule_page = "[How a workflow becomes a prompt](../editor-rules.md)"
    parts = [
        "# The rules and their tests",
        f"{rule_page} has the rules by number. The tests that hold a rule are named after it.",
    ]
    for number, rule in rules().items():
        lines = [f"- {_link(path, number, name)}" for path, name in held.get(number, [])]
        parts += [f"## Rule {number}", rule, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def listings() -> dict[str, str]:
    """The files of these tests, as pages."""
    files = {path.relative_to(ROOT).as_posix() for found in tests().values() for path, _ in found}
    return {site_path(file): listing(file) for file in sorted(files)}
