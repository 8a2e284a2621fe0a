"""What the source of a workflow in Python says: sections, docstring, parameters, and calls of functions.

A node knows only the line that made it, which several calls of one function share. To know which function
made it, the calls are watched while the workflow is made again; that costs nothing unless it is requested.
"""

from __future__ import annotations

import inspect
import json
import linecache
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, TypeAlias

from ..graph import Graph, Note
from ..graph.canvas import NOWHERE
from ..layout import Section
from ..node import Node
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


_OWN: Final = str(Path(__file__).parents[1])
_RECIPES: Final = str(Path(_OWN, "recipes"))
_MAKE: Final = Node._make.__code__


@dataclass(eq=False)
class FunctionCall:
    """One call of a function that made nodes.

    Attributes:
        code: The function's code.
        name: The function's name.
        outer: The call that it was made in, or None.
        given: What its parameters were.
        origin: The code that called it, and the instruction, where that is a function of the user's.
        nodes: The nodes that it made itself.
    """

    code: CodeType
    name: str
    outer: FunctionCall | None
    given: Mapping[str, Any]
    origin: tuple[CodeType, int] | None
    nodes: list[Node] = field(default_factory=list[Node])


def called_again(workflow: Workflow[Any]) -> tuple[Workflow[Any], list[FunctionCall]] | None:
    """A workflow, made again, and the calls that made its nodes, outer ones first.

    Args:
        workflow: The workflow; None is given where it was made of nodes, and not by a function.
    """
    call = workflow._call
    if call is None:
        return None
    watch = _Watch()
    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        returned = call.function(*call.args, **call.kwargs)
    finally:
        sys.setprofile(before)
    made: Workflow[Any] = Workflow(returned)
    made._name = workflow.name
    made._call = call
    return made, watch.calls


class _Watch:
    """Notes who makes nodes. Frames are kept, so that no two have the same identity."""

    def __init__(self) -> None:
        self.calls: list[FunctionCall] = []
        self._known: dict[FrameType, FunctionCall] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_code is not _MAKE:
            return
        chain: list[FrameType] = []
        maker = frame.f_back  # the class's own constructor, or what is in its place
        caller = maker.f_back if maker is not None else None
        while caller is not None and caller.f_code is not _TOP:
            if _is_of_users(caller.f_code):
                chain.append(caller)
            caller = caller.f_back
        outer: FunctionCall | None = None
        for each in reversed(chain[:-1]):  # the last one is the workflow's own function
            outer = self._call(each, outer)
        if outer is not None:
            outer.nodes.append(frame.f_locals["self"])

    def _call(self, frame: FrameType, outer: FunctionCall | None) -> FunctionCall:
        known = self._known.get(frame)
        if known is None:
            code = frame.f_code
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            held = frame.f_locals
            given = {name: held[name] for name in names if name in held}
            caller = frame.f_back
            by_user = caller is not None and _is_of_users(caller.f_code)
            origin = (caller.f_code, caller.f_lasti) if caller is not None and by_user else None
            known = self._known[frame] = FunctionCall(code, code.co_name, outer, given, origin)
            self.calls.append(known)
        return known


_TOP: Final = called_again.__code__


def _is_of_users(code: CodeType) -> bool:
    """Whether it is a function that someone wrote to make nodes: no comprehension, and not ours."""
    if code.co_name.startswith("<"):
        return False
    file = code.co_filename
    return not file.startswith(_OWN) or file.startswith(_RECIPES)
