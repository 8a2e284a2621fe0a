"""Inputs that a pack's node gets while one works on it, as far as its /object_info tells.

The pack's JavaScript adds them in the editor. The server passes on what is linked under any name,
and constants to classes that say they take every name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..json_types import is_array, is_object
from .input_schema import InputSchema, malformed, read_inputs
from .node_schema import NodeSchema

_NUMBERED: Final = re.compile(r"(.*?\D)([01]|0[1-9]|[1-9][0-9]{0,3})")
_COUNT: Final = "inputcount"
_FORMATS: Final = "formats"


@dataclass(frozen=True)
class Series:
    """Inputs that are counted: ``image_1``, ``image_2``, ….

    Attributes:
        prefix: What stands before the number.
        first: The first of those that a user may add.
        digits: How many digits a number has at least.
        entry: What each takes; it need not be given.
    """

    prefix: str
    first: int
    digits: int
    entry: InputSchema

    def name(self, number: int) -> str:
        """The name of one."""
        return f"{self.prefix}{number:0{self.digits}}"

    def holds(self, name: str) -> bool:
        """Whether an input of this name belongs to those that may be added."""
        found = _NUMBERED.fullmatch(name)
        return (
            found is not None
            and found[1] == self.prefix
            and int(found[2]) >= self.first
            and name == self.name(int(found[2]))
        )


def series_of(node: NodeSchema) -> tuple[Series, ...]:
    """The counted inputs of a pack's class of which a user can add more.

    Such are all links of a class with an ``inputcount`` (KJNodes), and those whose first is
    declared alone (``image1``; Impact Pack), in any case only where it takes a link: the name of a
    widget that ends in a number tells nothing.

    Args:
        node: The class.
    """
    if not node.of_pack:
        return ()
    known = _KNOWN.get(node.class_type)
    if known is not None:
        return (known,)
    return tuple(_declared(node))


def _declared(node: NodeSchema) -> Iterator[Series]:
    found: dict[str, list[tuple[str, InputSchema]]] = {}
    for entry in node.inputs:
        parts = _NUMBERED.fullmatch(entry.name)
        if parts is not None and not entry.is_dynamic:
            found.setdefault(parts[1], []).append((parts[2], entry))
    counted = _COUNT in node.by_name
    for prefix, members in found.items():
        digits, entry = members[0]
        last = int(members[-1][0])
        if int(digits) == 1 and (counted or (last == 1 and not entry.is_widget)):
            more = replace(entry, name=f"{prefix}{digits}", required=False)
            yield Series(prefix, last + 1, len(digits), more)


def brought_inputs(node: NodeSchema) -> tuple[InputSchema, ...]:
    """The inputs that the choices of a combo bring, by its option ``formats`` (VideoHelperSuite).

    An input that several choices bring is there once for each different definition. None of them
    need be given.

    Args:
        node: The class.
    """
    if not node.of_pack:
        return ()
    found: dict[tuple[str, str], InputSchema] = {}
    for entry in node.inputs:
        formats = entry.options.get(_FORMATS)
        if not entry.is_combo or not is_object(formats):
            continue
        for brought in formats.values():
            for read in _read(brought):
                if read.name not in node.by_name:
                    found.setdefault((read.name, repr(read)), read)
    return tuple(found.values())


def _read(brought: object) -> Iterator[InputSchema]:
    for row in brought if is_array(brought) else ():
        if is_array(row) and len(row) > 1 and isinstance(row[0], str) and row[0]:
            definition = [row[1], *([row[2]] if len(row) > 2 and is_object(row[2]) else [])]
            if malformed(definition) is None:
                yield from read_inputs({"optional": {row[0]: definition}})


_KNOWN: Final = {
    "Any Switch (rgthree)": Series("any_", 1, 2, InputSchema("any_01", "*", False)),
    **{
        name: Series("ctx_", 1, 2, InputSchema("ctx_01", "RGTHREE_CONTEXT", False))
        for name in (
            "Context Merge (rgthree)",
            "Context Merge Big (rgthree)",
            "Context Switch (rgthree)",
            "Context Switch Big (rgthree)",
        )
    },
}
"""Classes whose INPUT_TYPES say nothing, and take every name: what the editor calls their inputs."""
