"""The blocks of the README and of docs/, and how one is run.

A block is Python, or lines of commands; lines behind a command that begins with ``$`` are its output.
An HTML comment before a block, which no reader sees, says what it stands in need of:

- ``<!-- snippet: after`` and lines of Python: what has run before it on that page;
- ``<!-- snippet: exits 1 -->``: the exit code of its last command, where it is not 0;
- ``<!-- snippet: pytest -->``: it is a module of tests;
- ``<!-- snippet: output -->``: the block before it prints this; ``…`` stands for anything;
- ``<!-- snippet: file NAME -->``: blocks below it on the page find it in their folder under that name;
- ``<!-- snippet: cannot run: REASON -->``.
"""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from comfyflow.cli import main

from .generated import importable

ROOT: Final = Path(__file__).parents[1]
DOCUMENTS: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SERVER: Final = "http://127.0.0.1:8188"
"""The server of the documents; a simulator stands in for it, and for ``URL``."""

BLOCK: Final = re.compile(
    r"(?:<!-- snippet: (?P<note>.*?)-->\s*\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        document: The file it is in.
        line: Where it begins.
        language: As the fence says.
        text: What is in it.
        note: What the comment before it says.
    """

    document: Path
    line: int
    language: str
    text: str
    note: str

    @property
    def commands(self) -> list[str]:
        """The commands, one a line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        prompted = [line[2:] for line in lines if line.startswith("$ ")]
        return prompted or [line for line in lines if line.strip() and not line.startswith("#")]

    @property
    def exit_code(self) -> int:
        """How its last command ends."""
        return int(self.note.partition("exits ")[2] or 0) if self.note.startswith("exits ") else 0

    @property
    def file(self) -> str:
        """The name that blocks below it find it under, or nothing."""
        return self.note.removeprefix("file ").strip() if self.note.startswith("file ") else ""

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(document: Path) -> Iterator[Block]:
    """The blocks of a document."""
    text = document.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(document, line, found["language"], found["text"], (found["note"] or "").strip())


BLOCKS: Final = [block for document in DOCUMENTS for block in blocks(document)]
RUN: Final = [block for block in BLOCKS if not block.note.startswith(("cannot run:", "output"))]
PYTHON: Final = [block for block in RUN if block.language == "python"]
SHELL: Final = [block for block in RUN if block.language in ("", "sh", "bash", "console", "shell")]


def shown_after(block: Block) -> Block | None:
    """The block that shows what this one prints, if it stands right behind it."""
    place = BLOCKS.index(block) + 1
    found = BLOCKS[place] if place < len(BLOCKS) else None
    return found if found and found.document == block.document and found.note == "output" else None


def files_before(block: Block) -> Iterator[Block]:
    """The blocks above it on its page that are files."""
    return (one for one in BLOCKS if one.document == block.document and one.line < block.line and one.file)


def prints(said: str, shown: str) -> bool:
    """Whether what was printed has what a page shows, apart from the ends of lines and ``…``."""
    lines = [" ".join(line.split()) for line in shown.strip().splitlines()]
    wanted = r"\s*\n\s*".join(re.escape(line).replace("…", r"[^\n]*?") for line in lines)
    return re.search(wanted, "\n".join(" ".join(line.split()) for line in said.splitlines())) is not None


def run_program(path: Path) -> None:
    """Run a program in this process, as ``python PATH`` does: it has the modules of its own folder."""
    with importable(path.parent):
        runpy.run_path(str(path), run_name="__main__")


def run_command(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run ``comfyflow`` in this process.

    Returns:
        Its exit code.
    """
    monkeypatch.setattr(sys, "argv", words)
    with importable(folder):
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 1
    return 0


def run_process(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run another program, with this package in its way."""
    paths = [str(ROOT), str(ROOT / "stubs")]
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=240,
    )


def words_of(command: str, server: str) -> list[str]:
    """The words of a command, with a server that is there in place of the one that it names."""
    text = re.sub(r"\bURL\b", server, command.replace(SERVER, server))
    return shlex.split(text, comments=True)
