"""Texts of any length of the kinds that once cost far more than their length, and what reads them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from comfyflow.embedded_text import embedded_texts
from comfyflow.importer.live_graph import common_type, slots_connect
from comfyflow.python_source import to_python
from tests.editor_json import SCHEMA, convert, node, outputs, subgraph, with_subgraphs, workflow

Read = Callable[[], object]
Make = Callable[[int], Read]
"""Given about how many characters: what reads a text of that length once."""


def lines_run(read: Callable[[], object]) -> int:
    """How many lines of Python a call runs."""
    count = 0

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        read()
    finally:
        sys.settrace(before)
    return count


def dynamic_prompt(text: Callable[[int], str], *, repair: bool = False) -> Make:
    """The text of a prompt, as `convert_workflow` sends it."""

    def make(size: int) -> Read:
        made = workflow([node(1, "Encode", [text(size)])])
        return lambda: convert(made, repair=repair)

    return make


def python(build: Callable[[str], Any], piece: str) -> Make:
    """A workflow of the editor with a long text somewhere in it, as Python."""

    def make(size: int) -> Read:
        conversion = convert(build((piece * (size // len(piece) + 1))[:size]), repair=True)
        return lambda: to_python(conversion, SCHEMA)

    return make


def titled(text: str) -> Any:
    sent = node(1, "Loader", ["a.safetensors"], title=text, outputs=outputs([], [1], []))
    return workflow([sent, node(2, "Encode", ["a"], {"clip": 1}, title=text)], [[1, 1, 1, 2, 1]])


def noted(text: str) -> Any:
    return workflow([node(1, "Encode", ["a"]), node(2, "Note", [text], title="Read this")])


def noted_title(text: str) -> Any:
    return workflow([node(1, "Encode", ["a"]), node(2, "Note", ["read"], title=text)])


def grouped(text: str) -> Any:
    return workflow([node(1, "Encode", ["a"])], groups=[{"title": text, "bounding": [-9, -9, 99, 99]}])


def valued(text: str) -> Any:
    return workflow([node(1, "Note8", [text])])


def named_subgraph(text: str) -> Any:
    inside = {**subgraph("d", [node(5, "Encode", ["a"]), node(6, "Encode", ["b"])], []), "name": text}
    return with_subgraphs([node(1, "d")], [], inside)


def filled(size: int, opening: str, closing: str = "", middle: str = "a") -> str:
    """Openings, a middle and as many closings."""
    count = size // (len(opening) + len(closing))
    return opening * count + middle + closing * count


def _types(size: int) -> Read:
    one = ",".join(f"A{number}" for number in range(size // 6))
    other = ",".join(f"B{number}" for number in range(size // 6))
    return lambda: (slots_connect(one, other), common_type([one, other]))


def _svg(size: int) -> Read:
    data = b"<svg>" + b"<metadata><![CDATA[" * (size // 19)
    return lambda: embedded_texts(data)


def _file_name(size: int) -> Read:
    made = workflow([node(1, "SaveImage", ["%a.b%" * (size // 5)], {"images": None})])
    return lambda: convert(made)


TEXTS: dict[str, Make] = {
    "braces in braces": dynamic_prompt(lambda size: filled(size, "{", "}")),
    "braces that nothing closes": dynamic_prompt(lambda size: filled(size, "{")),
    "choices in choices": dynamic_prompt(lambda size: filled(size, "{a|", "}")),
    "choices in both sides of choices": dynamic_prompt(lambda size: filled(size, "{{a|b}|", "}")),
    "choices one behind the other": dynamic_prompt(lambda size: filled(size, "{a|b} ")),
    "escapes": dynamic_prompt(lambda size: filled(size, "\\{", "\\}")),
    "escapes in braces": dynamic_prompt(
        lambda size: "{" * (size // 3) + "\\\\" * (size // 6) + "\\{" + "}" * (size // 3)
    ),
    "comments": dynamic_prompt(lambda size: filled(size, "/* a */ ")),
    "comments that nothing closes": dynamic_prompt(lambda size: filled(size, "/* ")),
    "comments to the end of the line": dynamic_prompt(lambda size: filled(size, "a // b\n")),
    "comments in braces": dynamic_prompt(lambda size: filled(size, "{/**/", "}")),
    "repaired braces": dynamic_prompt(lambda size: filled(size, "{", "}"), repair=True),
    "repaired braces that nothing closes": dynamic_prompt(lambda size: filled(size, "{a|"), repair=True),
    "repaired choices in choices": dynamic_prompt(lambda size: filled(size, "{a|", "}"), repair=True),
    "repaired choices in braces": dynamic_prompt(lambda size: filled(size, "{{a|b}", "}"), repair=True),
    "repaired braces beside each other": dynamic_prompt(lambda size: filled(size, "{a}"), repair=True),
    "what looks like placeholders": dynamic_prompt(
        lambda size: filled(size, "{\0000\1\0000\1}", "\0001\1"), repair=True
    ),
    "JSON": dynamic_prompt(lambda size: filled(size, "[", "]"), repair=True),
    "names in file names": _file_name,
    "titles": python(titled, "a title of words "),
    "titles without spaces": python(titled, "aB1"),
    "titles of brackets": python(titled, "a (b) (c "),
    "titles in Chinese": python(titled, "灯塔"),
    "titles of combining marks": python(titled, "e\u0301\u0301"),
    "notes": python(noted, "a note of words, "),
    "notes without spaces": python(noted, "abc"),
    "notes in Chinese": python(noted, "黄昏的灯塔"),
    "notes of combining marks": python(noted, "\u0301\u0302"),
    "notes of hashes": python(noted, "#"),
    "notes that are an address": python(noted, "http://x/"),
    "notes of short lines": python(noted, "a\n"),
    "titles of notes in Chinese": python(noted_title, "灯"),
    "titles of groups in Chinese": python(grouped, "灯"),
    "titles of groups": python(grouped, "a group "),
    "names of subgraphs in Chinese": python(named_subgraph, "灯塔 a "),
    "values": python(valued, "some words, "),
    "values without spaces": python(valued, "abc"),
    "values in Chinese": python(valued, "灯塔"),
    "values of combining marks": python(valued, "\u0301"),
    "values of backslashes": python(valued, "\\"),
    "types of many names": _types,
    "metadata of SVG that nothing closes": _svg,
}
"""By what they are called in a report."""
