"""The threads that a blocking client starts: begun once, and ended however it is closed."""

from __future__ import annotations

import subprocess
import sys
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
    "lock_of",
    [
        lambda client, _: client._core.hub._lock,
        lambda client, _: client._callbacks._lock,
        lambda client, _: client._driver._beside._lock,
        lambda client, _: client._driver._calling,
        lambda client, _: client._driver._socket._lock,
        lambda client, _: client._driver._pool._network_backend._lock,
        lambda client, _: client._driver._pool._network_backend.pool_lock,
        lambda _, handle: handle._run._lock,
    ],
)
def test_a_signals_handler_may_close_the_client_whatever_is_locked(server: Simulator, lock_of: Any) -> None:
    """Its thread has the lock, and the socket's thread may wait for it: that one ends afterwards."""
    ends: list[str] = []

    def run() -> None:
        client = Client(server.url)
        client.on("status", lambda _: None)
        handle = client.submit(prompt())
        with lock_of(client, handle):
            client.close()
        ends.append("closed")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert ends == ["closed"], "the client waits for its own lock"
    until(lambda: all(thread.name != "comfyflow-socket" for thread in threading.enumerate()))


def test_a_signals_handler_may_close_a_client_that_is_being_closed(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """websockets has a lock of its own as it says goodbye."""
    client = Client(server.url).connect()
    hang_up, calls = BlockingSocketDriver.hang_up, list[str]()

    def closing(driver: BlockingSocketDriver) -> None:
        calls.append("begins")
        if len(calls) == 1:
            client.close()
        hang_up(driver)

    monkeypatch.setattr(BlockingSocketDriver, "hang_up", closing)
    client.close()
    assert calls == ["begins"]


CLOSED_BY_SIGNALS = """
import faulthandler, random, signal, sys
from comfyflow.client import Client
from comfyflow.errors import ClientError
from comfyflow.simulator import Simulator
from tests.test_client_seed_faults import prompt

faulthandler.dump_traceback_later(240, exit=True)
chance = random.Random(int(sys.argv[1]))
clients = []
signal.signal(signal.SIGALRM, lambda *_: clients[-1].close())
with Simulator() as server:
    for _ in range(250):
        clients.append(Client(server.url))
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.001, 0.12))
        try:
            while True:
                clients[-1].run(prompt(), timeout=60)
        except ClientError as error:
            assert "closed" in str(error), error
print("all closed")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no timer of signals")
def test_clients_are_closed_by_signals_at_any_time() -> None:
    words = [sys.executable, "-c", CLOSED_BY_SIGNALS, "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.stdout == "all closed\n", done.stderr


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
