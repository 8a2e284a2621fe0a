"""A prompt that is nearly the last one is not looked at again, and the answer is the same all the same."""

from __future__ import annotations

import copy
import marshal
import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow import Report, Schema, validate_prompt
from comfyflow.validate import last_prompt
from comfyflow.validate import validation as inner
from tests.small_schema import MODELS, Prompt, good, node, schema

VERSIONS = ("0.27.0", "0.3.64", "0.40.0")
SCHEMAS = {version: schema(version) for version in VERSIONS}
OTHERS = {version: schema(version) for version in VERSIONS}
"""The same classes, of which nothing is ever kept."""


class Text(str):
    """A text that is none to the letter."""

    __slots__ = ()


def large() -> Prompt:
    """A node of nearly each class; a server accepts it, and there is something to be said of it."""
    return {
        "1": {**node("Empty", width=64, tint=0.5, on=True, text="a"), "_meta": {"title": "Empty"}},
        "2": node("Blend", one=["1", 0], two=["1", 0], mask=["1", 1]),
        "3": node("Switch", yes=["1", 0], no=["2", 0]),
        "4": node("Choose", how="grown", **{"how.width": 8}),
        "5": node("Old", image=["3", 0]),
        "6": node("LoadImage", image="here.png"),
        "7": node("Load", name=MODELS[0], mode="fast"),
        "8": {**node("Save", image=["5", 0], name="x"), "_meta": {"title": "Save"}},
        "9": node("Save", image=["4", 0]),
        "10": node("Show", value=["6", 0]),
        "11": node("Either", value=-0.0),
        "12": node("Show", value=["11", 0]),
        "13": node("Number", value=3),
    }


def told(report: Report) -> object:
    """All that a report says."""
    problems = [(problem, problem.extra_info) for problem in report.problems]
    return repr((report.to_server_json(), report.status, report.outputs, report.to_json(), problems))


def fresh(prompt: Any, version: str) -> Report:
    """The report of somebody who has kept nothing."""
    inner.SchemaPlans.of(OTHERS[version]).last = None
    return validate_prompt(prompt, OTHERS[version])


values = st.one_of(
    st.sampled_from(
        [
            *(
                0,
                1,
                True,
                False,
                0.0,
                -0.0,
                1.0,
                64,
                64.0,
                8,
                0.5,
                math.nan,
                None,
                "",
                "a",
                Text("a"),
                "grown",
            ),
            *("plain", "deep", "fast", Text("64"), MODELS[1], "here.png", "gone.png", "../x", 3, [], {}, ()),
            *([["1", 0]], ["1", 0], ["1", 1], ["1", True], ["1", False], ["1", 0.0], ["99", 0], ["3", 0]),
            *([Text("1"), 0], ("1", 0), ["9"], {"__value__": ["1", 0]}, {"__value__": 64}, b"a", object),
        ]
    ),
    st.integers(0, 200),
    st.floats(),
    st.text(max_size=3),
)
names = st.sampled_from(
    [
        *("width", "tint", "on", "text", "one", "two", "mask", "yes", "no", "how", "how.width", "how.more"),
        *("image", "name", "mode", "value", "zzz"),
    ]
)
ids = st.sampled_from([str(number) for number in range(1, 15)])


def put(node_id: str, name: str, value: Any) -> Callable[[Prompt], None]:
    def edit(prompt: Prompt) -> None:
        if isinstance(prompt.get(node_id), dict) and isinstance(prompt[node_id].get("inputs"), dict):
            prompt[node_id]["inputs"][name] = value

    return edit


def take(node_id: str, name: str) -> Callable[[Prompt], None]:
    def edit(prompt: Prompt) -> None:
        if isinstance(prompt.get(node_id), dict) and isinstance(prompt[node_id].get("inputs"), dict):
            prompt[node_id]["inputs"].pop(name, None)

    return edit


def turn(node_id: str, place: int) -> Callable[[Prompt], None]:
    """Change a link in place, or the order of a node's inputs."""

    def edit(prompt: Prompt) -> None:
        if not isinstance(prompt.get(node_id), dict) or not isinstance(prompt[node_id].get("inputs"), dict):
            return
        inputs = prompt[node_id]["inputs"]
        for value in inputs.values():
            if isinstance(value, list) and value:
                value[place % len(value)] = (0, 1, True, "1", "2", "99")[place]
                return
        items = [*inputs.items()]
        inputs.clear()
        inputs.update(reversed(items))

    return edit


def replace(node_id: str, member: str, value: Any) -> Callable[[Prompt], None]:
    def edit(prompt: Prompt) -> None:
        if isinstance(prompt.get(node_id), dict):
            prompt[node_id][member] = value

    return edit


