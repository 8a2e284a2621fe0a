"""The nearest right name in Python's own error of an argument that a node class does not take.

Python names one itself since 3.13, and only for functions; before, it names the wrong one alone.
Looked at only when the error was raised, so that making a node costs nothing for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from .dynamic_input import DynamicValue
from .nearest import nearest
from .node import Node

_UNEXPECTED: Final = re.compile(r"(?P<owner>[\w.<>]+)\(\) got an unexpected keyword argument '(?P<name>\w+)'")

_INIT: Final = ".__init__"


def name_nearest(error: TypeError, function: Callable[..., Any] | None = None) -> None:
    """Add the nearest argument to the error of a function or a node class that was given one that it has not.

    Args:
        error: Any TypeError; one of something else, or one that names the nearest, stays as it is.
        function: The function that was called, if it is known.
    """
    found = _UNEXPECTED.fullmatch(str(error.args[0])) if error.args else None
    if found is None:
        return
    owner = found["owner"]
    if function is not None and owner == getattr(function, "__qualname__", None):
        names = set(_arguments(function))
    else:
        classes = _classes_called(owner.removesuffix(_INIT)) if owner.endswith(_INIT) else ()
        names = {name for each in classes for name in _arguments(each)}
    near = nearest(found["name"], sorted(names))
    if near is not None:
        error.args = (f"{error.args[0]}. Did you mean {near!r}?", *error.args[1:])
    elif names:
        error.args = (f"{error.args[0]}. Valid arguments: {', '.join(sorted(names)[:20])}", *error.args[1:])


def _classes_called(name: str) -> Iterator[type[Any]]:
    """The generated classes of that name, in whatever package they are."""
    waiting: list[type[Any]] = [Node, DynamicValue]
    while waiting:
        for owner in waiting.pop().__subclasses__():
            waiting.append(owner)
            if owner.__qualname__ == name:
                yield owner


def _arguments(called: Callable[..., Any]) -> Iterator[str]:
    import inspect  # an error needs it, a graph does not

    for name, parameter in inspect.signature(called).parameters.items():
        if parameter.kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            yield name
