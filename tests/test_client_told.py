"""What events tell of a run: which node, what kind of end, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.client import event as server
from comfyflow.client.run_event import (
    NodeBlocked,
    NodeFailed,
    NodeFinished,
    NodeOutputs,
    NodePicture,
    NodePreview,
    NodeProgress,
    NodeStarted,
    NodeText,
    Outcome,
    RunDone,
    RunMessage,
)
from tests.flows import Flag
from tests.test_client_run import ID, feed, new_run, told

STATE = {"value": 2, "max": 4, "display_node_id": "3"}


@pytest.mark.parametrize(
    ("kind", "data", "event"),
    [
        ("executing", {"node": "5.0.1", "display_node": "3"}, NodeStarted),
        ("progress_state", {"nodes": {"5.0.1": {**STATE, "state": "running"}}}, NodeProgress),
        ("progress_state", {"nodes": {"5.0.1": {**STATE, "max": 1, "state": "finished"}}}, NodeFinished),
        ("executed", {"node": "5.0.1", "display_node": "3", "output": {"text": ["a"]}}, NodeOutputs),
        (
            "execution_node_error",
            {"node_id": "5.0.1", "display_node_id": "3", "node_type": "KSampler", "exception_type": "E"},
            NodeFailed,
        ),
    ],
)
def test_every_event_of_an_expanded_node_is_told_of_the_node_that_is_shown(
    kind: str, data: dict[str, Any], event: type[Any]
) -> None:
    run = new_run()
    feed(run, kind, **data)
    (found,) = [each for each in told(run) if isinstance(each, event)]
    assert (found.prompt_id, found.node.node_id, str(found.node)) == (ID, "3", "Sampling #3")


@pytest.mark.parametrize(("form", "kind"), [("jpeg", NodePreview), ("png", NodePicture)])
def test_a_picture_is_told_of_the_node_that_is_shown(form: str, kind: type[Any]) -> None:
    run = new_run()
    run.feed(server.SocketImage(ID, b"x", form, "5.0.1", "9"))
    (found,) = told(run)
    assert isinstance(found, kind)
    assert (found.prompt_id, found.node.node_id, found.image, found.format) == (ID, "9", b"x", form)


def test_progress_and_pictures_without_a_node_are_of_the_one_that_executes() -> None:
    run = new_run()
    feed(run, "progress", value=1, max=2)
    assert told(run) == []
    feed(run, "executing", node="3")
    feed(run, "progress", value=1, max=2)
    feed(run, "progress", value=1, max=2)
    run.feed(server.SocketImage(ID, b"x", "jpeg"))
    found = told(run)[2:]
    assert [(type(each), each.node.node_id) for each in found] == [(NodeProgress, "3"), (NodePreview, "3")]  # type: ignore[union-attr]
    progress = found[0]
    assert isinstance(progress, NodeProgress)
    assert (progress.value, progress.maximum) == (1, 2)


def test_texts_and_messages_of_packs() -> None:
    run = new_run()
    run.feed(server.NodeMessage(ID, "9", "half way"))
    run.feed(server.UnknownMessage("pack.said", {"a": 1}))
    text, message = told(run)
    assert isinstance(text, NodeText)
    assert (text.node.node_id, text.text) == ("9", "half way")
    assert message == RunMessage(ID, "pack.said", {"a": 1})


ERROR = {"node_id": "3", "node_type": "KSampler", "exception_type": "E", "exception_message": "why"}


@pytest.mark.parametrize(
    ("kind", "data", "ending"),
    [
        ("execution_success", {}, "success"),
        ("execution_error", ERROR, "error"),
        ("execution_interrupted", {"node_id": "3", "node_type": "KSampler"}, "interrupted"),
    ],
)
def test_what_each_end_tells(kind: str, data: dict[str, Any], ending: str) -> None:
    run = new_run()
    feed(run, "executed", node="9", display_node="9", output={"images": [1]})
    assert run.told_outcome() is None
    run.signal.clear()
    feed(run, kind, timestamp=2, **data)
    assert (run.ended, run.ending, run.signal.is_set()) == (True, ending, ending != "success")
    outcome = run.told_outcome()
    assert outcome is not None
    assert (outcome.ending, outcome.outputs) == (ending, {"9": {"images": [1]}})
    assert (outcome.failure is not None, outcome.interruption is not None) == (
        ending == "error",
        ending == "interrupted",
    )
    place = outcome.failure or outcome.interruption
    assert place is None or place.node_id == "3"
    run.missed()
    assert (run.told_outcome() is None) is (ending == "success"), "after a gap there may have been more"


def test_the_first_end_counts_whatever_comes_then() -> None:
    for first, data in (("execution_interrupted", {}), ("execution_error", ERROR), ("execution_success", {})):
        run = new_run()
        feed(run, first, timestamp=1, **data)
        ending = run.ending
        for kind in ("execution_success", "execution_interrupted"):
            feed(run, kind, timestamp=2)
        assert run.ending == ending


def test_a_null_node_says_that_the_history_has_it() -> None:
    run = new_run()
    feed(run, "executing", node=None)
    assert (run.recorded, run.ended, run.ending, run.signal.is_set()) == (True, True, None, True)
    assert run.told_outcome() is None
    assert told(run) == []


def test_what_the_history_alone_knows_is_told_before_the_end() -> None:
    run = new_run()
    feed(run, "executed", node="9", display_node="9", output={"images": [1]})
    failure = server.ExecutionNodeFailed(ID, "3", None, "KSampler", "E", "why", ("a line",))
    outputs: dict[str, Any] = {"9": {"images": [1]}, "10": {"images": [2]}, "5.1": {"text": ["x"]}, "1": {}}
    found = Outcome("success", outputs, {"5.1": "3"}, from_history=True, node_failures=(failure,))
    reader = run.feed_for(Flag())
    while reader.take() is not None:
        pass
    run.finish(found)
    events = list(iter(reader.take, None))
    failed = [each for each in events if isinstance(each, NodeFailed)]
    assert [
        (each.node.node_id, each.exception_type, each.exception_message, each.traceback) for each in failed
    ] == [("3", "E", "why", ("a line",))]
    given = [(each.node.node_id, each.raw) for each in events if isinstance(each, NodeOutputs)]
    assert given == [("10", {"images": [2]}), ("3", {"text": ["x"]})]
    assert isinstance(events[-1], RunDone)
    assert events[-1].outcome is run.outcome
    assert run.outcome is not None
    assert run.outcome.ending == "partial_success"


def test_a_blocked_node_is_told_with_its_words_and_does_not_end_the_run() -> None:
    run = new_run()
    blocked = {"exception_type": "ExecutionBlocked", "exception_message": "Execution Blocked: why"}
    feed(run, "execution_error", node_id="5.1", **blocked)
    (found,) = told(run)
    assert isinstance(found, NodeBlocked)
    assert (found.node.node_id, found.message) == ("5.1", "Execution Blocked: why")
    assert not run.ended
    feed(run, "execution_error", node_id="3", timestamp=1, **blocked)
    assert run.ending == "error", "with a time it is an error like any other"
