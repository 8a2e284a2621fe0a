"""Nodes that fail in a run that goes on without them: the node failure policy after 0.36."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect

from comfyflow.simulator import Simulator
from comfyflow.simulator.execution_order import ExecutionOrder
from comfyflow.simulator.node_function import NodeFunction
from tests.simulated import HTTP, NODES, entry, node_class, run, submit

GO_ON = {"node_failure_policy": "continue_independent"}
CLASSES = {
    **NODES,
    "Pick": node_class({"gate": ["STRING"], "value": ["INT", {"lazy": True}]}, ["INT"]),
}
BRANCHES: dict[str, Any] = {
    "seed": {"class_type": "Words", "inputs": {"text": "one"}},
    "fail": {"class_type": "WordCount", "inputs": {"text": ["seed", 0]}},
    "after": {"class_type": "PreviewAny", "inputs": {"source": ["fail", 0]}},
    "apart": {"class_type": "PreviewAny", "inputs": {"source": ["seed", 0]}},
}
SUMMARY = {
    "has_errors": True,
    "execution_error_count": 1,
    "failed_node_ids": ["fail"],
    "blocked_node_ids": ["after"],
    "blocked_output_node_ids": ["after"],
    "successful_output_node_ids": ["apart"],
    "completion_status": "partial_success",
}


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(CLASSES, "0.37.0") as server:
        server.simulate("Words", lambda text: (text.split(),))
        server.simulate("WordCount", lambda text: len(text.split()))
        yield server


def messages(done: dict[str, Any]) -> list[str]:
    return [kind for kind, _ in done["status"]["messages"]]


def last(done: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = done["status"]["messages"][-1][1]
    return told


def test_only_the_nodes_that_depend_on_it_are_left_out(server: Simulator) -> None:
    server.fail_next("too hot", node_id="fail")
    done = run(server, BRANCHES, **GO_ON)
    assert done["outputs"] == {"apart": {"text": ["one"]}}
    start, cached, failure, success = messages(done)
    assert (start, cached, failure, success) == (
        "execution_start",
        "execution_cached",
        "execution_node_error",
        "execution_success",
    )
    assert (done["status"]["status_str"], done["status"]["completed"]) == ("success", True)
    assert done["status"]["execution_summary"] == SUMMARY
    assert {key: value for key, value in last(done).items() if key in SUMMARY} == SUMMARY


def test_a_failed_node_is_told_with_its_display_id_and_type(server: Simulator) -> None:
    server.fail_next("too hot", exception_type="ValueError", node_id="fail")
    done = run(server, BRANCHES, **GO_ON)
    told = dict(done["status"]["messages"])["execution_node_error"]
    assert (told["node_id"], told["display_node_id"], told["node_type"]) == ("fail", "fail", "WordCount")
    assert (told["exception_type"], told["exception_message"]) == ("ValueError", "too hot\n")
    assert told["current_inputs"] == {"text": ["one"]}
    assert not {"executed", "current_outputs"} & set(told)


def test_without_the_policy_the_first_failure_ends_the_run(server: Simulator) -> None:
    for body in ({}, {"node_failure_policy": "fail_fast"}, {"node_failure_policy": None}):
        server.fail_next(node_id="fail")
        done = run(server, BRANCHES, **body)
        assert messages(done)[-1] == "execution_error"
        assert done["status"]["execution_summary"] is None


def test_no_output_left_is_an_error_that_lists_nothing_as_partial(server: Simulator) -> None:
    prompt = {name: node for name, node in BRANCHES.items() if name != "apart"}
    server.fail_next("too hot", node_id="fail")
    done = run(server, prompt, **GO_ON)
    assert messages(done)[-2:] == ["execution_node_error", "execution_error"]
    assert done["status"]["status_str"] == "error"
    assert last(done)["node_id"] == "fail"
    assert "current_outputs" in last(done)
    summary = done["status"]["execution_summary"]
    assert (summary["blocked_output_node_ids"], summary["successful_output_node_ids"]) == (["after"], [])
    assert "completion_status" not in summary


def test_several_failures_are_counted(server: Simulator) -> None:
    prompt = {
        **BRANCHES,
        "fail2": {"class_type": "WordCount", "inputs": {"text": "other"}},
        "after2": {"class_type": "PreviewAny", "inputs": {"source": ["fail2", 0]}},
    }
    server.fail_next(node_id="fail")
    server.fail_next(node_id="fail2")
    summary = run(server, prompt, **GO_ON)["status"]["execution_summary"]
    assert (summary["execution_error_count"], summary["failed_node_ids"]) == (2, ["fail", "fail2"])
    assert summary["blocked_node_ids"] == ["after", "after2"]


def test_an_output_that_fails_itself_is_failed_and_not_blocked(server: Simulator) -> None:
    server.fail_next(node_id="after")
    summary = run(server, BRANCHES, **GO_ON)["status"]["execution_summary"]
    assert (summary["failed_node_ids"], summary["blocked_node_ids"]) == (["after"], [])
    assert (summary["blocked_output_node_ids"], summary["successful_output_node_ids"]) == ([], ["apart"])


def test_a_cached_output_is_one_that_was_made(server: Simulator) -> None:
    prompt = {name: BRANCHES[name] for name in ("seed", "apart")}
    run(server, prompt)
    server.fail_next(node_id="fail")
    summary = run(server, BRANCHES, **GO_ON)["status"]["execution_summary"]
    assert summary["successful_output_node_ids"] == ["apart"]


def test_what_failed_is_not_cached_and_runs_again(server: Simulator) -> None:
    server.fail_next(node_id="fail")
    run(server, BRANCHES, **GO_ON)
    done = run(server, BRANCHES, **GO_ON)
    assert done["status"]["execution_summary"] is None
    assert dict(done["status"]["messages"])["execution_cached"]["nodes"] == ["seed", "apart"]
    assert done["outputs"]["after"] == {"text": ["1"]}


def test_a_late_lazy_link_never_runs_a_failed_node_again(server: Simulator) -> None:
    calls: list[str] = []

    def fail(text: str) -> str:
        calls.append(text)
        raise RuntimeError("always")

    server.simulate("WordCount", fail)
    picks = NodeFunction.of(
        lambda gate, value: value, needs=lambda known: [] if known["value"] else ["value"]
    )
    server.instance.settings.library.functions["Pick"] = picks
    prompt = {
        **BRANCHES,
        "gate": {"class_type": "Words", "inputs": {"text": ["seed", 0]}},
        "pick": {"class_type": "Pick", "inputs": {"gate": ["gate", 0], "value": ["fail", 0]}},
        "late": {"class_type": "PreviewAny", "inputs": {"source": ["pick", 0]}},
    }
    summary = run(server, prompt, **GO_ON)["status"]["execution_summary"]
    assert calls == ["one"]
    assert summary["blocked_node_ids"] == ["after", "late", "pick"]
    assert summary["successful_output_node_ids"] == ["apart"]


@pytest.mark.parametrize("fault", ["out of memory", "interrupt", "host memory"])
def test_some_failures_end_the_run_all_the_same(server: Simulator, fault: str) -> None:
    if fault == "out of memory":
        server.fail_next("CUDA out of memory", node_id="fail", out_of_memory=True)
    elif fault == "interrupt":
        server.simulate("WordCount", lambda context, text: (server.instance.interrupt(), context.sleep(9)))
    else:

        def hungry(text: str) -> int:
            raise MemoryError("host memory")

        server.simulate("WordCount", hungry)
    done = run(server, BRANCHES, **GO_ON)
    assert "execution_node_error" not in messages(done)
    assert messages(done)[-1] == ("execution_interrupted" if fault == "interrupt" else "execution_error")
    assert done["status"]["status_str"] == "error"
    assert done["status"]["execution_summary"] is None


def test_the_first_form_of_the_policy_is_heard_in_extra_data(server: Simulator) -> None:
    server.fail_next(node_id="fail")
    done = run(server, BRANCHES, extra_data=GO_ON)
    assert done["status"]["execution_summary"] == SUMMARY


def test_the_policy_is_shown_to_no_client(server: Simulator) -> None:
    prompt_id = submit(server, BRANCHES, **GO_ON, extra_data={"_node_failure_policy": "fail_fast"})
    assert "node_failure_policy" not in json.dumps(entry(server, prompt_id)["prompt"])


@pytest.mark.parametrize("policy", ["sometimes", 1, [], {"a": 1}])
def test_an_unknown_policy_is_refused(server: Simulator, policy: object) -> None:
    answer = HTTP.post(f"{server.url}/prompt", json={"prompt": BRANCHES, "node_failure_policy": policy})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_node_failure_policy"
    assert answer.json()["node_errors"] == {}


def test_older_servers_know_no_policy() -> None:
    with Simulator(CLASSES, "0.33.0") as server:
        assert "supports_node_failure_policy" not in HTTP.get(f"{server.url}/features").json()
        server.fail_next(node_id="fail")
        done = run(server, BRANCHES, node_failure_policy="anything at all")
        assert messages(done)[-1] == "execution_error"
        assert "execution_summary" not in done["status"]


def test_the_server_says_that_it_has_the_policy(server: Simulator) -> None:
    assert HTTP.get(f"{server.url}/features").json()["supports_node_failure_policy"] is True


def test_progress_shows_what_failed_and_what_was_left_out(server: Simulator) -> None:
    server.fail_next(node_id="fail")
    address = server.url.replace("http", "ws", 1) + "/ws?clientId=me"
    with connect(address, max_queue=None) as socket:
        socket.recv(20)  # its greeting: from now on it is told
        submit(server, BRANCHES, client_id="me", **GO_ON)
        states: dict[str, str] = {}
        while True:
            message = json.loads(socket.recv(20))
            if message["type"] == "progress_state":
                states = {name: node["state"] for name, node in message["data"]["nodes"].items()}
            if message["type"] == "executing" and message["data"]["node"] is None:
                break
    assert states == {"seed": "finished", "fail": "error", "after": "blocked", "apart": "finished"}


def test_a_job_says_that_it_was_a_partial_success(server: Simulator) -> None:
    server.fail_next("too hot", node_id="fail")
    prompt_id = submit(server, BRANCHES, **GO_ON)
    entry(server, prompt_id)
    job = HTTP.get(f"{server.url}/api/jobs/{prompt_id}").json()
    assert (job["status"], job["completion_status"]) == ("completed", "partial_success")
    assert (job["has_errors"], job["execution_error_count"]) == (True, 1)
    assert [error["exception_message"] for error in job["execution_errors"]] == ["too hot\n"]
    whole = submit(server, BRANCHES)
    entry(server, whole)
    job = HTTP.get(f"{server.url}/api/jobs/{whole}").json()
    assert (job["completion_status"], job["has_errors"], job["execution_errors"]) == ("success", False, [])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A prompt without cycles, and the id of one node of it."""
    count = draw(st.integers(1, 12))
    prompt: dict[str, Any] = {}
    for index in range(count):
        sources = draw(st.lists(st.integers(0, index - 1), max_size=3)) if index else []
        prompt[str(index)] = {"inputs": {f"x{n}": [str(source), 0] for n, source in enumerate(sources)}}
    return prompt, str(draw(st.integers(0, count - 1)))


@given(graphs())
def test_dropping_a_node_drops_what_stands_behind_it_and_no_more(drawn: tuple[dict[str, Any], str]) -> None:
    prompt, failed = drawn
    order = ExecutionOrder(prompt, lambda _: False, lambda _, name: False, lambda _: False)
    for node_id in prompt:
        order.add(node_id)
    behind = {failed}
    for node_id, node in prompt.items():
        if any(link[0] in behind for link in node["inputs"].values()):
            behind.add(node_id)
    done: set[str] = set()
    while order:
        chosen = order.next()
        assert chosen is not None
        if chosen == failed:
            assert set(order.drop(chosen)) == behind
            order.add(chosen)  # it cannot come back
        else:
            order.done(chosen)
            done.add(chosen)
    assert done == set(prompt) - behind
