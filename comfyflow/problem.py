"""What is wrong with a graph, as a value.

A problem that comfyflow finds and one that a server returns are the same type and print the
same way.
"""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from types import CodeType
from typing import Any, ClassVar, Literal, NamedTuple

from .notebook import pretty_text
from .record import Record

Severity = Literal["error", "refusal", "warning", "note"]
"""How a problem counts.

``error``: the server would reject it. ``refusal``: the server would accept it and be damaged by
it, so comfyflow does not send it. ``warning``: the server would run it, but not as written.
``note``: nothing is known to go wrong. It is worth knowing anyway (a class is experimental, a
node is not needed), or it cannot be known from here.
"""


class Place(NamedTuple):
    """A line of the user's own source."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def source(self) -> str:
        """The text of the line, or ``""`` where the file cannot be read."""
        try:
            return linecache.getline(self.file, self.line).strip()
        except ValueError:  # no file can have that name
            return ""

    @classmethod
    def of(cls, code: CodeType, instruction: int) -> Place:
        """The place of one instruction of a code object.

        Args:
            code: The code object of the frame that made the call.
            instruction: The frame's ``f_lasti``. Kept instead of the line, because finding a
                line walks the function's line table: too slow to do for every node.
        """
        line = code.co_firstlineno
        for start, end, number in code.co_lines():
            if start <= instruction < end:
                line = number if number is not None else line
                break
        return cls(code.co_filename, line)


class Problem(Record):
    """One thing that is wrong, where it is, and what would be right.

    Attributes:
        type: ComfyUI's own word (``required_input_missing``, ``value_not_in_list``, …), or
            comfyflow's where the server has none (``unknown_link``, ``too_deep``, …).
        message: What happened, in one sentence.
        severity: See `Severity`.
        node_id: The node in the prompt, or None for a problem of the whole prompt.
        class_type: That node's class.
        input_name: The input's wire name, or ``""`` for a problem of the whole node.
        details: The server's ``details`` text, where it has one.
        suggestion: The nearest right value or name, ready to be shown.
        place: Where the user's source made the node.
        title: The node's title, for people.
        extra_info: What else the server tells (``received_value``, ``linked_node``, …).
    """

    type: str
    message: str
    severity: Severity
    node_id: str | None
    class_type: str | None
    input_name: str
    details: str
    suggestion: str | None
    place: Place | None
    title: str | None
    extra_info: Mapping[str, Any]

    _names: ClassVar[tuple[str, ...]] = (
        "type",
        "message",
        "severity",
        "node_id",
        "class_type",
        "input_name",
        "details",
        "suggestion",
        "place",
        "title",
        "extra_info",
    )
    _uncompared: ClassVar[frozenset[str]] = frozenset({"extra_info"})

    def __init__(
        self,
        type: str,  # noqa: A002  # the server's word
        message: str,
        severity: Severity = "error",
        node_id: str | None = None,
        class_type: str | None = None,
        input_name: str = "",
        details: str = "",
        suggestion: str | None = None,
        place: Place | None = None,
        title: str | None = None,
        extra_info: Mapping[str, Any] | None = None,
    ) -> None:
        self.__dict__.update(
            type=type,
            message=message,
            severity=severity,
            node_id=node_id,
            class_type=class_type,
            input_name=input_name,
            details=details,
            suggestion=suggestion,
            place=place,
            title=title,
            extra_info={} if extra_info is None else extra_info,
        )

    _repr_pretty_ = pretty_text

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place is not None else ""
        what = ""
        if self.node_id is not None or self.class_type is not None:
            what = self.class_type or "node"
            if self.node_id is not None:
                what = f"{what} #{self.node_id}"
            if self.title and self.title != self.class_type:
                what = f"{what} ({self.title!r})"
            if self.input_name:
                what = f"{what}, input {self.input_name!r}"
            what += ": "
        hint = f". {self.suggestion}" if self.suggestion else ""
        return f"{where}{self.severity}: {what}{self.message}{hint} [{self.type}]"

    def to_json(self) -> dict[str, Any]:
        """The problem as plain JSON values, for ``--format json``."""
        shown: dict[str, Any] = {
            "type": self.type,
            "input_name": self.input_name,
            "message": self.message,
            "severity": self.severity,
        }
        optional = {
            "details": self.details,
            "suggestion": self.suggestion,
            "file": self.place.file if self.place else None,
            "line": self.place.line if self.place else None,
        }
        shown.update({key: value for key, value in optional.items() if value})
        return shown


def left_out(class_type: str, reason: str) -> Problem:
    """That a node class of a server is left out of what is made of its /object_info.

    Args:
        class_type: The class, whatever it is called.
        reason: What is the matter with it.
    """
    return Problem("class_left_out", reason, "warning", class_type=class_type)
