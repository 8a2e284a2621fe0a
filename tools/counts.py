"""``python -m tools.counts [COMMIT…]``: how large the package is, and what is said in many places.

Each commit is a column; this tree is the last one.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("DynamicCombo", "Autogrow", "MatchType", "DynamicSlot")
"""Kinds of dynamic inputs: a new kind should be one file."""
_WALKS = re.compile(r"^ *while (?:stack|waiting|pending|queue|todo|open_|unseen|level)\b", re.MULTILINE)
_SMALL = 80
_LARGE = 500


def sources(commit: str | None) -> dict[str, str]:
    """The modules of the package, by path."""
    if commit is None:
        files = (ROOT / "comfyflow").rglob("*.py")
        return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    words = ("git", "archive", commit, "comfyflow")
    packed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout
    found: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            held = archive.extractfile(member) if member.name.endswith(".py") else None
            if held is not None:
                found[member.name] = held.read().decode("utf-8")
    return found


def counts(modules: Mapping[str, str]) -> dict[str, int]:
    """What there is of each thing."""
    lines = {path: text.count("\n") for path, text in modules.items()}
    classes: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    public: set[tuple[str, str]] = set()
    for path, text in modules.items():
        tree = ast.parse(text)
        classes.update(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
        for node in tree.body:
            if (
                isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                and node.name[0] != "_"
            ):
                public.add((path, node.name))
                functions[node.name] += not isinstance(node, ast.ClassDef)
    return {
        "modules": len(modules),
        "lines": sum(lines.values()),
        f"modules under {_SMALL} lines": sum(count < _SMALL for count in lines.values()),
        f"modules over {_LARGE} lines": sum(count > _LARGE for count in lines.values()),
        "classes and functions without an underscore": len(public),
        "names of classes used twice": sum(count > 1 for name, count in classes.items() if name[0] != "_"),
        "names of functions used twice": sum(count > 1 for count in functions.values()),
        **{f"files that say {word}": _files(modules, word) for word in ("_meta", "__value__")},
        **{f"files that name {kind}": _files(modules, kind) for kind in KINDS},
        "loops that walk something by hand": sum(len(_WALKS.findall(text)) for text in modules.values()),
        "files that ask difflib": _files(modules, "difflib"),
    }


def _files(modules: Mapping[str, str], word: str) -> int:
    said = re.compile(rf'"{word}"|\b{word}\b' if word[0] != "_" else rf"[\"'`]{word}\b")
    return sum(said.search(text) is not None for text in modules.values())


def main() -> None:
    columns = [(commit or "this tree", counts(sources(commit))) for commit in (*sys.argv[1:], None)]
    print("| |", " | ".join(name for name, _ in columns), "|")
    print("|---|", "---|" * len(columns), sep="")
    for row in columns[-1][1]:
        print(f"| {row} |", " | ".join(f"{found[row]:,}" for _, found in columns), "|")


if __name__ == "__main__":
    main()