def rebuild(node_id: str, way: int) -> Callable[[Prompt], None]:
    """Take a node away, bring one, or move one to the end."""

    def edit(prompt: Prompt) -> None:
        found = prompt.pop(node_id, None)
        if found is not None and way:
            prompt[node_id if way == 1 else "14"] = found

    return edit


members = st.one_of(
    st.tuples(
        st.just("class_type"), st.sampled_from(["Empty", "Blend", "Save", "Show", "Nope", 5, Text("Old")])
    ),
    st.tuples(st.just("inputs"), st.sampled_from([{}, [], None, {"width": 16, "tint": 1.0}])),
    st.tuples(
        st.just("_meta"),
        st.sampled_from(
            [{"title": "b"}, {"title": 5}, {"title": Text("b")}, {}, None, {"title": "b", "x": [[]]}]
        ),
    ),
    st.tuples(st.sampled_from(["is_changed", "zzz"]), st.sampled_from([1, [[]]])),
)
edits = st.one_of(
    st.builds(put, ids, names, values),
    st.builds(put, ids, names, values),
    st.builds(take, ids, names),
    st.builds(turn, ids, st.integers(0, 5)),
    st.builds(lambda node_id, member: replace(node_id, *member), ids, members),
    st.builds(rebuild, ids, st.integers(0, 2)),
)


