"""Clients in the child of a fork, as under gunicorn and celery, and in pools of processes on Linux."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from comfyflow.client import Client
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ClientError
from comfyflow.simulator import Simulator
from tests.test_client_async import prompt

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


def in_child(act: Callable[[], Any]) -> Any:
    """What a function gives in the child of a fork, or the error that it ends with."""
    forking = multiprocessing.get_context("fork")
    here, there = forking.Pipe(duplex=False)

    def work() -> None:
        try:
            there.send(act())
        except Exception as error:  # noqa: BLE001  # it is for the parent to judge
            there.send(error)

    child = forking.Process(target=work)
    child.start()
    try:
        assert here.poll(60), "the child does not answer"
        return here.recv()
    finally:
        child.kill()
        child.join()


def test_a_client_begins_anew_and_the_parents_goes_on(server: Simulator) -> None:
    with Client(server.url) as client:
        client.connect()
        before = client.client_id, client._core.hub.connections

        def work() -> Any:
            kinds: list[str] = []
            result = client.run(prompt(), on_event=lambda event: kinds.append(type(event).__name__))
            found = client.connected, client.client_id, [len(file.bytes()) for file in result.files], kinds
            client.close()
            return found

        connected, client_id, files, kinds = in_child(work)
        assert connected
        assert client_id != before[0]
        assert len(files) == 1
        assert "NodeFinished" in kinds
        assert kinds[-1] == "RunDone"
        assert client.run(prompt()).files
        assert (client.client_id, client._core.hub.connections) == before


def test_locks_that_another_thread_has_stay_the_parents(server: Simulator) -> None:
    with Client(server.url) as client:
        core, driver = client._core, client._driver
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with core.hub._lock, driver._calling, driver._socket._lock:
                held.set()
                done.wait(60)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(20)
        try:
            assert in_child(lambda: len(client.run(prompt()).files)) == 1
        finally:
            done.set()
            thread.join()


def test_what_was_registered_and_what_was_closed_stays_so(server: Simulator) -> None:
    seen: list[str] = []

    def noted(request: Request, forward: Forward) -> Flow[Answer]:
        seen.append(request.path)
        return (yield from forward(request))

    def work() -> tuple[int, str]:
        seen.clear()
        client.queue()
        try:
            ended.queue()
        except ClientError as error:
            return len(seen), str(error)
        return len(seen), "not closed"

    ended = Client(server.url)
    ended.close()
    with Client(server.url) as client:
        client._core.middleware.append(noted)
        count, told = in_child(work)
    assert count == 1
    assert "this client is closed" in told


def test_the_address_and_the_id_are_the_parents_own_whatever_has_changed(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYFLOW_SERVER", server.url)
    with Client(client_id="ours") as client:
        client.connect()
        monkeypatch.setenv("COMFYFLOW_SERVER", "http:/nowhere")
        url, client_id, files = in_child(
            lambda: (client.connect().url, client.client_id, len(client.run(prompt()).files))
        )
        assert (url, files) == (server.url, 1)
        assert client_id.startswith("ours-")
        assert client.connected
        kinds: list[str] = []
        client.run(prompt(), on_event=lambda event: kinds.append(type(event).__name__))
        assert "NodeFinished" in kinds


def test_a_handle_belongs_to_the_process_that_has_sent_its_prompt(server: Simulator) -> None:
    with Client(server.url) as client:
        handle = client.submit(prompt())
        assert handle.result(20).files
        other = client.submit(prompt())
        for act in (other.status, other.result, other.cancel):
            error = in_child(act)
            assert isinstance(error, ClientError)
            assert "client.attach(handle.prompt_id)" in str(error)
        assert in_child(lambda: client.attach(other.prompt_id).result(20).prompt_id) == other.prompt_id


def test_a_missing_attribute_is_named() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(AttributeError, match=r"'Client' .*'quene'"):
        client.quene()  # type: ignore[attr-defined]
