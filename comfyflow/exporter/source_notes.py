"""What the source of a workflow in Python says to people: its sections, its docstring, its parameters."""

from __future__ import annotations

import inspect
import json
import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType
from typing import Any, Final, TypeAlias

from ..graph import Graph, Note
from ..graph.canvas import NOWHERE
from ..layout import Section
from ..problem import Place
from ..workflows import Workflow

_HEADING: Final = re.compile(r"\s*# -{2,} (?!Note: )(\S.*?) -{2,}\s*")
"""A comment that says what follows, as `to_python` writes it too."""

_MOST_SHOWN: Final = 200


Origin: TypeAlias = "tuple[CodeType, int]"
"""Where something was made or called: a code object, and an instruction."""


@dataclass(frozen=True)
class Told:
    """What is kept about a graph beside it.

    Attributes:
        notes: Notes for its canvas.
        sections: Whether the sections of its source become groups.
        calls: Where the function of each scope was called, by the scope's id.
    """

    notes: tuple[Note, ...] = ()
    sections: bool = False
    calls: Mapping[str, Origin] = field(default_factory=dict[str, Origin])


NOTHING: Final = Told()


def told_by(workflow: Workflow[Any] | None) -> Told:
    """What a workflow in Python tells; nothing where it is not one."""
    if workflow is None:
        return NOTHING
    return Told(tuple(_notes(workflow)), sections=True)


def sections_of(graph: Graph, told: Told) -> list[Section]:
    """The sections of the source: what is under one heading, by scope."""
    if not told.sections:
        return []
    made = [(node.scope, node_id, node.origin) for node_id, node in graph.items()]
    made += [(scope.outer, key, told.calls.get(key)) for key, scope in graph.scopes.items()]
    found: dict[tuple[str, str, int], tuple[str, list[str]]] = {}
    for scope_id, member, origin in made:
        heading = _heading(origin) if origin is not None and not isinstance(origin, Place) else None
        if heading is not None:
            file, line, title = heading
            found.setdefault((scope_id, file, line), (title, []))[1].append(member)
    return [Section(title, members, scope) for (scope, _, _), (title, members) in found.items()]


def _heading(origin: Origin) -> tuple[str, int, str] | None:
    """The file, line and title of the heading that a line is under, within its function."""
    code = origin[0]
    headings = _headings(code.co_filename, code)
    if not headings:
        return None
    line = Place.of(*origin).line
    above = [held for held in headings if held[0] < line]
    return (code.co_filename, *above[-1]) if above else None


@lru_cache(maxsize=64)
def _headings(file: str, code: CodeType) -> tuple[tuple[int, str], ...]:
    """The headings in a function, by line."""
    last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
    lines = linecache.getlines(file)[code.co_firstlineno - 1 : last]
    found = ((number, _HEADING.fullmatch(line)) for number, line in enumerate(lines, code.co_firstlineno))
    return tuple((number, match[1]) for number, match in found if match is not None)


def _notes(workflow: Workflow[Any]) -> Iterator[Note]:
    call = workflow._call
    if call is None:
        return
    text = inspect.getdoc(call.function) or ""
    rows = [f"- **{name}**: {_shown(value)}" for name, value in _arguments(call.function, call).items()]
    told = "\n\n".join(part for part in (text, "\n".join(rows)) if part)
    if told:
        yield Note(told, workflow.name or None, NOWHERE, markdown=True)


def _arguments(function: Any, call: Any) -> Mapping[str, Any]:
    try:
        bound = _signature(function).bind(*call.args, **call.kwargs)
    except (TypeError, ValueError):
        return {}
    bound.apply_defaults()
    return bound.arguments


@lru_cache(maxsize=64)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _shown(value: object) -> str:
    """A parameter's value, as far as it is plain; of a file or a node only what kind it is."""
    if isinstance(value, (str, int, float, type(None))):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
    return type(value).__name__
