"""Sockets that cannot be had, that are handed in, and that a prompt does without."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from comfyflow.client import AsyncClient, Client, Limits, SocketRequest, parse_message
from comfyflow.client import event as events
from comfyflow.client.run_event import NodeOutputs, NodePicture, NodeStarted, RunDone, RunEvent
from comfyflow.errors import ClientError, DownloadError, ServerUnreachable, SocketUnavailable
from comfyflow.simulator import NodeContext, Simulator
from tests.clients import KINDS, connected
from tests.simulated import NODES, Prompt, node_class
from tests.socketless import socketless

SOCKET_NODES = {**NODES, "SaveImageWebsocket": node_class({"images": ["IMAGE"]}, [], True)}
SOON = Limits(socket=0.3)


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(SOCKET_NODES) as simulator:
        yield simulator


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def prompt(class_type: str = "SaveImageWebsocket", count: int = 2) -> Prompt:
    image = {"width": 8, "height": 8, "batch_size": count, "color": uuid.uuid4().int % 0xFFFFFF}
    return {
        "1": {"class_type": "EmptyImage", "inputs": image},
        "2": {"class_type": class_type, "inputs": {"images": ["1", 0]}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": str(uuid.uuid4())}},
    }


# Pictures that only a socket brings


def test_a_prompt_that_needs_a_socket_is_not_sent_without_one(server: Simulator, kind: str) -> None:
    with socketless(server.url) as url, connected(kind, url, limits=SOON) as client:
        with pytest.raises(
            SocketUnavailable, match=r"SaveImageWebsocket #2 .*403.* SaveImage and PreviewImage"
        ):
            client.run(prompt())
        with pytest.raises(SocketUnavailable):
            client.submit(prompt())
        assert not server.prompts
        assert "403" in client.socket_error
        assert client.run(prompt("PreviewImage")).files, "all others run"
        other = client.run(prompt(), targets=["3"])
        assert list(other.outputs) == ["3"]
        assert not other.missing, "a node that was left out sends nothing"


def test_a_server_that_is_not_there_is_told_before_its_socket(kind: str) -> None:
    with (
        connected(kind, "http://127.0.0.1:1", limits=SOON) as client,
        pytest.raises(ServerUnreachable, match="no ComfyUI server answers"),
    ):
        client.run(prompt())


def test_a_prompt_that_needs_a_socket_is_not_sent_to_do_without(server: Simulator, kind: str) -> None:
    said = r"client was made without \(websocket=False\)"
    with connected(kind, server.url, websocket=False) as client, pytest.raises(SocketUnavailable, match=said):
        client.run(prompt())
    with connected(kind, server.url) as client:
        with pytest.raises(SocketUnavailable, match=r"prompt was told to do without \(websocket=False\)"):
            client.run(prompt(), websocket=False)
        assert len(client.run(prompt()).files) == 2
    assert len(server.prompts) == 1


def test_pictures_that_are_lost_on_the_way_are_missed(server: Simulator, kind: str) -> None:
    """The socket breaks while the prompt runs: nothing is given out as if it were whole."""

    def show(source: str, context: NodeContext) -> None:
        server.drop_socket()

    server.output_order = lambda ids: sorted(ids, key=lambda node_id: node_id != "3")
    server.simulate("PreviewAny", show)
    server.faults.slow_nodes = {"SaveImageWebsocket": 0.05}
    limits = Limits(quiet=0.1, backoff=30.0, backoff_most=30.0)
    with connected(kind, server.url, limits=limits) as client:
        result = client.run(prompt())
        assert list(result.missing) == ["2"]
        with pytest.raises(DownloadError, match="not all of them came"):
            result["2"]


def test_pictures_go_to_whoever_sent_the_prompt(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as sender, connected(kind, server.url) as other:
        done = sender.run(prompt())
        assert len(done["2"].files) == 2
        taken = other.attach(done.prompt_id).result(20)
        assert list(taken.outputs) == ["3"]
        with pytest.raises(DownloadError):
            taken["2"]


# Having the socket open


def test_connecting(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        assert (client.connected, client.socket_error, client.closed) == (False, "", False)
        again = client.connect()
        assert again.connected if kind == "Client" else again._core is client._core
        assert client.connected
        client.close()
        assert client.closed
        with pytest.raises(ClientError, match="closed"):
            client.connect()


def test_a_socket_that_cannot_be_opened_says_why(server: Simulator, kind: str) -> None:
    with socketless(server.url) as url, connected(kind, url, headers={"X-Key": "secret-key"}) as client:
        with pytest.raises(SocketUnavailable, match=r"no WebSocket at ws://.*/ws\?clientId=.* 0.2 s: .*403"):
            client.connect(0.2)
        assert "403" in client.socket_error
    with connected(kind, server.url, websocket=False) as client:
        with pytest.raises(ClientError, match="websocket=False"):
            client.connect()
        assert "websocket=False" in client.socket_error


def test_one_prompt_without_the_socket(server: Simulator, kind: str) -> None:
    told: list[RunEvent] = []
    with connected(kind, server.url) as client:
        client.run(prompt("PreviewImage"), websocket=False, on_event=told.append)
        assert not client.connected
        client.connect()
        client.run(prompt("PreviewImage"), websocket=False, on_event=told.append)
        assert not [event for event in told if isinstance(event, NodeStarted)], "it was asked for, not told"
        assert len([event for event in told if isinstance(event, NodeOutputs)]) == 4
        assert len([event for event in told if isinstance(event, RunDone)]) == 2
        client.run(prompt("PreviewImage"), on_event=told.append)
        assert [event for event in told if isinstance(event, NodeStarted)]


# A socket of one's own


class Recorded:
    """A socket that says what a test has put into it."""

    def __init__(self) -> None:
        self.requests: list[SocketRequest] = []
        self.sent: list[str] = []
        self.closed = 0
        self._messages: queue.Queue[str | bytes | None] = queue.Queue()

    def say(self, kind: str, **data: Any) -> None:
        self._messages.put(json.dumps({"type": kind, "data": data}))

    def end(self) -> None:
        self._messages.put(None)

    def open(self, request: SocketRequest) -> Recorded:
        self.requests.append(request)
        self._messages = queue.Queue()
        self.say("status", status={"exec_info": {"queue_remaining": 3}})
        return self

    def send(self, text: str) -> None:
        self.sent.append(text)

    def recv(self) -> str | bytes:
        message = self._messages.get(timeout=30)
        if message is None:
            raise RuntimeError("it broke")
        return message

    def close(self) -> None:
        self.closed += 1
        self._messages.put(None)


class AsyncRecorded:
    """The same for asyncio."""

    def __init__(self, inner: Recorded) -> None:
        self.inner = inner

    async def open(self, request: SocketRequest) -> AsyncRecorded:
        self.inner.open(request)
        return self

    async def send(self, text: str) -> None:
        self.inner.send(text)

    async def recv(self) -> str | bytes:
        return await asyncio.to_thread(self.inner.recv)

    async def close(self) -> None:
        self.inner.close()


def test_a_socket_can_be_handed_in(server: Simulator, kind: str) -> None:
    socket = Recorded()
    factory = socket.open if kind == "Client" else AsyncRecorded(socket).open
    options: dict[str, Any] = {"connect_socket": factory, "token": "t0ken", "bearer": "b3arer"}
    with connected(kind, server.url, **options) as client:
        everything = client.events(20)
        assert [type(next(everything)) for _ in range(2)] == [events.Connected, events.Status]
        socket.say("progress", prompt_id="p", node="3", value=1, max=2)
        assert next(everything) == events.Progress("p", "3", 1, 2)
        (request,) = socket.requests
        assert request.url == f"{client.ws_url}&token=t0ken"
        assert request.headers["Authorization"] == "Bearer b3arer"
        assert "t0ken" not in repr(request)
        assert "b3arer" not in repr(request)
        assert json.loads(socket.sent[0])["type"] == "feature_flags"
        socket.end()
        assert isinstance(next(everything), events.Disconnected)
        assert isinstance(next(everything), events.Connected), "it is opened again"
        assert isinstance(next(everything), events.Status)
        assert len(socket.requests) == 2
        everything.close()
    assert socket.closed


def test_a_socket_that_raises_is_a_socket_that_is_missing(server: Simulator, kind: str) -> None:
    class ForeignError(Exception):
        pass

    def refuse(request: SocketRequest) -> Any:
        raise ForeignError("not today")

    async def refuse_later(request: SocketRequest) -> Any:
        raise ForeignError("not today")

    factory = refuse if kind == "Client" else refuse_later
    with connected(kind, server.url, connect_socket=factory, limits=SOON) as client:
        with pytest.raises(SocketUnavailable, match="ForeignError: not today"):
            client.connect()
        assert client.run(prompt("PreviewImage")).files


def test_parsing_is_public() -> None:
    event = parse_message('{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 2}}}}')
    assert event == events.Status(2)


def test_a_picture_is_told_of_whoever_has_the_socket(server: Simulator) -> None:
    told: list[RunEvent] = []
    with Client(server.url) as client:
        client.connect().run(prompt(), on_event=told.append)
    assert len([event for event in told if isinstance(event, NodePicture)]) == 2


def test_attaching_with_a_resolver(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        prompt_id = client.submit(prompt("PreviewImage")).prompt_id
        handle = client.attach(prompt_id, resolver=lambda result: len(result.files))
        assert handle.result(20) == 2


def test_a_client_for_asyncio_connects_to_itself(server: Simulator) -> None:
    async def main() -> bool:
        async with AsyncClient(server.url) as client:
            return (await client.connect()) is client

    assert asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_that_does_not_greet_is_opened_again(kind: str) -> None:
    opened: list[str] = []

    def greet_the_second(socket: ServerConnection) -> None:
        opened.append(kind)
        if len(opened) > 1:
            socket.send(json.dumps({"type": "status", "data": {"sid": "x"}}))
        for _ in socket:
            pass

    with serve(greet_the_second, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        with connected(kind, url, limits=Limits(retries=0, socket=1)) as client:
            client.connect(60)
            assert client.connected
        server.shutdown()
        thread.join(30)
    assert len(opened) >= 2
