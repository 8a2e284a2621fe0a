"""JSON values as JavaScript sees them, where the editor's result depends on it.

The editor reads a workflow into JavaScript numbers and strings, so a seed above 2**53 loses digits, `8.0`
and `8` are one, and a number put into a text field becomes its text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

from ..errors import ConversionError
from ..json_types import is_array, is_object

MAX_SAFE_INTEGER: Final = 2**53
"""Integers up to this one are exact in JavaScript."""

MAX_DEPTH: Final = 200
"""How deep objects and lists may be in one another in a widget's value."""

MAX_VALUES: Final = 1_000_000
"""How many values one widget's value may hold."""

_LEAST_WRITTEN_AS_POWER: Final = 1e21
_LONGEST_INTEGER: Final = 512
_SHOWN: Final = 60


class Undefined:
    """JavaScript's ``undefined``: a value that was never given. JSON has no word for it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined()


def js_text(value: object, depth: int = 0) -> str:
    """What ``String(value)`` gives (of lists nested deeper than `MAX_DEPTH`: nothing)."""
    if type(value) is str:
        return value
    if type(value) is int and -MAX_SAFE_INTEGER < value < MAX_SAFE_INTEGER:
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number_text(value)
    if is_array(value):
        if depth > MAX_DEPTH:
            return ""
        return ",".join("" if item is None else js_text(item, depth + 1) for item in value)
    return "undefined" if isinstance(value, Undefined) else "[object Object]"


def js_number(value: object) -> float:
    """What ``Number(value)`` gives; NaN where it is not one."""
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value is None:
        return 0.0
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return 0.0
        try:
            return float(text) if "_" not in text else math.nan
        except ValueError:
            return math.nan
    return math.nan


def js_length(text: str) -> int:
    """What ``text.length`` gives: characters beyond the first 65,536 count twice."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def js_round(value: float) -> float:
    """What ``Math.round(value)`` gives: halves go up."""
    return math.floor(value + 0.5) if math.isfinite(value) else value


def truthy(value: object) -> bool:
    """Whether JavaScript takes the value for true: empty lists and objects are."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value) or is_array(value) or is_object(value)


def loses_digits(value: object) -> bool:
    """Whether it is an integer that JavaScript cannot hold exactly."""
    if type(value) is not int or -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        return False
    return bool(json_value(value) != value)


def json_value(value: Any, *, exact: bool = False) -> Any:
    """The value as the editor would write it into the prompt's JSON.

    Args:
        value: JSON, or `UNDEFINED`, which becomes null.
        exact: Leave an integer as it is, even if JavaScript could not hold it.

    Raises:
        ConversionError: It is not JSON, or too deep or too large to be one.
    """
    kind = cast("type[object]", type(value))
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        small = -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
        return (
            value if small or (exact and value.bit_length() <= _LONGEST_INTEGER) else _rounded_integer(value)
        )
    if kind is float:
        return _written_float(value)
    if value is UNDEFINED:
        return None
    if isinstance(value, (list, tuple, Mapping)):
        return _copied(value)
    if isinstance(value, (str, bool, int, float)):
        return json_value(_plain(value))
    raise ConversionError(f"a value is not JSON: {shown_json(value)}")


def shown_json(value: object) -> str:
    """A value of an untrusted file for a message: short, whatever it is."""
    if is_array(value):
        return "a list"
    if is_object(value):
        return "an object"
    if type(value) is int and value.bit_length() > _LONGEST_INTEGER:
        return "a very large integer"
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _plain(value: object) -> Any:
    """The built-in value of an object of a subclass (an enum, a numpy scalar)."""
    for base in (str, bool, int, float):
        if isinstance(value, base):
            return base(value)
    return value


def _copied(value: Any) -> Any:
    """A copy, made without recursion: the depth of a workflow file is not ours to trust."""
    root: list[Any] = [None]
    work: list[tuple[Any, Any, Any, int]] = [(value, root, 0, 0)]
    budget = MAX_VALUES
    while work:
        source, target, key, depth = work.pop()
        budget -= 1
        if depth > MAX_DEPTH or budget < 0:
            raise ConversionError("a widget's value is too deeply nested or too large")
        if is_object(source):
            made: Any = {}
            target[key] = made
            for name, item in source.items():
                made[js_text(name)] = None
                work.append((item, made, js_text(name), depth + 1))
        elif is_array(source):
            made = [None] * len(source)
            target[key] = made
            work.extend((item, made, index, depth + 1) for index, item in enumerate(source))
        else:
            target[key] = json_value(source)
    return root[0]


def _rounded_integer(value: int) -> Any:
    try:
        near = float(value)
    except OverflowError:
        return None
    return _written_float(near)


def _written_float(value: float) -> Any:
    if not math.isfinite(value):
        return None
    if abs(value) >= _LEAST_WRITTEN_AS_POWER or not value.is_integer():
        return value
    return int(value) if abs(value) <= MAX_SAFE_INTEGER else int(Decimal(repr(value)))


def _number_text(value: float) -> str:
    if value != value:
        return "NaN"
    number = json_value(value)
    if number is None:
        return "Infinity" if value > 0 else "-Infinity"
    if isinstance(number, int):
        return str(number)
    text = repr(number)
    if "e" not in text:
        return text
    mantissa, _, power = text.partition("e")
    if -7 < int(power) < 0:
        return format(Decimal(text), "f")
    sign = "-" if power[0] == "-" else "+"
    return f"{mantissa.removesuffix('.0')}e{sign}{power.lstrip('+-').lstrip('0')}"
