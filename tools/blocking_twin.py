"""Writes the blocking client from the one for asyncio, its twin.

python -m tools.blocking_twin             writes comfyflow/client/client.py and handle.py
python -m tools.blocking_twin --check     fails where they are not what would be written

``async`` and ``await`` go, and names become those of the blocking side. A statement behind the comment
``# only awaited`` is left out. What two lines cannot be made of one stands in the drivers and in base.py.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "comfyflow" / "client"
TWINS: Final = {"async_client.py": "client.py", "async_handle.py": "handle.py"}

MARK: Final = "# only awaited"
NAMES: Final = {
    "AsyncBaseTransport": "BaseTransport",
    "AsyncClient": "Client",
    "AsyncConnectSocket": "ConnectSocket",
    "AsyncHandle": "Handle",
    "AsyncIterator": "Iterator",
    "AsyncParts": "BlockingParts",
    "AsyncDriver": "BlockingDriver",
    "async_driver": "blocking_driver",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "async_handle": "handle",
    "awaiting": "blocking",
}
SENTENCES: Final = {
    "A task that is cancelled (``task.cancel()``, ``asyncio.wait_for``, Ctrl-C) cancels": "Ctrl-C cancels",
    "It belongs to one event loop.": "It may be used from several threads.",
    "Its twin `Client` does the same by blocking.": "Its twin for asyncio does the same, awaited.",
    "The client for asyncio.": "The blocking client.",
    "A prompt that an `AsyncClient` has sent": "A prompt that a `Client` has sent",
}
"""What documentation says about one side only."""
NOTE: Final = "# Written by `python -m tools.blocking_twin` from {}: edit that, and run it.\n"

_WORDS: Final = re.compile(r"\b(?:async (?=with|for|def)|await |{})\b".format("|".join(NAMES)))


class Edit(NamedTuple):
    """A piece of the source that becomes something else; rows count from 1."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


def blocking(source: str) -> str:
    """The blocking twin of a source for asyncio, before it is formatted."""
    lines = _without_marked(source).splitlines(keepends=True)
    for edit in sorted(_edits("".join(lines)), reverse=True):
        (row, column), (last, end) = edit.start, edit.end
        head, tail = lines[row - 1][:column], lines[last - 1][end:]
        lines[row - 1 : last] = [head + edit.text + tail]
    return "".join(lines)


def twin(name: str) -> str:
    """What the twin of a file should contain."""
    source = NOTE.format(name) + blocking((FOLDER / name).read_text(encoding="utf-8"))
    for command in (["check", "--quiet", "--fix-only", "--select", "F401,I001"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(FOLDER / TWINS[name]), "-"]
        done = subprocess.run(ruff, input=source, capture_output=True, text=True, check=True, cwd=FOLDER)
        source = done.stdout
    return source


def stale() -> list[str]:
    """The twins that are stale."""
    return [made for name, made in TWINS.items() if (FOLDER / made).read_text(encoding="utf-8") != twin(name)]


def _edits(source: str) -> Iterator[Edit]:
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for index, token in enumerate(tokens):
        if token.type == tokenize.NAME and token.string in ("async", "await"):
            yield Edit(token.start, tokens[index + 1].start, "")
        elif token.type == tokenize.NAME and token.string in NAMES:
            yield Edit(token.start, token.end, NAMES[token.string])
        elif token.type == tokenize.STRING and (said := _said(token.string)) != token.string:
            yield Edit(token.start, token.end, said)


def _said(text: str) -> str:
    """The text about one side, turned into one about the other."""
    for sentence, other in SENTENCES.items():
        text = text.replace(sentence, other)
    return _WORDS.sub(lambda found: NAMES.get(found[0], ""), text)


def _without_marked(source: str) -> str:
    lines = source.splitlines(keepends=True)
    marked = {row for row, line in enumerate(lines, 1) if line.strip() == MARK}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first - 1 in marked:
                marked.discard(first - 1)
                last = node.end_lineno or first
                lines[first - 2 : last] = [""] * (last - first + 2)
    if marked:
        raise SystemExit(f"{MARK!r} in line {min(marked)} stands before no function")
    return "".join(lines)


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        if found := stale():
            sys.exit(f"stale: {', '.join(found)}; run python -m tools.blocking_twin")
        return
    for name, made in TWINS.items():
        (FOLDER / made).write_text(twin(name), encoding="utf-8")


if __name__ == "__main__":
    main()
