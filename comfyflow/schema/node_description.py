"""A node class as people read it."""

from __future__ import annotations

import json
from typing import Any, Final

from .input_schema import MISSING, InputSchema
from .node_index import marks_of
from .node_schema import NodeSchema

SHOWN_CHOICES: Final = 12
"""How many choices of a list are shown."""


def describe_node(node: NodeSchema) -> str:
    """A node class for reading: inputs with types, ranges, defaults and choices, and outputs.

    Args:
        node: The class.
    """
    marks = marks_of(node)
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
