"""Write the tables of docs/versions.md: what changed since which release of server, editor and simulator.

They are made of the classes that hold the facts, so a fact is written down once. With ``--check``
nothing is written and the exit code is 1 where the page is stale.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from comfyflow.importer.editor_rules import NEWEST, OLDEST, EditorRules
from comfyflow.schema.version import EDITORS, MODULE_SIGNS, SIGNS, Version
from comfyflow.simulator.profile import PROFILES, Profile
from comfyflow.validate.rules import ServerRules
from comfyflow.versions import Since

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "versions.md"
_TABLE: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def explained(rules: type[Any]) -> dict[str, str]:
    """What stands below each fact of a class, as one line of Markdown."""
    (body,) = ast.parse(inspect.getsource(rules)).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for line, below in zip(body.body, body.body[1:], strict=False):
        target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(target, ast.Name) and is_text and isinstance(vars(rules).get(target.id), Since):
            found[target.id] = " ".join(str(below.value.value).split()).replace("``", "`").replace("|", "\\|")
    return found


def held(fact: Since[Any]) -> str:
    """In which releases a fact that is true or false is true; of any other, which changed it."""
    changes = [("", fact.first), *((short(since), value) for since, value in fact.changes)]
    if not all(isinstance(value, bool) for _, value in changes):
        return f"changed in {', '.join(since for since, _ in changes[1:])}"
    ends = [since for since, _ in changes[1:]]
    spans = [
        f"{since} to before {end}" if since and end else f"since {since}" if since else f"before {end}"
        for (since, value), end in zip(changes, [*ends, ""], strict=True)
        if value
    ]
    return ", ".join(spans)


def short(version: Version) -> str:
    """A release as people write it: 0.27, 0.3.68."""
    return f"{version.major}.{version.minor}" + (f".{version.patch}" if version.patch else "")


def facts(rules: type[Any]) -> Iterator[str]:
    """The table of a class of facts."""
    texts = explained(rules)
    yield "| fact | holds | what it says |"
    yield "|---|---|---|"
    for name, fact in vars(rules).items():
        if isinstance(fact, Since):
            yield f"| `{name}` | {held(fact)} | {texts[name]} |"


def signs() -> Iterator[str]:
    """What betrays the least release of a server whose version is not known."""
    yield "| a class has | the server is at least |"
    yield "|---|---|"
    for modules, version in MODULE_SIGNS:
        yield f"| a module {' or '.join(f'`{name}`' for name in sorted(modules))} | {short(version)} |"
    for key, version in SIGNS:
        yield f"| `{key}` | {short(version)} |"


def editors() -> Iterator[str]:
    """Which editor a server requires."""
    yield "| server | editor that it requires |"
    yield "|---|---|"
    for since, editor in reversed(EDITORS):
        yield f"| {'before all below' if since == Version(0) else f'since {short(since)}'} | {editor} |"


def known() -> Iterator[str]:
    """What is known at all."""
    yield "| of | known are |"
    yield "|---|---|"
    yield f"| the editor | {short(OLDEST)} to {short(NEWEST)} |"
    yield f"| the simulator | {', '.join(PROFILES)} |"


TABLES: Final = {
    "known": known,
    "signs": signs,
    "editors": editors,
    "server": lambda: facts(ServerRules),
    "editor": lambda: facts(EditorRules),
    "simulator": lambda: facts(Profile),
}


def with_tables(page: str) -> str:
    """The page with its tables as the code has them today."""
    return _TABLE.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + "\n" + found[3], page)


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` say whether it is stale."""
    page = PAGE.read_text(encoding="utf-8")
    made = with_tables(page)
    stale = page != made
    if stale and "--check" not in arguments:
        PAGE.write_text(made, encoding="utf-8")
    print(f"{'stale' if stale else 'up to date'}: {PAGE.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
