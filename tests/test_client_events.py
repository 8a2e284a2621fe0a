"""What is told of a prompt, and of a server: whole, whichever way it comes, and from the call on."""

from __future__ import annotations

import json
import struct
import threading
import uuid
from collections.abc import Iterator

import pytest

from comfyflow.client import Limits
from comfyflow.client import event as events
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.client.message import parse_text
from comfyflow.client.run_event import (
    NodeOutputs,
    NodePicture,
    NodesCached,
    NodeStarted,
    NodeText,
    RunDone,
    RunEvent,
    RunMessage,
    RunQueued,
    RunStarted,
    ServerAway,
    ServerBack,
)
from comfyflow.errors import ClientError, ServerUnreachable
from comfyflow.simulator import NodeContext, Simulator
from tests.clients import KINDS, connected
from tests.model_server import OUTPUT, PROMPT, ModelServer
from tests.simulated import NODES, Prompt, node_class

SOCKET_NODES = {**NODES, "SaveImageWebsocket": node_class({"images": ["IMAGE"]}, [], True)}
QUICK = Limits(quiet=0.05, quiet_most=0.1)
"""Asks the server soon where the socket says nothing."""


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(SOCKET_NODES) as simulator:
        yield simulator


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def pictured(class_type: str = "SaveImage") -> Prompt:
    image = {"width": 8, "height": 8, "batch_size": 2, "color": uuid.uuid4().int % 0xFFFFFF}
    given = {"images": ["1", 0]} | ({"filename_prefix": "x"} if class_type == "SaveImage" else {})
    return {
        "1": {"class_type": "EmptyImage", "inputs": image},
        "2": {"class_type": class_type, "inputs": given},
        "3": {"class_type": "PreviewAny", "inputs": {"source": str(uuid.uuid4())}},
    }


