"""Loops as servers after 0.36 run them, in the simulator."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from comfyflow.simulator import Simulator
from comfyflow.simulator.live_schema import LOOP_CLASSES
from tests.simulated import HTTP, entry, node_class, run, submit

ANY, INT, STRING = ["*", {}], ["INT", {}], ["STRING", {}]
CLASSES: dict[str, Any] = {
    **LOOP_CLASSES,
    "Number": node_class({"value": INT}, ["INT"]),
    "Numbers": node_class({"text": STRING}, ["INT"], output_is_list=True),
    "AddOne": node_class({"value": INT}, ["INT"]),
    "Add": node_class({"a": INT, "b": INT}, ["INT"]),
    "Show": node_class({"value": ANY}, ["*"], True),
    "State": node_class({"index": INT, "first": ANY, "last": ANY, "item": ANY}, ["*"]),
    "Twice": node_class({"value": INT}, ["INT"]),
}
GO_ON = {"node_failure_policy": "continue_independent"}
Prompt = dict[str, Any]


class Recorder:
    """What the nodes of a server were given, in order."""

    def __init__(self, server: Simulator) -> None:
        self.added: list[int] = []
        self.states: list[tuple[Any, ...]] = []
        server.simulate("Number", lambda value: value)
        server.simulate("Numbers", lambda text: ([int(word) for word in text.split()],))
        server.simulate("AddOne", self._add_one)
        server.simulate("Add", lambda a, b: a + b)
        server.simulate("Show", lambda value: {"ui": {"shown": [value]}, "result": (value,)})
        server.simulate("State", self._state)
        server.simulate("Twice", self._twice)

    def _add_one(self, value: int) -> int:
        self.added.append(value + 1)
        return value + 1

    def _state(self, index: int, first: bool, last: bool, item: object) -> int:
        self.states.append((index, first, last, item))
        return index

    @staticmethod
    def _twice(value: int) -> dict[str, Any]:
        """A node that puts two others in its place, as packs' nodes do."""
        nodes = {
            "twice.a": {"class_type": "AddOne", "inputs": {"value": value}},
            "twice.b": {"class_type": "AddOne", "inputs": {"value": ["twice.a", 0]}},
        }
        return {"result": (["twice.b", 0],), "expand": nodes}


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(CLASSES, "0.37.0") as server:
        yield server


@pytest.fixture
def seen(server: Simulator) -> Recorder:
    return Recorder(server)


def start(initial: str | None = None, **mode: Any) -> dict[str, Any]:
    given = mode or {"mode": "simple", "num_iterations": 3}
    inputs = {"mode" if name == "mode" else f"mode.{name}": value for name, value in given.items()}
    more = {} if initial is None else {"initial_iteration_value": [initial, 0]}
    return {"class_type": "StartLoop", "inputs": {"cache_iterations": False, **inputs, **more}}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def end(accumulate: bool = False, **inputs: Any) -> dict[str, Any]:
    return node("EndLoop", accumulate=accumulate, **inputs)


def counting(accumulate: bool = False, cached: bool = False, count: int = 3) -> Prompt:
    """A loop that adds one to a number in each iteration."""
    prompt = {
        "zero": node("Number", value=0),
        "loop": start("zero", mode="simple", num_iterations=count),
        "add": node("AddOne", value=["loop", 4]),
        "end": end(accumulate, output_value=["add", 0], next_iteration_value=["add", 0]),
        "show": node("Show", value=["end", 0]),
    }
    prompt["loop"]["inputs"]["cache_iterations"] = cached
    return prompt


def shown(server: Simulator, prompt: Prompt, name: str = "show") -> Any:
    done = run(server, prompt)
    assert done["status"]["status_str"] == "success", done["status"]["messages"][-1]
    return done["outputs"][name]["shown"]


def test_a_value_is_carried_from_iteration_to_iteration(server: Simulator, seen: Recorder) -> None:
    assert shown(server, counting()) == [3]
    assert seen.added == [1, 2, 3]


