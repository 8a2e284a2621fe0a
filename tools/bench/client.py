"""The client beside a bare httpx and websockets script, and its memory over many prompts.

The simulator runs in a separate process. Both send the same kind of trivial prompt, one after
the other, and read its output from the history; a workflow in Python is sent with the editor's JSON
of it, which the bare script has as text. COMFYUI_URL names another server instead.
``python -m tools.bench.client memory N`` measures memory over N prompts only.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import websockets.asyncio.client
import websockets.sync.client
from comfynodes import EmptyImage, PreviewImage

from comfyflow import AsyncClient, Client, Workflow, workflow
from comfyflow.client.message import FEATURE_FLAGS
from comfyflow.exporter.writing import embedded_workflow
from comfyflow.source import Source

from ._process import ROOT

PROMPTS = 200
ROUNDS = 5
MANY = 5000
LIMIT = 1.10

Way = Callable[[str, int], None]

_colors = itertools.count()


def prompt() -> dict[str, Any]:
    """A prompt that no other was like, so that it runs."""
    image = {"width": 8, "height": 8, "batch_size": 1, "color": next(_colors) % 0xFFFFFF}
    return {
        "1": {"class_type": "EmptyImage", "inputs": image, "_meta": {"title": "empty"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}, "_meta": {"title": "show"}},
    }


@dataclass(frozen=True)
class Subject:
    """A server: its address, and its process if it is ours."""

    url: str
    pid: int | None = None

    def cpu(self) -> float:
        """Seconds of processor time that it has used; 0 if unknown."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server() -> Iterator[Subject]:
    """A server that is named, or a simulator in another process."""
    if named := os.environ.get("COMFYUI_URL"):
        yield Subject(named)
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "comfyflow", "simulate", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'stubs'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        yield Subject(next(word.rstrip(";") for word in words if word.startswith("http")), process.pid)
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def swept_prompt() -> Workflow[PreviewImage]:
    """The same prompt as a workflow in Python."""
    return swept(next(_colors) % 0xFFFFFF)


@workflow
def swept(color: int) -> PreviewImage:
    return PreviewImage(images=EmptyImage(width=8, height=8, batch_size=1, color=color))


def bare_body(client_id: str) -> dict[str, Any]:
    return {"prompt": prompt(), "client_id": client_id}


def bare(url: str, count: int) -> None:
    """What a careful person writes by hand: no retries, no fallback, no types."""
    bare_loop(url, count, bare_body)


def bare_swept(url: str, count: int) -> None:
    """The same with the editor's JSON of one workflow, in which the value is replaced."""
    made = swept_prompt()
    source = Source.of(made, None)
    written = json.dumps(embedded_workflow(source, made.schema()))
    old = str(source.prompt["1"]["inputs"]["color"])

    def body(client_id: str) -> dict[str, Any]:
        sent = prompt()
        editor = json.loads(written.replace(old, str(sent["1"]["inputs"]["color"])))
        return {"prompt": sent, "client_id": client_id, "extra_data": {"extra_pnginfo": {"workflow": editor}}}

    bare_loop(url, count, body)


def bare_loop(url: str, count: int, make_body: Callable[[str], dict[str, Any]]) -> None:
    client_id = str(uuid.uuid4())
    address = f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
    connecting: Any = websockets.sync.client.connect(address, max_size=None, compression=None)
    with connecting as socket, httpx.Client(base_url=url) as http:
        socket.recv()
        socket.send(FEATURE_FLAGS)
        for _ in range(count):
            prompt_id = (
                http.post("/api/prompt", json=make_body(client_id)).raise_for_status().json()["prompt_id"]
            )
            while not is_end(socket.recv(), prompt_id):
                pass
            entry = http.get(f"/api/history/{prompt_id}").raise_for_status().json()[prompt_id]
            assert entry["outputs"]["2"]["images"]


async def bare_work(url: str, count: int) -> None:
    client_id = str(uuid.uuid4())
    address = f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
    connecting = websockets.asyncio.client.connect(address, max_size=None, compression=None)
    async with connecting as socket, httpx.AsyncClient(base_url=url) as http:
        await socket.recv()
        await socket.send(FEATURE_FLAGS)
        for _ in range(count):
            posted = await http.post("/api/prompt", json={"prompt": prompt(), "client_id": client_id})
            prompt_id = posted.raise_for_status().json()["prompt_id"]
            while not is_end(await socket.recv(), prompt_id):
                pass
            found = await http.get(f"/api/history/{prompt_id}")
            assert found.raise_for_status().json()[prompt_id]["outputs"]["2"]["images"]


def bare_async(url: str, count: int) -> None:
    """The same with asyncio."""
    asyncio.run(bare_work(url, count))


def is_end(message: str | bytes, prompt_id: str) -> bool:
    if isinstance(message, bytes):
        return False
    event = json.loads(message)
    return event["type"] == "executing" and event["data"] == {"node": None, "prompt_id": prompt_id}


def ours(url: str, count: int) -> None:
    """The same with `Client`."""
    with Client(url) as client:
        for _ in range(count):
            assert client.run(prompt()).files


def ours_swept(url: str, count: int) -> None:
    """A workflow in Python, with the editor's JSON that goes along."""
    with Client(url) as client:
        for _ in range(count):
            assert client.run(swept_prompt()).files


def awaited(url: str, count: int) -> None:
    """The same with `AsyncClient`."""

    async def work() -> None:
        async with AsyncClient(url) as client:
            for _ in range(count):
                assert (await client.run(prompt())).files

    asyncio.run(work())


@dataclass(frozen=True)
class Cost:
    """Seconds for all prompts: by the clock, and of the processors, client and server together."""

    wall: float
    cpu: float


def measure(way: Way, subject: Subject) -> Cost:
    """Run all prompts one way."""
    wall, cpu = time.perf_counter(), time.process_time() + subject.cpu()
    way(subject.url, PROMPTS)
    return Cost(time.perf_counter() - wall, time.process_time() + subject.cpu() - cpu)


def overhead(subject: Subject) -> None:
    """Each way and its bare twin in turn, so that what else the machine does hits both.

    On a machine that is busy otherwise, only the ratio of processor time means anything.
    """
    for plain, way in ((bare, ours), (bare_async, awaited), (bare_swept, ours_swept)):
        plain(subject.url, 20)
        way(subject.url, 20)
        pairs = [(measure(plain, subject), measure(way, subject)) for _ in range(ROUNDS)]
        wall = statistics.median(mine.wall / other.wall for other, mine in pairs)
        cpu = statistics.median(mine.cpu / other.cpu for other, mine in pairs)
        each = statistics.median(mine.wall for _, mine in pairs) / PROMPTS * 1000
        verdict = "within" if wall <= LIMIT else "OVER"
        print(
            f"{way.__name__:10} {each:6.2f} ms a prompt: {wall:.2f} of {plain.__name__} ({verdict} {LIMIT}); "
            f"processor time {cpu:.2f}",
            flush=True,
        )


def memory(subject: Subject, count: int = MANY) -> None:
    """Peak memory after a tenth of the prompts, and after all of them."""
    with Client(subject.url) as client:
        for number in range(count):
            client.run(prompt())
            if number in (count // 10, count - 1):
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(f"memory after {number + 1:5} prompts: {peak:6.1f} MB", flush=True)


def main() -> None:
    with server() as subject:
        overhead(subject)
        memory(subject)


if __name__ == "__main__":
    with server() as named:
        memory(named, int(sys.argv[2]) if len(sys.argv) > 2 else MANY)
