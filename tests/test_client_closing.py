"""Clients that are closed, twice or while they are used, and answers that do not end."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comfyflow.client import AsyncClient, Client, Limits
from comfyflow.errors import ClientError, ServerUnreachable
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected
from tests.test_client_seed_faults import prompt


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
            return task.cancelled() and bool(await client.system_stats())

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
        with pytest.raises(ServerUnreachable, match="was not answered in time"):
            client.request("GET", "/api/queue", timeout=0.3)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_that_is_waited_for_does_not_hold_up_closing(kind: str) -> None:
    """A server that takes the connection and never shakes hands."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with (
            connected(kind, url, limits=Limits(socket=0.2, answer=0.2, retries=0)) as client,
            pytest.raises(ServerUnreachable),
        ):
            client.run(prompt(), timeout=1)
        assert time.monotonic() - began < 5
