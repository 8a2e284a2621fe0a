"""What a check says of a server is what that server would say, for any change of it."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from comfyflow import Schema, validate_prompt
from comfyflow.lock import check, make_lock, would_run
from comfyflow.testing.strategies import prompts
from tests.drawn_schema import SCHEMA


def edits(classes: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The same classes with something taken out, replaced or put in, anywhere."""
    values = st.sampled_from([None, 0, 1, "x", "IMAGE", [], {}, ["INT", {}], [["a"], {}], True]).map(
        copy.deepcopy
    )

    @st.composite
    def edit(draw: st.DrawFn) -> dict[str, Any]:
        made: dict[str, Any] = copy.deepcopy(classes)
        for _ in range(draw(st.integers(0, 4))):
            place: Any = made
            for _ in range(draw(st.integers(0, 6))):
                keys = list(place) if isinstance(place, dict) else list(range(len(place)))
                inner = [key for key in keys if isinstance(place[key], (dict, list)) and place[key]]
                if not inner:
                    break
                place = place[draw(st.sampled_from(inner))]
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if keys and draw(st.booleans()):
                del place[draw(st.sampled_from(keys))]
            elif isinstance(place, dict):
                place[draw(st.sampled_from([*keys, "new"]))] = draw(values)
            else:
                place.append(draw(values))
        return made

    return edit()


@given(prompts(SCHEMA), edits(dict(SCHEMA.raw)))
def test_the_verdict_is_the_servers(prompt: dict[str, Any], classes: dict[str, Any]) -> None:
    """Whatever has become of it, and of the form of its answer."""
    new = Schema(classes, SCHEMA.version)
    drifts = check(prompt, new, SCHEMA)
    report = validate_prompt(prompt, new)
    found = [*report.errors, *report.refusals]
    assert would_run(drifts) == (not found)
    hit = {node_id for drift in drifts if drift.severity != "note" for node_id in drift.node_ids}
    assert {problem.node_id for problem in found if problem.node_id} <= hit | _sources(prompt, hit)


def _sources(prompt: dict[str, Any], hit: set[str]) -> set[str]:
    """The users of the nodes that are hit: an output that is gone is theirs to tell."""
    return {
        node_id
        for node_id, node in prompt.items()
        if any(isinstance(value, list) and value and value[0] in hit for value in node["inputs"].values())
    }


@given(prompts(SCHEMA))
def test_nothing_has_become_of_the_same_server(prompt: dict[str, Any]) -> None:
    assert check(prompt, SCHEMA, SCHEMA) == []
    lock = make_lock({"x": prompt}, SCHEMA)
    assert check(prompt, SCHEMA, lock) == []
    assert check(prompt, lock, SCHEMA) == []
    assert would_run(check(prompt, lock))
