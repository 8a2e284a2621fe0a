"""``comfyflow nodes``: find a node class, or look at one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import PROBLEMS
from .options import given_schema, reference_schema, schema_options
from .plain_text import say

if TYPE_CHECKING:
    from ..schema import InputSchema, NodeSchema, Schema

SHOWN_CHOICES = 12
"""How many choices of a list are printed."""


@click.command("nodes")
@click.argument("words", metavar="[NAME | WORDS...]", nargs=-1)
@schema_options
def nodes(words: tuple[str, ...], object_info: Path | None, server: str | None, stubs: str | None) -> None:
    """Search the node classes of a server, or show one of them."""
    given = given_schema(server, object_info, stubs)
    schema = given if given is not None else reference_schema()
    if len(words) == 1 and words[0] in schema:
        say(describe_node(schema[words[0]]))
        say(schema, err=True)
        return
    found = search_nodes(schema, words)
    for node in found:
        say(f"{node.class_type:<40} {node.display_name} ({node.category})")
    if not found:
        near = schema.nearest(" ".join(words))
        hint = f"; the nearest class is {near}" if near else ""
        say(f"no node class matches {' '.join(words)!r}{hint}", err=True)
    say(schema, err=True)
    if not found:
        raise click.exceptions.Exit(PROBLEMS)


def search_nodes(schema: Schema, words: Sequence[str]) -> list[NodeSchema]:
    """The node classes that have every word in their name, title, category or aliases.

    Those with the words in the class name or the title come first.
    """
    lowered = [word.lower() for word in words]

    def text(node: NodeSchema) -> str:
        return " ".join([_names(node), node.category, *node.search_aliases]).lower()

    found = [node for node in schema.values() if all(word in text(node) for word in lowered)]
    return sorted(found, key=lambda node: (not all(w in _names(node) for w in lowered), node.class_type))


def describe_node(node: NodeSchema) -> str:
    """A node class for reading: inputs with types, ranges, defaults and choices, and outputs."""
    marks = [
        word
        for word, holds in (
            ("output node", node.is_output_node),
            ("deprecated", node.deprecated),
            ("experimental", node.experimental),
            ("paid API node", node.api_node),
        )
        if holds
    ]
    lines = [
        f"{node.class_type}: {node.display_name} ({node.category})"
        + (f" [{', '.join(marks)}]" if marks else "")
    ]
    lines.append(f"  from {node.python_module}")
    if node.description:
        lines.append(f"  {node.description}")
    lines.append("inputs:" if node.inputs else "inputs: none")
    lines.extend(_input_lines(node.inputs, "  "))
    lines.append("outputs:" if node.outputs else "outputs: none")
    lines.extend(
        f"  {output.index}  {output.name}: {output.type}" + (" (a list)" if output.is_list else "")
        for output in node.outputs
    )
    return "\n".join(lines)


def _names(node: NodeSchema) -> str:
    return f"{node.class_type} {node.display_name}".lower()


def _input_lines(inputs: tuple[InputSchema, ...], indent: str) -> list[str]:
    lines: list[str] = []
    for entry in inputs:
        lines.append(f"{indent}{entry.name}: {_described(entry)}")
        for part, inner in entry.dynamic.parts() if entry.dynamic is not None else ():
            if entry.autogrow is not None:
                lines.extend(f"{indent}  {part}: {_described(slot)}" for slot in inner)
            else:
                lines.append(f"{indent}  {part}" + (":" if inner else ""))
                lines.extend(_input_lines(inner, f"{indent}    "))
    return lines


def _described(entry: InputSchema) -> str:
    from ..schema import MISSING

    parts = [entry.type]
    if not entry.required:
        parts.append("optional")
    if entry.default is not MISSING:
        parts.append(f"default {_json(entry.default)}")
    if entry.minimum is not None or entry.maximum is not None:
        parts.append(f"{_bound(entry.minimum)} to {_bound(entry.maximum)}")
    if entry.choices is not None:
        shown = ", ".join(_json(choice) for choice in entry.choices[:SHOWN_CHOICES])
        more = len(entry.choices) - SHOWN_CHOICES
        parts.append(
            f"one of {shown}" + (f", … ({more} more)" if more > 0 else "") if shown else "no choices"
        )
    return ", ".join(parts)


def _bound(value: float | None) -> str:
    return "…" if value is None else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
