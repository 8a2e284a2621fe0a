"""Values of Python as values of a prompt."""

from __future__ import annotations

import math
from typing import Any, Final

from ..errors import CompileError
from ..graph.prompt import wrapped
from ..input_file import InputFile
from ..json_types import is_array, is_object
from ..node import Node, is_output, place_of

MAX_NESTING: Final = 100
"""How deep a value may be nested. A real server's worker dies at some 600 levels."""


def wire_value(value: Any, node: Node, name: str) -> Any:
    """A value as it is in a prompt.

    A list is wrapped as ``{"__value__": […]}``, because a bare one would be read as a link. A
    file becomes the name that it has until it is uploaded (see `InputFile`). Numbers of NumPy and
    the like become plain ones.

    Args:
        value: What the node was given.
        node: That node, for messages.
        name: The input's wire name, for messages.

    Raises:
        CompileError: No prompt can hold it: NaN, infinity, an object that is not JSON.
    """
    plain = _plain(value, node, name, 0)
    return wrapped(plain)


def _plain(value: Any, node: Node, name: str, depth: int) -> Any:  # one line a kind
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _refused(node, name, f"{value} is not a number that JSON can hold")
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if depth >= MAX_NESTING:
        raise _refused(node, name, f"the value is nested more than {MAX_NESTING} levels deep")
    if is_output(value):
        raise _refused(
            node, name, "an output is inside a list or an object; only an input can take an output"
        )
    file = _file(value, node, name)
    if file is not None:
        return file
    if is_array(value):
        return [_plain(element, node, name, depth + 1) for element in value]
    if is_object(value):
        return {_key(key, node, name): _plain(held, node, name, depth + 1) for key, held in value.items()}
    scalar = getattr(value, "item", None)
    if callable(scalar) and getattr(value, "ndim", 0) == 0:
        return _plain(scalar(), node, name, depth + 1)
    hint = "; pass its path, or what its read() gives" if hasattr(value, "read") else ""
    raise _refused(node, name, f"{value!r:.60} ({type(value).__name__}) cannot be written as JSON{hint}")


def _file(value: object, node: Node, name: str) -> str | None:
    """How a prompt names a file that the node was given; None if it was given something else."""
    if is_array(value) or is_object(value):
        return None
    try:
        file = InputFile.of(value)
    except ValueError as error:
        raise _refused(node, name, str(error)) from None
    return None if file is None else file.reference


def _key(key: object, node: Node, name: str) -> str:
    if not isinstance(key, str):
        raise _refused(node, name, f"the key {key!r:.60} of an object is not a string")
    return key


def _refused(node: Node, name: str, why: str) -> CompileError:
    return CompileError(f"input {name!r} of {node._class_type}: {why}", place_of(node))
