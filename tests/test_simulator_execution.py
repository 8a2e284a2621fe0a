"""Executing prompts: users' functions, lists, blocked outputs, caching."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from comfyflow.simulator import Blocked, NodeContext, NodeResult, Simulator, simulates
from comfyflow.simulator.execution_order import ExecutionOrder
from comfyflow.simulator.node_cache import CacheEntry, NodeCache
from comfyflow.simulator.node_function import USER_FUNCTIONS
from tests.simulated import HTTP, NODES, SAVE, entry, error, node_class, outputs, run, submit, text


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(NODES) as server:
        yield server


def test_a_users_function_is_what_a_node_does(server: Simulator) -> None:
    server.simulate("WordCount", lambda text: len(text.split()))
    assert outputs(server, text("three small words")) == {"2": {"text": ["3"]}}


def test_as_a_decorator(server: Simulator) -> None:
    @server.simulate("WordCount")
    def count(text: str) -> tuple[int]:
        return (len(text),)

    assert outputs(server, text("four")) == {"2": {"text": ["4"]}}


def test_for_every_simulator() -> None:
    @simulates("WordCount")
    def count(text: str) -> int:
        return len(text) * 100

    try:
        with Simulator(NODES) as server:
            assert outputs(server, text("ab")) == {"2": {"text": ["200"]}}
            server.simulate("WordCount", lambda text: -1)
            assert outputs(server, text("abc")) == {"2": {"text": ["-1"]}}
    finally:
        del USER_FUNCTIONS.functions["WordCount"]


def test_an_asynchronous_function(server: Simulator) -> None:
    async def count(text: str) -> int:
        await asyncio.sleep(0)
        return len(text)

    server.simulate("WordCount", count)
    assert outputs(server, text("four")) == {"2": {"text": ["4"]}}


def test_a_function_may_show_something(server: Simulator) -> None:
    server.simulate("PreviewAny", lambda source: {"ui": {"text": [f"<{source}>"]}, "result": (source,)})
    server.simulate("WordCount", lambda text: NodeResult((1,), {"count": [1]}))
    assert outputs(server, text("x")) == {"1": {"count": [1]}, "2": {"text": ["<1>"]}}


def test_a_function_may_know_its_surroundings(server: Simulator) -> None:
    seen: list[NodeContext] = []

    def count(context: NodeContext, text: str) -> int:
        seen.append(context)
        context.progress(1, 2, None)
        context.text("working")
        return len(text)

    server.simulate("WordCount", count)
    prompt_id = submit(server, text("x"), extra_data={"mine": 1})
    entry(server, prompt_id)
    (context,) = seen
    assert (context.node_id, context.class_type, context.prompt_id) == ("1", "WordCount", prompt_id)
    assert context.extra_data["mine"] == 1
    assert context.prompt.keys() == {"1", "2"}


def test_a_function_that_raises(server: Simulator) -> None:
    def fail(text: str) -> int:
        raise LookupError(f"no {text}")

    server.simulate("WordCount", fail)
    told = error(server, text("words"))
    assert (told["exception_type"], told["exception_message"]) == ("LookupError", "no words\n")
    assert "fail" in "".join(told["traceback"])
    assert told["current_inputs"] == {"text": ["words"]}


def test_unknown_classes_give_values_of_their_types() -> None:
    nodes = {
        **NODES,
        "Loads": node_class({"name": [["a.safetensors"]]}, ["MODEL"]),
        "Changes": node_class({"model": ["MODEL"], "by": ["FLOAT", {}]}, ["MODEL"]),
    }
    prompt = {
        "1": {"class_type": "Loads", "inputs": {"name": "a.safetensors"}},
        "2": {"class_type": "Changes", "inputs": {"model": ["1", 0], "by": 0.5}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
    }
    with Simulator(nodes) as server:
        (shown,) = outputs(server, prompt)["3"]["text"]
    assert "a.safetensors" in shown
    assert "Changes(by=0.5)" in shown


def test_an_unknown_input_that_is_linked_is_an_error(server: Simulator) -> None:
    prompt = text("x")
    prompt["1"]["inputs"]["bogus"] = ["3", 0]
    prompt["3"] = SAVE["1"]
    assert error(server, prompt)["exception_type"] == "TypeError"


def test_lists_are_handed_on_one_by_one(server: Simulator) -> None:
    server.simulate("Words", lambda text: (text.split(),))
    assert outputs(server, text("one two three", "Words")) == {"2": {"text": ["one", "two", "three"]}}


def test_an_empty_list_executes_nothing(server: Simulator) -> None:
    server.simulate("Words", lambda text: ([],))
    assert outputs(server, text("x", "Words")) == {}


def test_a_blocked_output_is_not_the_end(server: Simulator) -> None:
    server.simulate("WordCount", lambda text: Blocked("not now"))
    prompt = copy.deepcopy({**text("x"), **SAVE})
    prompt["1"], prompt["11"] = SAVE["1"], {"class_type": "WordCount", "inputs": {"text": "x"}}
    prompt["12"] = {"class_type": "PreviewAny", "inputs": {"source": ["11", 0]}}
    del prompt["2"]
    prompt["9"]["inputs"]["images"] = ["1", 0]
    assert outputs(server, prompt).keys() == {"9"}


def test_one_element_of_a_list_is_blocked(server: Simulator) -> None:
    server.simulate("Words", lambda text: ([word if word != "no" else Blocked() for word in text.split()],))
    assert outputs(server, text("one no three", "Words")) == {"2": {"text": ["one", "three"]}}


def test_identical_nodes_are_executed_once(server: Simulator) -> None:
    calls: list[str] = []

    def count(text: str) -> int:
        calls.append(text)
        return len(text)

    server.simulate("WordCount", count)
    prompt = {**text("same"), "3": {"class_type": "WordCount", "inputs": {"text": "same"}}}
    prompt["4"] = {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}}
    outputs(server, prompt)
    assert calls == ["same"]


def test_the_history_keeps_the_prompt_as_it_was_sent(server: Simulator) -> None:
    server._functions.node("WordCount", fingerprint=lambda context, inputs: "print")(lambda text: 1)
    done = run(server, text("x"))
    assert done["prompt"][2] == text("x")


def test_a_fingerprint_decides_whether_a_node_is_cached(server: Simulator) -> None:
    prints = iter(["a", "a", "b", float("nan"), float("nan")])
    calls: list[str] = []
    server._functions.node("WordCount", fingerprint=lambda context, inputs: next(prints))(
        lambda text: calls.append(text) or 1
    )
    for _ in range(5):
        run(server, text("x"))
    assert len(calls) == 4


def test_a_fingerprint_that_fails_means_always(server: Simulator) -> None:
    calls: list[str] = []

    def fails(_context: NodeContext, _inputs: Any) -> str:
        raise OSError("no file")

    server._functions.node("WordCount", fingerprint=fails)(lambda text: calls.append(text) or 1)
    for _ in range(2):
        run(server, text("x"))
    assert len(calls) == 2


def test_an_is_changed_in_the_prompt_comes_before_the_fingerprint(server: Simulator) -> None:
    server._functions.node("WordCount", fingerprint=lambda context, inputs: float("nan"))(lambda text: 1)
    prompt = text("x")
    prompt["1"]["is_changed"] = ["fixed"]
    run(server, prompt)
    (_, cached) = run(server, prompt)["status"]["messages"][1]
    assert cached["nodes"] == ["1", "2"]


def test_interrupting_a_function_that_sleeps(server: Simulator) -> None:
    server.simulate("WordCount", lambda context, text: context.sleep(60))
    prompt_id = submit(server, text("x"))
    while not HTTP.get(f"{server.url}/queue").json()["queue_running"]:
        pass
    HTTP.post(f"{server.url}/interrupt", json={"prompt_id": prompt_id})
    kind, told = entry(server, prompt_id)["status"]["messages"][-1]
    assert (kind, told["node_id"]) == ("execution_interrupted", "1")


def order_of(prompt: dict[str, Any], wanted: list[str], cached: set[str] | None = None) -> list[str]:
    known = cached or set()
    order = ExecutionOrder(
        prompt,
        lambda node_id: node_id in known,
        lambda node_id, name: name == "lazy",
        lambda node_id: prompt[node_id].get("output", False),
    )
    for node_id in wanted:
        order.add(node_id)
    found: list[str] = []
    while order:
        node_id = order.next()
        if node_id is None:
            return [*found, "cycle", *order.cycle()]
        found.append(node_id)
        known.add(node_id)
        order.done(node_id)
    return found


def links(*sources: str, output: bool = False, **named: list[Any]) -> dict[str, Any]:
    inputs = {f"i{index}": [source, 0] for index, source in enumerate(sources)}
    return {"class_type": "X", "inputs": {**inputs, **named}, "output": output}


def test_outputs_go_first_then_what_feeds_them() -> None:
    prompt = {
        "loader": links(),
        "sampler": links("loader"),
        "decode": links("sampler", "loader"),
        "save": links("decode", output=True),
        "show": links("loader", output=True),
    }
    assert order_of(prompt, ["save", "show"]) == ["loader", "show", "sampler", "decode", "save"]


def test_what_is_cached_or_lazy_is_left_out() -> None:
    prompt = {
        "a": links(),
        "b": links("a"),
        "c": links("b", lazy=["d", 0]),
        "d": links(),
        "out": links("c", output=True),
    }
    assert order_of(prompt, ["out"], {"b"}) == ["c", "out"]


def test_a_cycle_ends() -> None:
    prompt = {"a": links("b"), "b": links("a"), "out": links("a", output=True)}
    assert order_of(prompt, ["out"]) == ["cycle", "out", "a", "b"]


def test_a_lazy_input_is_hidden_until_it_is_required() -> None:
    prompt = {"a": links(), "b": links(lazy=["a", 0])}
    order = ExecutionOrder(prompt, lambda _: True, lambda _, name: name == "lazy", lambda _: False)
    order.add("b")
    assert not order.is_linked("a", "b")
    order.require("b", "lazy")
    assert order.is_linked("a", "b")
    with pytest.raises(ValueError, match="not a link"):
        order.require("b", "constant")


def keys(prompt: dict[str, Any], unique: bool = False) -> dict[str, bool]:
    """Which nodes are found in a cache that has seen the prompt's nodes under other ids."""
    cache = NodeCache()
    cache.set_prompt(prompt, lambda _: False, lambda _: unique)
    for node_id in prompt:
        cache.set(node_id, CacheEntry([], None))
    renamed = {
        f"x{node_id}": {
            **node,
            "inputs": {
                name: [f"x{value[0]}", value[1]] if isinstance(value, list) else value
                for name, value in node["inputs"].items()
            },
        }
        for node_id, node in prompt.items()
    }
    cache.set_prompt(renamed, lambda _: False, lambda _: unique)
    return {node_id: cache.get(node_id) is not None for node_id in renamed}


def test_ids_matter_only_to_nodes_that_know_theirs() -> None:
    prompt = {"1": links(), "2": links("1", constant={"a": 1.5})}  # type: ignore[arg-type]
    assert keys(prompt) == {"x1": True, "x2": True}
    assert keys(prompt, unique=True) == {"x1": False, "x2": False}
