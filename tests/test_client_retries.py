"""Requests that are repeated, and the pauses between them; in virtual time."""

from __future__ import annotations

import dataclasses

import pytest

from comfyflow.client.core import call
from comfyflow.client.flow import Answer, Request
from comfyflow.client_options import Limits
from comfyflow.errors import ServerError, ServerUnreachable
from tests.flows import World, answer, sequence

GET = Request("GET", "/api/system_stats")
POST = Request("POST", "/api/prompt", repeatable=False)
QUICK = Limits(backoff=0.01, backoff_most=0.02)


def busy(retry_after: str | None, status: int = 503) -> Answer:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return dataclasses.replace(answer({}, status), headers=headers)


@pytest.mark.parametrize(("said", "least", "most"), [("7", 7, 8), ("60", 60, 61), ("3600", 60, 61)])
def test_a_plain_call_waits_as_long_as_the_server_asks_but_no_more_than_a_minute(
    said: str, least: float, most: float
) -> None:
    world = World(sequence(busy(said), answer({"ok": True})), QUICK)
    assert world.drive(call(world.core, GET)).ok
    assert least <= world.now < most


@pytest.mark.parametrize("said", [None, "0", "-5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_plain_call_makes_its_own_pause_where_the_server_asks_for_none(said: str | None) -> None:
    world = World(sequence(busy(said), answer({})), Limits(backoff=2.0))
    world.drive(call(world.core, GET))
    assert 1 <= world.now < 3


def test_the_server_s_wish_does_not_shorten_a_pause() -> None:
    world = World(sequence(busy("1"), answer({})), Limits(backoff=20.0, backoff_most=20.0))
    world.drive(call(world.core, GET))
    assert world.now >= 10


def test_pauses_double_up_to_the_longest() -> None:
    world = World(sequence(*[busy(None)] * 9, answer({})), Limits(backoff=1.0, backoff_most=8.0, retries=9))
    world.core.random.uniform = lambda low, high: high  # type: ignore[method-assign]  # no jitter
    world.drive(call(world.core, GET))
    assert world.now == pytest.approx(1 + 2 + 4 + 8 * 6, abs=0.1)


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_a_call_is_repeated_so_often_and_not_once_more(retries: int) -> None:
    world = World(sequence(*[busy(None)] * retries, answer({})), Limits(retries=retries, backoff=0.01))
    assert world.drive(call(world.core, GET)).ok
    world = World(sequence(*[busy(None)] * (retries + 1)), Limits(retries=retries, backoff=0.01))
    with pytest.raises(ServerError, match="503"):
        world.drive(call(world.core, GET))
    assert len(world.requests) == retries + 1


@pytest.mark.parametrize(
    ("status", "again"),
    [(400, False), (404, False), (408, True), (425, True), (429, True), (500, True), (501, False),
     (502, True), (503, True), (505, False)],
)  # fmt: skip
def test_only_what_may_pass_is_asked_again(status: int, again: bool) -> None:
    world = World(sequence(answer({}, status), answer({})), QUICK)
    if again:
        assert world.drive(call(world.core, GET)).ok
    else:
        with pytest.raises(ServerError, match=str(status)):
            world.drive(call(world.core, GET))
    assert len(world.requests) == 1 + again


@pytest.mark.parametrize(("unsent", "requests"), [(True, 2), (False, 1)])
def test_what_does_more_when_repeated_is_only_repeated_if_it_was_not_sent(
    unsent: bool, requests: int
) -> None:
    world = World(sequence(ServerUnreachable("gone", unsent=unsent), answer({})), QUICK)
    if unsent:
        assert world.drive(call(world.core, POST)).ok
    else:
        with pytest.raises(ServerUnreachable):
            world.drive(call(world.core, POST))
    assert len(world.requests) == requests


def test_a_pause_ends_with_the_time_that_there_is() -> None:
    world = World(lambda _: busy("30"), QUICK)
    with pytest.raises(ServerError):
        world.drive(call(world.core.within(4), GET))
    assert 4 <= world.now < 5
