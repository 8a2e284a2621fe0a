"""Clients that are closed, twice or while they are used, and answers that do not end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import socket
import threading
import time
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from comfyflow.client import AsyncClient, Client, Limits, async_driver
from comfyflow.client.flow import Answer, Request, Send
from comfyflow.client.halt import Halt, Halted
from comfyflow.client.pace import keep_pace
from comfyflow.errors import ClientError, ServerUnreachable, WaitTimeout
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected
from tests.test_client_seed_faults import prompt, until


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_client_says_so(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        done = client.submit(prompt())
        done.wait(20)
        client.close()
        client.close()
        uses: list[Callable[[], Any]] = [
            client.queue,
            done.cancel,
            lambda: client.run(prompt()),
            lambda: client.submit(prompt()),
            lambda: client.attach(done.prompt_id),
            lambda: client.read(done.result().files[0]),
        ]
        for use in uses:
            with pytest.raises(ClientError, match="this client is closed"):
                use()
        assert done.result().output.files, "what is known needs no server"
        assert list(client.events(5)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_that_a_closed_client_did_not_send_has_no_id(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        client.run(prompt())
        client.close()
        for send in (client.run, client.submit):
            with pytest.raises(ClientError, match=r"this client is closed; make a new one$") as caught:
                send(prompt())
            assert caught.value.prompt_id is None


def test_a_file_that_is_fetched_after_closing_says_when_to_fetch_it(
    server: Simulator, tmp_path: Path
) -> None:
    with Client(server.url) as client:
        file = client.run(prompt()).files[0]
    for fetch in (file.bytes, lambda: file.save(tmp_path / "late.png"), lambda: file.metadata):
        with pytest.raises(ClientError, match=rf"{file.name} cannot be fetched: .* in the block of `with"):
            fetch()
    assert list(tmp_path.iterdir()) == [], "nothing is begun"


def test_closing_while_many_threads_use_it(server: Simulator) -> None:
    """Each ends in a result or in an error of ours; none waits on."""
    ends: list[object] = []

    def work(client: Any) -> None:
        try:
            while True:
                ends.append(client.run(prompt(), timeout=20).prompt_id)
        except BaseException as error:  # noqa: BLE001  # every kind is looked at
            ends.append(error)

    with connected("Client", server.url) as client:
        threads = [threading.Thread(target=work, args=(client,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        client.close()
        for thread in threads:
            thread.join(20)
    errors = [end for end in ends if not isinstance(end, str)]
    assert len(errors) == 8
    assert all(isinstance(error, ClientError) for error in errors), errors


def test_closing_while_many_tasks_use_it(server: Simulator) -> None:
    """Each ends in a result or in an error of ours, and no connection is left to the collector."""

    async def work(client: AsyncClient) -> list[object]:
        ends: list[object] = []
        try:
            while True:
                ends.append((await client.run(prompt(), timeout=20)).prompt_id)
        except BaseException as error:  # noqa: BLE001  # every kind is looked at
            ends.append(error)
        return ends

    async def close_under_way(seconds: float) -> list[object]:
        async with AsyncClient(server.url) as client:
            tasks = [asyncio.create_task(work(client)) for _ in range(8)]
            await asyncio.sleep(seconds)
            await client.close()
            return [end for ends in await asyncio.gather(*tasks) for end in ends]

    for seconds in (0.0, 0.005, 0.02, 0.1):
        ends = asyncio.run(close_under_way(seconds))
        gc.collect()
        errors = [end for end in ends if not isinstance(end, str)]
        assert len(errors) == 8
        assert all(isinstance(error, ClientError) for error in errors), errors


def test_a_task_that_is_cancelled_is_not_told_that_the_client_is_closed(server: Simulator) -> None:
    async def cancel() -> bool:
        async with AsyncClient(server.url) as client:
            task = asyncio.create_task(client.run(prompt(), timeout=20))
            await asyncio.sleep(0.002)
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled() and bool((await client.run(prompt(), timeout=20)).files)

    assert asyncio.run(cancel())


class Drops(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes a byte at a time, for ever."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b" "

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_goes_on_and_on_has_the_time_that_it_was_given(kind: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Drops()))
    limits = Limits(retries=0)
    with connected(kind, "http://host", transport=transport, limits=limits) as client:
        began = time.monotonic()
        with pytest.raises(ServerUnreachable, match="timed out"):
            client.request("GET", "/api/queue", timeout=0.3)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_that_is_waited_for_does_not_hold_up_closing(kind: str) -> None:
    """A server that takes the connection and never shakes hands."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with (
            connected(kind, url, limits=Limits(socket=0.2, answer=0.2, retries=0)) as client,
            pytest.raises(WaitTimeout),
        ):
            client.run(prompt(), timeout=1)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_takes_connections_and_never_answers_is_out_of_time(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with connected(kind, url, backend="comfyui") as client:
            began = time.monotonic()
            with pytest.raises(WaitTimeout, match=r"POST /api/prompt .* timed out") as sent:
                client.run(prompt(), timeout=1)
            assert f"prompt {sent.value.prompt_id} may or may not be queued" in str(sent.value)
            mine = str(uuid.uuid4())
            with pytest.raises(WaitTimeout, match="the prompt was not sent") as unsent:
                client.run(prompt(), prompt_id=mine, timeout=1)
            assert unsent.value.prompt_id is None
            assert time.monotonic() - began < 10


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "told"), [("GET", r"this client is closed; make a new one$"), ("POST", "may have done what")]
)
def test_closing_ends_a_request_that_is_never_answered(kind: str, method: str, told: str) -> None:
    """Not only at the end of its time: a socket that is closed does not wake whoever waits for it."""
    ends: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with connected(kind, url, limits=Limits(answer=600.0, retries=0)) as client:

            def ask() -> None:
                try:
                    client.request(method, "/api/queue")
                except BaseException as error:  # noqa: BLE001  # every kind is looked at
                    ends.append(error)

            asking = threading.Thread(target=ask, daemon=True)
            asking.start()
            with listener.accept()[0] as opened:
                assert opened.recv(65536).startswith(method.encode())
                client.close()
                asking.join(30)
                assert not asking.is_alive(), "it has not ended while the server holds the connection"
    assert [type(end) for end in ends] == [ClientError]
    assert re.search(told, str(ends[0]))


