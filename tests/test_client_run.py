"""What is known of one prompt: from events, from a history entry, from recorded runs."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.client import event as server
from comfyflow.client.feed import Feed
from comfyflow.client.message import parse_frame, parse_text
from comfyflow.client.run import Run
from comfyflow.client.run_event import (
    NodeBlocked,
    NodeFinished,
    NodeOutputs,
    NodePicture,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
    Outcome,
    RunDone,
    RunEvent,
    RunQueued,
    RunStarted,
    read_history_entry,
)
from comfyflow.problem import Place
from tests.flows import Flag
from tests.recordings import scenarios, steps
from tests.test_client_message import anything

ID = "6d5c9a4e-1111-4222-8333-444455556666"
PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {}},
    "3": {"class_type": "KSampler", "inputs": {"latent": ["1", 0]}, "_meta": {"title": "Sampling"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
    "10": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["3", 0]}},
}


def new_run(prompt: dict[str, Any] | None = None, **places: Place) -> Run:
    return Run(ID, PROMPT if prompt is None else prompt, Flag, lambda: 0.0, places)


def feed(run: Run, kind: str, **data: Any) -> None:
    event = parse_text(json.dumps({"type": kind, "data": {"prompt_id": ID, **data}}))
    assert isinstance(event, server.PromptEvent), event
    run.feed(event)


def told(run: Run) -> list[RunEvent]:
    return list(iter(run.feed_for(Flag()).take, None))


def picture(node: str, image: bytes = b"x", kind: str = "image/jpeg") -> server.PromptEvent:
    text = json.dumps({"node_id": node, "prompt_id": ID, "image_type": kind}).encode()
    event = parse_frame(struct.pack(">II", 4, len(text)) + text + image)
    assert isinstance(event, server.SocketImage)
    return event


def test_a_run_by_node_and_line() -> None:
    run = new_run(**{"3": Place("a.py", 7)})
    feed(run, "execution_start", timestamp=1)
    feed(run, "execution_cached", nodes=["1"], timestamp=1)
    feed(run, "executing", node="3", display_node="3")
    feed(run, "progress", node="3", value=1, max=20)
    run.feed(picture("3"))
    feed(run, "progress", node="3", value=2, max=20)
    feed(run, "executed", node="9", display_node="9", output={"images": []})
    events = told(run)
    assert [type(event) for event in events] == [
        RunStarted,
        NodesCached,
        NodeStarted,
        NodeProgress,
        NodePreview,
        NodeProgress,
        NodeOutputs,
    ]
    started, progress, output = events[2], events[5], events[6]
    assert isinstance(started, NodeStarted)
    assert (str(started.node), started.node.place) == ("Sampling #3", Place("a.py", 7))
    assert isinstance(progress, NodeProgress)
    assert (progress.value, progress.maximum) == (2, 20)
    assert isinstance(output, NodeOutputs)
    assert output.node.class_type == "SaveImage"
    assert not run.ended


def test_progress_is_told_once_though_it_is_sent_twice() -> None:
    run = new_run()
    entry = {"value": 1, "max": 20, "state": "running", "display_node_id": "3"}
    feed(run, "progress_state", nodes={"3": entry})
    feed(run, "progress", node="3", value=1, max=20)
    done = {**entry, "value": 20, "state": "finished"}
    feed(run, "progress_state", nodes={"3": done})
    feed(run, "progress_state", nodes={"3": done})
    assert [type(event) for event in told(run)] == [NodeProgress, NodeProgress, NodeFinished]


def test_nodes_that_others_were_expanded_into() -> None:
    run = new_run()
    feed(run, "executing", node="3.0.0.1", display_node="3")
    feed(run, "executing", node="3.0.0.2")
    feed(run, "executing", node="77")
    names = [event.node for event in told(run) if isinstance(event, NodeStarted)]
    assert [node.class_type for node in names] == ["KSampler", "KSampler", ""]
    assert str(names[2]) == "node #77"


def test_previews_are_no_outputs() -> None:
    run = new_run()
    run.feed(picture("3", b"preview", "image/png"))
    run.feed(picture("10", b"one", "image/png"))
    run.feed(picture("10", b"two", "image/jpeg"))
    run.feed(picture("9", b"pack", "image/png"))
    run.feed(picture("9", b"half", "image/jpeg"))
    feed(run, "execution_success", timestamp=1)
    outcome = run.told_outcome()
    assert outcome is not None
    run.finish(outcome)
    assert run.outcome is not None
    pictures = {
        node_id: [picture.image for picture in sent] for node_id, sent in run.outcome.pictures.items()
    }
    assert pictures == {"10": [b"one", b"two"], "9": [b"pack"]}
    kinds = [type(event) for event in told(run) if isinstance(event, NodePreview)]
    assert kinds == [NodePreview, NodePicture, NodePicture, NodePicture, NodePreview]


def test_an_old_preview_belongs_to_the_node_that_executes() -> None:
    run = new_run()
    run.feed(server.SocketImage(ID, b"nobody", "jpeg"))
    feed(run, "executing", node="10")
    run.feed(server.SocketImage(ID, b"one", "png"))
    assert run.pictures_whole("10")
    run.missed()
    assert not run.pictures_whole("10"), "after a gap nobody knows whether there were more"
    feed(run, "progress", node="10", value=1, max=1)
    assert run.pictures_whole("10")


def test_a_block_does_not_end_a_run() -> None:
    run = new_run()
    feed(run, "execution_error", node_id="9", exception_type="ExecutionBlocked", exception_message="why")
    assert not run.ended
    feed(run, "execution_error", exception_type="ExecutionBlocked", exception_message="nobody knows where")
    blocks = [event for event in told(run) if isinstance(event, NodeBlocked)]
    assert [(event.node.node_id, event.message) for event in blocks] == [
        ("9", "why"),
        ("", "nobody knows where"),
    ]
    feed(run, "execution_success", timestamp=1)
    outcome = run.told_outcome()
    assert outcome is not None
    assert outcome.ending == "success"
    run.finish(outcome)
    assert run.outcome is not None
    kept = [(each.prompt_id, each.node_id, each.exception_message) for each in run.outcome.blocked]
    assert kept == [(ID, "9", "why"), (ID, None, "nobody knows where")]


def test_the_first_error_is_the_one_that_counts() -> None:
    run = new_run()
    feed(run, "execution_error", node_id="3", exception_type="A", timestamp=1)
    feed(run, "execution_error", node_id="9", exception_type="B", timestamp=2)
    feed(run, "execution_success", timestamp=3)
    outcome = run.told_outcome()
    assert outcome is not None
    assert outcome.failure is not None
    assert (outcome.ending, outcome.failure.exception_type) == ("error", "A")


def test_a_success_with_a_gap_must_be_confirmed() -> None:
    run = new_run()
    run.missed()
    feed(run, "execution_success", timestamp=1)
    assert run.ended
    assert run.told_outcome() is None


def test_places_in_the_queue_are_told_when_they_change() -> None:
    run = new_run()
    for ahead, running in ((2, False), (2, False), (1, False), (0, True), (0, True)):
        run.queued(ahead, running)
    events = told(run)
    assert [event.ahead for event in events if isinstance(event, RunQueued)] == [2, 1]
    assert [type(event) for event in events][-1] is RunStarted


def test_a_slow_reader_loses_previews_first() -> None:
    box = Feed(Flag(), limit=100, previews=2)
    run = new_run()
    for number in range(5):
        box.put(NodePreview(ID, run.node("3"), bytes([number]), "jpeg"))
        box.put(NodeProgress(ID, run.node("3"), number, 5))
    kept = list(iter(box.take, None))
    assert [event.image for event in kept if isinstance(event, NodePreview)] == [b"\x03", b"\x04"]
    assert len([event for event in kept if isinstance(event, NodeProgress)]) == 5


def entry(*messages: list[Any], status_str: str = "success", completed: bool = True) -> dict[str, Any]:
    status = {"status_str": status_str, "completed": completed, "messages": list(messages)}
    return {"prompt": [], "outputs": {"9": {"images": []}}, "status": status, "meta": {}}


def test_history_entries() -> None:
    good = read_history_entry(entry(["execution_success", {"prompt_id": ID}]), ID)
    assert good is not None
    assert (good.ending, good.from_history) == ("success", True)
    stopped = read_history_entry(
        entry(["execution_interrupted", {"node_id": "3"}], status_str="error", completed=False), ID
    )
    assert stopped is not None
    assert stopped.interruption is not None
    assert (stopped.ending, stopped.interruption.node_id) == ("interrupted", "3")


def test_a_cycle_found_at_run_time_is_no_success() -> None:
    """0.3.64 and 0.27.0 write ``success`` and ``completed`` beside an ``execution_error``."""
    outcome = read_history_entry(
        entry(["execution_error", {"exception_type": "DependencyCycleError"}], ["execution_success", {}]), ID
    )
    assert outcome is not None
    assert outcome.ending == "error"


@pytest.mark.parametrize("value", [None, 3, [], {}, {"status": None}, {"status": {"messages": [[1]]}}])
def test_an_entry_that_tells_of_no_end(value: object) -> None:
    assert read_history_entry(value, ID) is None


@given(anything)
def test_no_history_entry_raises(value: object) -> None:
    for wrapped in (
        value,
        {"status": value},
        {"status": {"messages": value}, "outputs": value, "meta": value},
    ):
        outcome = read_history_entry(wrapped, ID)
        assert outcome is None or outcome.ending in ("success", "error", "interrupted")


EVENTS: st.SearchStrategy[server.PromptEvent] = st.one_of(
    st.builds(server.ExecutionStart, st.just(ID)),
    st.builds(server.ExecutionCached, st.just(ID), st.just(("1",))),
    st.builds(
        server.Executing, st.just(ID), st.none() | st.text(max_size=2), st.none() | st.text(max_size=2)
    ),
    st.builds(server.Progress, st.just(ID), st.none() | st.sampled_from("139"), st.floats(), st.floats()),
    st.builds(
        server.ProgressState,
        st.just(ID),
        st.dictionaries(
            st.sampled_from("139"),
            st.builds(
                server.NodeState,
                st.sampled_from("139"),
                st.floats(),
                st.floats(),
                st.sampled_from(["running", "finished", ""]),
                st.sampled_from("139"),
            ),
        ),
    ),
    st.builds(server.Executed, st.just(ID), st.sampled_from("139"), st.sampled_from("139"), st.none()),
    st.builds(server.ExecutionSuccess, st.just(ID)),
    st.builds(
        server.ExecutionFailed,
        st.just(ID),
        st.none() | st.sampled_from("139"),
        st.none(),
        st.sampled_from(["ValueError", "ExecutionBlocked"]),
        st.text(max_size=3),
        timestamp=st.none() | st.just(1.0),
    ),
    st.builds(server.ExecutionInterrupted, st.just(ID), st.none(), st.none()),
    st.builds(server.SocketImage, st.just(ID), st.binary(max_size=2), st.sampled_from(["png", "jpeg", ""])),
    st.builds(server.NodeMessage, st.just(ID), st.text(max_size=2), st.text(max_size=2)),
)


@given(st.lists(EVENTS | st.just("gap"), max_size=30))  # type: ignore[arg-type]
def test_no_order_of_events_raises_or_makes_a_success_of_none(order: list[Any]) -> None:
    run = new_run()
    endings: list[str] = []
    for event in order:
        if event == "gap":
            run.missed()
            continue
        run.feed(event)
        if isinstance(event, server.ExecutionSuccess):
            endings.append("success")
        elif isinstance(event, server.ExecutionInterrupted):
            endings.append("interrupted")
        elif isinstance(event, server.ExecutionFailed) and not event.blocked:
            endings.append("error")
    outcome = run.told_outcome()
    if outcome is not None:
        assert outcome.ending == endings[0]
        assert outcome.ending != "success" or not run.gap
        run.finish(outcome)
        assert isinstance(told(run)[-1], RunDone)
    assert isinstance(run.describe(), str)
    assert run.ended == bool(
        endings or any(isinstance(event, server.Executing) and event.node is None for event in order)
    )


def recorded_runs(path: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, Any], list[Any]]]:
    """Prompts of a transcript that were seen from beginning to end: id, prompt, history entry, events."""
    everything = steps(path)
    texts = [step for step in everything if step["kind"] == "ws_text"]
    for step in everything:
        if (
            step["kind"] != "http"
            or "/history/" not in step["path"]
            or not isinstance(step.get("json"), dict)
        ):
            continue
        for prompt_id, found in step["json"].items():
            events = [
                event
                for text in texts
                if isinstance(event := parse_text(json.dumps(text["data"])), server.PromptEvent)
                and event.prompt_id == prompt_id
            ]
            if isinstance(found, dict) and isinstance(found.get("prompt"), list):
                yield prompt_id, found["prompt"][2], found, events


ORDINARY = [path for path in scenarios() if not path.stem.startswith(("s14", "s15", "s16", "l"))]


@pytest.mark.parametrize("path", ORDINARY, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recorded_events_and_recorded_history_tell_the_same(path: Path) -> None:
    """In every recorded run that the socket told wholly, the two agree about end and outputs."""
    for prompt_id, prompt, found, events in recorded_runs(path):
        outcome = read_history_entry(found, prompt_id)
        assert outcome is not None, found
        run = Run(prompt_id, prompt if isinstance(prompt, dict) else {}, Flag, lambda: 0.0)
        for event in events:
            run.feed(event)
        by_events = run.told_outcome()
        kinds = [type(event) for event in events]
        if by_events is None or kinds.count(server.ExecutionStart) != 1:
            continue
        assert by_events.ending == outcome.ending
        if by_events.failure is not None and outcome.failure is not None:
            assert by_events.failure.node_id == outcome.failure.node_id
        if by_events.ending == "success":
            shown = {name: output for name, output in outcome.outputs.items() if output}
            assert {name: output for name, output in by_events.outputs.items() if output} == shown


def test_enough_recorded_runs_are_compared() -> None:
    if not scenarios():
        pytest.skip("no recordings of real servers")
    whole = 0
    for path in ORDINARY:
        for _, _, _, events in recorded_runs(path):
            whole += any(isinstance(event, server.ExecutionStart) for event in events)
    print(f"{whole} recorded runs")
    assert whole > 100


@pytest.mark.parametrize("from_history", [True, False])
def test_the_start_of_a_run_is_told_once(from_history: bool) -> None:
    run = new_run()
    feed(run, "execution_start", timestamp=1)
    run.finish(Outcome("success", from_history=from_history))
    assert [type(event) for event in told(run)] == [RunStarted, RunDone]


@pytest.mark.parametrize(("from_history", "started"), [(True, [RunStarted]), (False, [])])
def test_a_start_that_no_event_told_is_told_where_the_history_knows_it(
    from_history: bool, started: list[Any]
) -> None:
    """A prompt that was deleted from the queue has never started."""
    run = new_run()
    run.finish(Outcome("interrupted", from_history=from_history))
    assert [type(event) for event in told(run)] == [*started, RunDone]
    if from_history:
        run.queued(0, running=True)  # an answer that was on its way when the end came
        assert [type(event) for event in told(run)].count(RunStarted) == 1


def test_what_was_cached_is_told_where_only_the_history_knows_it() -> None:
    run = new_run()
    run.finish(Outcome("success", from_history=True, cached=("3", "9")))
    (cached,) = [event for event in told(run) if isinstance(event, NodesCached)]
    assert [node.class_type for node in cached.nodes] == ["KSampler", "SaveImage"]


def test_a_reader_is_woken_by_what_comes() -> None:
    run, signal = new_run(), Flag()
    reader = run.feed_for(signal)
    signal.clear()
    feed(run, "execution_start", timestamp=1)
    assert signal.is_set()
    assert isinstance(reader.take(), RunStarted)


def test_pictures_are_whole_when_as_many_came_as_were_told() -> None:
    run = new_run()
    assert not run.pictures_whole("10"), "it has sent none yet"
    feed(run, "progress", node="10", value=1, max=1)
    run.feed(picture("10", kind="image/png"))
    assert run.pictures_whole("10")
    run.missed()
    assert run.pictures_whole("10"), "there was one, and it came"
    feed(run, "progress", node="10", value=2, max=2)
    assert not run.pictures_whole("10"), "the second was lost in the gap"


def test_a_run_says_where_it_is() -> None:
    run = new_run()
    said = [run.describe()]
    run.queued(2, running=False)
    said.append(run.describe())
    run.queued(0, running=False)
    said.append(run.describe())
    run.queued(0, running=True)
    said.append(run.describe())
    feed(run, "executing", node="3")
    said.append(run.describe())
    for value, maximum in ((1, 1), (2, 20)):
        feed(run, "progress", node="3", value=value, max=maximum)
        said.append(run.describe())
    feed(run, "executing", node=None)
    said.append(run.describe())
    run.finish(Outcome("success"))
    assert [*said, run.describe()] == [
        "no event has arrived for it",
        "2 prompts are before it in the queue",
        "it waits in the queue",
        "the server has started it",
        "the server is at Sampling #3",
        "the server is at Sampling #3",
        "the server is at Sampling #3, 2 of 20",
        "it has ended, but is not in the server's history yet",
        "it has ended (success)",
    ]


def test_only_the_first_outcome_counts_and_events_after_it_say_nothing() -> None:
    run = new_run()
    feed(run, "executed", node="3.0.1", display_node="3", output={"text": ["a"]})
    first = Outcome("interrupted", {"9": {"images": []}}, {"9.1": "9"}, cached=("1",))
    run.finish(first)
    run.finish(Outcome("success"))
    feed(run, "executing", node="10")
    assert run.outcome is not None
    assert (run.outcome.ending, run.outcome.cached) == ("interrupted", ("1",))
    assert run.outcome.owners == {"3.0.1": "3", "9.1": "9"}
    assert [type(event) for event in told(run)] == [NodeOutputs, NodesCached, NodeOutputs, RunDone]
    assert run.node("9.1").class_type == "SaveImage"


def test_which_nodes_may_be_of_a_run() -> None:
    run, stranger = new_run(), new_run({})
    feed(run, "executed", node="77", display_node="3", output={})
    assert [run.has(name) for name in ("3", "3.0.0.1", "77", "78", "78.3", None)] == [
        True, True, True, False, False, True,
    ]  # fmt: skip
    assert stranger.has("78"), "of a prompt that is not known any node may be"
    assert [run.node("78", shown).node_id for shown in (None, "5", "9")] == ["78", "5", "9"]


def test_what_is_no_news_of_a_run_does_not_count_as_such() -> None:
    times = iter((1.0, 2.0))
    run = Run(ID, PROMPT, Flag, lambda: next(times))
    run.misses = 1
    run.feed(server.UnknownMessage("pack.said", {}), news=False)
    assert (run.seen, run.misses, run.last_news) == (False, 1, 1.0)
    feed(run, "execution_start")
    assert (run.seen, run.misses, run.last_news) == (True, 0, 2.0)


def test_a_reader_that_has_read_previews_gets_as_many_again() -> None:
    box, run = Feed(None, limit=100, previews=2), new_run()
    shown: list[int] = []
    for number in range(6):
        box.put(NodePreview(ID, run.node("3"), bytes([number]), "jpeg"))
        if number in (1, 3):
            shown += [event.image[0] for event in iter(box.take, None) if isinstance(event, NodePreview)]
    assert shown == [0, 1, 2, 3]
    assert [event.image[0] for event in iter(box.take, None) if isinstance(event, NodePreview)] == [4, 5]
