"""What is spoken at an address is found out before anything is queued there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest
from comfynodes import EmptyImage, SaveImage

from comfyflow.client import Client
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ClientError, CompileError, ServerError
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected
from tests.simulated import SAVE

Respond = Callable[[httpx.Request], httpx.Response]

JOB: dict[str, Any] = {"id": "7f3d2c1b-9a8e-4d6f-b012-3c4d5e6f7a8b", "status": "succeeded", "outputs": []}
PLAIN: dict[str, Any] = {"1": {"class_type": "X", "inputs": {}}}


class Address:
    """Something that answers, and the requests that it had."""

    def __init__(self, respond: Respond) -> None:
        self.asked: list[str] = []
        self._respond = respond

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        return self._respond(request)

    def options(self) -> dict[str, Any]:
        return {"transport": httpx.MockTransport(self), "websocket": False}


def cloud_before_v2(request: httpx.Request) -> httpx.Response:
    """It takes prompts at ComfyUI's route and runs them, but has other routes for the rest."""
    if request.url.path == "/api/prompt":
        return httpx.Response(200, json={"prompt_id": "p", "number": 1, "node_errors": {}})
    return httpx.Response(404, json={"error": {"code": "not_found", "message": "no such route"}})


def cloud(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/api/v2/jobs" and request.method == "GET":
        return httpx.Response(200, json={"jobs": []})
    if request.url.path.startswith("/api/v2/jobs"):
        return httpx.Response(201 if request.method == "POST" else 200, json=JOB)
    return cloud_before_v2(request)


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_that_would_lose_a_prompt_is_sent_none(kind: str) -> None:
    address = Address(cloud_before_v2)
    with (
        connected(kind, "http://host", **address.options()) as client,
        pytest.raises(ServerError, match=r"neither a ComfyUI nor a Comfy API v2 server.*Nothing was"),
    ):
        client.run(PLAIN, timeout=10)
    assert not [asked for asked in address.asked if asked.startswith("POST")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [404, 405, 501])
def test_the_api_is_found_where_comfyui_has_its_history(kind: str, status: int) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status) if "/history" in request.url.path else cloud(request)

    address = Address(respond)
    with connected(kind, "http://host", **address.options()) as client:
        first = client.run(PLAIN, timeout=10)
        asked = len(address.asked)
        client.run(PLAIN, timeout=10)
    assert first.prompt_id == JOB["id"]
    assert "POST /api/prompt" not in address.asked
    assert [asked for asked in address.asked[asked:] if "/history" in asked] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_has_ended_is_asked_for_once(kind: str) -> None:
    address, job = Address(cloud), f"GET /api/v2/jobs/{JOB['id']}"
    with connected(kind, "http://host", **address.options()) as client:
        handle = client.attach(JOB["id"])
        assert address.asked.count(job) == 1
        assert handle.status().state == "success"
    assert address.asked.count(job) == 2


@pytest.mark.parametrize("host", ["cloud.comfy.org", "CLOUD.comfy.org", "dep-1.run.comfy.app"])
def test_addresses_that_are_known_are_asked_for_jobs_at_once(host: str) -> None:
    address = Address(cloud)
    with Client(f"http://{host}", api_key="k-123", **address.options()) as client:
        client.run(PLAIN, timeout=10)
    posts = [asked for asked in address.asked if asked.startswith("POST")]
    assert posts == ["POST /api/v2/jobs"]
    assert not [asked for asked in address.asked if "/history" in asked]


def test_a_name_that_only_looks_like_one_is_not_known() -> None:
    address = Address(cloud_before_v2)
    with (
        Client("http://cloud.comfy.org.example", **address.options()) as client,
        pytest.raises(ServerError, match="neither a ComfyUI"),
    ):
        client.run(PLAIN, timeout=10)


def test_a_key_is_sent_as_the_api_wants_it() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return cloud(request)

    with Client("https://cloud.comfy.org", api_key="k-123", **Address(respond).options()) as client:
        client.run(PLAIN, timeout=10)
    jobs = [request for request in seen if "/api/v2/" in request.url.path]
    assert {request.headers["authorization"] for request in jobs} == {"Bearer k-123"}


def test_an_api_that_lets_nobody_in_says_so_before_anything_is_sent() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/v2/"):
            return httpx.Response(401, json={"error": {"code": "unauthorized", "message": "who are you"}})
        return cloud_before_v2(request)

    address = Address(respond)
    with (
        Client("http://host", **address.options()) as client,
        pytest.raises(ServerError, match=r"requires credentials.*who are you"),
    ):
        client.run(PLAIN, timeout=10)
    assert not [asked for asked in address.asked if asked.startswith("POST")]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_an_address_is_not_looked_for(kind: str) -> None:
    address = Address(cloud)
    with connected(kind, "http://host", backend="comfy-api-v2", **address.options()) as client:
        client.run(PLAIN, timeout=10)
    assert address.asked[0] in ("POST /api/v2/jobs", "GET /api/object_info/X")


def test_a_backend_that_is_none() -> None:
    with pytest.raises(ValueError, match='backend must be "auto", "comfyui" or "comfy-api-v2", not'):
        Client("http://host", backend="v2")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_comfyui_is_asked_once_and_not_at_all_where_it_has_greeted(kind: str) -> None:
    asked: list[str] = []

    def look(request: Request, forward: Forward) -> Flow[Answer]:
        asked.append(request.path)
        return (yield from forward(request))

    with Simulator() as server:
        with connected(kind, server.url, websocket=False, middleware=[look]) as client:
            for _ in range(2):
                client.submit(SAVE).cancel()
        probes = [path for path in asked[:1] if path.startswith("/api/history/")]
        assert len(probes) == 1
        asked.clear()
        with connected(kind, server.url, middleware=[look]) as client:
            client.connect(20)
            client.run(SAVE, timeout=60)
        assert not asked[0].startswith("/api/history/")


@pytest.mark.parametrize("kind", KINDS)
def test_no_server_is_asked_of_a_workflow_that_cannot_be_compiled(kind: str) -> None:
    address = Address(cloud)
    with connected(kind, "http://host", **address.options()) as client:
        node = EmptyImage(width=8, height=8, color=cast("int", float("nan")))
        with pytest.raises(CompileError, match="nan is not a number"):
            client.run(SaveImage(images=node), timeout=10)
    assert address.asked == []


@pytest.mark.parametrize("page", [b"<html>hello</html>", b"[]", b'"x"'])
def test_a_page_in_place_of_a_history_is_no_comfyui_for_good(page: bytes) -> None:
    """What stands between may be gone the next time: it is asked again."""

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=page)

    with Client("http://host", **Address(respond).options()) as client:
        for _ in range(2):
            with pytest.raises(ClientError):
                client.run(PLAIN, timeout=5)
        assert client._core.recognition.known is None
