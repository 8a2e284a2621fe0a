"""Nodes that fail, on every server: some know a failure policy, and the others are told not to."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.client import Result
from comfyflow.client.run_event import NodeFailed, RunDone
from comfyflow.errors import ExecutionError, PartialSuccess
from tests.clients import KINDS, connected
from tests.command import Command

from .prompts import node
from .session import Server

POLICY: dict[str, Any] = {"node_failure_policy": "continue_independent", "timeout": 60}


def failing(color: int | None = None) -> dict[str, Any]:
    """A prompt of which a part fails: a picture is cut out of another where there is none."""
    color = uuid.uuid4().int % 0xFFFFFF if color is None else color
    return {
        "1": node("EmptyImage", width=16, height=8, batch_size=1, color=color),
        "3": node("SaveImage", images=["1", 0], filename_prefix="../outside"),
        "9": node("SaveImage", images=["1", 0], filename_prefix="conformance/failure"),
    }


def failing_wholly() -> dict[str, Any]:
    return {key: value for key, value in failing().items() if key != "9"}


@pytest.fixture
def policy_known(server: Server) -> bool:
    answer = server.http.get("/features")
    return answer.status_code == 200 and answer.json().get("supports_node_failure_policy") is True


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    server.wait_until_idle()
    with connected(request.param, server.url) as client:
        yield client


@pytest.mark.parametrize("websocket", [True, False])
def test_the_policy(client: Any, policy_known: bool, websocket: bool) -> None:
    with pytest.raises(ExecutionError) as caught:
        client.run(failing(), websocket=websocket, **POLICY)
    error = caught.value
    assert error.node_id == "3"
    entry = client.history_entry(error.prompt_id)
    status = client.attach(error.prompt_id).status().state
    if not policy_known:
        assert not isinstance(error, PartialSuccess)
        assert "does not know the node failure policy" in str(error)
        assert entry.outcome.ending == status == "error"
        return
    assert isinstance(error, PartialSuccess)
    assert entry.outcome.ending == status == "partial_success"
    result: Result[Any] = error.result
    assert (list(result.failed), list(result.blocked), list(result.outputs)) == (["3"], [], ["9"])
    assert client.read(result.files[0]).startswith(b"\x89PNG")
    assert entry.outcome.summary == result.summary
    assert result.summary is not None
    assert result.summary.successful_output_node_ids == ("9",)
    with pytest.raises(PartialSuccess):
        client.attach(error.prompt_id).result()


def test_the_first_failure_ends_a_prompt_by_default(client: Any) -> None:
    with pytest.raises(ExecutionError) as caught:
        client.run(failing(), timeout=60)
    assert not isinstance(caught.value, PartialSuccess)
    assert "policy" not in str(caught.value)
    assert client.history_entry(caught.value.prompt_id).outcome.ending == "error"


def test_no_output_left_is_a_whole_failure(client: Any) -> None:
    with pytest.raises(ExecutionError) as caught:
        client.run(failing_wholly(), **POLICY)
    assert not isinstance(caught.value, PartialSuccess)
    assert client.history_entry(caught.value.prompt_id).outcome.ending == "error"


def test_a_whole_success_stays_one(client: Any) -> None:
    prompt = {key: value for key, value in failing().items() if key != "3"}
    result = client.run(prompt, **POLICY)
    assert result.completion_status == "success"
    assert result.summary is None or not result.summary.partial


def test_events_tell_the_failure(client: Any, policy_known: bool) -> None:
    handle = client.submit(failing(), node_failure_policy="continue_independent")
    told = [problem.type for problem in handle.warnings]
    assert ("node_failure_policy_unknown" in told) is not policy_known
    events = list(handle.events(60))
    failures = [event.node.node_id for event in events if isinstance(event, NodeFailed)]
    assert failures == (["3"] if policy_known else [])
    assert isinstance(events[-1], RunDone)
    assert events[-1].outcome.ending == ("partial_success" if policy_known else "error")


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command(
    command: Command, server: Server, policy_known: bool, tmp_path: Path, as_json: bool
) -> None:
    server.wait_until_idle()
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(failing()))
    out = tmp_path / "out"
    words = ["--server", server.url, "--node-failure-policy", "continue_independent", "--out", str(out)]
    ran = command("run", str(path), *words, *(["--json"] if as_json else []))
    assert ran.code == 3, ran.err
    assert len(list(out.rglob("*.png"))) == policy_known
    if as_json:
        last = json.loads(ran.out.splitlines()[-1])
        assert (last["event"], last["exit_code"]) == ("partial_success" if policy_known else "error", 3)
        if policy_known:
            assert (last["failed"], last["blocked"], last["outputs"]) == (["3"], [], ["9"])
        listed = command("history", "--server", server.url, "-n", "1").out
        assert listed.startswith("partial_success " if policy_known else "error ")
        return
    assert ("is a partial success" in ran.err) is policy_known
    assert ("does not know the node failure policy" in ran.err) is not policy_known


def test_a_partial_success_is_downloaded(
    command: Command, server: Server, policy_known: bool, tmp_path: Path
) -> None:
    with connected("Client", server.url) as client, pytest.raises(ExecutionError) as caught:
        client.run(failing(), **POLICY)
    ran = command("download", caught.value.prompt_id, "--server", server.url, "--out", str(tmp_path))
    assert len(list(tmp_path.rglob("*.png"))) == policy_known
    assert ran.code != 0
    assert not policy_known or (ran.code, "is a partial success" in ran.err) == (3, True)