def test_accumulated_outputs_are_a_list(server: Simulator, seen: Recorder) -> None:
    assert shown(server, counting(accumulate=True)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("mode", "states"),
    [
        ({"mode": "simple", "num_iterations": 2}, [(0, True, False, None), (1, False, True, None)]),
        (
            {"mode": "For", "start_iteration_index": 2, "max_iteration": 9, "step": 3},
            [(2, True, False, None), (5, False, False, None), (8, False, True, None)],
        ),
        ({"mode": "List", "list": ["items", 0]}, [(0, True, False, 10), (1, False, True, 20)]),
    ],
    ids=["simple", "For", "List"],
)
def test_each_mode_has_its_iterations(
    server: Simulator, seen: Recorder, mode: dict[str, Any], states: list[Any]
) -> None:
    prompt = {
        "items": node("Numbers", text="10 20"),
        "loop": start(**mode),
        "state": node("State", index=["loop", 0], first=["loop", 1], last=["loop", 2], item=["loop", 3]),
        "end": end(True, output_value=["state", 0]),
        "show": node("Show", value=["end", 0]),
    }
    assert shown(server, prompt) == [state[0] for state in states]
    assert seen.states == states


@pytest.mark.parametrize(
    "mode", [{"mode": "simple", "num_iterations": 0}, {"mode": "List", "list": ["none", 0]}]
)
def test_a_loop_without_iterations_skips_its_body(
    server: Simulator, seen: Recorder, mode: dict[str, Any]
) -> None:
    prompt = {
        "none": node("Numbers", text=""),
        "loop": start(**mode),
        "add": node("AddOne", value=["loop", 0]),
        "show": node("Show", value=["add", 0]),
        "end": end(**{"terminations.termination0": ["show", 0]}),
    }
    done = run(server, prompt)
    assert (done["status"]["status_str"], done["outputs"], seen.added) == ("success", {}, [])


def test_loops_within_loops_run_each_body_once_an_iteration(server: Simulator, seen: Recorder) -> None:
    prompt = {
        "zero": node("Number", value=0),
        "outer": start("zero", mode="simple", num_iterations=2),
        "inner": start(mode="simple", num_iterations=2),
        "add": node("AddOne", value=["inner", 4]),
        "inner end": end(output_value=["add", 0], next_iteration_value=["add", 0]),
        "outer end": end(True, output_value=["inner end", 0], next_iteration_value=["inner end", 0]),
        "show": node("Show", value=["outer end", 0]),
    }
    prompt["inner"]["inputs"] |= {
        "parent_iteration": ["outer", 0],
        "initial_iteration_value": ["outer", 4],
    }
    assert shown(server, prompt) == [2, 4]
    assert seen.added == [1, 2, 3, 4]


def test_outputs_within_a_loop_run_in_every_iteration(server: Simulator, seen: Recorder) -> None:
    prompt = {
        "loop": start(mode="simple", num_iterations=2),
        "add": node("AddOne", value=["loop", 0]),
        "show": node("Show", value=["add", 0]),
        "end": end(**{"terminations.termination0": ["show", 0]}),
    }
    done = run(server, prompt)
    assert sorted(output["shown"] for output in done["outputs"].values()) == [[1], [2]]
    metas = done["meta"].values()
    assert {(meta["display_node"], meta["real_node_id"], meta["parent_node"]) for meta in metas} == {
        ("show", "loop", "loop")
    }
    assert (
        {meta["node_id"] for meta in metas} == set(done["outputs"]) == {"loop.0.0.0_show", "loop.0.0.1_show"}
    )


def test_history_and_queue_show_what_the_server_notes_of_loops(server: Simulator, seen: Recorder) -> None:
    with server.held_queue():
        prompt_id = submit(server, counting())
        (waiting,) = HTTP.get(f"{server.url}/queue").json()["queue_pending"]
        assert (waiting[2]["loop"]["_loop_body"], waiting[2]["loop"]["_loop_end"]) == (["add"], "end")
    node = entry(server, prompt_id)["prompt"][2]["loop"]
    assert (node["_loop_body"], node["_loop_end"]) == (["add"], "end")


def test_a_prompt_out_of_the_history_runs_again(server: Simulator, seen: Recorder) -> None:
    first = run(server, counting())["prompt"][2]
    first["loop"]["_loop_body"] = ["nonsense"]
    assert shown(server, first) == [3]


def test_iterations_that_are_not_cached_run_again(server: Simulator, seen: Recorder) -> None:
    run(server, counting())
    done = run(server, counting())
    assert seen.added == [1, 2, 3, 1, 2, 3]
    assert dict(done["status"]["messages"])["execution_cached"]["nodes"] == ["zero"]


