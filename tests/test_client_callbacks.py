"""Functions that are called with what comes over the socket, layers of requests, kept answers."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from comfyflow.client import AsyncClient, Client
from comfyflow.client import event as events
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ClientError
from comfyflow.simulator import NodeContext, Simulator
from tests.clients import KINDS, connected
from tests.simulated import NODES, SAVE, Prompt


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(NODES) as simulator:
        yield simulator


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def prompt() -> Prompt:
    return {
        "1": {"class_type": "WordCount", "inputs": {"text": str(uuid.uuid4())}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


class Heard(list[Any]):
    """What a function was called with; can be waited for."""

    def __init__(self, enough: Callable[[list[Any]], bool] = bool) -> None:
        super().__init__()
        self.enough = enough
        self.there = threading.Event()

    def __call__(self, event: Any) -> None:
        self.append(event)
        if self.enough(self):
            self.there.set()

    def wait(self) -> list[Any]:
        assert self.there.wait(20), list(self)
        return list(self)


def test_functions_are_called_by_class_and_by_type(server: Simulator, kind: str) -> None:
    def count(text: str, context: NodeContext) -> int:
        server.send("pack.stage", {"stage": 1})
        server.send("assets.seed.started", {"total": 3})
        return 1

    server.simulate("WordCount", count)
    ended = Heard(lambda heard: any(event.node is None for event in heard))
    by_class, by_type, own, assets, base = Heard(), Heard(), Heard(), Heard(), Heard()
    with connected(kind, server.url) as client:
        client.on(events.ExecutionStart, by_class)
        client.on("execution_start", by_type)
        client.on("pack.stage", own)
        client.on("assets.seed.started", assets)
        client.on(events.PromptEvent, base)
        client.on("executing", ended)
        assert client.registered == (
            events.ExecutionStart,
            "execution_start",
            "pack.stage",
            "assets.seed.started",
            events.PromptEvent,
            "executing",
        )
        prompt_id = client.run(prompt()).prompt_id
        ended.wait()
    assert by_class == by_type == [events.ExecutionStart(prompt_id, by_class[0].timestamp)]
    assert own == [events.UnknownMessage("pack.stage", {"stage": 1})]
    assert [event.data for event in assets] == [{"total": 3}]
    assert {type(event) for event in base} >= {events.ExecutionStart, events.Executing, events.Executed}


def test_a_function_is_called_until_it_is_taken_back(server: Simulator, kind: str) -> None:
    three = Heard(lambda heard: len(heard) == 3)
    kept, first, taken = Heard(), Heard(), Heard()
    with connected(kind, server.url) as client:
        remove = client.on("my.news", taken)
        client.on("my.news", kept)
        client.once("my.news", first)
        never = client.once("my.news", taken)
        client.on("my.news", three)
        client.connect()
        never()
        remove()
        remove()
        assert client.registered == ("my.news",)
        for number in range(3):
            server.send("my.news", number)
        three.wait()
    assert [event.data for event in kept] == [0, 1, 2]
    assert [event.data for event in first] == [0]
    assert not taken


def test_a_function_may_run_prompts(server: Simulator) -> None:
    done: list[str] = []
    finished = threading.Event()
    with Client(server.url) as client:

        def again(event: events.ExecutionSuccess) -> None:
            done.append(client.run(prompt(), timeout=20).prompt_id)
            finished.set()

        client.once(events.ExecutionSuccess, again)
        client.run(prompt(), timeout=20)
        assert finished.wait(20)
    assert len(done) == 1


def test_a_function_may_be_awaited_and_run_prompts(server: Simulator) -> None:
    async def main() -> int:
        async with AsyncClient(server.url) as client:
            finished = asyncio.Event()

            async def again(event: events.ExecutionSuccess) -> None:
                await client.run(prompt(), timeout=20)
                finished.set()

            client.once(events.ExecutionSuccess, again)
            await client.run(prompt(), timeout=20)
            await asyncio.wait_for(finished.wait(), 20)
        return len(asyncio.all_tasks())

    assert asyncio.run(main()) == 1, "nothing is left behind"
    assert len(server.prompts) == 2


def test_a_function_that_raises_takes_nothing_with_it(
    server: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    heard = Heard(lambda heard: len(heard) == 2)

    def broken(event: events.ServerEvent) -> None:
        heard(event)
        raise LookupError("mine")

    with Client(server.url) as client:
        client.on("my.news", broken)
        client.connect()
        for _ in range(2):
            server.send("my.news", 1)
        heard.wait()
        assert client.run(prompt(), timeout=20)
    assert [told.exc_type for told in shown] == [LookupError, LookupError]

    async def main() -> list[str]:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(str(told["exception"])))
        async with AsyncClient(server.url) as client:
            client.on("status", broken)
            await client.run(prompt(), timeout=20)
        return said

    assert set(asyncio.run(main())) == {"mine"}


def test_a_function_that_exits_ends_no_calls(server: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python shows nothing of a thread that exits."""
    shown: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    heard = Heard(lambda heard: len(heard) == 2)

    def leaving(event: events.ServerEvent) -> None:
        heard(event)
        sys.exit("that is enough")

    with Client(server.url) as client:
        client.on("my.news", leaving)
        client.connect()
        for _ in range(2):
            server.send("my.news", 1)
        heard.wait()
        done = threading.Event()
        client.once("my.news", lambda _: done.set())
        server.send("my.news", 1)
        assert done.wait(20)
    assert {str(told.exc_value) for told in shown} == {
        "sys.exit() in a callback ends neither the program nor the calls"
    }
    assert str(shown[0].exc_value.__cause__) == "that is enough"


