"""Waits that are broken off: what becomes of the prompt on the server."""

from __future__ import annotations

import _thread
import asyncio
import contextlib
import signal
import sys
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from types import FrameType
from typing import Any

import anyio
import h11
import pytest

from comfyflow.client import AsyncClient, Client
from comfyflow.client.blocking_socket import watch
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.client.run_event import RunDone, RunEvent
from comfyflow.errors import ClientError
from comfyflow.simulator import NodeContext, Simulator
from tests.clients import cancels_prompt, sends_prompt
from tests.simulated import NODES, Prompt, entry

LONG = 60.0
"""Seconds for which a node works that is to be stopped."""


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(NODES) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """A shell that runs the tests in the background has them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    """Press it once the main thread waits.

    While a thread opens a connection, an interrupt may leave a socket that only Python closes: see
    `socket.create_connection`.
    """
    ident = threading.main_thread().ident
    assert ident is not None
    end = time.monotonic() + LONG
    while not waits(ident) and time.monotonic() < end:
        time.sleep(0.001)
    assert waits(ident)
    signal.pthread_kill(ident, signal.SIGINT)


def waits(ident: int) -> bool:
    """Whether a thread waits for what happens on the server."""
    frame: FrameType | None = sys._current_frames()[ident]
    while frame is not None and frame.f_code is not watch.__code__:
        frame = frame.f_back
    return frame is not None


def prompt() -> Prompt:
    return {
        "1": {"class_type": "WordCount", "inputs": {"text": str(uuid.uuid4())}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def work(server: Simulator, begun: Any, seconds: float = LONG) -> None:
    """Have a node call something when it begins, and then take its time."""

    def count(text: str, context: NodeContext) -> int:
        begun()
        context.sleep(seconds)
        return 1

    server.simulate("WordCount", count)


@contextlib.contextmanager
def held(server: Simulator, begun: Any) -> Generator[None, None, None]:
    """Have a node call something when it begins, and then work until the block is left."""
    over = threading.Event()

    def count(text: str) -> int:
        begun()
        assert over.wait(LONG)
        return 1

    server.simulate("WordCount", count)
    try:
        yield
    finally:
        over.set()


def left(server: Simulator) -> int:
    """How many prompts the server still has."""
    return server.instance.queue.remaining


def ending(server: Simulator) -> str:
    """How the only prompt that has ended did so."""
    (found,) = server.instance.queue.history().values()
    kind: str = found["status"]["messages"][-1][0]
    return kind


# Ctrl-C


def test_ctrl_c_cancels_what_runs(server: Simulator) -> None:
    work(server, press_ctrl_c)
    with Client(server.url) as client:
        with pytest.raises(KeyboardInterrupt):
            client.run(prompt())
        assert left(server) == 0
        assert ending(server) == "execution_interrupted"


def test_ctrl_c_cancels_what_waits_in_the_queue(server: Simulator) -> None:
    """And nothing else: what runs before it goes on."""
    begun = threading.Event()
    work(server, begun.set, 0.5)
    with Client(server.url) as client, Client(server.url) as other:
        before = other.submit(prompt())
        assert begun.wait(20)

        def stop(event: RunEvent) -> None:
            signal.raise_signal(signal.SIGINT)

        with server.held_queue(), pytest.raises(KeyboardInterrupt):
            client.run(prompt(), on_event=stop)
        assert before.result(20).outcome.ending == "success"
        assert list(server.instance.queue.history()) == [before.prompt_id]
        assert left(server) == 0


def test_ctrl_c_may_leave_the_prompt(server: Simulator) -> None:
    with held(server, press_ctrl_c), Client(server.url) as client, pytest.raises(KeyboardInterrupt):
        client.run(prompt(), on_interrupt="leave")
    assert entry(server, server.prompts[-1].prompt_id)["status"]["status_str"] == "success"


def test_ctrl_c_while_the_prompt_is_sent(server: Simulator) -> None:
    """It is on the server, but nobody has heard so."""
    work(server, lambda: None)

    def interrupted(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        if sends_prompt(request) and answer.ok:
            raise KeyboardInterrupt
        return answer

    with Client(server.url, middleware=[interrupted], websocket=False) as client:
        with pytest.raises(KeyboardInterrupt):
            client.run(prompt())
        assert len(server.prompts) == 1
        assert left(server) == 0


def test_ctrl_c_before_the_prompt_is_sent(server: Simulator) -> None:
    def interrupted(request: Request, forward: Forward) -> Flow[Answer]:
        if sends_prompt(request):
            raise KeyboardInterrupt
        return (yield from forward(request))

    with (
        Client(server.url, middleware=[interrupted]) as client,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        client.run(prompt())
    assert not server.prompts
    said = getattr(caught.value, "__notes__", caught.value.args)
    assert any("being sent, and it may yet arrive" in text for text in said)


def test_ctrl_c_as_a_lock_is_taken_leaves_it_free(server: Simulator) -> None:
    """The interrupt comes when this thread has the lock of the connections, and does not yet know."""
    main = threading.main_thread().ident
    assert main is not None
    with Client(server.url, websocket=False) as client:
        pool = client._driver._pool
        assert pool is not None
        lock: Any = pool._optional_thread_lock
        held = threading.Event()

        def hold() -> None:
            with lock:
                held.set()
                while not sys._current_frames()[main].f_code.co_filename.endswith(
                    ("connection_pool.py", "_synchronization.py")
                ):
                    time.sleep(0.001)
                sys.setswitchinterval(10.0)  # it does not run before it is interrupted
            _thread.interrupt_main()

        before = sys.getswitchinterval()
        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(20)
        try:
            with pytest.raises(KeyboardInterrupt):
                client.request("GET", "/api/system_stats")
        finally:
            sys.setswitchinterval(before)
            holder.join(20)
        assert lock.acquire(blocking=False), "nobody has it"
        lock.release()
        assert client.request("GET", "/api/system_stats").status


def test_a_second_ctrl_c_leaves_at_once(server: Simulator) -> None:
    asked: list[str] = []

    def impatient(request: Request, forward: Forward) -> Flow[Answer]:
        if cancels_prompt(request):
            asked.append(request.path)
            raise KeyboardInterrupt("second")
        return (yield from forward(request))

    with (
        held(server, press_ctrl_c),
        Client(server.url, middleware=[impatient]) as client,
        pytest.raises(KeyboardInterrupt, match="second"),
    ):
        client.run(prompt())
    assert len(asked) == 1
    assert entry(server, server.prompts[-1].prompt_id)["status"]["status_str"] == "success"


def test_a_server_that_hangs_holds_up_ctrl_c_for_seconds_only(server: Simulator) -> None:
    """And whoever pressed it is told that the prompt may go on."""

    def hangs(request: Request, forward: Forward) -> Flow[Answer]:
        if cancels_prompt(request):
            raise ClientError("hangs")
        return (yield from forward(request))

    began = time.monotonic()
    with (
        held(server, press_ctrl_c),
        Client(server.url, middleware=[hangs]) as client,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        client.run(prompt())
    assert time.monotonic() - began < 10
    said = getattr(caught.value, "__notes__", caught.value.args)
    assert any("may still be running" in text and server.prompts[-1].prompt_id in text for text in said)


def test_an_error_of_the_listener_is_no_interrupt(server: Simulator) -> None:
    def broken(event: RunEvent) -> None:
        raise LookupError("mine")

    with Client(server.url) as client, pytest.raises(LookupError, match="mine"):
        client.run(prompt(), on_event=broken)
    assert entry(server, server.prompts[-1].prompt_id)["status"]["status_str"] == "success"


def test_waiting_for_a_handle_leaves_the_prompt(server: Simulator) -> None:
    presses: list[str] = []

    def interrupted(request: Request, forward: Forward) -> Flow[Answer]:
        if presses:
            raise KeyboardInterrupt(presses.pop())
        return (yield from forward(request))

    with Client(server.url, middleware=[interrupted], websocket=False) as client:
        handle = client.submit(prompt())
        presses.append("once")
        with pytest.raises(KeyboardInterrupt, match="once"):
            handle.result()
        assert handle.result(20).outcome.ending == "success"


def test_what_is_no_answer_to_an_interrupt_is_refused_first(server: Simulator) -> None:
    with Client(server.url) as client, pytest.raises(ValueError, match='"cancel" or "leave"'):
        client.run(prompt(), on_interrupt="stop")  # type: ignore[call-overload]
    assert not server.prompts


def test_an_interrupt_in_the_midst_of_a_connection_spoils_no_request(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, begun = h11.Connection.start_next_cycle, threading.Event()

    def interrupted(connection: h11.Connection) -> None:
        if connection.our_role is h11.CLIENT and not begun.is_set():
            begun.set()
            raise KeyboardInterrupt
        ready(connection)

    with Client(server.url, websocket=False) as client:
        assert not client.queue().running
        monkeypatch.setattr(h11.Connection, "start_next_cycle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.queue()
        assert not client.queue().running
        assert client.run(prompt()).prompt_id


# Tasks


class Begun:
    """Tells a loop that a node has begun."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.loop.call_soon_threadsafe(self.event.set)


