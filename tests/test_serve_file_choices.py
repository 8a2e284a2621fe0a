"""The files that the servers of a service have: who is asked, and who waits for whom."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from comfynodes import CheckpointLoaderSimple, LoraLoader, PreviewAny

from comfyflow.serve import file_choices
from comfyflow.serve.file_choices import FileChoices
from comfyflow.serve.service import Service, ServiceOptions
from comfyflow.serve.target import served_function
from comfyflow.workflows import workflow

from .batches import LIMITS
from .web_server import web_server

CHECKPOINT, LORA = "CheckpointLoaderSimple", "LoraLoader"
INPUTS = {CHECKPOINT: "ckpt_name", LORA: "lora_name"}


@workflow
def both(checkpoint: str, lora: str) -> PreviewAny:
    model, clip, _ = CheckpointLoaderSimple(ckpt_name=checkpoint)
    made, _ = LoraLoader(model=model, clip=clip, lora_name=lora, strength_model=1.0, strength_clip=1.0)
    return PreviewAny(source=made)


@workflow
def only_lora(lora: str) -> PreviewAny:
    model, clip, _ = CheckpointLoaderSimple(ckpt_name="x.safetensors")
    made, _ = LoraLoader(model=model, clip=clip, lora_name=lora, strength_model=1.0, strength_clip=1.0)
    return PreviewAny(source=made)


BOTH, ONLY_LORA = served_function(both), served_function(only_lora)


def events(*, is_set: bool) -> dict[str, threading.Event]:
    made = {name: threading.Event() for name in INPUTS}
    for event in made.values():
        if is_set:
            event.set()
    return made


@dataclass
class Server:
    """A server with one file for each class, whose answers can be held.

    Attributes:
        name: What its files are called.
        free: For each class, set while it is answered.
        asked: For each class, set once it was asked for.
        count: How often each class was asked for.
    """

    name: str
    free: dict[str, threading.Event] = field(default_factory=lambda: events(is_set=True))
    asked: dict[str, threading.Event] = field(default_factory=lambda: events(is_set=False))
    count: Counter[str] = field(default_factory=Counter[str])
    url: str = ""

    def info(self, name: str) -> dict[str, Any]:
        self.count[name] += 1
        self.asked[name].set()
        self.free[name].wait(60)
        inputs = {"required": {INPUTS[name]: [[f"{self.name}-{name}.safetensors"]]}}
        return {name: {"input": inputs, "output": [], "name": name, "output_node": False}}

    async def until_asked(self, name: str) -> None:
        assert await asyncio.to_thread(self.asked[name].wait, 60)

    def let_go(self) -> None:
        for event in self.free.values():
            event.set()


@contextmanager
def running(*names: str) -> Generator[list[Server]]:
    """Servers; what they hold is let go when the block ends."""
    with ExitStack() as stack:
        servers = [Server(name) for name in names]
        for server in servers:
            server.url = stack.enter_context(web_server(answers_of(server)))
            stack.callback(server.let_go)
        yield servers


def answers_of(server: Server) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(server.info(self.path.rpartition("/")[2])).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Answers


def choices(out: Path, *urls: str) -> FileChoices:
    workflows = {each.name: each for each in (BOTH, ONLY_LORA)}
    return FileChoices(Service(workflows, ServiceOptions(urls, out, {"limits": LIMITS})))


def files(class_type: str, *servers: Server) -> dict[str, list[str]]:
    """What these servers offer for the parameter of a class."""
    name = {CHECKPOINT: "checkpoint", LORA: "lora"}[class_type]
    return {name: [f"{each.name}-{class_type}.safetensors" for each in servers]}


def test_no_server_class_or_workflow_waits_for_another(tmp_path: Path) -> None:
    async def ask(one: Server, other: Server) -> None:
        one.free[CHECKPOINT].clear()
        found = choices(tmp_path, one.url, other.url)
        held = asyncio.create_task(found.of(BOTH))
        for server in (one, other):
            for class_type in (CHECKPOINT, LORA):
                await server.until_asked(class_type)
        assert await found.of(ONLY_LORA) == files(LORA, one, other)
        assert not held.done()
        one.let_go()
        assert await held == files(CHECKPOINT, one, other) | files(LORA, one, other)

    with running("one", "other") as servers:
        asyncio.run(ask(*servers))


def test_those_who_ask_for_the_same_get_one_answer(tmp_path: Path) -> None:
    async def ask(server: Server) -> None:
        server.free[LORA].clear()
        found = choices(tmp_path, server.url)
        leaves, *stay = (asyncio.create_task(found.of(ONLY_LORA)) for _ in range(3))
        await server.until_asked(LORA)
        leaves.cancel()
        await asyncio.wait({leaves})
        server.let_go()
        assert await asyncio.gather(*stay) == [files(LORA, server)] * 2
        assert await found.of(ONLY_LORA) == files(LORA, server)
        assert server.count[LORA] == 1

    with running("one") as servers:
        asyncio.run(ask(*servers))


def test_an_answer_is_used_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_choices, "_SECONDS", 0.0)

    async def ask(server: Server) -> None:
        found = choices(tmp_path, server.url)
        for _ in range(2):
            assert await found.of(ONLY_LORA) == files(LORA, server)
        assert server.count[LORA] == 2

    with running("one") as servers:
        asyncio.run(ask(*servers))


def test_a_server_that_takes_too_long_offers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_choices, "_LONGEST", 0.05)

    async def ask(server: Server) -> None:
        server.free[LORA].clear()
        assert await choices(tmp_path, server.url).of(ONLY_LORA) == {}

    with running("one") as servers:
        asyncio.run(ask(*servers))
