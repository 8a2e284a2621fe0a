"""Prompts in which nodes fail and others go on: no one of them looks like a whole success."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.client import Result, parse_message
from comfyflow.client import event as events
from comfyflow.client.failure import error_of_outcome, partial_success
from comfyflow.client.options import RunSettings
from comfyflow.client.run import Run
from comfyflow.client.run_event import NodeFailed, Outcome, RunDone, read_history_entry
from comfyflow.client.running import start
from comfyflow.client.submission import asked_policy
from comfyflow.client.waiting import Wait
from comfyflow.errors import ExecutionError, PartialSuccess
from comfyflow.output_file import FileSource
from comfyflow.problem import Place
from comfyflow.source import Source
from tests.flows import answer
from tests.model_server import NODE_ERROR, OUTPUT, SUMMARY, ModelServer

ID = "6d5c9a4e-1111-4222-8333-444455556666"

PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8}},
    "3": {"class_type": "Broken", "inputs": {"image": ["1", 0]}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
}
"""Node 3 fails, so that 4 does not run; 9 gives a picture."""


class Signal:
    def set(self) -> None:
        """Nobody waits."""

    def clear(self) -> None:
        """Nobody waits."""

    def is_set(self) -> bool:
        return False


def new_run(prompt: Mapping[str, Any] = PROMPT, **places: Place) -> Run:
    return Run(ID, prompt, Signal, lambda: 0.0, places)


def said(kind: str, **data: Any) -> Any:
    return parse_message(json.dumps({"type": kind, "data": {"prompt_id": ID, **data}}))


def entry(*messages: tuple[str, dict[str, Any]], status: str = "success", **more: Any) -> dict[str, Any]:
    return {
        "outputs": {"9": OUTPUT},
        "status": {
            "status_str": status,
            "completed": status == "success",
            "messages": [[kind, {"prompt_id": ID, **data}] for kind, data in messages],
            **more,
        },
    }


def outcome_of(*messages: tuple[str, dict[str, Any]], status: str = "success", **more: Any) -> Outcome:
    found = read_history_entry(entry(*messages, status=status, **more), ID)
    assert found is not None
    return found


def result_of(run: Run, prompt: Mapping[str, Any] = PROMPT) -> Result[Any]:
    return Result(run, Source(prompt), None, cast("FileSource", None))


def finished(outcome: Outcome, prompt: Mapping[str, Any] = PROMPT, **places: Place) -> Result[Any]:
    run = new_run(prompt, **places)
    run.finish(outcome)
    return result_of(run, prompt)


def test_the_message_of_a_node_that_fails() -> None:
    event = said("execution_node_error", **NODE_ERROR, timestamp=7)
    assert event == events.ExecutionNodeFailed(
        ID, "3", "3", "Broken", "ValueError", "no", ("a line",), 7.0, event.raw
    )


def test_the_node_that_is_shown_stands_for_itself_where_it_is_not_named() -> None:
    assert said("execution_node_error", node_id="5").display_node == "5"
    assert said("execution_node_error", display_node_id="6").node_id == "6"
    assert isinstance(said("execution_node_error"), events.ExecutionNodeFailed)


def test_the_summary_is_read_from_the_last_message() -> None:
    summary = said("execution_success", **SUMMARY).summary
    assert summary == events.ExecutionSummary("partial_success", 1, ("3",), ("4",), ("4",), ("9",), True)
    assert said("execution_success").summary is None
    assert (
        said("execution_error", has_errors=True, execution_error_count=2).summary.execution_error_count == 2
    )


@pytest.mark.parametrize(
    "data",
    [
        {"has_errors": "yes", "failed_node_ids": 3, "execution_error_count": -4, "completion_status": 1},
        {"failed_node_ids": [3, None, {}], "execution_error_count": 1e400},
        {"execution_error_count": True},
    ],
)
def test_a_summary_of_other_types_says_nothing(data: dict[str, Any]) -> None:
    assert said("execution_success", **data).summary == events.ExecutionSummary()


def test_a_whole_success_stays_one() -> None:
    told = {"completion_status": "success", "has_errors": False, "execution_error_count": 0}
    for found in (
        outcome_of(("execution_success", {})),
        outcome_of(("execution_success", told)),
        outcome_of(("execution_success", {}), execution_summary=None),
    ):
        assert found.ending == "success"
        assert finished(found).completion_status == "success"
        assert not finished(found).failed


@pytest.mark.parametrize(
    "found",
    [
        outcome_of(("execution_node_error", NODE_ERROR), ("execution_success", SUMMARY)),
        outcome_of(("execution_node_error", NODE_ERROR), ("execution_success", {})),
        outcome_of(("execution_success", SUMMARY)),
        outcome_of(("execution_success", {}), execution_summary=SUMMARY),
        outcome_of(("execution_success", {}), **SUMMARY),
        outcome_of(("execution_node_error", NODE_ERROR)),
        outcome_of(("execution_success", {"failed_node_ids": ["3"]})),
    ],
    ids=["both", "no summary", "no message", "status", "status itself", "no end", "only ids"],
)
def test_a_history_tells_a_partial_success_in_any_of_its_ways(found: Outcome) -> None:
    assert found.ending == "partial_success"
    result = finished(found)
    assert result.completion_status == "partial_success"
    assert "partial success" in repr(result)
    assert list(result.failed) == ["3"]
    assert result["9"].raw == OUTPUT
    with pytest.raises(ExecutionError, match="#3"):
        result["3"]
    error = partial_success(result._run, result)
    assert error.result is result
    assert "SaveImage #9" in str(error)


def test_what_failed_and_what_did_not_run() -> None:
    places = {"3": Place("flow.py", 12), "4": Place("flow.py", 15)}
    result = finished(
        outcome_of(("execution_node_error", NODE_ERROR), ("execution_success", SUMMARY)), **places
    )
    failed = result.failed["3"]
    assert str(failed).startswith("flow.py:12: Broken #3 raised ValueError: no")
    assert "a line" in str(failed)
    assert (failed.node_id, failed.class_type, failed.place) == ("3", "Broken", places["3"])
    assert list(result.blocked) == ["4"]
    with pytest.raises(ExecutionError) as caught:
        result["4"]
    assert str(caught.value) == (
        "flow.py:15: SaveImage #4 did not run because a node that it needs failed: "
        f"flow.py:12: Broken #3 raised ValueError: no (prompt {ID})"
    )
    assert set(result.missing) == {"3", "4"}
    assert list(result.outputs) == ["9"]
    assert result.summary is not None
    assert result.summary.successful_output_node_ids == ("9",)


def test_a_summary_without_a_message_names_the_nodes() -> None:
    result = finished(outcome_of(("execution_success", SUMMARY)))
    assert str(result.failed["3"]) == f"Broken #3 failed; the server does not say why (prompt {ID})"


def test_blocked_nodes_are_found_without_a_summary() -> None:
    prompt = {**PROMPT, "5": {"class_type": "Later", "inputs": {"image": ["4", 0]}}}
    result = finished(outcome_of(("execution_node_error", NODE_ERROR), ("execution_success", {})), prompt)
    assert list(result.blocked) == ["4", "5"]


def test_more_blocked_nodes_than_a_server_lists() -> None:
    """The lists of a summary end after a hundred; a node beyond is no empty output."""
    prompt: dict[str, Any] = {"f": {"class_type": "Broken", "inputs": {}}}
    for index in range(150):
        source = "f" if index == 0 else f"n{index - 1:03}"
        prompt[f"n{index:03}"] = {"class_type": "Next", "inputs": {"image": [source, 0]}}
    prompt["9"] = PROMPT["9"]
    error = {**NODE_ERROR, "node_id": "f", "display_node_id": "f"}
    listed = [f"n{index:03}" for index in range(100)]
    summary = {**SUMMARY, "failed_node_ids": ["f"], "blocked_node_ids": listed}
    result = finished(outcome_of(("execution_node_error", error), ("execution_success", summary)), prompt)
    assert len(result.blocked) == 150
    with pytest.raises(ExecutionError, match="did not run"):
        result["n149"]
    message = str(partial_success(result._run, result))
    assert "and 140 more" in message
    assert len(message) < 2_000


def test_a_node_within_an_expanded_one_is_named_and_both_have_the_error() -> None:
    """Of a loop whose body fails the summary names the start, the message the node of the body."""
    prompt = {
        "loop": {"class_type": "StartLoop", "inputs": {}},
        "check": {"class_type": "Check", "inputs": {"value": ["loop", 0]}},
        "9": PROMPT["9"],
    }
    error = {**NODE_ERROR, "node_id": "loop", "display_node_id": "check", "node_type": "Check"}
    summary = {**SUMMARY, "failed_node_ids": ["loop"], "blocked_node_ids": []}
    result = finished(outcome_of(("execution_node_error", error), ("execution_success", summary)), prompt)
    assert list(result.failed) == ["check"]
    for node in ("check", "loop"):
        with pytest.raises(ExecutionError, match="Check #check raised ValueError"):
            result[node]


def test_a_node_that_failed_in_part_keeps_what_it_gave() -> None:
    summary = {**SUMMARY, "failed_node_ids": ["9"], "blocked_node_ids": []}
    error = {**NODE_ERROR, "node_id": "9", "display_node_id": "9"}
    result = finished(outcome_of(("execution_node_error", error), ("execution_success", summary)))
    assert result["9"].raw == OUTPUT
    assert list(result.failed) == ["9"]


def test_no_output_left_is_an_error_that_tells_all_failures() -> None:
    second = {**NODE_ERROR, "node_id": "9", "node_type": "SaveImage", "exception_message": "full"}
    last = {**second, "timestamp": 3, "executed": []}
    found = outcome_of(
        ("execution_node_error", NODE_ERROR),
        ("execution_node_error", second),
        ("execution_error", last),
        status="error",
    )
    assert found.ending == "error"
    run = new_run()
    run.finish(found)
    text = str(error_of_outcome(run, found))
    assert text.startswith("SaveImage #9 raised ValueError: full\nBefore it:\nBroken #3 raised")


def failed_wholly(run: Run) -> str:
    told = {**NODE_ERROR, "timestamp": 3, "executed": []}
    return str(error_of_outcome(run, outcome_of(("execution_error", told), status="error")))


def test_a_server_that_stops_at_once_is_told_where_the_policy_was_asked_for() -> None:
    run = new_run()
    assert "policy" not in failed_wholly(run)
    run.policy, run.policy_known = "continue_independent", False
    assert "does not know the node failure policy 'continue_independent'" in failed_wholly(run)
    run.policy_known = True
    assert "ends the prompt, whatever the node failure policy" in failed_wholly(run)


# While it runs


def test_events_alone_tell_a_partial_success() -> None:
    run = new_run()
    feed = run.feed_for(Signal())
    run.feed(said("executed", node="9", display_node="9", output=OUTPUT))
    run.feed(said("execution_node_error", **NODE_ERROR))
    run.feed(said("execution_success", **SUMMARY))
    outcome = run.told_outcome()
    assert outcome is not None
    assert outcome.ending == "partial_success"
    run.finish(outcome)
    told = list(iter(feed.take, None))
    failures = [event for event in told if isinstance(event, NodeFailed)]
    assert [(event.node.node_id, event.exception_message) for event in failures] == [("3", "no")]
    done = told[-1]
    assert isinstance(done, RunDone)
    assert done.outcome.ending == "partial_success"
    assert done.outcome.summary is not None
    assert list(result_of(run).blocked) == ["4"]


def test_a_history_that_forgets_failures_does_not_make_them_undone() -> None:
    run = new_run()
    run.feed(said("execution_node_error", **NODE_ERROR))
    run.finish(outcome_of(("execution_success", {})))
    assert run.outcome is not None
    assert run.outcome.ending == "partial_success"


def test_failures_that_no_event_told_are_told_at_the_end() -> None:
    second = {**NODE_ERROR, "node_id": "4", "display_node_id": "4"}
    run = new_run()
    feed = run.feed_for(Signal())
    run.feed(said("execution_node_error", **NODE_ERROR))
    run.finish(
        outcome_of(
            ("execution_node_error", NODE_ERROR),
            ("execution_node_error", second),
            ("execution_success", SUMMARY),
        )
    )
    failures = [event.node.node_id for event in iter(feed.take, None) if isinstance(event, NodeFailed)]
    assert failures == ["3", "4"]


ids = st.sampled_from(["1", "3", "4", "9", "5.0.0.1", "", "nowhere"])


@given(
    st.lists(st.tuples(ids, ids), max_size=4),
    st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(ids, max_size=5)
            for name in (
                "failed_node_ids",
                "blocked_node_ids",
                "blocked_output_node_ids",
                "successful_output_node_ids",
            )
        },
    ),
    st.dictionaries(ids, st.just(OUTPUT), max_size=4),
)
def test_every_node_gave_something_or_says_why_not_or_ran(
    failures: list[tuple[str, str]],
    summary: dict[str, list[str]] | None,
    outputs: dict[str, Any],
) -> None:
    """Whatever a server says of failures: nothing raises, and none of them is forgotten."""
    messages = [
        ("execution_node_error", {**NODE_ERROR, "node_id": node, "display_node_id": shown})
        for node, shown in failures
    ]
    said_last = ("execution_success", summary or {})
    found = read_history_entry({**entry(*messages, said_last), "outputs": outputs}, ID)
    assert found is not None
    listed = (summary or {}).get("failed_node_ids", [])
    assert (found.ending == "partial_success") == bool(failures or listed)
    result = finished(found)
    if found.ending == "success":
        assert (result.failed, result.blocked, result.missing) == ({}, {}, {})
        return
    assert result.failed
    assert str(partial_success(result._run, result))
    for node_id in PROMPT:
        if node_id in result.outputs:
            assert result[node_id].raw == OUTPUT
        elif node_id in result.failed or node_id in result.blocked:
            with pytest.raises(ExecutionError):
                result[node_id]


# Asking for it


def features_server(features: Any, status: int = 200) -> ModelServer:
    server = ModelServer()
    respond = server.respond

    def with_features(request: Any) -> Any:
        if request.path == "/api/features":
            return answer(features, status)
        return respond(request)

    server.world.respond = with_features
    return server


@pytest.mark.parametrize(
    ("features", "status", "known"),
    [
        ({"supports_node_failure_policy": True}, 200, True),
        ({"supports_preview_metadata": True}, 200, False),
        (b"404: Not Found", 404, False),
    ],
)
def test_the_policy_is_sent_and_a_server_that_does_not_know_it_is_told(
    features: Any, status: int, known: bool
) -> None:
    server = features_server(features, status)
    started = server.world.drive(
        start(server.world.core, PROMPT, RunSettings(node_failure_policy="continue_independent"))
    )
    posted = json.loads(next(sent for sent in server.world.requests if sent.path == "/api/prompt").content)
    assert posted["node_failure_policy"] == "continue_independent"
    assert posted["extra_data"]["node_failure_policy"] == "continue_independent"
    assert started.run.policy_known is known
    assert [problem.type for problem in started.warnings] == (
        [] if known else ["node_failure_policy_unknown"]
    )
    assert server.world.drive(Wait(server.world.core, started.run, 60.0).outcome()).ending == "success"


def test_nothing_is_asked_or_sent_by_default() -> None:
    server = ModelServer()
    server.world.drive(start(server.world.core, PROMPT, RunSettings()))
    posted = json.loads(server.world.requests[0].content)
    assert "node_failure_policy" not in posted
    assert "node_failure_policy" not in posted["extra_data"]


def test_a_policy_that_does_not_exist_is_refused_before_anything_is_sent() -> None:
    server = ModelServer()
    with pytest.raises(ValueError, match="\"continue_independent\" or None, not 'continue'"):
        server.world.drive(start(server.world.core, PROMPT, RunSettings(node_failure_policy="continue")))  # type: ignore[arg-type]
    assert not server.world.requests
    assert asked_policy(None, {"node_failure_policy": "continue_independent"}) == "continue_independent"


def test_the_error_is_one_of_a_node() -> None:
    """What handles a node that raised handles this too."""
    result = finished(outcome_of(("execution_node_error", NODE_ERROR), ("execution_success", SUMMARY)))
    error = partial_success(result._run, result)
    assert isinstance(error, PartialSuccess)
    assert isinstance(error, ExecutionError)
    assert (error.node_id, error.exception_type, error.prompt_id) == ("3", "ValueError", ID)
    assert str(error) == (
        f"prompt {ID} is a partial success: 1 node failed\n"
        "Broken #3 raised ValueError: no\n"
        "did not run because they need these: SaveImage #4\n"
        "outputs that came anyway: SaveImage #9 (`result` of this error has them)"
    )


def test_a_servers_traceback_is_told_without_the_marks_below_its_lines() -> None:
    """Python 3.11 and later write such a line below nearly every other, often hundreds of signs long."""
    frames = ['  File "nodes.py", line 3, in run\n    return f(x)\n           ~~^^^\n', "ValueError: no\n"]
    failed = events.ExecutionFailed(ID, "3", "Broken", "ValueError", "no", tuple(frames))
    error = error_of_outcome(new_run(), Outcome("error", failure=failed))
    assert isinstance(error, ExecutionError)
    assert str(error).partition("On the server:\n")[2].splitlines()[:3] == [
        '    File "nodes.py", line 3, in run',
        "      return f(x)",
        f"  ValueError: no (prompt {ID})",
    ]
    assert error.traceback == tuple(frames)