def test_a_task_that_is_cancelled_cancels_its_prompt(server: Simulator) -> None:
    async def main() -> None:
        begun = Begun()
        work(server, begun)
        async with AsyncClient(server.url) as client:
            task = asyncio.create_task(client.run(prompt()))
            await begun.event.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert left(server) == 0
            assert ending(server) == "execution_interrupted"

    asyncio.run(main())


def test_wait_for_cancels_the_prompt_or_leaves_it(server: Simulator) -> None:
    async def main() -> None:
        begun = Begun()
        work(server, begun)
        async with AsyncClient(server.url) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.run(prompt()), 0.5)
            assert left(server) == 0
            work(server, begun, 1.0)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.run(prompt(), on_interrupt="leave"), 0.5)
            assert left(server) == 1
            prompt_id = server.prompts[-1].prompt_id
            assert (await (await client.attach(prompt_id)).wait(20)).ending == "success"

    asyncio.run(main())


def test_a_task_that_is_cancelled_while_its_prompt_is_sent(server: Simulator) -> None:
    work(server, lambda: None)

    def interrupted(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        if sends_prompt(request) and answer.ok:
            raise asyncio.CancelledError
        return answer

    async def main() -> None:
        async with AsyncClient(server.url, middleware=[interrupted], websocket=False) as client:
            with pytest.raises(asyncio.CancelledError):
                await client.run(prompt())
            assert left(server) == 0

    asyncio.run(main())
    assert len(server.prompts) == 1


def test_a_second_cancellation_leaves_at_once_and_the_server_is_told_all_the_same(server: Simulator) -> None:
    """As anyio does it, which cancels a task again and again until it ends."""

    async def main() -> None:
        begun, asking = Begun(), asyncio.Event()

        def told(request: Request, forward: Forward) -> Flow[Answer]:
            asking.set()
            return (yield from forward(request))

        work(server, begun)
        async with AsyncClient(server.url) as client:
            task = asyncio.create_task(client.run(prompt()))
            await begun.event.wait()
            asking.clear()
            client._core.middleware = (told,)
            task.cancel()
            await asking.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert entry(server, server.prompts[-1].prompt_id)["status"]["status_str"] == "error"


def test_a_scope_of_anyio_around_the_client_cancels_the_prompt_and_closes_the_client(
    server: Simulator,
) -> None:
    """It cancels each await anew, also in ``__aexit__``: as Starlette ends a request whose client is gone."""

    async def main() -> None:
        begun = Begun()
        work(server, begun)
        with anyio.CancelScope() as scope:
            async with AsyncClient(server.url) as client:
                ending_ = asyncio.create_task(end(begun, scope))
                await client.run(prompt())
        await ending_
        assert scope.cancelled_caught
        assert client.closed
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert left(server) == 0
        assert ending(server) == "execution_interrupted"

    async def end(begun: Begun, scope: anyio.CancelScope) -> None:
        await begun.event.wait()
        scope.cancel()

    asyncio.run(main())


def test_a_client_closes_in_a_task_that_is_cancelled_again(server: Simulator) -> None:
    async def main() -> None:
        async with AsyncClient(server.url) as client:
            await client.run(prompt())
            closing = asyncio.create_task(client.close())
            for _ in range(3):
                await asyncio.sleep(0)
                closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.parametrize("through", ["wait_for", "task"])
def test_a_callback_that_waits_for_the_end_of_its_client(server: Simulator, through: str) -> None:
    """Before Python 3.12 `asyncio.wait_for` makes such a task."""

    async def main() -> None:
        ended = asyncio.Event()

        async def close(_: object) -> None:
            try:
                if through == "task":
                    await asyncio.create_task(client.close())
                else:
                    await asyncio.wait_for(client.close(), 30)
            finally:
                ended.set()

        client = AsyncClient(server.url)
        client.once("status", close)
        try:
            await client.connect()
            await asyncio.wait_for(ended.wait(), 60)
            assert client.closed
        finally:
            await client.close()

    asyncio.run(main())


def test_a_listener_may_be_awaited(server: Simulator) -> None:
    async def main() -> list[type]:
        told: list[type] = []

        async def listen(event: RunEvent) -> None:
            await asyncio.sleep(0)
            told.append(type(event))

        async with AsyncClient(server.url) as client:
            await client.run(prompt(), on_event=listen)
        return told

    assert asyncio.run(main())[-1] is RunDone


def test_a_listener_of_a_blocking_client_cannot_be_awaited(server: Simulator) -> None:
    async def listen(event: RunEvent) -> None:
        raise AssertionError

    with Client(server.url) as client, pytest.raises(TypeError, match="use AsyncClient"):
        client.run(prompt(), on_event=listen)
    assert not server.prompts
