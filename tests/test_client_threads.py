"""The threads that a blocking client starts: begun once, and ended however it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from comfyflow.client import Client
from comfyflow.client.blocking_socket import BlockingSocketDriver
from comfyflow.errors import ClientError
from comfyflow.simulator import Simulator
from tests.test_client_seed_faults import prompt, until


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def test_closing_while_another_thread_starts_the_socket(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, closing, go_on = threading.Event(), threading.Event(), threading.Event()
    start, hang_up = threading.Thread.start, BlockingSocketDriver.hang_up

    def slowly(thread: threading.Thread) -> None:
        if thread.name == "comfyflow-socket":
            starting.set()
            go_on.wait(20)
        start(thread)

    def told(driver: BlockingSocketDriver) -> None:
        closing.set()  # the client is closed; what is left is to join the thread
        hang_up(driver)

    ends: list[object] = []

    def ended(function: Callable[[], object]) -> None:
        try:
            ends.append(function())
        except Exception as error:  # noqa: BLE001  # every kind is looked at
            ends.append(error)

    with Client(server.url) as client:
        monkeypatch.setattr(threading.Thread, "start", slowly)
        monkeypatch.setattr(BlockingSocketDriver, "hang_up", told)
        threads = [
            threading.Thread(target=ended, args=(function,))
            for function in (lambda: client.run(prompt(), timeout=20), client.close)
        ]
        threads[0].start()
        assert starting.wait(20)
        threads[1].start()
        assert closing.wait(20)
        threads[1].join(0.2)  # it may not end before the thread is started
        go_on.set()
        for thread in threads:
            thread.join(20)
    assert sorted(type(end).__name__ for end in ends) == ["ClientError", "NoneType"], ends


def test_a_signals_handler_may_close_the_client_while_the_socket_starts(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in the same thread, in the middle of what that thread does."""
    start = threading.Thread.start
    with Client(server.url) as client:

        def closing(thread: threading.Thread) -> None:
            if thread.name == "comfyflow-socket":
                client.close()
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", closing)
        with pytest.raises(ClientError, match="this client is closed"):
            client.run(prompt(), timeout=20)
    until(lambda: all(thread.name != "comfyflow-socket" for thread in threading.enumerate()))


@pytest.mark.parametrize("where", ["_assign_requests_to_connections", "create_connection"])
def test_a_signals_handler_may_close_the_client_while_the_pool_is_locked(
    server: Simulator, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It runs in the thread that has the lock, and no other thread will give it back."""
    inner = getattr(httpcore.ConnectionPool, where)
    ends: list[object] = []

    def closing(pool: httpcore.ConnectionPool, *arguments: Any) -> Any:
        client.close()
        return inner(pool, *arguments)

    def run() -> None:
        try:
            client.run(prompt(), timeout=20)
        except ClientError as error:
            ends.append(str(error).partition("\n")[0])

    with Client(server.url) as client:
        monkeypatch.setattr(httpcore.ConnectionPool, where, closing)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(60)
        monkeypatch.undo()
    assert len(ends) == 1, "the client waits for its own lock"
    assert "this client is closed" in str(ends[0])


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("comfyflow-socket", lambda client: client.run(prompt(), timeout=20)),
        ("comfyflow-callbacks", lambda client: client.on("*", lambda event: None)),
    ],
)
def test_one_thread_runs_after_a_ctrl_c_as_it_starts(
    server: Simulator, monkeypatch: pytest.MonkeyPatch, name: str, use: Callable[[Any], object]
) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name == name:
            monkeypatch.setattr(threading.Thread, "start", start)
            raise KeyboardInterrupt

    def begun() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == name]

    with Client(server.url) as client:
        monkeypatch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            use(client)
        assert client.run(prompt(), timeout=20).files
        use(client)
        assert begun() == [name]
    until(lambda: begun() == [])
