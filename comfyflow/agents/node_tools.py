"""Tools that show node classes: how an agent gets to know a new server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from ..nearest import nearest_names
from ..schema.node_description import describe_node
from .answer import ToolAnswer, one_line
from .tool import LOOKS, AgentTool, BoundedArguments, Progress

if TYPE_CHECKING:
    from ..schema import InputSchema, NodeSchema
    from ..schema.node_index import ListedNode, NodeIndex
    from .workbench import Workbench

_LONGEST_CLASS: Final = 6_000
"""How many characters of each class are shown if several are requested."""
_NAMED: Final = 10


class SearchNodes(BoundedArguments):
    """Find node classes by words in their name, title, category or aliases, and by the types of their inputs
    and outputs.

    All words must match; without words, everything that fits the types is listed. Each line has one class:
    name, title, category. describe_node shows the inputs and outputs of a class.
    """

    words: str = Field("", max_length=400, description="Words to search for: 'load image'.")
    takes: str | None = Field(None, max_length=100, description="A type that an input must accept: 'LATENT'.")
    gives: str | None = Field(None, max_length=100, description="A type that an output must have: 'IMAGE'.")
    limit: int = Field(30, ge=1, le=1_000, description="How many to list.")
    offset: int = Field(0, ge=0, description="How many to skip.")
    refresh: bool = Field(False, description="Ask the server again, because its packs have changed.")


class DescribeNode(BoundedArguments):
    """Describe node classes: input types, ranges, defaults, choices, and the outputs by number.

    Long lists of choices, such as model files, are shortened: choices_of lists all of one input, and
    containing filters them. Text in the answer comes from the server's node packs.
    """

    names: list[str] = Field(
        min_length=1, max_length=_NAMED, description="Class names, exactly: ['KSampler']."
    )
    choices_of: str | None = Field(None, description="The input whose choices to list.")
    containing: str = Field(
        "", max_length=200, description="With choices_of: only choices that contain this text."
    )
    offset: int = Field(0, ge=0, description="With choices_of: how many to skip.")


async def search_nodes(bench: Workbench, asked: SearchNodes, _progress: Progress) -> ToolAnswer:
    """Carry out `SearchNodes`."""
    index = await bench.aside(bench.schema.index, anew=asked.refresh)
    found = await bench.aside(index.find, asked.words.split(), asked.takes, asked.gives)
    shown = found[asked.offset : asked.offset + asked.limit]
    if not found:
        return ToolAnswer(_not_found(index, asked), limit=asked.max_bytes)
    rest = len(found) - asked.offset - len(shown)
    lines = [f"{len(found)} of {len(index)} node classes match; {index.source}", *map(_line, shown)]
    if rest > 0:
        lines.append(
            f"… {rest} more: continue with offset {asked.offset + len(shown)}, or narrow it with more words"
        )
    more = "a smaller limit, and offset"
    return ToolAnswer("\n".join(lines), limit=asked.max_bytes, more=more)


async def describe_nodes(bench: Workbench, asked: DescribeNode, _progress: Progress) -> ToolAnswer:
    """Carry out `DescribeNode`."""
    return await bench.aside(_described, bench, asked)


def _line(node: ListedNode) -> str:
    marks = f" [{', '.join(node.marks)}]" if node.marks else ""
    title = one_line(node.display_name, 80)
    name = one_line(node.class_type)
    shown = name if title == name else f"{name}: {title}"
    return f"{shown} ({one_line(node.category, 80)}){marks}"


def _not_found(index: NodeIndex, asked: SearchNodes) -> str:
    wanted = one_line(asked.words) or "these types"
    near = nearest_names(asked.words, index.names) if asked.words else []
    for word in asked.words.split()[:_NAMED] if not near else ():
        near += nearest_names(word, index.names, most=1)
    types = f" that {_types(asked)}" if asked.takes or asked.gives else ""
    hint = f". Did you mean {', '.join(map(one_line, dict.fromkeys(near)))}?" if near else ""
    return f"no node class matches {wanted!r}{types}{hint}\n{index.source}"


def _types(asked: SearchNodes) -> str:
    parts = {"takes": asked.takes, "gives": asked.gives}
    return " and ".join(f"{verb} {one_line(kind)}" for verb, kind in parts.items() if kind)


def _described(bench: Workbench, asked: DescribeNode) -> ToolAnswer:
    schema = bench.schema.now()
    schema.expect(asked.names)
    parts: list[str] = []
    lacking = 0
    for name in dict.fromkeys(asked.names):
        node = schema.get(name)
        if node is None:
            lacking += 1
            parts.append(_lacking(bench, name))
        elif asked.choices_of is not None:
            parts.append(_choices(node, asked))
        else:
            text = describe_node(node)
            several = len(asked.names) > 1 and len(text) > _LONGEST_CLASS
            parts.append(f"{text[:_LONGEST_CLASS]}\n… (ask only for {name})" if several else text)
    return ToolAnswer(
        "\n\n".join(parts),
        is_error=lacking == len(parts),
        limit=asked.max_bytes,
        more="ask for fewer classes, or with choices_of, or with a larger max_bytes",
    )


def _lacking(bench: Workbench, name: str) -> str:
    near = nearest_names(name, bench.schema.index().names)
    hint = f". Did you mean {', '.join(map(one_line, near))}?" if near else ": use search_nodes to find one"
    return f"unknown node class {one_line(name)!r}{hint}"


def _choices(node: NodeSchema, asked: DescribeNode) -> str:
    wanted = asked.choices_of or ""
    entries = {entry.name: entry for entry in _entries(node)}
    entry = entries.get(wanted)
    if entry is None:
        there = ", ".join(map(one_line, entries)) or "none"
        return f"{node.class_type} has no input {one_line(wanted)!r}; it has: {there}"
    offered = entry.offered
    if offered is None:
        return f"{node.class_type}.{wanted} has no choices: it takes {one_line(entry.type)}"
    texts = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in offered]
    fitting = [text for text in texts if asked.containing.lower() in text.lower()]
    lines = [f"{node.class_type}.{wanted}: {len(fitting)} of {len(texts)} choices"]
    return "\n".join([*lines, *(one_line(text, 400) for text in fitting[asked.offset :])])


def _entries(node: NodeSchema) -> list[InputSchema]:
    """The inputs of a class, including those that dynamic inputs may add."""
    found: list[InputSchema] = []
    waiting = [*reversed(node.inputs)]
    while waiting:
        entry = waiting.pop()
        found.append(entry)
        waiting += entry.dynamic.inner if entry.dynamic is not None else ()
    return found


NODE_TOOLS: Final[tuple[AgentTool[Any], ...]] = (
    AgentTool("search_nodes", "Search node classes", SearchNodes, LOOKS, search_nodes),
    AgentTool("describe_node", "Describe node classes", DescribeNode, LOOKS, describe_nodes),
)
