"""Times, the socket before a prompt is sent, and what comes over it: in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.client.event import ServerEvent, UnknownMessage
from comfyflow.client.flow import Request
from comfyflow.client.run import Run
from comfyflow.client.waiting import (
    Deadline,
    connect,
    next_call,
    next_event,
    ready_socket,
    require_pictures,
    require_socket,
)
from comfyflow.client.web_socket import DueCall, Listener, Subscription
from comfyflow.errors import ClientError, ServerUnreachable, SocketUnavailable
from tests.flows import Flag, World, answer


def world(**stats: Any) -> World:
    return World(lambda _: answer(stats or {"system": {}, "devices": []}))


# Times


def test_a_deadline_holds_until_its_end_and_not_beyond() -> None:
    time = world()
    deadline = Deadline(time.core, 5)
    assert (deadline.seconds, deadline.within(1), deadline.within(9), deadline.left) == (5, 1, 5, 5)
    time.now = 3.0
    assert (deadline.within(1), deadline.within(9), deadline.left, deadline.passed) == (1, 2, 2, False)
    for later in (5.0, 9.0):
        time.now = later
        assert (deadline.within(1), deadline.left, deadline.passed) == (0, 0, True)


def test_no_deadline_has_no_end_and_one_in_the_past_is_over() -> None:
    endless = Deadline(world().core, None)
    assert (endless.within(7), endless.left, endless.passed) == (7, None, False)
    over = Deadline(world().core, -3)
    assert (over.within(7), over.left, over.passed) == (0, 0, True)


# Before a prompt is sent


def test_an_open_socket_is_not_waited_for() -> None:
    time = world()
    time.core.hub.opened()
    for needed in (False, True):
        assert list(ready_socket(time.core, needed)) == []


@pytest.mark.parametrize(
    ("given", "settled", "until"),
    [
        (None, None, 5.0),
        (None, 0.3, 0.3),
        (4.0, None, 2.0),  # half of what there is: the rest is for what comes after
        (100.0, None, 5.0),
        (4.0, 0.3, 0.3),
    ],
)
def test_how_long_a_socket_is_waited_for(given: float | None, settled: float | None, until: float) -> None:
    time = world()
    if settled is not None:
        time.at(settled, lambda: time.core.hub.broken("403"))
    time.drive(ready_socket(time.core.within(given)))
    assert time.now == pytest.approx(until)


def test_a_socket_that_is_needed_is_tried_again() -> None:
    """The first attempt has failed; somebody who can do without would not wait for the second."""
    time = world()
    time.at(0.3, lambda: time.core.hub.broken("503"))
    time.at(2.5, time.core.hub.opened)
    time.drive(ready_socket(time.core, needed=True))
    assert time.now == pytest.approx(2.5)
    time.core.hub.broken("gone")
    time.drive(ready_socket(time.core, needed=True))
    assert time.now == pytest.approx(7.5)


SENDERS: dict[str, Any] = {
    name: {"class_type": "SaveImageWebsocket", "inputs": {}, "_meta": {"title": title}}
    for name, title in (("7", "Second"), ("3", "First"))
}


def sending(time: World, *, polled: bool) -> Run:
    run = Run("id", SENDERS, Flag, time.core.clock)
    run.senders, run.polled = frozenset(SENDERS), polled
    return run


@pytest.mark.parametrize(
    ("polled", "told", "failure", "asks", "says"),
    [
        (False, False, "403 Forbidden", 1, "which cannot be opened at ws://server:8188/ws?clientId="),
        (False, True, "403 Forbidden", 1, ": 403 Forbidden. Nothing was sent."),
        (False, False, "", 1, ": the server has not answered yet. Nothing was sent."),
        (True, True, "", 0, "which this prompt was told to do without (websocket=False). Nothing"),
        (True, False, "", 0, "which this client was made without (websocket=False). Nothing"),
    ],
)
def test_pictures_that_nobody_would_get(polled: bool, told: bool, failure: str, asks: int, says: str) -> None:
    time = world()
    time.core.hub.failure = failure
    with pytest.raises(SocketUnavailable) as refused:
        time.drive(require_pictures(time.core, sending(time, polled=polled), told))
    words = str(refused.value)
    assert words.startswith("First #3, Second #7 gives pictures only over the WebSocket, which ")
    assert says in words
    assert "SaveImage and PreviewImage" in words
    assert [request.path for request in time.requests] == ["/api/system_stats"] * asks


def test_where_nobody_is_that_is_said_before_anything_of_a_socket() -> None:
    def nobody(request: Request) -> Any:
        raise ServerUnreachable("refused", unsent=True)

    time = World(nobody)
    with pytest.raises(ServerUnreachable, match="refused"):
        time.drive(require_pictures(time.core, sending(time, polled=False), told=False))


def test_pictures_that_come_are_no_reason_to_refuse() -> None:
    time = world()
    time.core.hub.opened()
    time.drive(require_pictures(time.core, sending(time, polled=False), told=False))
    none = Run("id", {}, Flag, time.core.clock)
    time.core.hub.broken("gone")
    time.drive(require_pictures(time.core, none, told=False))
    assert not time.requests
    time.core.hub.opened()
    with pytest.raises(SocketUnavailable):  # it is open, but not for this prompt
        time.drive(require_pictures(time.core, sending(time, polled=True), told=True))


# Connecting


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 5.0), (0.5, 0.5), (60.0, 60.0)])
@pytest.mark.parametrize("failure", ["", "404 Not Found"])
def test_no_socket_within_the_time(timeout: float | None, seconds: float, failure: str) -> None:
    time = world()
    if failure:
        time.core.hub.broken(failure)
    says = failure or "the server has not answered yet"
    with pytest.raises(SocketUnavailable, match=rf"ws://server:8188/ws\S* within {seconds:g} s: {says}$"):
        time.drive(connect(time.core, timeout))
    assert time.now == pytest.approx(seconds)


def test_connecting_ends_when_the_socket_is_open() -> None:
    time = world()
    time.at(1.5, lambda: time.core.hub.broken("503"))
    time.at(2.0, time.core.hub.opened)
    time.drive(connect(time.core, 60))
    assert time.now == pytest.approx(2.0)
    assert time.core.hub._listeners == [], "nobody listens any more"


def test_connecting_ends_when_the_client_is_closed() -> None:
    time = world()
    time.at(2.0, time.core.hub.close)
    with pytest.raises(ClientError, match="this client is closed; make a new one"):
        time.drive(connect(time.core, 60))
    assert time.now == pytest.approx(2.0)


def test_a_client_without_a_socket_cannot_listen() -> None:
    time = world()
    require_socket(time.core)
    time.core.use_socket = False
    with pytest.raises(ClientError, match=r"websocket=False.*handle\.events\(\) and on_event"):
        time.drive(connect(time.core, 60))
    assert time.now == 0.0


# What comes


def heard(time: World) -> Listener[ServerEvent]:
    listener: Listener[ServerEvent] = Listener(Flag())
    time.core.hub.listen(listener)
    return listener


EVENT = UnknownMessage("pack.said", {})


def test_an_event_that_waits_is_given_at_once_and_one_that_comes_then() -> None:
    time = world()
    listener = heard(time)
    time.core.hub.dispatch(EVENT)
    time.at(3.0, lambda: time.core.hub.dispatch(EVENT))
    deadline = Deadline(time.core, 10)
    assert time.drive(next_event(time.core, listener, deadline)) is EVENT
    assert time.now == 0.0
    assert time.drive(next_event(time.core, listener, deadline)) is EVENT
    assert time.now == pytest.approx(3.0)
    assert time.drive(next_event(time.core, listener, deadline)) is None
    assert time.now == pytest.approx(10.0)


def test_a_closed_client_still_gives_what_has_come() -> None:
    time = world()
    listener = heard(time)
    time.core.hub.dispatch(EVENT)
    time.core.hub.close()
    endless = Deadline(time.core, None)
    assert time.drive(next_event(time.core, listener, endless)) is EVENT
    assert time.drive(next_event(time.core, listener, endless)) is None
    assert time.now == 0.0


def test_a_listener_ends_with_its_client() -> None:
    time = world()
    listener = heard(time)
    time.at(5000.0, time.core.hub.close)  # longer than a single look
    assert time.drive(next_event(time.core, listener, Deadline(time.core, None))) is None
    assert time.now == pytest.approx(5000.0)


def test_functions_are_called_until_the_client_is_closed() -> None:
    time = world()
    due: Listener[DueCall] = Listener(Flag())
    call = DueCall(Subscription("pack.said", lambda _: None, once=False), EVENT)
    time.at(7.0, lambda: due.put(call))
    time.at(9.0, lambda: (time.core.hub.stop.set(), due.signal.set()))
    assert time.drive(next_call(time.core, due)) is call
    assert time.now == pytest.approx(7.0)
    assert time.drive(next_call(time.core, due)) is None
    assert time.now == pytest.approx(9.0)
