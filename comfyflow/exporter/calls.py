"""Which functions of Python made the nodes of a workflow, found by calling its function once more.

A node knows only the line that made it, which several calls of one function share. So the calls are watched
while the workflow is made again; nothing of that costs anything where nobody asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from ..node import Node
from ..workflows import Workflow

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