def test_a_task_that_is_cancelled_as_its_request_is_cut_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_driver, "_SENDING_SECONDS", 0.01)

    async def main() -> None:
        asked = asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            asked.set()
            await reader.read()
            writer.close()

        async with await asyncio.start_server(hold, "127.0.0.1", 0) as listener:
            host, port = listener.sockets[0].getsockname()
            client = AsyncClient(f"http://{host}:{port}", websocket=False)
            task = asyncio.create_task(client.system_stats())
            await asked.wait()
            closing = asyncio.create_task(client.close())
            while client._driver._sending:  # noqa: ASYNC110  # in the very turn
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await closing

    asyncio.run(main())


def test_a_request_of_a_client_that_is_closed_as_it_connects_was_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = httpcore.ConnectionPool.create_connection

    def closing(pool: httpcore.ConnectionPool, *arguments: Any) -> Any:
        client.close()
        return inner(pool, *arguments)

    monkeypatch.setattr(httpcore.ConnectionPool, "create_connection", closing)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", websocket=False)
        with pytest.raises(ClientError, match=r"this client is closed; make a new one$"):
            client.request("POST", "/api/queue")


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_for_a_prompt_is_told_that_it_may_be_running(server: Simulator, kind: str) -> None:
    server.instance.queue.hold(True)
    try:
        with connected(kind, server.url) as client:
            waiting = client.submit(prompt())
            client.close()
            with pytest.raises(ClientError, match=f"{waiting.prompt_id}, which may still be running"):
                waiting.result(60)
    finally:
        server.instance.queue.hold(False)
    with connected(kind, server.url) as another:
        assert another.attach(waiting.prompt_id).result(60).files


@pytest.mark.parametrize(("by", "end"), [("close", ClientError), ("halt", Halted)])
def test_an_answer_that_is_cut_off_here_is_not_a_whole_one(by: str, end: type[BaseException]) -> None:
    """One without a length ends where the connection does."""
    ends: list[object] = []
    begun, halt = threading.Event(), Halt()

    class Sink:
        def start(self, answer: Answer) -> bool:
            return answer.ok

        def write(self, chunk: bytes) -> None:
            begun.set()

    def fetch() -> None:
        try:
            ends.append(client._driver._send(Send(Request("GET", "/x"), Sink()), halt))
        except BaseException as error:  # noqa: BLE001  # every kind is looked at
            ends.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(url, limits=Limits(answer=600.0, retries=0), websocket=False) as client:
            fetching = threading.Thread(target=fetch, daemon=True)
            fetching.start()
            with listener.accept()[0] as opened:
                opened.recv(65536)
                opened.sendall(b"HTTP/1.1 200 OK\r\n\r\nthe first half")
                assert begun.wait(30)
                (client.close if by == "close" else halt.halt)()
                fetching.join(30)
    assert [type(each) for each in ends] == [end], ends


