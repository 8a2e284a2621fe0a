"""What is true of the asyncio client alone."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any

import httpx
import pytest

from comfyflow.client import AsyncClient
from comfyflow.errors import ClientError
from comfyflow.simulator import Simulator


def prompt() -> dict[str, Any]:
    image = {"width": 8, "height": 8, "batch_size": 1, "color": uuid.uuid4().int % 0xFFFFFF}
    return {
        "1": {"class_type": "EmptyImage", "inputs": image, "_meta": {"title": "empty"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "show"}},
    }


def test_several_prompts_in_flight_in_one_loop() -> None:
    async def work(url: str) -> list[str]:
        async with AsyncClient(url) as client:
            results = await asyncio.gather(*(client.run(prompt()) for _ in range(30)))
            return [result.files[0].name for result in results]

    with Simulator() as server:
        assert len(set(asyncio.run(work(server.url)))) == 30


def test_other_tasks_run_while_a_prompt_is_waited_for() -> None:
    async def work(url: str) -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        async with AsyncClient(url) as client:
            ticking = asyncio.create_task(tick())
            await client.run(prompt())
            ticking.cancel()
        return ticks

    with Simulator() as server:
        server.faults.slow_nodes = {None: 0.2}
        assert asyncio.run(work(server.url)) > 10


class Gate:
    """Holds the nodes of a simulator until it is opened."""

    def __init__(self, server: Simulator) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        server.faults.slow_nodes, server.faults.wait = {None: 1.0}, self._work

    def _work(self, _: float) -> None:
        self.reached.set()
        self.opened.wait(30)

    async def wait_until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 20)
        self.reached.clear()


def test_a_wait_that_is_cancelled_leaves_the_prompt_and_the_client() -> None:
    async def work(server: Simulator) -> None:
        gate = Gate(server)
        async with AsyncClient(server.url) as client:
            handle = await client.submit(prompt())
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(handle.result(), 0.1)
            assert (await handle.status()).state in ("running", "pending")
            gate.opened.set()
            assert (await handle.result(20)).files
            gate.opened.clear()
            gate.reached.clear()
            task = asyncio.create_task(client.run(prompt()))
            await gate.wait_until_reached()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.opened.set()
            assert (await client.run(prompt(), timeout=20)).files

    with Simulator() as server:
        asyncio.run(work(server))


def test_closing_ends_what_waits_and_leaves_no_task() -> None:
    async def work(server: Simulator) -> None:
        gate = Gate(server)
        client = AsyncClient(server.url)
        task = asyncio.create_task(client.run(prompt()))
        await gate.wait_until_reached()
        await client.close()
        with pytest.raises(ClientError, match="closed"):
            await task
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await client.close()
        gate.opened.set()

    with Simulator() as server:
        asyncio.run(work(server))


def test_a_client_may_be_made_outside_of_a_loop() -> None:
    with Simulator() as server:
        client = AsyncClient(server.url)

        async def work() -> int:
            async with client:
                return len((await client.run(prompt())).files)

        assert asyncio.run(work()) == 1


def test_a_client_keeps_to_its_event_loop() -> None:
    """Its connections would not outlive another; httpx says "Event loop is closed" of that, or nothing."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"queue_running": [], "queue_pending": []})

    client = AsyncClient("http://127.0.0.1:9", transport=httpx.MockTransport(answer))

    async def ask() -> object:
        return await client.queue()

    async def enter() -> object:
        async with client:
            return await client.run(prompt())

    async def listen() -> object:
        return client.on("status", lambda _: None)

    asyncio.run(ask())
    assert asked == ["/api/queue"]
    for again in (ask, enter, listen):
        with pytest.raises(ClientError, match=r"belongs to the event loop .* which has ended; make a new"):
            asyncio.run(again())
    assert asked == ["/api/queue"]
    asyncio.run(client.close())
    assert client.closed


def test_a_client_of_a_loop_that_still_runs_is_not_closed_from_another() -> None:
    async def close() -> None:
        with pytest.raises(ClientError, match=r"belongs to the event loop .* which is another one"):
            await client.close()

    async def work(url: str) -> None:
        async with client:
            await client.run(prompt())
            await asyncio.to_thread(asyncio.run, close())
            assert not client.closed
            assert (await client.run(prompt())).files

    with Simulator() as server:
        client = AsyncClient(server.url)
        asyncio.run(work(server.url))


def test_a_loop_of_another_library_is_refused_in_one_sentence() -> None:
    """As under trio: what is awaited runs, and asyncio has no loop."""

    async def work() -> object:
        async with AsyncClient("http://127.0.0.1:9") as client:
            clients.append(client)
            return await client.run(prompt())

    async def listen() -> None:
        async with AsyncClient("http://127.0.0.1:9") as client:
            async for _ in client.events():
                raise AssertionError("there is no server")

    clients: list[AsyncClient] = []
    for use in (work, listen):
        with pytest.raises(
            ClientError, match="needs asyncio, and no event loop of asyncio runs here"
        ) as caught:
            use().send(None)
        assert caught.value.__suppress_context__
    assert clients[0].closed
