"""The two clients take the same and promise the same: one by blocking, one to be awaited."""

from __future__ import annotations

import inspect
import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest

from comfyflow.client import AsyncClient, AsyncHandle, Client, Handle, Limits
from comfyflow.client.base import BaseClient

PAIRS = [(Client, AsyncClient), (Handle, AsyncHandle)]
RENAMED = [
    ("AsyncHandle", "Handle"),
    ("AsyncIterator", "Iterator"),
    ("AsyncBaseTransport", "BaseTransport"),
    ("AsyncConnectSocket", "ConnectSocket"),
]
"""The types that differ, and nothing but these."""

AWAITED_NOT = {
    "api_url",
    "events",
    "on",
    "once",
    "read_file",
    "register",
    "reset_cache",
    "save_file",
    "url_of",
    "use",
    "view_url",
}
"""What needs no network, or gives something to loop over."""


def public(owner: type) -> set[str]:
    return {name for name in dir(owner) if not name.startswith("_")}


def methods() -> list[tuple[type, type, str]]:
    return [
        (blocking, awaiting, name)
        for blocking, awaiting in PAIRS
        for name in sorted(public(blocking))
        if callable(getattr(blocking, name))
    ]


def shown(function: Callable[..., Any]) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    for awaited, blocked in RENAMED:
        text = text.replace(awaited, blocked)
    return text


@pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
def test_both_have_the_same_names(blocking: type, awaiting: type) -> None:
    assert public(blocking) == public(awaiting)


@pytest.mark.parametrize(("blocking", "awaiting", "name"), methods())
def test_signatures_are_the_same(blocking: type, awaiting: type, name: str) -> None:
    one, other = getattr(blocking, name), getattr(awaiting, name)
    assert shown(one) == shown(other)
    assert inspect.iscoroutinefunction(other) == (name not in AWAITED_NOT)
    assert not inspect.iscoroutinefunction(one)
    assert one.__doc__, f"{name} has no documentation"


@pytest.mark.parametrize(("blocking", "awaiting"), PAIRS)
def test_constructors_are_the_same(blocking: type, awaiting: type) -> None:
    assert shown(blocking.__init__) == shown(awaiting.__init__)


def test_parameters_are_those_of_the_flows() -> None:
    """What an editor and ``help()`` show of a route."""
    assert str(inspect.signature(Client.history)) == (
        "(self, *, max_items: 'int | None' = None, offset: 'int | None' = None) -> 'dict[str, HistoryEntry]'"
    )
    assert Client.history.__name__ == "history"
    assert (Client.view.__doc__ or "").startswith("The bytes of a file of the server.")


def test_common_parts_are_written_once() -> None:
    common = "url client_id connected register view_url url_of on once use registered api_url ws_url headers"
    for name in (*common.split(), "closed", "socket_error", "middleware", "reset_cache"):
        assert name in vars(BaseClient)
        assert name not in vars(Client) | vars(AsyncClient)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"basic": "ada:x"}, r"basic must be \(name, password\)"),
        ({"token": b"secret"}, "token must be a string, not bytes"),
        ({"headers": {"X-A": 3}}, "header X-A must be a string, not int"),
        ({"headers": 3}, "headers must be a mapping"),
        ({"limits": 3}, "limits must be a Limits"),
        ({"bounds": 3}, "bounds must be a Bounds"),
        ({"cache": "x"}, "cache must be a number of seconds"),
        ({"cache": 1j}, "cache must be a number of seconds"),
        ({"cache": math.nan}, "cache must be a number of seconds"),
        ({"headers": {"X": None}}, "header X must be a string"),
        ({"middleware": 3}, "middleware must be a list of functions"),
        (
            {"url": b"http://ada:secret@127.0.0.1"},
            r"a server's address must be a string like \S+, not bytes$",
        ),
    ],
)
def test_options_of_another_type_are_refused(options: dict[str, Any], told: str) -> None:
    """Before anything is sent; and a value that may be a secret is not repeated."""
    for client in (Client, AsyncClient):
        with pytest.raises(TypeError, match=told):
            client(**options)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("quiet", "x", TypeError),
        ("quiet", None, TypeError),
        ("retries", True, TypeError),
        ("retries", None, TypeError),
        ("retries", 2.5, TypeError),
        ("retries", -1, ValueError),
        ("answer", math.nan, TypeError),
        ("answer", 0, ValueError),
        ("connect", math.inf, ValueError),
        ("connect", 10**400, ValueError),
        ("connect", 3_000_000, ValueError),
        ("connect", 1j, TypeError),
        ("socket", None, TypeError),
        ("socket", -1, ValueError),
        ("backoff", None, TypeError),
        ("backoff", -1, ValueError),
        ("patience", -math.inf, ValueError),
        ("poll_most", 0, ValueError),
    ],
)
def test_limits_that_are_none_are_refused(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{name} of Limits must be"):
        Limits(**{name: value})


def test_a_limit_that_is_too_long_says_what_to_write() -> None:
    with pytest.raises(
        ValueError, match=r"at most 1,000,000 seconds, not inf; write 1000000 to wait as long"
    ):
        Limits(quiet=math.inf)
    Limits(**{each.name: 1_000_000 for each in fields(Limits)})


def test_limits_are_plain_numbers_whatever_they_are_given_as() -> None:
    np = pytest.importorskip("numpy")
    given: dict[str, Any] = {
        "connect": np.float32(2), "quiet": Fraction(1, 2), "answer": Decimal(9), "retries": np.int64(3),
        "backoff": 0, "socket": 0, "patience": math.inf, "history": math.inf,
    }  # fmt: skip
    limits = Limits(**given)
    for name, value in given.items():
        assert getattr(limits, name) == value
        assert type(getattr(limits, name)) is (int if name == "retries" else float)


@pytest.mark.parametrize("timeout", ["5", True, math.nan, 1j])
@pytest.mark.parametrize("call", ["connect", "events", "request"])
def test_a_timeout_that_is_no_number_is_refused(call: str, timeout: Any) -> None:
    given = ("GET", "/api/queue") if call == "request" else ()
    with Client("http://127.0.0.1:9") as client, pytest.raises(TypeError, match="timeout must be a number"):
        getattr(client, call)(*given, timeout=timeout)


@pytest.mark.parametrize("timeout", [0, -1, math.inf])
def test_a_request_has_some_time(timeout: float) -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ValueError, match="timeout must be"):
        client.request("GET", "/api/queue", timeout=timeout)


def test_options_that_are_nearly_of_their_type_are_taken() -> None:
    class Name(str):
        __slots__ = ()

    @dataclass(frozen=True)
    class Named(Limits):
        label: str = "slow"

    options: dict[str, Any] = {
        "basic": [Name("ada"), Name("x")],
        "headers": httpx.Headers({"X-A": "b"}),
        "limits": Named(connect=Decimal(1)),  # type: ignore[arg-type]
        "middleware": (each for each in ()),
        "proxy": httpx.URL("http://127.0.0.1:9"),
        "client_id": uuid.uuid4(),
        "cache": Decimal(3),
    }
    for name, value in options.items():
        Client("http://127.0.0.1:9", **{name: value}).close()
