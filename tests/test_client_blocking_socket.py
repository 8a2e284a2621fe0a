"""The thread that reads a blocking client's socket carries its flow from message to message."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode
from websockets.sync import client as websockets_client
from websockets.sync.server import ServerConnection, serve

from comfyflow import Client
from comfyflow.client import Limits, UnknownMessage, blocking_socket
from comfyflow.client.blocking_socket import Relay, relayed_connection
from comfyflow.client.flow import CloseSocket, Receive, SocketFailure, SocketFlow

GREETING = '{"type": "status", "data": {"sid": "x"}}'
QUICK = Limits(backoff=0.01, backoff_most=0.01)


@contextmanager
def speaking(speak: Callable[[ServerConnection, int], None]) -> Generator[str]:
    """A server of sockets: each is greeted, then a function speaks; it is given how many came before."""
    opened: list[ServerConnection] = []

    def serve_one(connection: ServerConnection) -> None:
        opened.append(connection)
        connection.send(GREETING)
        speak(connection, len(opened) - 1)
        for _ in connection:
            pass

    with serve(serve_one, "127.0.0.1", 0, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(30)


def heard(url: str, last: str) -> tuple[list[str], int]:
    """The types of the messages that a client hears, up to the last one; and how often it connected."""
    said: list[str] = []
    ended = threading.Event()

    def hear(event: UnknownMessage) -> None:
        said.append(event.type)
        if event.type == last:
            ended.set()

    with Client(url, limits=QUICK) as client:
        client.on(UnknownMessage, hear)
        assert ended.wait(60), said
        return said, client._core.hub.connections


def message(name: str) -> str:
    return f'{{"type": "{name}"}}'


def test_messages_are_heard_in_order_whole_and_in_fragments() -> None:
    """From the first fragment on, another thread receives: nothing is lost or overtaken."""

    def speak(connection: ServerConnection, _: int) -> None:
        for number in range(20):
            connection.send(message(f"w{number}"))
        connection.send(iter(['{"type": ', '"parts"}']))
        for number in range(20):
            connection.send(message(f"a{number}"))
        connection.send(message("end"))

    with speaking(speak) as url:
        said, connections = heard(url, "end")
    whole, after = ([f"{name}{number}" for number in range(20)] for name in "wa")
    assert said == [*whole, "parts", *after, "end"]
    assert connections == 1


def test_a_message_that_is_no_text_breaks_the_socket_and_it_is_opened_again() -> None:
    codes: list[int | None] = []
    told = threading.Event()

    def speak(connection: ServerConnection, before: int) -> None:
        if before:
            connection.send(message("end"))
            return
        with connection.protocol_mutex:
            data = Frame(Opcode.TEXT, b'{"type": "\xff"}').serialize(mask=False)
            connection.socket.sendall(data)
        try:
            while True:
                connection.recv()
        except ConnectionClosedError:
            codes.append(connection.close_code)
            told.set()

    with speaking(speak) as url:
        said, connections = heard(url, "end")
        assert told.wait(60)
    assert said == ["end"]
    assert connections == 2
    assert codes == [1007], "the server is told that it was no UTF-8"


def test_a_connection_that_breaks_is_opened_again() -> None:
    def speak(connection: ServerConnection, before: int) -> None:
        connection.recv()  # what is not read would make it a reset, which takes messages along
        connection.send(message(f"m{before}"))
        if before < 2:
            connection.socket.shutdown(socket.SHUT_RDWR)

    with speaking(speak) as url:
        said, connections = heard(url, "m2")
    assert said[-1] == "m2"
    assert connections == 3


def test_without_the_methods_that_are_replaced_the_thread_of_the_driver_receives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other:
        """What a later websockets may offer."""

    with monkeypatch.context() as patch:
        patch.setattr(websockets_client, "ClientConnection", Other)
        assert relayed_connection(listening([], 1)) is Other

    def speak(connection: ServerConnection, _: int) -> None:
        for name in ("a", "b", "end"):
            connection.send(message(name))

    monkeypatch.setattr(blocking_socket, "relayed_connection", lambda _: websockets_client.ClientConnection)
    with speaking(speak) as url:
        assert heard(url, "end") == (["a", "b", "end"], 1)


# A relay alone


def listening(heard: list[Any], most: int) -> SocketFlow:
    """A flow that takes so many messages, and then wants the socket closed."""
    receive = Receive(0.01)
    try:
        while len(heard) < most:
            heard.append((yield receive))
            receive = Receive()
    except SocketFailure:
        heard.append("failed")
    yield CloseSocket()


def started(most: int) -> tuple[Relay, Receive, list[Any]]:
    heard: list[Any] = []
    flow = listening(heard, most)
    receive = next(flow)
    assert isinstance(receive, Receive)
    return Relay(flow), receive, heard


def test_early_messages_wait_for_the_flow() -> None:
    relay, receive, heard = started(2)
    relay.take("a")
    relay.take("b")
    assert heard == []
    assert isinstance(relay.carry(receive), CloseSocket)
    assert heard == ["a", "b"]


def test_a_flow_is_given_back_when_it_wants_something_else() -> None:
    relay, receive, heard = started(3)
    relay.take("a")

    def read() -> None:
        for text in ("b", "c", "too late"):
            relay.take(text)
        relay.end()

    reading = threading.Thread(target=read)
    reading.start()
    assert isinstance(relay.carry(receive), CloseSocket)
    reading.join(30)
    assert heard == ["a", "b", "c"]


def test_at_the_end_the_connection_itself_is_asked() -> None:
    relay, receive, heard = started(3)
    relay.take("a")
    relay.end()
    last = relay.carry(receive)
    assert isinstance(last, Receive)
    assert heard == ["a"]
    assert relay.carry(last) is last, "from then on at once"


def test_a_greeting_that_does_not_come_is_not_waited_for() -> None:
    relay, receive, heard = started(1)
    with pytest.raises(TimeoutError):
        relay.carry(receive)
    relay.take("late")
    assert heard == []


def test_a_connection_that_was_given_up_is_not_heard() -> None:
    relay, receive, heard = started(1)
    relay.stop()
    relay.take("a")
    relay.end()
    assert relay.carry(receive) is receive
    assert heard == []


def test_an_error_of_the_flow_is_raised_where_the_driver_waits() -> None:
    def breaking() -> SocketFlow:
        yield Receive()
        raise ZeroDivisionError

    flow = breaking()
    receive = next(flow)
    assert isinstance(receive, Receive)
    relay = Relay(flow)
    reading = threading.Thread(target=relay.take, args=("a",))
    reading.start()
    with pytest.raises(ZeroDivisionError):
        relay.carry(receive)
    reading.join(30)