def test_cached_iterations_run_once_and_a_longer_loop_adds_to_them(server: Simulator, seen: Recorder) -> None:
    assert shown(server, counting(cached=True)) == [3]
    assert shown(server, counting(cached=True)) == [3]
    assert seen.added == [1, 2, 3]
    assert shown(server, counting(cached=True, count=5)) == [5]
    assert seen.added == [1, 2, 3, 4, 5]
    run(server, {"zero": node("Number", value=1), "show": node("Show", value=["zero", 0])})
    assert shown(server, counting(cached=True)) == [3]
    assert seen.added == [1, 2, 3, 4, 5, 1, 2, 3]


def test_the_loop_is_followed_on_the_socket(server: Simulator, seen: Recorder) -> None:
    address = server.url.replace("http", "ws", 1) + "/ws?clientId=me"
    texts: list[tuple[str, str]] = []
    executing: list[tuple[str, str]] = []
    lineage: dict[str, Any] = {}
    with connect(address, max_queue=None) as socket:
        socket.recv(20)  # its greeting: from now on it is told
        submit(server, counting(count=2), client_id="me")
        while True:
            message = socket.recv(20)
            if isinstance(message, bytes):
                kind, length = struct.unpack(">II", message[:8])
                assert kind == 3
                texts.append((message[8 : 8 + length].decode(), message[8 + length :].decode()))
                continue
            told = json.loads(message)
            if told["type"] == "progress_state":
                lineage |= told["data"]["nodes"]
            if told["type"] == "executing":
                if told["data"]["node"] is None:
                    break
                executing.append((told["data"]["node"], told["data"]["display_node"]))
    assert texts == [("loop", f"Iteration {done} / 2") for done in range(3)]
    assert [node for node, display in executing if display == "add"] == ["loop.0.0.0_add", "loop.0.0.1_add"]
    assert {display for _, display in executing} <= {"zero", "loop", "add", "end", "show"}
    copy = lineage["loop.0.0.1_add"]
    assert (copy["display_node_id"], copy["parent_node_id"], copy["real_node_id"]) == ("add", "loop", "loop")


def test_a_failure_in_the_body_is_told_of_the_loop(server: Simulator, seen: Recorder) -> None:
    server.fail_next("too hot", node_id="add")
    done = run(server, counting())
    kind, told = done["status"]["messages"][-1]
    assert (kind, told["node_id"], told["node_type"]) == ("execution_error", "loop", "StartLoop")
    assert told["exception_message"] == "too hot\n"


def test_a_failure_in_the_body_leaves_out_the_loop_and_no_more(server: Simulator, seen: Recorder) -> None:
    prompt = {**counting(), "apart": node("Show", value=["zero", 0])}
    server.fail_next("too hot", node_id="loop.0.0.1_add")
    done = run(server, prompt, **GO_ON)
    assert seen.added == [1]
    assert done["outputs"] == {"apart": {"shown": [0]}}
    failure = dict(done["status"]["messages"])["execution_node_error"]
    assert (failure["node_id"], failure["display_node_id"], failure["node_type"]) == ("loop", "add", "AddOne")
    summary = done["status"]["execution_summary"]
    assert summary["failed_node_ids"] == ["loop"]
    assert set(summary["blocked_node_ids"]) == {"end", "show"}
    assert summary["blocked_output_node_ids"] == ["show"]
    assert summary["successful_output_node_ids"] == ["apart"]


def test_outputs_made_before_the_failure_are_counted(server: Simulator, seen: Recorder) -> None:
    prompt = {
        "loop": start(mode="simple", num_iterations=3),
        "show": node("Show", value=["loop", 0]),
        "add": node("AddOne", value=["loop", 0]),
        "end": end(output_value=["add", 0], **{"terminations.termination0": ["show", 0]}),
    }
    server.fail_next(node_id="loop.0.0.1_add")
    summary = run(server, prompt, **GO_ON)["status"]["execution_summary"]
    assert summary["successful_output_node_ids"] == ["show"]
    assert summary["completion_status"] == "partial_success"


def test_a_failure_before_the_loop_leaves_it_out_and_does_not_hang(server: Simulator, seen: Recorder) -> None:
    prompt = {
        **counting(),
        "fail": node("AddOne", value=7),
        "apart": node("Show", value=["zero", 0]),
    }
    prompt["add"] = node("Add", a=["loop", 4], b=["fail", 0])
    server.fail_next(node_id="fail")
    summary = run(server, prompt, **GO_ON)["status"]["execution_summary"]
    assert {"add", "end", "show"} <= set(summary["blocked_node_ids"])
    assert summary["successful_output_node_ids"] == ["apart"]


