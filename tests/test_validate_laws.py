"""Laws of validation: it never raises, and short cuts change nothing."""

from __future__ import annotations

import copy
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import comfynodes
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comfyflow import Report, Schema, load_schema, validate_prompt
from comfyflow.validate import coerce_prompt
from comfyflow.validate import validation as inner
from tests.small_schema import RAW, node, schema

SMALL = {version: schema(version) for version in ("0.27.0", "0.3.64", "0.13.0")}

texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "1",
            "2",
            "a",
            "how",
            "how.width",
            "images.image0",
            "class_type",
            "inputs",
            "__value__",
            "plain",
            "deep",
        ]
    ),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "Lu"]), max_size=4),
)
numbers = st.one_of(
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from([2**63, 2**64, -1, 0, 1, 64]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, texts)
json_values = st.recursive(
    plain,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=8,
)
ids = st.sampled_from(["1", "2", "3", "4", "5"])
links = st.builds(lambda source, slot: [source, slot], ids, st.sampled_from([0, 0, 0, 1, 2, -1, "0", None]))
NAMES = (
    "width",
    "tint",
    "text",
    "on",
    "one",
    "two",
    "mask",
    "image",
    "value",
    "name",
    "mode",
    "how",
    "how.width",
    "how.more",
    "images.image0",
    "images.image9",
    "yes",
    "no",
    "tags",
    "zzz",
    "prompt",
)
input_names = st.sampled_from(NAMES)
given_values = st.one_of(
    links, links, json_values, st.sampled_from([64, 0.5, "fast", "plain", {"__value__": 64}])
)
nodes = st.fixed_dictionaries(
    {
        "class_type": st.one_of(st.sampled_from(sorted(RAW)), texts),
        "inputs": st.one_of(st.dictionaries(input_names, given_values, max_size=5), json_values),
    },
    optional={"_meta": json_values, "is_changed": json_values},
)
prompts = st.dictionaries(st.one_of(ids, texts), st.one_of(nodes, nodes, nodes, json_values), max_size=6)


def fully_shown(report: Report) -> Report:
    """All of it: what is worked out late must not raise either."""
    assert isinstance(str(report), str)
    assert isinstance(repr(report), str)
    assert report.ok <= report.valid
    assert report.valid is (report.error is None)
    assert set(report.node_errors) <= {problem.node_id for problem in report.problems}
    report.to_json()
    again = Report.from_server(report.to_server_json(), report.status)
    assert again.valid is report.valid
    return report


@settings(max_examples=400)
@given(prompts, st.sampled_from(sorted(SMALL)), st.none() | st.lists(ids) | json_values)
def test_it_never_raises(prompt: Any, version: str, targets: Any) -> None:
    fully_shown(validate_prompt(prompt, SMALL[version], partial_execution_targets=targets))


@given(json_values, st.sampled_from(sorted(SMALL)))
def test_it_never_raises_on_any_json(value: Any, version: str) -> None:
    fully_shown(validate_prompt(value, SMALL[version]))


strange = st.one_of(
    json_values,
    st.binary(max_size=3),
    st.sets(st.integers(), max_size=2),
    st.complex_numbers(),
    st.builds(object),
    st.tuples(texts, numbers),
)


@given(
    st.dictionaries(st.one_of(ids, numbers, st.none()), st.one_of(strange, st.dictionaries(texts, strange)))
)
def test_it_never_raises_on_odd_python(prompt: Any) -> None:
    fully_shown(validate_prompt(prompt, SMALL["0.27.0"]))


kinds = st.sampled_from(
    ["INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "IMAGE", "*", "INT,FLOAT"]
    + [
        f"COMFY_{name}_V3"
        for name in ("AUTOGROW", "DYNAMICCOMBO", "DYNAMICSLOT", "DYNAMICGROUP", "MATCHTYPE")
    ]
)
ODD_NUMBERS = [10**400, -(10**400), 1e308, float("nan"), float("inf"), float("-inf"), -0.0, True, 2**64]
"""Bounds that no float holds, that nothing can be compared with, that are hardly numbers."""

options = st.dictionaries(
    st.sampled_from(
        ["min", "max", "default", "options", "multiselect", "template", "inputs", "slotType", "rawLink"]
    ),
    st.one_of(json_values, st.sampled_from(ODD_NUMBERS)),
    max_size=4,
)
definitions = st.one_of(
    st.tuples(st.one_of(kinds, st.lists(plain, max_size=3), texts), options).map(list),
    st.lists(st.one_of(kinds, json_values, options), max_size=3),
    json_values,
)
groups = st.one_of(st.dictionaries(input_names, definitions, max_size=4), json_values)
classes = st.fixed_dictionaries(
    {
        "input": st.fixed_dictionaries(
            {},
            optional={
                "required": groups,
                "optional": groups,
                "hidden": json_values,
            },
        ),
        "output": st.one_of(st.lists(st.one_of(kinds, st.lists(texts, max_size=2)), max_size=3), json_values),
        "output_node": st.one_of(st.booleans(), plain),
    },
    optional=dict.fromkeys(
        (
            "api_node",
            "deprecated",
            "description",
            "display_name",
            "experimental",
            "input_order",
            "output_is_list",
            "output_matchtypes",
            "output_name",
            "output_tooltips",
            "price_badge",
            "python_module",
            "search_aliases",
        ),
        json_values,
    ),
)
schemas = st.dictionaries(st.sampled_from(["A", "B", "LoadImage"]), st.one_of(classes, classes, json_values))
drawn_nodes = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from(["A", "B", "LoadImage"]),
        "inputs": st.dictionaries(input_names, given_values, max_size=5),
    }
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(schemas, st.dictionaries(ids, drawn_nodes, max_size=4), st.sampled_from(["0.27.0", "0.3.64", "0.8.0"]))
def test_it_never_raises_with_any_schema(raw: Any, prompt: Any, version: str) -> None:
    raw = {**raw, "C": {}}  # what has no node class at all is no schema, and is refused as such
    fully_shown(validate_prompt(prompt, load_schema(raw, version)))
    coerce_prompt(prompt, load_schema(raw, version))
    load_schema(raw).version  # noqa: B018  (inferred from whatever there is)


@pytest.mark.parametrize("bound", ODD_NUMBERS)
@pytest.mark.parametrize("kind", ["INT", "FLOAT", "INT,FLOAT", "COMBO", "STRING", "IMAGE"])
def test_it_never_raises_at_odd_bounds(bound: float, kind: str) -> None:
    inputs = {"x": [kind, {"min": bound, "options": ["a"]}], "y": [kind, {"max": bound}]}
    raw = {"A": {"input": {"required": inputs}, "output": [], "output_node": True}}
    for value in (0, 1.5, 10**400, float("nan"), "a", "9" * 5000, None, True, {"__value__": []}):
        fully_shown(validate_prompt({"1": node("A", x=value, y=value)}, Schema(raw, "0.27.0")))


@cache
def reference() -> Schema:
    """The classes of ComfyUI 0.27.0, as a server with no models has them."""
    path = Path(comfynodes.__file__ or "").with_name("schema.json")
    data = gzip.decompress(path.read_bytes()) if path.read_bytes()[:2] == b"\x1f\x8b" else path.read_bytes()
    saved = json.loads(data)
    return load_schema(saved.get("nodes", saved), "0.27.0")


@st.composite
def real_prompts(draw: st.DrawFn) -> dict[str, Any]:
    """Nodes of real classes, their own inputs given anything at all."""
    known = reference()
    prompt: dict[str, Any] = {}
    for node_id in draw(st.lists(ids, unique=True, max_size=4)):
        class_type = draw(st.sampled_from(sorted(known)))
        names = [entry.name for entry in known[class_type].inputs] or ["x"]
        given_inputs = draw(st.dictionaries(st.sampled_from([*names, "zzz"]), given_values, max_size=6))
        prompt[node_id] = {"class_type": class_type, "inputs": given_inputs}
    prompt["end"] = node("PreviewAny", source=draw(links))
    return prompt


@settings(max_examples=200)
@given(real_prompts())
def test_it_never_raises_on_real_classes(prompt: Any) -> None:
    fully_shown(validate_prompt(prompt, reference()))


def looked_at_closely(prompt: Any, version: str) -> Report:
    """The same validation without its fast pass."""
    against = SMALL[version]
    plans = inner.SchemaPlans.of(against)
    found = inner.find_classes(prompt, plans)
    looker = inner.Looker(found.plans, plans, inner.by_lists(plans))
    seen = inner.scan(prompt, dict.fromkeys(found.plans), looker.look)
    outcome = inner.Validation(prompt, plans, found, seen).outcome(None)
    graph = inner.CheckedGraph(lambda: inner.read_nodes(prompt), None, plans)
    return Report(outcome.answer, graph, outcome.remarks, outcome.hidden)


@settings(max_examples=300)
@given(st.dictionaries(ids, nodes, max_size=5), st.sampled_from(sorted(SMALL)))
def test_the_fast_pass_changes_nothing(prompt: Any, version: str) -> None:
    for _ in range(2):  # the second time, types that fit are known
        quick = validate_prompt(prompt, SMALL[version])
        close = looked_at_closely(prompt, version)
        assert quick.to_server_json() == close.to_server_json()
        assert sorted(map(str, quick.problems)) == sorted(map(str, close.problems))


acyclic = st.builds(
    lambda drawn: {
        node_id: {
            **each,
            "inputs": {
                name: value
                for name, value in each["inputs"].items()
                if not (
                    isinstance(value, list) and value and isinstance(value[0], str) and value[0] >= node_id
                )
            },
        }
        for node_id, each in drawn.items()
    },
    st.dictionaries(
        ids,
        st.fixed_dictionaries(
            {
                "class_type": st.sampled_from(sorted(RAW)),
                "inputs": st.dictionaries(input_names, given_values, max_size=5),
            }
        ),
        max_size=5,
    ),
)


@given(acyclic, st.randoms())
def test_the_order_of_nodes_does_not_decide_what_would_run(prompt: Any, random: Any) -> None:
    shuffled = list(prompt.items())
    random.shuffle(shuffled)
    one, other = (validate_prompt(each, SMALL["0.27.0"]) for each in (prompt, dict(shuffled)))
    assert (one.valid, one.error, set(one.outputs)) == (other.valid, other.error, set(other.outputs))
    assert one.ok == other.ok


@given(st.dictionaries(ids, nodes, max_size=5))
def test_validation_changes_neither_the_prompt_nor_its_mind(prompt: Any) -> None:
    before = copy.deepcopy(prompt)
    first = validate_prompt(prompt, SMALL["0.27.0"])
    assert repr(prompt) == repr(before)
    assert str(validate_prompt(prompt, SMALL["0.27.0"])) == str(first)


@given(acyclic)
def test_what_is_stored_has_the_same_verdict(prompt: Any) -> None:
    """The server validates once; what it stored must not be worse for that."""
    stored = coerce_prompt(prompt, SMALL["0.27.0"])
    one, other = validate_prompt(prompt, SMALL["0.27.0"]), validate_prompt(stored, SMALL["0.27.0"])
    if not any(note.type in ("unknown_link", "stray_link") for note in one.problems):
        assert set(one.outputs) <= set(other.outputs)
