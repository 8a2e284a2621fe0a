"""The English of messages, help, docstrings and comments: idiomatic, with the standard terms.

Each entry of `BETTER` is a turn that a reader stumbles over, and what to write in its place.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

BETTER: Final = {
    r"(?<!here )\b(?:is|are|was|were) no (?!longer|more than|less|fewer|proof|part)": "is not a …, must "
    "be a …",
    r"(?<!here )\b(?:is|are|was|were) (?-i:none)\b": "is not one",
    r"\b(?:is|are) to be\b": "must be",
    r"\btold\b(?! apart| to\b|:)": "reported, shown, known",
    r"\btells? of\b": "reports, describes",
    r"(?<!\bNo )\bsuch\b(?! as\b)": "name the thing: this file, a file like that",
    r"\ba text\b(?! (?:widget|file|encoder|node|chunk|box|field|input|editor|message))": "a string",
    r"\bhad again\b": "restored, downloaded again",
    r"\b(?:cannot|can) be had\b": "is (not) available",
    r"\bof (?:its|their|his|our) own\b": "its own …",
    r"\bso many\b": "that many, or at most …",
    r"\banew\b(?!:)": "again",
    r"\b(?:has|have|had) .{1,20} no more\b": "no longer has",
    r"\bhands? on\b": "passes on",
    r"(?<![.\w])circles?\b(?!:)": "cycle",
    r"\bworkflows? of the editor\b": "editor workflow",
    r"\bpacks? of custom nodes\b": "custom node pack",
    r"\bin force\b": "in use",
    r"\bgoes on\b": "continues",
    r"\ball the same\b": "anyway, still",
    r"\bsomebody\b": "someone",
    r"\bfor ever\b": "forever",
    r"\b(?:has become|became|becomes) of\b": "happened to, happens to",
    r"\bleads? out of\b": "leaves, is outside",
    r"\bstrangers?\b(?!:)": "untrusted",
    r"\bsays so\b": "says that, asks for it",
    r"\b(?:says?|said) of\b": "says about, reports",
    r"\bknown of\b": "known about",
    r"\bbut for\b": "except for",
    r"\bnobody\b": "no one, or: it is unknown, nothing …",
    r"\beverybody\b": "everyone",
    r"\bwhoever\b": "the user, the caller, the waiter",
    r"\bof (?:ours|yours|theirs|mine)\b": "our own …",
    r"\b(?:he|him|his|himself)\b": "the user, they",
    r"\bin vain\b": "without success",
    r"\btak(?:es?|en) up\b": "resumes, attaches to",
    r"\bthe time is over\b": "the time is up",
    r"\bis had\b": "is available",
}
"""What to write in place of what, as regular expressions that do not mind capitals."""

DRAWN: Final = re.compile(r"\bcircles?\b", re.IGNORECASE)
"""A word that is right where something is drawn."""
DRAWING: Final = ("layout", "picture", "painting")

PAGES: Final = ("*.md", "docs/**/*.md", "comfyflow/**/*.md", "examples/**/*.md", "findings/*.md")
"""What is read as prose, apart from code, and from the changelog, which is put together from many hands."""
_CODE: Final = re.compile(r"^```.*?^```|<!--.*?-->|`[^`]*`", re.DOTALL | re.MULTILINE)

Prose = Iterator[tuple[int, str]]


_ANY: Final = re.compile("|".join(f"(?:{wrong})" for wrong in BETTER), re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+")


def files(room: str) -> list[Path]:
    """The Python files of a folder of comfyflow, of the files beside these, or of another folder."""
    if room == "comfyflow":
        return sorted((ROOT / room).glob("*.py"))
    return sorted((ROOT / room).rglob("*.py"))


def rooms() -> list[str]:
    packages = (path.parent.name for path in (ROOT / "comfyflow").glob("*/__init__.py"))
    return ["comfyflow", *sorted(f"comfyflow/{name}" for name in packages), "examples", "tools"]


def prose(source: str) -> Prose:
    """Each comment, and each string of several words, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def found(path: Path, read: Prose) -> list[str]:
    drawing = any(name in part for part in path.parts for name in DRAWING)
    lines: list[str] = []
    for line, wrapped in read:
        text = _SPACE.sub(" ", wrapped)
        for hit in _ANY.finditer(text):
            if not (drawing and DRAWN.fullmatch(hit[0])):
                better = next(
                    better
                    for wrong, better in BETTER.items()
                    if re.compile(wrong, re.IGNORECASE).match(text, hit.start())
                )
                shown = text[max(hit.start() - 30, 0) : hit.end() + 30]
                lines.append(f"{path}:{line}: …{shown}…: write {better!r} instead of {hit[0]!r}")
    return lines


@pytest.mark.parametrize("room", rooms())
def test_messages_and_docstrings_are_idiomatic(room: str) -> None:
    assert files(room)
    read = ((path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in files(room))
    wrong = [line for path, source in read for line in found(path, prose(source))]
    assert not wrong, "\n".join(["", *wrong])


def paragraphs(page: str) -> Prose:
    """Each paragraph of a page, or row of a table, with its line and without code."""
    bare = _CODE.sub(lambda code: "`…`" + "\n" * code[0].count("\n"), page)
    for paragraph in re.finditer(r"^\|.*$|(?:^(?!\|).*\S.*\n?)+", bare, re.MULTILINE):
        yield bare.count("\n", 0, paragraph.start()) + 1, paragraph[0]


def test_pages_are_idiomatic() -> None:
    pages = sorted({path for pattern in PAGES for path in ROOT.glob(pattern)} - {ROOT / "CHANGELOG.md"})
    assert len(pages) > 50
    read = ((path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in pages)
    wrong = [line for path, page in read for line in found(path, paragraphs(page))]
    assert not wrong, "\n".join(["", *wrong])


def test_code_on_a_page_is_not_prose() -> None:
    page = "A file that\nis no `is told` file.\n\n```\nsuch a\n```\n| a | told |\n"
    assert list(paragraphs(page)) == [
        (1, "A file that\nis no `…` file.\n"),
        (4, "`…`\n"),
        (7, "| a | told |"),
    ]
    assert [line.split(":")[1] for line in found(Path("page.md"), paragraphs(page))] == ["1", "7"]


@pytest.mark.parametrize(
    "source",
    [
        'raise ValueError("server is to be a string, not 5")',
        'raise ValueError(f"{given} is no version")',
        "def f():\n    '''Whether a file is\n    told of.'''",
        "x = 1  # such a file",
    ],
)
def test_a_turn_on_the_list_is_found(source: str) -> None:
    assert found(Path("comfyflow/x.py"), prose(source))


@pytest.mark.parametrize(
    "source",
    [
        'raise ValueError("there is no file, and it is no longer needed")',
        "x = 1  # for files such as this",
        "x = 'told'  # one word is a name",
    ],
)
def test_what_is_right_is_not(source: str) -> None:
    assert not found(Path("comfyflow/x.py"), prose(source))
