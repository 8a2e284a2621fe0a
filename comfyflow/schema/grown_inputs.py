"""Inputs that a pack's node gets while one works on it, as far as its /object_info tells.

The pack's JavaScript adds them in the editor. The server passes on what is linked under any name,
and constants to classes that say they take every name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple

from ..json_types import is_array, is_object
from ..record import replace
from .input_schema import InputSchema, malformed, read_inputs

_NUMBERED: Final = re.compile(r"(.*?\D)([01]|0[1-9]|[1-9][0-9]{0,3})")
_ARGUMENTS: Final = 24
"""The last of a series that has its own argument: more are rare, and are given as extra."""

_COUNT: Final = "inputcount"
_FORMATS: Final = "formats"


class Series(NamedTuple):
    """Inputs that are counted: ``image_1``, ``image_2``, ….

    Attributes:
        prefix: What is before the number.
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

    def members(self) -> Iterator[InputSchema]:
        """Those that a generated class has arguments for."""
        for number in range(self.first, _ARGUMENTS + 1):
            yield replace(self.entry, name=self.name(number))

    def holds(self, name: str) -> bool:
        """Whether an input of this name belongs to those that may be added."""
        found = _NUMBERED.fullmatch(name)
        return (
            found is not None
            and found[1] == self.prefix
            and int(found[2]) >= self.first
            and name == self.name(int(found[2]))
        )


def series_of(class_type: str, inputs: Sequence[InputSchema]) -> tuple[Series, ...]:
    """The counted inputs of a pack's class of which a user can add more.

    These are inputs of a class with an ``inputcount`` (KJNodes), and links of which the first is
    declared alone (``image1``; Impact Pack): the name of a widget that ends in 1 tells nothing.

    Args:
        class_type: The class.
        inputs: The inputs that it declares.
    """
    known = _KNOWN.get(class_type)
    return (known,) if known is not None else tuple(_declared(inputs))


def _declared(inputs: Sequence[InputSchema]) -> Iterator[Series]:
    found: dict[str, list[tuple[str, InputSchema]]] = {}
    for entry in inputs:
        parts = _NUMBERED.fullmatch(entry.name)
        if parts is not None and not entry.is_dynamic:
            found.setdefault(parts[1], []).append((parts[2], entry))
    counted = any(entry.name == _COUNT for entry in inputs)
    for prefix, members in found.items():
        digits, entry = members[0]
        last = int(members[-1][0])
        if int(digits) == 1 and (counted or (last == 1 and not entry.is_widget)):
            yield Series(prefix, last + 1, len(digits), replace(entry, required=False))


def brought_inputs(inputs: Sequence[InputSchema]) -> tuple[InputSchema, ...]:
    """The inputs that the choices of a combo bring, by its option ``formats`` (VideoHelperSuite).

    An input that several choices bring is there once for each different definition. None of them
    need be given, and none has a default: each choice has its own.

    Args:
        inputs: The inputs that a pack's class declares.
    """
    declared = {entry.name for entry in inputs}
    found: dict[tuple[str, str], InputSchema] = {}
    for entry in inputs:
        formats = entry.options.get(_FORMATS)
        if not entry.is_combo or not is_object(formats):
            continue
        for read in chain.from_iterable(map(_read, formats.values())):
            if read.name not in declared and not read.is_dynamic:
                options = {name: value for name, value in read.options.items() if name != "default"}
                alone = replace(read, options=options)
                found.setdefault((read.name, repr(alone)), alone)
    return tuple(found.values())


def _read(brought: object) -> Iterator[InputSchema]:
    for row in brought if is_array(brought) else ():
        if is_array(row) and len(row) > 1 and isinstance(row[0], str) and row[0]:
            definition = [row[1], *([row[2]] if len(row) > 2 and is_object(row[2]) else [])]
            if malformed(definition) is None:
                yield from read_inputs({"optional": {row[0]: definition}})


_CONTEXTS: Final = (
    "Context Merge (rgthree)",
    "Context Merge Big (rgthree)",
    "Context Switch (rgthree)",
    "Context Switch Big (rgthree)",
)

TAKING_ALL: Final = frozenset(
    {
        *_CONTEXTS,
        "Any Switch (rgthree)",
        "Image or Latent Size (rgthree)",
        "Power Lora Loader (rgthree)",
        "Power Primitive (rgthree)",
        "Power Puter (rgthree)",
        "VHS_VideoCombine",
    }
)
"""Classes whose INPUT_TYPES have a dictionary that contains every name."""

_KNOWN: Final = {
    "Any Switch (rgthree)": Series("any_", 1, 2, InputSchema("any_01", "*", False)),
    **{name: Series("ctx_", 1, 2, InputSchema("ctx_01", "RGTHREE_CONTEXT", False)) for name in _CONTEXTS},
}
"""Those of them whose inputs the editor counts."""
