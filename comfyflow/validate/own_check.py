"""The check that a node class makes itself, in its own Python.

A class may have a ``VALIDATE_INPUTS`` (V1) or ``validate_inputs`` (V3) method. The server then
leaves range and choices of the inputs that the method takes to it, calls it with what was given
(None for a link), and files whatever it answers but True under *every* input that it passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .server_error import Raised

FileCheck = Callable[[str], bool | None]
"""Whether a file is there, by the name in the prompt; None if unknown."""

Values = Mapping[str, Any]
Run = Callable[[Values, Mapping[str, Any], FileCheck], str | bool]
"""The method: the inputs that it is passed, the types of all links, and a look at the files."""


class OwnCheckError(Exception):
    """An exception that the method lets out."""

    def __init__(self, exception_type: str, message: str) -> None:
        super().__init__(message)
        self.raised: Final = Raised(exception_type, message)


class OwnCheck(NamedTuple):
    """One of these methods.

    Attributes:
        owner: The class that defines it, for Python's words about missing arguments.
        run: What it does: True, or what is wrong.
        needed: Parameters without a default.
        optional: Parameters with one.
        takes_all: It has ``**kwargs``: it is passed every input.
        takes_types: It takes ``input_types``, and the types of links are left to it.
        keeps_all: The class accepts inputs that it does not declare.
        method: Its name: V3 classes call it otherwise.
    """

    owner: str
    run: Run
    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    takes_all: bool = False
    takes_types: bool = False
    keeps_all: bool = False
    method: str = "VALIDATE_INPUTS"

    def takes(self, name: str) -> bool:
        """Whether the method is passed this input."""
        return self.takes_all or name in self.needed or name in self.optional

    def missing(self, values: Values) -> Raised | None:
        """What Python raises where arguments are missing, or None."""
        names = [repr(name) for name in self.needed if name not in values]
        if not names:
            return None
        *first, last = names
        between = ", and " if len(first) > 1 else " and "
        listed = f"{', '.join(first)}{between}{last}" if first else last
        what = "arguments" if first else "argument"
        text = f"{self.owner}.{self.method}() missing {len(names)} required positional {what}: {listed}"
        return Raised("TypeError", text)
