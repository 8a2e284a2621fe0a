"""Faults of the TypeScript client (reference, section 5): each has a test that would catch it here.

`COVERED` says where, for those whose test stands elsewhere.
"""

from __future__ import annotations

import importlib
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest

from comfyflow.client import Limits
from comfyflow.errors import ExecutionError, ServerError, ServerUnreachable
from comfyflow.output_file import ImageOutput
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected
from tests.fault_proxy import FaultProxy

COVERED = {
    "1 the first of two outputs ends the wait": "client_server:test_several_roots_and_single_nodes",
    "1 an interrupt does not end the wait": "client_server:test_a_prompt_that_is_interrupted",
    "2 events before the answer are missed": "client_waiting:test_a_run_before_the_answer_to_the_post",
    "2 a wait after the end never settles": "client_waiting:test_a_wait_that_begins_after_the_end",
    "3 the result has no prompt id": "client_server:test_a_workflow_gives_what_its_root_gives",
    "4 cancelling a pending prompt hangs its wait": "client_server:test_cancelling",
    "4 closing hangs a wait": "client_waiting:test_a_closed_client_ends_a_wait",
    "5 no answer counts as an empty queue": "client_waiting:test_a_server_that_stays_away",
    "6 JPEG is called PNG": "client_message:test_preview_frames",
    "6 a preview with metadata comes twice": "client_run:test_previews_are_no_outputs",
    "6 an unknown frame raises": "client_message:test_frames_that_are_unknown_or_cut_short_are_kept",
    "7 previews are outputs": "client_server:test_progress_and_previews_of_a_sampler",
    "9 prompts beyond the last 200 are not found": "client_waiting:test_one_prompt_needs_three_requests",
    "HTTP: a refusal has no problems": "client_server:test_a_server_that_refuses_says_the_same",
    "HTTP: the socket ignores the base path": "client_credentials:test_routes_below_a_base_path",
    "HTTP: /view goes without the token": "client_credentials:test_a_redirect_within_the_origin_keeps_them",
    "HTTP: node_errors of a 200 are ignored": "client_server:test_what_a_server_dropped_is_reported",
    "HTTP: nothing is repeated": "client_submitting:test_one_fault_neither_loses_nor_doubles",
    "missing routes": "client_members:test_each_of_ours_does_something",
    "no upload": "client_server_routes:test_local_files_are_uploaded_by_content",
    "#4 custom events": "client_message:test_unknown_types_are_kept",
    "#6 the shape of progress": "client_run:test_progress_is_told_once_though_it_is_sent_twice",
    "#10 outputs that are no images": "client_server:test_text_and_latents",
    "ComfyUI #11540 history after success": "client_waiting:test_history_that_comes_late",
    "ComfyUI #15240 a socket that stalls": "client_waiting:test_a_silent_socket_is_hung_up",
}

SOON = Limits(socket=1, quiet=0.2, poll_most=0.2, backoff=0.02, backoff_most=0.2)


@pytest.mark.parametrize("where", COVERED.values(), ids=COVERED)
def test_it_is_covered(where: str) -> None:
    module, _, name = where.partition(":")
    assert callable(getattr(importlib.import_module(f"tests.test_{module}"), name))


def prompt(seconds_of: str = "PreviewImage") -> dict[str, Any]:
    color = uuid.uuid4().int % 0xFFFFFF
    image = {"width": 8, "height": 8, "batch_size": 1, "color": color}
    return {
        "1": {"class_type": "EmptyImage", "inputs": image, "_meta": {"title": "empty"}},
        "2": {"class_type": seconds_of, "inputs": {"images": ["1", 0]}, "_meta": {"title": "show"}},
    }


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def no_faults(server: Simulator) -> Iterator[None]:
    yield
    server.faults.clear()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_1_an_error_of_another_prompt_is_not_ours(server: Simulator, kind: str) -> None:
    server.faults.slow_nodes = {None: 0.1}
    with connected(kind, server.url) as client:
        server.fail_next("not yours")
        first, second = client.submit(prompt()), client.submit(prompt())
        with pytest.raises(ExecutionError):
            first.result(20)
        assert isinstance(second.result(20).output, ImageOutput)


def test_8_a_server_that_starts_late(kind: str) -> None:
    """A client that found nobody works as soon as somebody is there; its socket too."""
    port = free_port()
    limits = Limits(socket=1, retries=1, backoff=0.01, backoff_most=0.1)
    with connected(kind, f"http://127.0.0.1:{port}", limits=limits) as client:
        with pytest.raises(ServerUnreachable):
            client.run(prompt())
        assert not client.connected
        with Simulator(port=port):
            assert client.run(prompt(), timeout=30).files
            until(lambda: client.connected)
            assert client.run(prompt("SaveImageWebsocket"), timeout=30).files