def test_a_loop_is_interrupted_between_iterations(server: Simulator, seen: Recorder) -> None:
    server.simulate("AddOne", lambda context, value: (server.instance.interrupt(), context.sleep(9)))
    done = run(server, counting())
    assert done["status"]["messages"][-1][0] == "execution_interrupted"


def test_too_many_iterations_are_an_error(server: Simulator, seen: Recorder) -> None:
    done = run(server, counting(count=10**15))
    kind, told = done["status"]["messages"][-1]
    assert (kind, told["node_id"], told["exception_type"]) == ("execution_error", "loop", "ValueError")
    assert "at most 10000" in told["exception_message"]


def test_a_chain_of_iterations_that_is_too_long_is_an_error(server: Simulator, seen: Recorder) -> None:
    done = run(server, counting(count=600))
    kind, told = done["status"]["messages"][-1]
    assert (kind, told["exception_type"]) == ("execution_error", "RecursionError")


def test_a_node_may_put_others_in_its_place(server: Simulator, seen: Recorder) -> None:
    prompt = {"twice": node("Twice", value=5), "show": node("Show", value=["twice", 0])}
    assert shown(server, prompt) == [7]
    assert shown(server, prompt) == [7]
    assert seen.added == [6, 7]


def test_a_node_whose_place_was_not_filled_runs_again(server: Simulator, seen: Recorder) -> None:
    prompt = {
        "twice": node("Twice", value=5),
        "show": node("Show", value=["twice", 0]),
        "apart": node("Show", value=1),
    }
    server.fail_next(node_id="twice.b")
    summary = run(server, prompt, **GO_ON)["status"]["execution_summary"]
    assert (summary["failed_node_ids"], summary["blocked_node_ids"]) == (["twice"], ["show"])
    assert shown(server, prompt) == [7]


def test_a_server_of_its_own_schema_has_loops() -> None:
    with Simulator(profile="0.37.0") as server:
        assert set(LOOP_CLASSES) <= set(HTTP.get(f"{server.url}/object_info").json())
    with Simulator(profile="0.33.0") as server:
        assert not set(LOOP_CLASSES) & set(HTTP.get(f"{server.url}/object_info").json())


@st.composite
def programs(draw: st.DrawFn) -> tuple[Prompt, list[int]]:
    """A prompt of loops within loops that count, and what comes out."""
    prompt: Prompt = {"zero": node("Number", value=draw(st.integers(0, 9)))}
    left = draw(st.integers(1, 4))

    def loop(before: str, value: int, depth: int) -> tuple[str, int]:
        nonlocal left
        left -= 1
        name, last = f"s{len(prompt)}", f"e{len(prompt)}"
        count = draw(st.integers(1, 3))
        prompt[name] = start(before, mode="simple", num_iterations=count)
        work = f"w{len(prompt)}"
        prompt[work] = node("AddOne", value=[name, 4])
        inner: str | None = None
        before_inner = set(prompt)
        steps: list[Any] = []
        if left and depth < 2 and draw(st.booleans()):
            inner, _ = loop(work, 0, depth + 1)
        for _ in range(count):
            value += 1
            if inner is not None:
                value = replay(inner, work, value)
            steps.append(value)
        prompt[last] = end(output_value=[inner or work, 0], next_iteration_value=[inner or work, 0])
        assert before_inner <= set(prompt)
        plans[last] = (count, inner)
        return last, value

    plans: dict[str, tuple[int, str | None]] = {}

    def replay(last: str, _before: str, value: int) -> int:
        count, inner = plans[last]
        for _ in range(count):
            value += 1
            if inner is not None:
                value = replay(inner, _before, value)
        return value

    first = prompt["zero"]["inputs"]["value"]
    last, value = loop("zero", first, 0)
    while left and draw(st.booleans()):
        last, value = loop(last, value, 0)
    prompt["show"] = node("Show", value=[last, 0])
    order = draw(st.permutations(list(prompt)))
    return {name: prompt[name] for name in order}, [value]


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with Simulator(CLASSES, "0.37.0") as server:
        Recorder(server)
        yield server


@settings(deadline=None, max_examples=40)
@given(drawn=programs())
def test_loops_give_what_the_same_loops_in_python_give(
    shared: Simulator, drawn: tuple[Prompt, list[int]]
) -> None:
    prompt, expected = drawn
    assert shown(shared, prompt) == expected
