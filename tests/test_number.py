"""Numbers that people give are converted, or refused with what is expected."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from comfyflow.number import read_count, read_seconds, read_timeout


@pytest.mark.parametrize("given", [0, 2, 2.5, Fraction(5, 2), Decimal("2.5"), 1_000_000])
def test_seconds_are_a_float(given: Any) -> None:
    found = read_seconds(given, "x")
    assert type(found) is float
    assert found == given


@pytest.mark.parametrize("given", ["2", None, True, 1j, math.nan, Decimal("NaN"), [1]])
def test_what_is_no_number_of_seconds_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="x must be a number of seconds, not "):
        read_seconds(given, "x")


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        (-1, {}, "x must be at least 0 seconds, not -1$"),
        (0, {"zero": False}, "x must be more than 0 seconds, not 0$"),
        (
            math.inf,
            {},
            "x must be at most 1,000,000 seconds, not inf; write 1000000 to wait as long as possible$",
        ),
        (-math.inf, {"endless": True}, "x must be at least 0 seconds, not -inf$"),
    ],
)
def test_seconds_that_cannot_be_waited_are_refused(given: Any, options: dict[str, bool], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_seconds(given, "x", **options)
    assert read_seconds(math.inf, "x", endless=True) == math.inf


def test_a_timeout_may_be_endless_or_over() -> None:
    assert read_timeout(None) is None
    assert read_timeout(math.inf) is None
    assert read_timeout(10**400) is None
    assert read_timeout(-math.inf) == -math.inf
    found = read_timeout(Fraction(5))
    assert (type(found), found) == (float, 5.0)


@pytest.mark.parametrize("given", ["5", False, math.nan, 1j])
def test_a_timeout_that_is_no_number_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="timeout must be a number of seconds or None, not "):
        read_timeout(given)


def test_counts_are_whole_numbers() -> None:
    class Index:
        def __index__(self) -> int:
            return 3

    assert read_count(Index(), "x") == 3
    assert read_count(-1, "x", least=None) == -1
    for wrong in (2.0, "2", None, True):
        with pytest.raises(TypeError, match=f"x must be a whole number, not {wrong!r}"):
            read_count(wrong, "x")
    with pytest.raises(ValueError, match="x must be at least 1, not 0"):
        read_count(0, "x", least=1)