def test_8_first_use_from_several_threads_opens_one_socket(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        threads = [threading.Thread(target=client.run, args=(prompt(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert client.run(prompt("SaveImageWebsocket")).files
        assert client._core.hub.connections == 1


def test_8_a_closed_client_does_not_connect_again(kind: str) -> None:
    attempts: list[float] = []
    looks_in_vain = [0]
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stop = threading.Event()

    def refuse() -> None:
        while not stop.is_set():
            try:
                opened, _ = listener.accept()
            except OSError:
                looks_in_vain[0] += 1
                continue
            attempts.append(time.monotonic())
            opened.close()

    def look_in_vain(times: int) -> None:
        enough = looks_in_vain[0] + times
        until(lambda: looks_in_vain[0] >= enough)

    thread = threading.Thread(target=refuse)
    thread.start()
    try:
        limits = Limits(backoff=0.02, backoff_most=0.05)
        with connected(kind, f"http://127.0.0.1:{listener.getsockname()[1]}", limits=limits) as client:
            list(client.events(0.3))
            until(lambda: len(attempts) > 2)
        look_in_vain(1)  # what had come before the end has been taken
        before = len(attempts)
        look_in_vain(6)
        assert len(attempts) == before
    finally:
        stop.set()
        thread.join(10)
        listener.close()


def test_8_pauses_between_connections_grow(kind: str) -> None:
    """Not every 300 ms for ever."""
    attempts: list[float] = []
    with FaultProxy(lambda: attempts.append(time.monotonic()) or 9, 1, badness=0) as proxy:
        limits = Limits(backoff=0.02, backoff_most=10)
        with connected(kind, proxy.url, limits=limits) as client:
            list(client.events(0.1))
            until(lambda: len(attempts) > 7)
    pauses = [after - before for before, after in pairwise(attempts)]
    assert pauses[6] > 4 * min(pauses)


def test_9_a_socket_that_breaks_in_the_middle(server: Simulator, kind: str) -> None:
    """What was missed is asked for; nothing is told twice, and nothing is lost."""
    server.faults.slow_nodes = {None: 0.4}
    with connected(kind, server.url, limits=SOON) as client:
        client.run(prompt())
        handle = client.submit(prompt())
        time.sleep(0.2)
        server.drop_socket()
        until(lambda: client._core.hub.connections == 2)
        result = handle.result(20)
        assert isinstance(result.output, ImageOutput)
        assert len(result.files) == 1
        server.faults.slow_nodes = {}
        assert client.run(prompt("SaveImageWebsocket"), timeout=20).files, "the new socket works"


@pytest.mark.parametrize("fault", ["blocked", "silent"])
def test_a_socket_that_cannot_be_had(server: Simulator, kind: str, fault: str) -> None:
    """Behind many proxies there is HTTP and no WebSocket."""
    faults: dict[str, Any] = {fault: b"GET /ws"}
    with (
        FaultProxy(lambda: server.port, 1, badness=0, **faults) as proxy,
        connected(kind, proxy.url, limits=SOON) as client,
    ):
        assert client.run(prompt(), timeout=20).files
        assert client.run(prompt(), timeout=20).files
        assert not client.connected


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"<html><h1>Bad gateway</h1></html>", 502, "gave 502"),
        (b'{"error": "plain words"}', 400, "plain words"),
        (b'{"error": {"message": "in an object"}}', 400, "in an object"),
        (b'{"code": "X", "message": "of the cloud"}', 402, "of the cloud"),
        (b"500 Internal Server Error\n\nServer got itself in trouble", 500, "500 Internal Server Error"),
        (b"\xff\xfe[[[", 418, "gave 418"),
        (b"", 404, "gave 404"),
    ],
)
def test_http_an_error_keeps_its_status_whatever_its_body(
    kind: str, body: bytes, status: int, words: str
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body))
    limits = Limits(retries=0)
    with (
        connected(kind, "http://host", transport=transport, limits=limits) as client,
        pytest.raises(ServerError, match=words) as caught,
    ):
        client.system_stats()
    assert caught.value.status == status


def test_http_a_page_is_no_answer(kind: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"<html></html>"))
    with (
        connected(kind, "http://host", transport=transport) as client,
        pytest.raises(ServerError, match="a web page; is that a ComfyUI server"),
    ):
        client.system_stats()


def test_http_names_are_sent_whole(kind: str) -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, content=b"[]")

    name = "a?b&c=d#e%20+ü.png"
    with connected(kind, "http://host/base?token=t%26k", transport=httpx.MockTransport(answer)) as client:
        client.view(name, subfolder="x/y", preview="webp;90")
        client.get_userdata("workflows/a?b.json")
        client.models("../queue")
    assert dict(asked[0].params) == {
        "filename": name,
        "type": "output",
        "subfolder": "x/y",
        "preview": "webp;90",
        "token": "t&k",
    }
    assert asked[1].raw_path == b"/base/api/userdata/workflows%2Fa%3Fb.json?token=t%26k"
    assert asked[2].raw_path.startswith(b"/base/api/models/..%2Fqueue?")


@pytest.mark.parametrize(
    "definition", [[["a.pth", "b.pth"], {}], ["COMBO", {"options": ["a.pth", "b.pth"]}], [["a.pth", "b.pth"]]]
)
def test_http_both_forms_of_a_choice(kind: str, definition: list[Any]) -> None:
    node = {"input": {"required": {"model_name": definition}}, "output": []}

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json={name: node} if name == "UpscaleModelLoader" else {})

    with connected(kind, "http://host", transport=httpx.MockTransport(answer)) as client:
        assert client.upscale_models() == ["a.pth", "b.pth"]
        assert client.loras() == []


def until(happened: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)
