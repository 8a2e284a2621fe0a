"""Numbers that people give: checked and converted at once, so that nothing fails because of them later."""

from __future__ import annotations

import math
import operator
from numbers import Complex, Number, Real
from typing import Any, Final

LONGEST: Final = 1_000_000.0
"""The most seconds that are waited for at once, 11 days; systems count milliseconds in 31 bits."""


def read_seconds(value: object, name: str, *, zero: bool = True, endless: bool = False) -> float:
    """A number of seconds, as a float.

    Args:
        value: What was given.
        name: What it is, to begin the error with: ``connect of Limits``.
        zero: Whether it may be 0.
        endless: Whether it may be ``inf``, which means no limit, or very large.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative, 0 or too large.
    """
    seconds = _as_float(value)
    if seconds != seconds:  # NaN
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if seconds < 0 or (seconds == 0 and not zero):
        raise ValueError(f"{name} must be {'at least' if zero else 'more than'} 0 seconds, not {value!r}")
    if seconds > LONGEST and not endless:
        raise ValueError(
            f"{name} must be at most {LONGEST:,.0f} seconds, not {value!r:.100}; "
            f"write {LONGEST:.0f} to wait as long as possible"
        )
    return seconds


def read_timeout(value: object) -> float | None:
    """A time limit in seconds; None for no limit.

    Args:
        value: What was given. None and ``inf`` mean no limit; if it is negative, the time is up.

    Raises:
        TypeError: It is not a number.
    """
    seconds = math.inf if value is None else _as_float(value)
    if seconds != seconds:  # NaN
        raise TypeError(f"timeout must be a number of seconds or None, not {value!r}")
    return None if seconds == math.inf else seconds


def read_count(value: Any, name: str, what: str = "a whole number", *, least: int | None = 0) -> int:
    """A whole number.

    Args:
        value: What was given.
        name: What it is, to begin the error with: ``retries of Limits``.
        what: What is expected.
        least: The least it may be; None for any.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is too small.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, not {value!r:.100}") from None
    if least is not None and count < least:
        raise ValueError(f"{name} must be at least {least}, not {value!r}")
    return count


def _as_float(value: Any) -> float:
    """A number as a float; NaN for anything else."""
    # A Decimal is a Number, but neither Real nor Complex.
    is_number = isinstance(value, Real) or (isinstance(value, Number) and not isinstance(value, Complex))
    if not is_number or isinstance(value, bool):
        return math.nan
    given: Any = value
    try:
        return float(given)
    except OverflowError:  # a whole number with hundreds of digits
        return math.inf if given > 0 else -math.inf
    except (TypeError, ValueError):  # a duration of NumPy, a signaling NaN
        return math.nan
