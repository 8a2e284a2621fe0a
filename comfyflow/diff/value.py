"""Values of a prompt in a normal form: equal exactly where a server takes them for the same.

1 and 1.0 are the same number, true is not a number, and ``{"__value__": x}`` is x: the server
unwraps it once. Only around a list it makes a difference, because a bare list would be a link.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import PromptError
from ..graph.prompt import is_wrapped, unwrapped
from ..json_types import is_array, is_object


class _Literal(str):
    """A piece of a key that is written as it is."""

    __slots__ = ()


def value_key(value: Any) -> str:
    """The normal form of an input's value, as a string.

    Args:
        value: A value as it is in a prompt; no `Link`.

    Raises:
        PromptError: It is nothing that JSON can hold.
    """
    if type(value) is str:
        return f"s{len(value)}:{value}"
    if is_wrapped(value):
        inner = unwrapped(value)
        return f"w{_nested(inner)}" if is_array(inner) else value_key_unwrapped(inner)
    return value_key_unwrapped(value)


def value_key_unwrapped(value: Any) -> str:
    """The normal form of a value that is inside another, where nothing is unwrapped."""
    return _nested(value) if is_array(value) or is_object(value) else _scalar(value)


def _nested(value: Any) -> str:
    """The key of a list or an object; without recursion, whatever its depth."""
    parts: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is _Literal:
            parts.append(item)
        elif is_array(item):
            parts.append(f"[{len(item)}:")
            waiting.extend(reversed(item))
        elif is_object(item):
            parts.append(f"{{{len(item)}:")
            for key in sorted(item, reverse=True):
                waiting.append(item[key])
                waiting.append(_Literal(_scalar(key)))
        else:
            parts.append(_scalar(item))
    return "".join(parts)


def _scalar(value: Any) -> str:
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return f"i{value:x};"
    if isinstance(value, float):
        if math.isfinite(value):
            return f"i{int(value):x};" if value.is_integer() else f"d{value.hex()};"
        return f"d{value};"
    if isinstance(value, str):
        return f"s{len(value)}:{value}"
    raise PromptError(f"{value!r:.60} ({type(value).__name__}) cannot be held by a prompt")
