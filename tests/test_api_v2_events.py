"""The stream of events of a job, as it may come: in any pieces, with anything in it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.bounds import Bounds
from comfyflow.client.api_v2_events import EventStream
from comfyflow.client.flow import Answer
from comfyflow.client.run import Run
from comfyflow.client.run_event import NodePreview, NodeProgress, NodeStarted, RunEvent, RunQueued, RunStarted
from comfyflow.errors import BoundsError
from tests.flows import Flag, World, answer

STREAM = {"content-type": "text/event-stream; charset=utf-8"}
PROMPT: dict[str, Any] = {"7": {"class_type": "KSampler", "inputs": {}}}


def event(kind: str, data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


class Heard:
    """A run with a stream, and what it has told."""

    def __init__(self, **bounds: int) -> None:
        world = World(lambda _: answer({}))
        self.run = Run("j", PROMPT, Flag, lambda: 0.0)
        core = world.core
        if bounds:
            core.bounds = Bounds(**bounds)  # type: ignore[misc]
        self.stream = EventStream(core, self.run)
        self.feed = self.run.feed_for(Flag())

    @property
    def events(self) -> list[RunEvent]:
        found: list[RunEvent] = []
        while (told := self.feed.take()) is not None:
            found.append(told)
        return found


WHOLE = b"".join(
    [
        event("status", {"status": "queued", "queue_position": 3}),
        b": keepalive\n\n",
        event("status", {"status": "running"}),
        event("progress", {"value": 0.1, "nodes_done": 0, "nodes_total": 1, "current_node": "7"}),
        event("progress", {"value": 0.2, "current_node": "7", "step": 2, "steps": 20}),
        event("preview", {"node_id": "7", "content_type": "image/png", "data_base64": "cA=="}),
        event("log", {"level": "info", "message": "x"}),
    ]
)  # fmt: skip


@given(st.lists(st.integers(0, len(WHOLE))), st.sampled_from([b"\n", b"\r\n"]))
def test_it_says_the_same_in_any_pieces(cuts: list[int], end: bytes) -> None:
    heard, whole = Heard(), WHOLE.replace(b"\n", end)
    places = sorted({0, *cuts, len(whole)})
    for start, stop in pairwise(places):
        heard.stream.write(whole[start:stop])
    node = heard.run.node("7")
    assert heard.events == [
        RunQueued("j", 3),
        RunStarted("j"),
        NodeStarted("j", node),
        NodeProgress("j", node, 2.0, 20.0),
        NodePreview("j", node, b"p", "png"),
    ]


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_an_end_is_asked_for(status: str) -> None:
    heard = Heard()
    heard.stream.write(event("status", {"status": status}))
    assert heard.run.ended
    assert heard.run.outcome is None


@pytest.mark.parametrize("status", ["expired", "paused", None, 3])
def test_what_is_no_end_is_asked_for_too(status: object) -> None:
    heard = Heard()
    heard.stream.write(event("status", {"status": status}))
    assert heard.run.unsure
    assert not heard.run.ended


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "status",
    "queue_position",
    "current_node",
    "step",
    "steps",
    "node_id",
    "content_type",
    "data_base64",
)


@given(
    st.sampled_from(["status", "progress", "preview", "output", "x"]),
    st.one_of(JSON, st.dictionaries(st.sampled_from(NAMES), JSON)),
)
def test_nothing_in_it_raises(kind: str, data: Any) -> None:
    heard = Heard()
    heard.stream.write(event(kind, data))
    heard.stream.write(f"event: {kind}\ndata: {{\ndata\n:\n\n".encode())
    assert not [told for told in heard.events if told.prompt_id != "j"]


@pytest.mark.parametrize("piece", [b"data: ", b"data: x\ndata: "], ids=["a line", "lines"])
def test_an_event_has_a_bound(piece: bytes) -> None:
    heard = Heard(message=1000)
    for _ in range(5):
        heard.stream.write(piece + b"x" * 100)
    with pytest.raises(BoundsError, match="message"):
        heard.stream.write(b"x" * 1000)


@pytest.mark.parametrize(
    ("status", "headers", "taken"),
    [
        (200, STREAM, True),
        (200, {"content-type": "text/html"}, False),
        (429, STREAM, False),
        (200, {}, False),
    ],
)
def test_only_a_stream_is_taken(status: int, headers: dict[str, str], taken: bool) -> None:
    heard = Heard()
    assert heard.stream.start(Answer(status, headers)) is taken
    assert heard.run.streamed is taken