def test_what_is_no_function_is_refused_before_anything_is_sent(server: Simulator, kind: str) -> None:
    wrong: Any = 3
    with connected(kind, server.url) as client:
        uses: list[tuple[str, Callable[[], object]]] = [
            ("on_event must be a function, not 3", lambda: client.run(prompt(), on_event=wrong)),
            ("on_upload must be a function, not 3", lambda: client.submit(prompt(), on_upload=wrong)),
            ("resolver must be a function, not 3", lambda: client.run(prompt(), resolver=wrong)),
            ("resolver must be a function, not 3", lambda: client.attach("1", resolver=wrong)),
            ("a callback must be a function, not None", lambda: client.on("status", None)),
            ("timeout must be a number of seconds or None", lambda: client.run(prompt(), timeout="5")),
            (
                "timeout must be a number of seconds or None",
                lambda: client.submit(prompt(), timeout=math.nan),
            ),
        ]
        for message, use in uses:
            with pytest.raises(TypeError, match=message):
                use()
    assert server.prompts == []


def test_closing_ends_the_calls(server: Simulator) -> None:
    began = time.monotonic()
    with Client(server.url) as client:
        client.on("status", lambda _: None)
        caller = next(thread for thread in threading.enumerate() if thread.name == "comfyflow-callbacks")
    caller.join(10)
    assert not caller.is_alive()
    assert time.monotonic() - began < 10


def test_what_cannot_be_listened_to_is_refused(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        for wrong in (3, None, int, events.ServerEvent):
            with pytest.raises(TypeError, match="an event class of comfyflow"):
                client.on(wrong, print)
        assert client.registered == ()
    with (
        connected(kind, server.url, websocket=False) as client,
        pytest.raises(ClientError, match="websocket"),
    ):
        client.on("status", print)


def test_a_blocking_client_awaits_nothing(server: Simulator) -> None:
    async def listen(event: events.Status) -> None:
        raise AssertionError

    with Client(server.url) as client, pytest.raises(TypeError, match="use AsyncClient"):
        client.on(events.Status, listen)


# Layers


def test_layers_come_and_go_while_the_client_lives(server: Simulator, kind: str) -> None:
    seen: list[str] = []

    def layer(name: str) -> Callable[[Request, Forward], Flow[Answer]]:
        def wrap(request: Request, forward: Forward) -> Flow[Answer]:
            seen.append(name)
            return (yield from forward(request))

        return wrap

    first, second = layer("first"), layer("second")
    with connected(kind, server.url, middleware=[first]) as client:
        (file,) = client.run(SAVE, timeout=20, websocket=False).files
        seen.clear()
        client.read(file)
        remove = client.use(second)
        assert client.middleware == (second, first)
        client.read(file)
        remove()
        remove()
        client.read(file)
        assert client.middleware == (first,)
    assert seen == ["first", "second", "first", "first"]


# Kept answers


def test_lists_are_kept_for_as_long_as_was_said(server: Simulator, kind: str) -> None:
    asked: list[str] = []
    with connected(kind, server.url, cache=60.0, websocket=False) as client:
        core = (client if kind == "Client" else client._inner)._core

        def lists() -> None:
            client.object_info()["WordCount"].clear()
            client.embeddings().append("changed by the caller")
            client.queue()

        before = len(server.prompts)
        client.use(lambda request, forward: _noted(asked, request, forward))
        lists()
        assert client.embeddings() == []
        assert client.object_info()["WordCount"], "what one caller changes is not another's"
        kept = dict(core.cache._kept)
        lists()
        assert core.cache._kept == kept
        client.reset_cache()
        assert not core.cache._kept
        lists()
        assert len(core.cache._kept) == 2
        assert len(server.prompts) == before
    assert asked.count("/api/queue") == 3


def _noted(asked: list[str], request: Request, forward: Forward) -> Flow[Answer]:
    asked.append(request.path)
    return (yield from forward(request))


def test_nothing_is_kept_unless_it_is_asked_for(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        assert "WordCount" in client.object_info()
        core = (client if kind == "Client" else client._inner)._core
        assert not core.cache._kept