def worded(text: str = "a b") -> Prompt:
    return {
        "1": {"class_type": "WordCount", "inputs": {"text": text}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }


def outputs_of(told: list[RunEvent]) -> list[str]:
    return sorted(event.node.node_id for event in told if isinstance(event, NodeOutputs))


# Outputs, whichever way they are learnt of


def test_outputs_are_told_without_a_socket(server: Simulator, kind: str) -> None:
    with connected(kind, server.url, websocket=False) as client:
        told = list(client.submit(pictured()).events(30))
        assert outputs_of(told) == ["2", "3"]
        assert [type(event) for event in told if isinstance(event, RunStarted)] == [RunStarted]
        assert isinstance(told[-1], RunDone)
        given = next(
            event.raw for event in told if isinstance(event, NodeOutputs) and event.node.node_id == "2"
        )
        assert len((given or {})["images"]) == 2
        again = list(client.submit(server.prompts[-1].body["prompt"]).events(30))
        assert outputs_of(again) == ["2", "3"]
        assert [len(event.nodes) for event in again if isinstance(event, NodesCached)] == [3]


def test_outputs_are_told_after_attaching(server: Simulator, kind: str) -> None:
    server.faults.slow_nodes = {"EmptyImage": 0.3}
    with connected(kind, server.url) as sender, connected(kind, server.url, limits=QUICK) as other:
        prompt_id = sender.submit(pictured()).prompt_id
        handle = other.attach(prompt_id)
        told = list(handle.events(30))
        assert isinstance(told[0], (RunStarted, RunQueued))
        assert outputs_of(told) == ["2", "3"]
        assert isinstance(told[-1], RunDone)
        assert outputs_of(list(other.attach(prompt_id).events(30))) == ["2", "3"], "also long after its end"


def test_outputs_are_told_where_the_socket_says_nothing(server: Simulator, kind: str) -> None:
    with connected(kind, server.url, limits=QUICK) as client, server.stalled_sockets():
        client.submit(worded()).wait(30)
    with connected(kind, server.url, limits=QUICK) as client:
        client.run(worded("first"))
        with server.stalled_sockets():
            told = list(client.submit(pictured()).events(30))
            assert outputs_of(told) == ["2", "3"]
            assert isinstance(told[-1], RunDone)


def test_events_that_are_later_than_the_history_are_heard_out(server: Simulator, kind: str) -> None:
    """Under load the history has the end before the socket tells of the beginning."""
    sockets = server.instance.sockets

    def resume(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        if request.path.startswith("/api/history/") and b"execution_success" in answer.content:
            sockets.resume()
        return answer

    with connected(kind, server.url, limits=QUICK, middleware=[resume]) as client:
        client.run(worded("first"))
        for class_type in ("SaveImage", "SaveImageWebsocket"):
            with server.stalled_sockets():
                handle = client.submit(pictured(class_type))
                told = list(handle.events(30))
            started = [event.node.node_id for event in told if isinstance(event, NodeStarted)]
            assert sorted(started) == ["1", "2", "3"], told
        assert len([event for event in told if isinstance(event, NodePicture)]) == 2
        assert len(handle.result(30)["2"].files) == 2


def test_an_output_is_told_once() -> None:
    server = ModelServer()
    from comfyflow.client.options import RunSettings
    from comfyflow.client.running import start
    from comfyflow.client.waiting import Wait

    run = server.world.drive(start(server.world.core, PROMPT, RunSettings())).run
    feed = run.feed_for(server.world.core.new_signal())
    server.world.drive(Wait(server.world.core, run, 60).outcome())
    told = list(iter(feed.take, None))
    assert [event.raw for event in told if isinstance(event, NodeOutputs)] == [OUTPUT]
    assert [event for event in told if isinstance(event, RunStarted)] == told[:1]


# Texts and messages of nodes


def test_a_text_of_a_node_is_told(server: Simulator, kind: str) -> None:
    """As nodes that call paid services show how far they are."""

    def count(text: str, context: NodeContext) -> int:
        context.text(f"Status: {text}")
        return 1

    server.simulate("WordCount", count)
    told: list[RunEvent] = []
    with connected(kind, server.url) as client:
        client.run(worded("Queued"), on_event=told.append)
    texts = [event for event in told if isinstance(event, NodeText)]
    assert [(event.node.class_type, event.text) for event in texts] == [("WordCount", "Status: Queued")]


def text_frame(prompt_id: str, node_id: str, text: str) -> bytes:
    """Frame 3 in the form that names the prompt."""
    named = b"".join(struct.pack(">I", len(part)) + part.encode() for part in (prompt_id, node_id))
    return struct.pack(">I", 3) + named + text.encode()


def test_a_text_that_names_its_prompt(server: Simulator, kind: str) -> None:
    def count(text: str, context: NodeContext) -> int:
        server.send("", text_frame(context.prompt_id, context.node_id, "mine"))
        server.send("", text_frame(str(uuid.uuid4()), context.node_id, "of somebody else"))
        return 1

    server.simulate("WordCount", count)
    told: list[RunEvent] = []
    with connected(kind, server.url) as client:
        client.run(worded(str(uuid.uuid4())), on_event=told.append)
    assert [event.text for event in told if isinstance(event, NodeText)] == ["mine"]


def test_texts_of_somebody_elses_prompt_are_not_ours() -> None:
    server = ModelServer(seconds=100)
    from comfyflow.client.options import RunSettings
    from comfyflow.client.running import start

    run = server.world.drive(start(server.world.core, PROMPT, RunSettings())).run
    waiting = server.world.drive(start(server.world.core, PROMPT, RunSettings())).run
    news = run.last_news
    server.world._pass(50)
    for node in ("9", "77"):
        server.hub.dispatch(events.NodeMessage(None, node, node))
    server.hub.dispatch(events.UnknownMessage("theirs", {"prompt_id": "another"}))
    server.hub.dispatch(events.UnknownMessage("anybody's", {"load": 3}))
    told = list(iter(run.feed_for(server.world.core.new_signal()).take, None))
    assert [event.text for event in told if isinstance(event, NodeText)] == ["9"]
    assert [event.type for event in told if isinstance(event, RunMessage)] == ["anybody's"]
    assert not list(iter(waiting.feed_for(server.world.core.new_signal()).take, None))
    assert run.last_news == news, "what may be of anybody proves nothing of this prompt"


def test_messages_of_other_packs_reach_whoever_listens(server: Simulator, kind: str) -> None:
    def count(text: str, context: NodeContext) -> int:
        server.send("pack.stage", {"prompt_id": context.prompt_id, "stage": text})
        server.send("pack.bare", [1, 2])
        return 1

    server.simulate("WordCount", count)
    told: list[RunEvent] = []
    with connected(kind, server.url) as client:
        client.run(worded("warm"), on_event=told.append)
    messages = [(event.type, event.data) for event in told if isinstance(event, RunMessage)]
    assert ("pack.bare", [1, 2]) in messages
    assert [data["stage"] for name, data in messages if name == "pack.stage"] == ["warm"]


def test_a_message_that_names_a_prompt_by_no_text_names_none() -> None:
    for data in (None, 3, [], {}, {"prompt_id": 3}, {"prompt_id": None}):
        event = parse_text(json.dumps({"type": "x.y", "data": data}))
        assert isinstance(event, events.UnknownMessage)
        assert event.prompt_id is None


# Everything that a server says


def test_events_count_from_the_call(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        client.run(worded("first"))
        everything = client.events(30)
        prompt_id = client.run(worded("second")).prompt_id
        found = []
        for event in everything:
            found.append(event)
            if isinstance(event, events.Executing) and event.node is None:
                break
        everything.close()
        started = [event.prompt_id for event in found if isinstance(event, events.ExecutionStart)]
        assert started == [prompt_id]


def test_events_that_nobody_takes_are_not_kept_for_ever(server: Simulator, kind: str) -> None:
    with connected(kind, server.url) as client:
        for _ in range(50):
            client.events()
        client.run(worded())
        hub = (client if kind == "Client" else client._inner)._core.hub
        assert len(hub._listening()) <= 1


def test_a_client_without_a_socket_says_that_nothing_comes(server: Simulator, kind: str) -> None:
    others = set(threading.enumerate())  # one of a test before may still be ending
    with connected(kind, server.url, websocket=False) as client:
        with pytest.raises(ClientError, match="websocket=False"):
            client.events()
        assert not client.connected
        assert "comfyflow-socket" not in {thread.name for thread in set(threading.enumerate()) - others}


@pytest.mark.parametrize("listens", [True, False], ids=["events", "on_event"])
def test_a_server_that_is_away_is_told_once_and_so_is_that_it_is_back(
    server: Simulator, kind: str, listens: bool, caplog: pytest.LogCaptureFixture
) -> None:
    lost = 0

    def loses(request: Request, forward: Forward) -> Flow[Answer]:
        nonlocal lost
        asks = request.path.startswith(("/api/history", "/api/queue", "/api/v2/jobs/"))
        if asks and server.prompts and lost < 3:
            lost += 1
            raise ServerUnreachable("nobody is there")
        return (yield from forward(request))

    server.faults.slow_nodes = {None: 0.1}
    limits = Limits(retries=0, poll=0.02, poll_most=0.05, backoff=0.01)
    with connected(kind, server.url, websocket=False, limits=limits, middleware=[loses]) as client:
        told: list[RunEvent] = []
        if listens:
            told += client.submit(pictured()).events(30)
        else:
            client.run(pictured(), on_event=told.append, timeout=30)
    (away, back) = (event for event in told if isinstance(event, (ServerAway, ServerBack)))
    assert isinstance(away, ServerAway)
    assert "nobody is there" in away.reason
    assert isinstance(back, ServerBack)
    assert back.seconds > 0
    assert isinstance(told[-1], RunDone)
    assert lost == 3
    said = [record.getMessage() for record in caplog.records if record.name == "comfyflow.client"]
    assert [f"prompt {away.prompt_id}" in each for each in said] == [True, True]


def test_a_server_that_stays_away_is_told_before_the_error(server: Simulator, kind: str) -> None:
    server.faults.slow_nodes = {None: 1.0}
    limits = Limits(retries=0, poll=0.02, poll_most=0.05, backoff=0.01, patience=0.3)
    with connected(kind, server.url, websocket=False, limits=limits) as client:
        told: list[RunEvent] = []
        handle = client.submit(pictured())
        server.stop()
        with pytest.raises(ServerUnreachable):
            told.extend(handle.events(30))
    assert isinstance(told[-1], ServerAway)
