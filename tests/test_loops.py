"""Loops in Python: the generated classes of StartLoop and EndLoop, and what a loop compiles to."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from comfyflow import Workflow
from comfyflow.schema import Schema
from comfyflow.simulator import Simulator
from comfyflow.simulator.live_schema import LOOP_CLASSES
from comfyflow.validate import validate_prompt
from tests.generated import load_nodes
from tests.simulated import node_class, outputs

INT, STRING = ["INT", {}], ["STRING", {}]
CLASSES: dict[str, Any] = {
    **LOOP_CLASSES,
    "Number": {**node_class({"value": INT}, ["INT"]), "python_module": "nodes"},
    "Add": {**node_class({"a": INT, "b": INT}, ["INT"]), "python_module": "nodes"},
    "Show": {**node_class({"value": ["*", {}]}, [], True), "python_module": "nodes"},
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return load_nodes(CLASSES, tmp_path_factory.mktemp("loops"))


def summing(package: ModuleType, count: int, **end: Any) -> Any:
    """0 + 1 + … : a loop that adds the index of each iteration to what it carries."""
    loop = package.StartLoop(
        mode=package.StartLoop.Mode.simple(num_iterations=count),
        initial_iteration_value=package.Number(value=0),
    )
    total = package.Add(a=loop.current_iteration_value, b=loop.iteration_index)
    end_loop = package.EndLoop(output_value=total, next_iteration_value=total, **end)
    return package.Show(value=end_loop.outputs)


def by_class(prompt: dict[str, Any], class_type: str) -> tuple[str, dict[str, Any]]:
    ((node_id, node),) = [(name, node) for name, node in prompt.items() if node["class_type"] == class_type]
    return node_id, node["inputs"]


def test_a_loop_compiles_to_links_that_lead_forward_only(package: ModuleType) -> None:
    prompt = Workflow(summing(package, 4)).compile().prompt
    start, given = by_class(prompt, "StartLoop")
    add, added = by_class(prompt, "Add")
    end, ended = by_class(prompt, "EndLoop")
    number, _ = by_class(prompt, "Number")
    _, shown = by_class(prompt, "Show")
    assert given == {
        "mode": "simple",
        "mode.num_iterations": 4,
        "cache_iterations": False,
        "initial_iteration_value": [number, 0],
    }
    assert added == {"a": [start, 4], "b": [start, 0]}
    assert ended == {"accumulate": False, "output_value": [add, 0], "next_iteration_value": [add, 0]}
    assert shown == {"value": [end, 0]}
    assert validate_prompt(prompt, Schema(CLASSES, "0.37.0")).ok


def test_it_runs_as_it_reads(package: ModuleType) -> None:
    with Simulator(CLASSES, "0.37.0") as server:
        server.simulate("Number", lambda value: value)
        server.simulate("Add", lambda a, b: a + b)
        server.simulate("Show", lambda value: {"ui": {"shown": [value]}})
        last = Workflow(summing(package, 5)).compile().prompt
        (shown,) = outputs(server, last).values()
        assert shown == {"shown": [sum(range(5))]}
        every = Workflow(summing(package, 5, accumulate=True)).compile().prompt
        (shown,) = outputs(server, every).values()
        assert shown == {"shown": [0, 1, 3, 6, 10]}


def test_modes_and_terminations_have_arguments_of_their_own(package: ModuleType) -> None:
    mode = package.StartLoop.Mode
    counted = package.StartLoop(mode=mode.For(start_iteration_index=2, max_iteration=9, step=3))
    listed = package.StartLoop(
        mode=mode.List(list=package.Number(value=1)), parent_iteration=counted.iteration_index
    )
    end = package.EndLoop(output_value=listed.list_item, terminations=[listed.is_last, listed.is_first])
    prompt = Workflow(package.Show(value=end.outputs)).compile().prompt
    starts = [node["inputs"] for node in prompt.values() if node["class_type"] == "StartLoop"]
    (inner,) = [given for given in starts if given["mode"] == "List"]
    (outer,) = [given for given in starts if given["mode"] == "For"]
    assert (outer["mode.start_iteration_index"], outer["mode.max_iteration"], outer["mode.step"]) == (2, 9, 3)
    assert inner["mode.list"] == [by_class(prompt, "Number")[0], 0]
    assert {prompt[inner["parent_iteration"][0]]["inputs"]["mode"]} == {"For"}
    _, ended = by_class(prompt, "EndLoop")
    slots = {name: link[1] for name, link in ended.items() if name.startswith("terminations.")}
    assert slots == {"terminations.termination0": 2, "terminations.termination1": 1}


def test_what_the_server_fills_is_no_argument(package: ModuleType) -> None:
    for name in ("StartLoop", "EndLoop", "LoopResult"):
        given = set(inspect.signature(getattr(package, name)).parameters)
        assert not given & {"dynprompt", "execution_list", "unique_id"}
