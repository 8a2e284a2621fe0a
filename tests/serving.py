"""A service on loopback, over a simulator, for tests; and workflows to be served."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from comfynodes import (
    EmptyImage,
    ImageInvert,
    LoadImage,
    PreviewAny,
    SaveImage,
    StringConcatenate,
)

from comfyflow.batch.driver import DEPTH
from comfyflow.client import ClientOptions
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ServerUnreachable
from comfyflow.serve.access import Access, ApiKey
from comfyflow.serve.app import create_app
from comfyflow.serve.served_workflow import ServedWorkflow
from comfyflow.serve.service import Service, ServiceOptions
from comfyflow.serve.target import served_function
from comfyflow.simulator import Simulator
from comfyflow.workflows import WorkflowFunction, workflow
from tests.batches import LIMITS
from tests.loop_thread import opened_in_thread


@workflow
def plain(width: int = 8, height: int = 8, color: int = 0) -> SaveImage:
    """A picture of one color.

    Args:
        width: How wide it is.
    """
    image = EmptyImage(width=width, height=height, batch_size=1, color=color)
    return SaveImage(images=image, filename_prefix="plain")


@workflow
def greeting(name: str, mark: Literal["!", "?"] = "!", times: int = 1) -> PreviewAny:
    """A text."""
    if times > 3:
        raise RuntimeError("so often nobody is greeted")
    return PreviewAny(source=StringConcatenate(string_a=name, string_b=mark * times, delimiter=""))


@workflow
def inverted(image: str, more: Sequence[str] = ()) -> SaveImage:
    """A picture, inverted."""
    del more
    return SaveImage(images=ImageInvert(image=LoadImage(image=image)[0]), filename_prefix="inverted")


@workflow
def from_path(image: Path) -> SaveImage:
    """A picture as it is."""
    return SaveImage(images=LoadImage(image=image)[0], filename_prefix="same")


def workflows(*functions: WorkflowFunction[..., Any]) -> dict[str, ServedWorkflow]:
    found = [served_function(each) for each in functions or (plain, greeting, inverted, from_path)]
    return {each.name: each for each in found}


@dataclass
class Served:
    """A service that runs.

    Attributes:
        service: The service.
        http: A client of it.
        loop: The loop that it runs in.
    """

    service: Service
    http: httpx.Client
    loop: asyncio.AbstractEventLoop

    def job(self, name: str, values: Mapping[str, Any], **headers: str) -> httpx.Response:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.post(f"/workflows/{name}/jobs", json=values, headers=named)

    def done(self, name: str, values: Mapping[str, Any], **headers: str) -> dict[str, Any]:
        """A job, once it has ended."""
        answer = self.job(name, values, Prefer="wait=60", **headers)
        assert answer.status_code in (200, 202), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def events(self, url: str, last: str = "") -> list[tuple[str, Any, str]]:
        """All events of a job: name, data and id."""
        headers = {"Last-Event-ID": last} if last else {}
        with self.http.stream("GET", url, headers=headers, timeout=60) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            return [*read_events(answer.iter_lines())]


class Outage:
    """What a server does not answer while `is_on` is set: questions about prompts; a client's middleware."""

    def __init__(self) -> None:
        self.is_on = threading.Event()

    def __call__(self, request: Request, forward: Forward) -> Flow[Answer]:
        if self.is_on.is_set() and request.path.startswith(("/api/history", "/api/queue")):
            raise ServerUnreachable("it does not answer")
        return (yield from forward(request))


def read_events(lines: Iterator[str]) -> Iterator[tuple[str, Any, str]]:
    name = data = number = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if not line and name:
            yield name, json.loads(data), number
            name = data = number = ""
        elif field == "event":
            name = value
        elif field == "data":
            data += value
        elif field == "id":
            number = value


@asynccontextmanager
async def opened(
    service: Service, access: Access, names: Sequence[str]
) -> AsyncIterator[tuple[Service, str]]:
    """A service and its address."""
    config = uvicorn.Config(
        create_app(service, access, names=names),
        lifespan="off",
        ws="none",
        log_config=None,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    await service.start()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield service, "http://{}:{}".format(*listening.getsockname())
        finally:
            service.channels.end()
            server.should_exit = True
            await task
            await service.close()


@contextmanager
def serving(
    out: Path,
    *servers: Simulator | str,
    functions: Sequence[WorkflowFunction[..., Any]] = (),
    keys: Sequence[ApiKey] = (),
    names: Sequence[str] = (),
    depth: int = DEPTH,
    others: Sequence[ServedWorkflow] = (),
    outage: Outage | None = None,
    **options: Any,
) -> Iterator[Served]:
    """A service that runs in a thread of its own."""
    urls = tuple(each if isinstance(each, str) else each.url for each in servers)
    connection: ClientOptions = {"limits": LIMITS}
    if outage is not None:
        connection["middleware"] = [outage]
    known = ServiceOptions(urls, out, connection, depth=depth, **options)

    made = {each.name: each for each in others} if others else workflows(*functions)

    @asynccontextmanager
    async def opening() -> AsyncIterator[tuple[Service, str]]:
        async with opened(Service(made, known), Access(keys), names) as found:
            yield found

    with (
        opened_in_thread(opening, "service") as ((service, url), loop),
        httpx.Client(base_url=url, timeout=60) as http,
    ):
        yield Served(service, http, loop)