@settings(max_examples=200)
@given(
    st.sampled_from([good, large]),
    st.sampled_from(VERSIONS),
    st.lists(st.tuples(edits, st.booleans(), st.booleans()), max_size=6),
)
def test_what_is_kept_changes_no_answer(
    start: Callable[[], Prompt], version: str, changes: list[tuple[Callable[[Prompt], None], bool, bool]]
) -> None:
    prompt: Any = start()
    assert told(validate_prompt(prompt, SCHEMAS[version])) == told(fresh(prompt, version))
    for change, is_copied, is_taken_back in changes:
        before = copy.deepcopy(prompt)
        prompt = copy.deepcopy(prompt) if is_copied else prompt
        change(prompt)
        assert told(validate_prompt(prompt, SCHEMAS[version])) == told(fresh(prompt, version))
        if is_taken_back:
            prompt = before


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prompts that were looked at as a whole, by the class of their first node."""
    found: list[str] = []
    whole = inner.find_classes

    def find_classes(prompt: Any, plans: inner.SchemaPlans) -> Any:
        found.append(next(iter(prompt.values()))["class_type"])
        return whole(prompt, plans)

    monkeypatch.setattr(inner, "find_classes", find_classes)
    return found


@pytest.mark.parametrize(
    ("node_id", "name", "sweep"),
    [
        ("1", "width", range(16, 128)),
        ("1", "tint", (0.0, 0.25, 1.0, 1)),
        ("1", "text", ("a", "b", "")),
        ("1", "on", (True, False)),
        ("4", "how.width", range(8, 64)),
        ("7", "name", MODELS),
        ("8", "name", ("x", "y")),
    ],
)
def test_a_sweep_is_looked_at_once(looked_at: list[str], node_id: str, name: str, sweep: Any) -> None:
    against, prompt = schema(), large()
    first = validate_prompt(prompt, against)
    for value in sweep:
        prompt[node_id]["inputs"][name] = value
        assert told(validate_prompt(copy.deepcopy(prompt), against)) == told(first)
    assert looked_at == ["Empty"]


@pytest.mark.parametrize(
    "change",
    [
        put("1", "width", 4),
        put("1", "width", 64.0),
        put("2", "one", ["6", 0]),
        put("2", "mask", ["1", True]),
        put("2", "mask", ["1", 1.0]),
        put("4", "how", "plain"),
        put("6", "image", "gone.png"),
        put("11", "value", 0.0),
        replace("1", "class_type", "Color"),
        rebuild("9", 1),
    ],
)
def test_another_graph_is_looked_at_again(looked_at: list[str], change: Callable[[Prompt], None]) -> None:
    against, prompt = schema(), large()
    validate_prompt(prompt, against)
    change(prompt)
    validate_prompt(prompt, against)
    assert len(looked_at) == 2


def test_a_value_becomes_a_link() -> None:
    values, linked = large(), large()
    linked["1"]["inputs"]["width"] = ["13", 0]
    against = schema()
    for prompt in (linked, values, linked, values):  # the second time, types that fit are known
        assert told(validate_prompt(prompt, against)) == told(fresh(prompt, "0.27.0"))


def test_what_is_kept_belongs_to_its_schema() -> None:
    prompt, one, other = good(), schema(), Schema({"Save": {"input": {}, "output": [], "output_node": True}})
    assert validate_prompt(prompt, one).ok
    assert not validate_prompt(prompt, other).ok
    assert validate_prompt(prompt, one).ok


def test_who_is_asked_for_files_is_asked_again() -> None:
    against = schema()
    prompt = {"1": node("LoadImage", image="gone.png"), "2": node("Show", value=["1", 0])}
    there = validate_prompt(prompt, against, file_exists=lambda _: True)
    gone = validate_prompt(prompt, against, file_exists=lambda _: False)
    by_lists = validate_prompt(prompt, against)
    assert (there.ok, gone.ok, by_lists.ok) == (True, False, False)
    prompt["1"]["inputs"]["image"] = "here.png"
    assert validate_prompt(prompt, against).ok
    assert not validate_prompt(prompt, against, file_exists=lambda _: False).ok


def test_targets_are_looked_for_each_time() -> None:
    against, prompt = schema(), large()
    assert validate_prompt(prompt, against).outputs == ("8", "9", "10", "12")
    assert validate_prompt(prompt, against, partial_execution_targets=["9"]).outputs == ("9",)
    assert validate_prompt(prompt, against).outputs == ("8", "9", "10", "12")


def test_of_large_prompts_nothing_is_kept(looked_at: list[str]) -> None:
    against = schema()
    most = last_prompt._MOST_NODES
    for count, looks in ((most, 1), (most + 1, 2)):
        prompt = {str(number): node("Color", color="red") for number in range(count - 1)}
        prompt["end"] = node("Save", image=["0", 0])
        looked_at.clear()
        assert validate_prompt(prompt, against).ok
        assert validate_prompt(prompt, against).ok
        assert len(looked_at) == looks


@pytest.mark.parametrize(("more", "looks"), [(0, 1), (1, 2)])
def test_of_long_prompts_nothing_is_kept(looked_at: list[str], more: int, looks: int) -> None:
    """A million bytes, as Python writes the nodes."""
    against, prompt = schema(), good()
    prompt["1"]["inputs"]["text"] = ""
    written = sum(len(marshal.dumps(node, 2)) for node in prompt.values())
    prompt["1"]["inputs"]["text"] = "x" * (1_000_000 - written + more)
    for _ in range(2):
        assert validate_prompt(copy.deepcopy(prompt), against).ok
    assert len(looked_at) == looks


@pytest.mark.parametrize(("changes", "looks"), [(1, 1), (2, 1), (3, 2)])
def test_a_prompt_of_which_more_than_half_is_new_is_looked_at(
    looked_at: list[str], changes: int, looks: int
) -> None:
    """Of three nodes two may be given other values."""
    against = schema()
    prompt = {str(number): node("Save", image=["0", 0], name="a") for number in range(1, 3)}
    prompt = {"0": node("Empty", width=64, tint=0.5, text="a"), **prompt}
    assert validate_prompt(prompt, against).ok
    for number in range(changes):
        prompt[str(number)]["inputs"]["name" if number else "text"] = "b"
    assert validate_prompt(prompt, against).ok
    assert len(looked_at) == looks


def saves(count: int) -> Prompt:
    prompt = {str(number): node("Save", image=["0", 0], name="a") for number in range(1, count)}
    return {"0": node("Empty", width=64, tint=0.5, text="a"), **prompt}


def test_nodes_that_change_in_turn_are_looked_at_once(looked_at: list[str]) -> None:
    """First some that are told from those between them, then more than are."""
    against, prompt = schema(), saves(13)
    first = told(validate_prompt(prompt, against))
    for number in (3, 3, 7, 8, 8, 12, 1, 6, *range(1, 13), 3, 3):
        for name in ("b", "a"):
            prompt[str(number)]["inputs"]["name"] = name
            assert told(validate_prompt(prompt, against)) == first
    assert looked_at == ["Empty"]


@pytest.mark.parametrize("changing", [(), (1,), (2, 5), (1, 2, 3), range(1, 6)])
@pytest.mark.parametrize("broken", range(7))
def test_a_fault_is_found_between_nodes_that_change(changing: Iterable[int], broken: int) -> None:
    against, prompt = schema(), saves(7)
    assert validate_prompt(prompt, against).ok
    for text in "bcd":
        for number in changing:
            prompt[str(number)]["inputs"]["name"] = text
        assert validate_prompt(prompt, against).ok
    prompt[str(broken)]["inputs"].update({"image": ["gone", 0]} if broken else {"width": 4})
    assert told(validate_prompt(prompt, against)) == told(fresh(prompt, "0.27.0"))
    assert told(validate_prompt(prompt, against)) != told(validate_prompt(saves(7), against))