@contextlib.contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """A server that answers with a header that never ends, a byte at a time."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)

        def serve() -> None:
            opened: list[socket.socket] = []
            while not stop.wait(0.02):
                with contextlib.suppress(OSError):
                    opened.append(listener.accept()[0])
                    opened[-1].sendall(head)
                for connection in opened:
                    with contextlib.suppress(OSError):
                        connection.sendall(b"x")
            for connection in opened:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        end = threading.Timer(15, stop.set)
        end.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            end.cancel()
            end.join()
            thread.join()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["status", "header"])
@pytest.mark.parametrize("kind", KINDS)
def test_headers_that_drip_have_the_time_that_an_answer_has(kind: str, head: bytes) -> None:
    began = time.monotonic()
    with dripping(head) as url, connected(kind, url, limits=Limits(retries=0, answer=0.5)) as client:
        with pytest.raises(ServerUnreachable, match="timed out") as caught:
            client.system_stats()
        assert caught.value.timed_out
        with pytest.raises(ServerUnreachable, match="timed out"):
            client.request("GET", "/api/queue", timeout=0.3)
        with pytest.raises(WaitTimeout, match="timed out"):
            client.run(prompt(), timeout=1)
        assert time.monotonic() - began < 10


def test_a_client_that_is_collected_leaves_nothing(server: Simulator) -> None:
    before = set(threading.enumerate())
    sockets = server.instance.sockets

    def use() -> str:
        client = Client(server.url)
        assert client.run(prompt(), timeout=20).files
        until(lambda: client.connected)
        assert client.client_id in sockets.clients
        assert set(threading.enumerate()) - before
        return client.client_id

    mine = use()
    gc.collect()
    until(lambda: set(threading.enumerate()) <= before)
    until(lambda: mine not in sockets.clients)


def test_an_async_client_that_is_collected_leaves_nothing(server: Simulator) -> None:
    async def leave() -> None:
        client = AsyncClient(server.url)
        await client.connect()
        await client.run(prompt(), timeout=20)
        assert len(asyncio.all_tasks()) > 1  # one listens to the socket
        del client
        gc.collect()
        own = asyncio.current_task()
        while others := [task for task in asyncio.all_tasks() if task is not own]:
            await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 10)

    asyncio.run(leave())
    gc.collect()  # a connection that nobody closed would warn


def test_a_client_that_a_result_needs_is_not_collected(server: Simulator) -> None:
    file = Client(server.url).run(prompt(), timeout=20).files[0]
    gc.collect()
    assert file.bytes().startswith(b"\x89PNG")


def test_a_connection_that_comes_after_closing_is_closed(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool forgets what it is opening when it is closed."""
    opened, closed = threading.Event(), threading.Event()
    connect = socket.create_connection
    made: list[socket.socket] = []

    def late(*args: Any, **options: Any) -> socket.socket:
        made.append(connect(*args, **options))
        opened.set()
        closed.wait(20)
        return made[-1]

    client = Client(server.url)
    monkeypatch.setattr(socket, "create_connection", late)
    ends: list[object] = []

    def ask() -> None:
        try:
            ends.append(client.queue())
        except ClientError as error:
            ends.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert opened.wait(20)
    client.close()
    closed.set()
    thread.join(20)
    (end,) = ends
    assert isinstance(end, ClientError)
    assert "this client is closed" in str(end)
    assert [one.fileno() for one in made] == [-1]


def test_a_client_that_is_dropped_needs_no_collector_for_its_connections(server: Simulator) -> None:
    pool = keep_pace(httpx.HTTPTransport())._pool
    dropped = weakref.ref(pool)
    gc.disable()
    try:
        del pool
        assert dropped() is None
    finally:
        gc.enable()
