"""The fast pass takes what is well, and nothing else: only the rest costs a close look."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Schema
from comfyflow.validate import validation as inner
from tests.small_schema import MODELS, RAW, Prompt, good, node, node_class

STORE = node_class({"image": ["IMAGE"], "filename_prefix": ["STRING", {}]}, end=True)
SCHEMA = Schema({**RAW, "Store": STORE}, "0.27.0")


def scanned(prompt: Prompt) -> tuple[inner.Scan, set[str]]:
    """What the fast pass finds where the types that fit are known, and the nodes that it passes on."""
    plans = inner.SchemaPlans.of(SCHEMA)
    found = inner.find_classes(prompt, plans)
    looker = inner.Looker(found.plans, plans, inner.by_lists(plans))
    inner.scan(prompt, found.plans, looker.look)  # which types fit is learnt from a close look
    seen = inner.scan(prompt, found.plans, looker.look)
    return seen, set(seen.findings)


def empty(**inputs: Any) -> dict[str, Any]:
    return node("Empty", **{"width": 64, "tint": 0.5, **inputs})


def blend(**inputs: Any) -> dict[str, Any]:
    return node("Blend", **{"one": ["1", 0], "two": ["1", 0], **inputs})


def store(prefix: Any) -> dict[str, Any]:
    return node("Store", image=["1", 0], filename_prefix=prefix)


@pytest.mark.parametrize(
    "well",
    [
        *(empty(width=width) for width in (16, 17, 127, 128)),
        *(empty(tint=tint) for tint in (0.0, 1.0, 0, 1, 0.999)),
        *(empty(on=on) for on in (True, False)),
        *(empty(text=text) for text in ("", "/not/a/file", "..")),
        *(node("Load", name=name, mode="slow") for name in (MODELS[0], MODELS[-1])),
        *(store(prefix) for prefix in ("", "a", "a/b", "a/.b", "a.b.c/d")),
        blend(), blend(mask=["1", 1]), node("Show", value=["1", 1]), node("Save", image=["1", 0]),
        {**empty(), "_meta": {"title": ""}}, {**empty(), "_meta": {"title": "a picture"}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_well_needs_no_close_look(well: dict[str, Any]) -> None:
    assert scanned({"1": empty(), "2": well})[1] == set()


@pytest.mark.parametrize(
    "odd",
    [
        *(empty(width=width) for width in (15, 129, 64.0, "64", True, None, -(10**400))),
        *(empty(tint=tint) for tint in (-0.001, 1.001, 2, -1, "0.5", False, float("nan"), 10**400)),
        *(empty(on=on) for on in (1, 0, "true", None)),
        *(empty(text=text) for text in (5, None, {"__value__": "a"})),
        *(node("Load", name=MODELS[0], mode=mode) for mode in ("", "Fast", 3, None)),
        *(store(prefix) for prefix in ("/a", "..", "a/..", "../a", 5)),
        *(blend(mask=mask) for mask in (["1", 0], ["1", 2], ["1", -1], ["1", True], ["1", 1.0], ["1"])),
        *(blend(mask=mask) for mask in (["1", 1, 0], ["9", 0], [1, 1], [], "1", ["2", 1])),
        empty(strange=1), node("Empty", width=64), node("Blend", two=["1", 0]), node("Nothing"),
        {"class_type": "Empty"}, {"class_type": "Empty", "inputs": []},
        {**empty(), "is_changed": 1}, {**empty(), "_meta": {}}, {**empty(), "_meta": {"title": 1}},
        {**empty(), "_meta": {"title": "a", "more": 1}}, {**empty(), "_meta": "a"},
        {**empty(), "_meta": {"title": "a"}, "is_changed": 1},
    ],
    ids=lambda odd: str(odd)[:60],
)  # fmt: skip
def test_what_is_odd_is_looked_at_closely(odd: dict[str, Any]) -> None:
    assert scanned({"1": empty(), "2": odd})[1] == {"2"}


@pytest.mark.parametrize("backwards", [False, True])
def test_links_and_the_longest_ways_are_the_same_in_any_order(backwards: bool) -> None:
    prompt: Prompt = {
        **good(),
        "4": node("Blend", one=["1", 0], two=["2", 0]),
        "5": node("Old", image=["4", 0]),
    }
    if backwards:
        prompt = dict(reversed(prompt.items()))
    seen, _ = scanned(prompt)
    assert dict(seen.depths) == {"1": 1, "2": 2, "3": 3, "4": 3, "5": 4}
    assert (seen.depth, seen.has_cycle, seen.linked) == (4, False, {"1", "2", "4"})
    assert {key: sorted(set(found)) for key, found in seen.sources.items()} == {
        "1": [], "2": ["1"], "3": ["2"], "4": ["1", "2"], "5": ["4"],
    }  # fmt: skip


def test_nodes_of_a_circle_and_behind_it_have_no_longest_way() -> None:
    prompt: Prompt = {**good(), "2": blend(one=["4", 0]), "4": node("Old", image=["2", 0])}
    seen, _ = scanned(prompt)
    assert (dict(seen.depths), seen.depth, seen.has_cycle) == ({"1": 1}, 1, True)
