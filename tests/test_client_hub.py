"""Which run an event of the socket belongs to, where the event does not name its prompt."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from comfyflow.client import event as events
from comfyflow.client.message import parse_frame, parse_text
from comfyflow.client.run import Run
from comfyflow.client.run_event import NodePreview, NodeProgress, NodeStarted, RunEvent
from comfyflow.client.web_socket import Hub
from tests.flows import Flag

PROMPT: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
}


class Heard:
    """Keeps what a hub hands to a listener."""

    def __init__(self) -> None:
        self.events: list[events.ServerEvent] = []

    def put(self, event: events.ServerEvent) -> None:
        self.events.append(event)

    def close(self) -> None: ...


@pytest.fixture
def hub() -> Hub:
    hub = Hub(Flag, lambda: 0.0)
    hub.opened()
    return hub


def in_flight(hub: Hub, *prompt_ids: str, prompt: dict[str, Any] = PROMPT) -> list[Run]:
    """Runs that the server has begun with, as it does where several workers share one socket."""
    runs = [Run(prompt_id, prompt, Flag, lambda: 0.0) for prompt_id in prompt_ids]
    for run in runs:
        hub.add(run)
        say(hub, "execution_start", prompt_id=run.prompt_id)
    return runs


def say(hub: Hub, kind: str, **data: Any) -> None:
    hub.dispatch(parse_text(json.dumps({"type": kind, "data": data})))


def show(hub: Hub) -> None:
    """A preview of a server from before 0.3.41: the picture, and nothing else."""
    event = parse_frame(struct.pack(">II", 1, 1) + b"\xff\xd8jpeg")
    assert isinstance(event, events.SocketImage)
    hub.dispatch(event)


def told(run: Run, kind: type[RunEvent]) -> int:
    """How many events of a kind a run tells."""
    return sum(type(event) is kind for event in iter(run.feed_for(Flag()).take, None))


def test_an_old_preview_is_of_the_only_run_in_flight(hub: Hub) -> None:
    (run,) = in_flight(hub, "a")
    say(hub, "executing", node="3")
    show(hub)
    assert (told(run, NodeStarted), told(run, NodePreview)) == (1, 1)


def test_an_old_preview_that_may_be_of_several_runs_is_given_to_none(hub: Hub) -> None:
    runs = in_flight(hub, "a", "b")
    say(hub, "executing", node="3")
    show(hub)
    say(hub, "progress", value=1, max=20)
    for run in runs:
        assert [told(run, kind) for kind in (NodeStarted, NodePreview, NodeProgress)] == [0, 0, 0]


def test_an_old_preview_is_of_the_run_whose_node_was_named_last(hub: Hub) -> None:
    first, second = in_flight(hub, "a", "b")
    say(hub, "executing", prompt_id="b", node="3")
    show(hub)
    assert (told(first, NodePreview), told(second, NodePreview)) == (0, 1)
    say(hub, "executing", prompt_id="b", node=None)
    say(hub, "executing", node="9")
    show(hub)
    assert (told(first, NodePreview), told(second, NodePreview)) == (1, 1), "only the first one still runs"


def test_the_node_tells_two_runs_apart(hub: Hub) -> None:
    (first,) = in_flight(hub, "a")
    (second,) = in_flight(hub, "b", prompt={"77": {"class_type": "KSampler", "inputs": {}}})
    say(hub, "executing", node="77")
    assert (told(first, NodeStarted), told(second, NodeStarted)) == (0, 1)


def test_a_run_of_somebody_else_keeps_its_previews(hub: Hub) -> None:
    """Every client hears of every prompt; what follows `executing` is of the prompt that it names."""
    (run,) = in_flight(hub, "a")
    say(hub, "executing", prompt_id="somebody's", node="3")
    show(hub)
    assert told(run, NodePreview) == 0


def test_a_run_that_waits_or_has_ended_gets_no_old_preview(hub: Hub) -> None:
    (run,) = in_flight(hub, "a")
    waiting = Run("b", PROMPT, Flag, lambda: 0.0)
    hub.add(waiting)
    say(hub, "executing", node="3")
    show(hub)
    assert (told(run, NodePreview), told(waiting, NodePreview)) == (1, 0)
    say(hub, "execution_success", prompt_id="a")
    show(hub)
    assert (told(run, NodePreview), told(waiting, NodePreview)) == (1, 0)


def test_a_broken_socket_forgets_what_ran(hub: Hub) -> None:
    """What the server did meanwhile is not known: the one run that is left gets the preview again."""
    (run,) = in_flight(hub, "a")
    say(hub, "executing", prompt_id="somebody's", node="3")
    hub.broken("cut")
    hub.opened()
    say(hub, "executing", node="3")
    show(hub)
    assert (told(run, NodeStarted), told(run, NodePreview)) == (1, 1)


def test_listeners_hear_which_prompt_an_old_preview_is_of(hub: Hub) -> None:
    heard = Heard()
    hub.listen(heard)
    (run,) = in_flight(hub, "a")
    say(hub, "executing", node="3")
    show(hub)
    assert [getattr(event, "prompt_id", None) for event in heard.events] == [run.prompt_id] * 3
