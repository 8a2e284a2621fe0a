from __future__ import annotations

import random
from typing import Any

import comfynodes  # noqa: F401  (so that its schema is found)
import pytest
from hypothesis import HealthCheck, Phase, assume, find, given, settings
from hypothesis import strategies as st

from comfyflow import Graph, Schema, raw_node, read_prompt, to_prompt, validate_prompt
from comfyflow.errors import SchemaError
from comfyflow.graph import Link
from comfyflow.schema import InputSchema
from comfyflow.schema.package import package_schema
from comfyflow.testing.strategies import (
    InvalidPrompt,
    graphs,
    invalid_prompts,
    node_inputs,
    prompts,
    workflow_of,
    workflows,
)
from comfyflow.testing.strategies.constant import constants_of
from comfyflow.testing.strategies.vocabulary import DECLARED, EVERY, Vocabulary
from tests.drawn_schema import SCHEMA, node

FINDS = settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
IMPOSSIBLE = {"NoFiles", "NoSource", "NoRange", "NeedsNoFiles", "Lost"}
QUICK = settings(
    max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def types_of(graph: Graph, link: Link) -> set[str]:
    kind = SCHEMA[graph[link.node_id].class_type].outputs[link.slot].type
    return set(kind.split(","))


@QUICK
@given(graphs(SCHEMA, max_nodes=12))
def test_graphs_stand_in_order_and_end_in_output_nodes(graph: Graph) -> None:
    assert 1 <= len(graph) <= 12
    assert not IMPOSSIBLE & {each.class_type for each in graph.values()}
    seen: set[str] = set()
    for node_id, each in graph.items():
        assert all(link.node_id in seen for _, link in each.links)
        seen.add(node_id)
    ends = [node_id for node_id, each in graph.items() if SCHEMA[each.class_type].is_output_node]
    assert graph.upstream(ends) == set(graph)


@QUICK
@given(graphs(SCHEMA, max_nodes=12))
def test_constants_are_in_their_ranges_and_links_of_their_types(graph: Graph) -> None:
    limits = {"width": (16, 128), "rate": (0.5, 1e6), "how.size": (1, 9), "slot.gain": (-1, 1)}
    wanted = {"a": "IMAGE", "b": "IMAGE", "mask": "MASK", "of": "IMAGE", "vae": "VAE", "how.other": "IMAGE"}
    for each in graph.values():
        for name, value in each.inputs.items():
            if type(value) is not Link and name in limits:
                low, high = limits[name]
                assert low <= value <= high
            if name in wanted:
                assert type(value) is Link
                assert types_of(graph, value) & {wanted[name], "COMFY_MATCHTYPE_V3"}
        if each.class_type == "Model":
            assert each.inputs["name"] in ("a", "b")


@QUICK
@given(graphs(SCHEMA, max_nodes=12))
def test_dynamic_inputs_have_what_they_ask_for(graph: Graph) -> None:
    for each in graph.values():
        given_names = set(each.inputs)
        if each.class_type == "Batch":
            assert {"images.image0", "images.image1"} <= given_names
            assert sorted(given_names) == [f"images.image{index}" for index in range(len(given_names))]
        elif each.class_type == "Resize":
            allowed = {"to": {"how", "how.size"}, "like": {"how", "how.other", "how.more", "how.more.y"}}
            assert given_names - {"how.more.y"} == allowed[each.inputs["how"]] - {"how.more.y"}
        elif each.class_type == "Slot":
            assert not given_names  # 0.27.0 takes nothing there but an output of type *
        elif each.class_type == "Rows":
            assert {"rows.0.text", "rows.0.of"} <= given_names


@pytest.mark.parametrize("class_type", sorted(set(SCHEMA) - IMPOSSIBLE))
def test_each_class_is_drawn(class_type: str) -> None:
    graph = find(
        graphs(SCHEMA, max_nodes=12),
        lambda drawn: any(each.class_type == class_type for each in drawn.values()),
        settings=settings(QUICK, max_examples=3000, phases=[Phase.generate]),
    )
    assert len(graph) >= 1


@pytest.mark.parametrize(
    ("class_type", "name"),
    [
        ("Resize", "how.more.y"),
        ("Batch", "images.image4"),
        ("Rows", "rows.2.of"),
        ("Blend", "mask"),
        ("Number", "value"),
    ],
)
def test_each_kind_of_input_is_used(class_type: str, name: str) -> None:
    find(
        graphs(SCHEMA),
        lambda drawn: any(name in each.inputs for each in drawn.values() if each.class_type == class_type),
        settings=settings(QUICK, max_examples=3000, phases=[Phase.generate]),
    )


def test_a_dynamic_slot_takes_what_fits_everywhere() -> None:
    schema = Schema({**SCHEMA.raw, "Wild": node(outputs=("*",))}, "0.27.0")
    graph = smallest(lambda drawn: any("slot" in each.inputs for each in drawn.values()), schema)
    slot = next(each for each in graph.values() if "slot" in each.inputs)
    assert list(slot.inputs) == ["slot", "slot.gain"]
    assert graph[slot.inputs["slot"].node_id].class_type == "Wild"
    assert not validate_prompt(to_prompt(graph), schema).problems


def smallest(condition: Any, schema: Schema = SCHEMA) -> Graph:
    return find(graphs(schema), condition, settings=settings(QUICK, max_examples=1000))


def test_anything_shrinks_to_the_least_workflow() -> None:
    graph = smallest(lambda _: True)
    assert [(each.class_type, each.inputs, each.title) for each in graph.values()] == [
        ("Slot", {}, None),
        ("Hear", {"what": Link("1", 0)}, None),
    ]


@pytest.mark.parametrize(
    ("condition", "least"),
    [
        (lambda graph: any(each.class_type == "Decode" for each in graph.values()), 3),
        (lambda graph: sum(SCHEMA[each.class_type].is_output_node for each in graph.values()) == 2, 3),
        (lambda graph: any(each.title for each in graph.values()), 2),
    ],
)
def test_graphs_mostly_shrink_to_the_least_that_will_do(condition: Any, least: int) -> None:
    sizes = sorted(
        len(find(graphs(SCHEMA), condition, settings=FINDS, random=random.Random(seed))) for seed in range(3)
    )
    assert sizes[0] >= least
    assert sizes[1] == least


def test_a_graph_of_some_size_shrinks_to_just_that_size() -> None:
    assert len(smallest(lambda drawn: len(drawn) >= 7)) == 7


@QUICK
@given(prompts(SCHEMA))
def test_prompts_are_prompt_json(prompt: dict[str, dict[str, Any]]) -> None:
    assert list(prompt) == [str(number) for number in range(1, len(prompt) + 1)]
    assert [list(entry)[:2] for entry in prompt.values()] == [["inputs", "class_type"]] * len(prompt)


@QUICK
@given(st.data(), graphs(SCHEMA))
def test_workflows_are_the_graphs_themselves(data: st.DataObject, graph: Graph) -> None:
    compiled = workflow_of(graph).to_prompt()
    again = read_prompt(compiled)
    assert {node_id: (each.class_type, each.inputs) for node_id, each in again.items()} == {
        node_id: (each.class_type, each.inputs) for node_id, each in graph.items()
    }
    assert data.draw(workflows(SCHEMA)).to_prompt()


@QUICK
@given(graphs(SCHEMA, choose=lambda each: each.class_type in ("Make", "Save", "Blend"), titles=False))
def test_classes_are_chosen_and_titles_left_out(graph: Graph) -> None:
    assert {each.class_type for each in graph.values()} <= {"Make", "Save", "Blend"}
    assert all(each.title is None for each in graph.values())


@QUICK
@given(graphs(SCHEMA, values={"Make": {"width": st.just(77)}}))
def test_values_are_given_by_name(graph: Graph) -> None:
    assume(any(each.class_type == "Make" for each in graph.values()))
    assert all(each.inputs["width"] == 77 for each in graph.values() if each.class_type == "Make")


@pytest.mark.parametrize(
    ("schema", "options", "message"),
    [
        (Schema({}), {}, "no output node's inputs can be filled"),
        (Schema({"NoFiles": node({"required": {"name": [[]]}}, end=True)}), {}, "no output node"),
        (SCHEMA, {"max_nodes": 1}, "the smallest workflow of this schema has 2 nodes"),
    ],
)
def test_what_cannot_be_drawn_is_said(schema: Schema, options: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        find(graphs(schema, **options), lambda _: True)


def test_costs_are_least_trees() -> None:
    catalogue = Vocabulary(SCHEMA)
    assert catalogue.costs["Make"] == 1
    assert catalogue.costs["Batch"] == 3
    assert catalogue.costs["Decode"] == 3
    assert catalogue.costs["Rows"] == 3
    assert not IMPOSSIBLE & set(catalogue.costs)
    assert catalogue.ends["Save"] == 0
    assert catalogue.ends["Model"] == 3  # Decode, another Model in its tree, Save


def test_old_servers_have_no_wild_outputs() -> None:
    old = Schema(
        {"Wild": node(outputs=("*",)), "Save": SCHEMA.raw["Save"], "Make": SCHEMA.raw["Make"]}, "0.3.64"
    )
    new = Schema(old.raw, "0.27.0")
    assert sources_of_images(old) == {"Make"}
    assert sources_of_images(new) == {"Make", "Wild"}


def test_a_union_with_a_star_takes_anything_since_0_8() -> None:
    (entry,) = Schema({"Save": node({"required": {"x": ["MASK,*"]}}, end=True)})["Save"].inputs
    for version, accepted in (("0.27.0", (EVERY,)), ("0.3.64", ("*", "MASK"))):
        assert Vocabulary(Schema(SCHEMA.raw, version)).accepted(entry, {}) == accepted


def sources_of_images(schema: Schema) -> set[str]:
    catalogue = Vocabulary(schema)
    (images,) = schema["Save"].inputs
    return {source.class_type for source in catalogue.sources(catalogue.accepted(images, {}))}


def test_an_input_that_looks_at_types_takes_no_wild_output() -> None:
    convert = node({"required": {"original_model_task_id": ["MODEL_TASK_ID"]}}, end=True)
    raw = {"Wild": node(outputs=("*",)), "TripoConversionNode": convert}
    other = Schema(raw, "0.27.0")
    assert Vocabulary(other).costs["TripoConversionNode"] == 2
    theirs = {**convert, "python_module": "comfy_api_nodes.nodes_tripo"}
    assert (
        "TripoConversionNode"
        not in Vocabulary(Schema({**raw, "TripoConversionNode": theirs}, "0.27.0")).costs
    )


@pytest.mark.parametrize(
    ("kind", "options", "low", "high"),
    [
        ("INT", {"min": 0, "max": 2**64 - 1}, 0, 2**64 - 1),
        ("INT", {"min": 0.5, "max": 1.5}, 1, 1),
        ("INT", {"min": 2**40}, 2**40, 2**40),
        ("INT", {"min": float("nan"), "max": float("inf")}, -(2**31), 2**31 - 1),
        ("FLOAT", {"min": 0, "max": 2**64 - 1}, 0, 2**64 - 1),
        ("FLOAT", {"max": -(10**9)}, -(10**9), -(10**9)),
    ],
)
def test_values_keep_to_odd_ranges(kind: str, options: dict[str, Any], low: float, high: float) -> None:
    widget = constants_of(InputSchema("x", kind, True, options))
    assert widget is not None

    @QUICK
    @given(widget.values)
    def check(value: float) -> None:
        assert low <= value <= high
        assert type(value) is (int if kind == "INT" else float)

    check()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("FLOAT", {"min": 10**400}),
        ("STRING", {"min": 3}),
        ("WEBCAM", {}),
        ("COMBO", {}),
        ("COMBO", {"options": [{"a": 1}]}),
        ("INT", {"min": 5, "max": 4}),
        ("INT", {"min": None}),
        ("FLOAT", {"max": "5"}),
        ("BOOLEAN", {"min": 0}),
        ("COMBO", {"options": ["a"], "min": 0}),
        ("COLOR", {"default": "#fff", "max": 1}),
    ],
)
def test_what_takes_no_constant(kind: str, options: dict[str, Any]) -> None:
    assert constants_of(InputSchema("x", kind, True, options)) is None


@pytest.mark.parametrize(
    ("kind", "default", "plain"),
    [
        ("INT", 3, 3),
        ("BOOLEAN", True, True),
        ("STRING", "x", "x"),
        ("FLOAT", 2, 2.0),
        ("COLOR", "#fff", "#fff"),
        ("ARRAY", [1, 2], {"__value__": [1, 2]}),
        ("INT,STRING", "x", "x"),
    ],
)
def test_a_stated_default_is_the_simplest(kind: str, default: Any, plain: Any) -> None:
    widget = constants_of(InputSchema("x", kind, True, {"default": default}))
    assert widget is not None
    found = find(widget.values, lambda _: True)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(("kind", "default"), [("INT", True), ("INT", [1]), ("BOOLEAN", 1), ("STRING", None)])
def test_a_default_of_another_kind_is_not_used(kind: str, default: Any) -> None:
    widget = constants_of(InputSchema("x", kind, True, {"default": default}))
    assert widget is not None
    assert type(find(widget.values, lambda _: True)) is {"INT": int, "BOOLEAN": bool, "STRING": str}[kind]


@pytest.mark.parametrize("class_type", sorted(set(SCHEMA) - {"NoFiles", "NoRange"}))
def test_arguments_of_one_node_make_a_raw_node(class_type: str) -> None:
    @settings(QUICK, max_examples=30)
    @given(node_inputs(SCHEMA[class_type]))
    def check(inputs: dict[str, Any]) -> None:
        made = raw_node(class_type, inputs)
        assert made._inputs == inputs
        assert None not in inputs.values()

    check()


def test_links_of_one_node_are_drawn_by_type() -> None:
    asked = []

    def links(types: tuple[str, ...]) -> st.SearchStrategy[str]:
        asked.append(types)
        return st.just("link")

    assert find(node_inputs(SCHEMA["Decode"], links=links), lambda _: True) == {
        "vae": "link",
        "model": "link",
    }
    assert set(asked) == {("VAE",), ("MODEL",)}


def test_a_node_that_nothing_can_be_given_to_is_said() -> None:
    with pytest.raises(SchemaError, match="NoFiles: nothing fits 'name'"):
        node_inputs(SCHEMA["NoFiles"])


@pytest.mark.parametrize("depth", [5, 200])
def test_options_nested_deeply_are_no_trouble(depth: int) -> None:
    inner: dict[str, Any] = {"required": {"x": ["INT", {}]}}
    for _ in range(depth):
        inner = {"required": {"c": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "k", "inputs": inner}]}]}}
    schema = Schema({"Deep": node(inner, end=True), "Shallow": node(end=True)}, "0.27.0")
    graph = smallest(lambda _: True, schema)
    assert len(graph) == 1
    assert ("Deep" in Vocabulary(schema).costs) == (depth < 32)


@QUICK
@given(invalid_prompts(SCHEMA, max_nodes=8))
def test_invalid_prompts_have_the_problem_that_they_say(example: InvalidPrompt) -> None:
    report = validate_prompt(example.prompt, SCHEMA)
    assert not report.valid
    if example.node_id is None or example.type == "missing_node_type":
        assert report.error == example.type
    else:
        found = {(each.type, each.input_name) for each in report.node_errors[example.node_id]}
        assert (example.type, example.input_name or "") in found


@QUICK
@given(prompts(SCHEMA))
def test_drawn_prompts_are_valid(prompt: dict[str, dict[str, Any]]) -> None:
    report = validate_prompt(prompt, SCHEMA)
    assert report.ok
    assert not report.problems


@pytest.mark.parametrize(
    "kind",
    [
        "required_input_missing",
        "value_smaller_than_min",
        "value_bigger_than_max",
        "value_not_in_list",
        "invalid_input_type",
        "bad_linked_input",
        "return_type_mismatch",
        "dependency_cycle",
        "exception_during_inner_validation",
        "exception_during_validation",
        "missing_node_type",
        "prompt_no_outputs",
    ],
)
def test_each_kind_of_problem_is_drawn_and_shrinks(kind: str) -> None:
    example = find(
        invalid_prompts(SCHEMA), lambda each: each.type == kind, settings=settings(QUICK, max_examples=1000)
    )
    assert len(example.prompt) <= 6


def test_old_servers_have_their_own_words_for_problems() -> None:
    old = Schema({name: SCHEMA.raw[name] for name in ("Make", "Blend", "Save")}, "0.3.64")
    kinds: set[str] = set()

    @settings(QUICK, max_examples=500, phases=[Phase.generate])
    @given(invalid_prompts(old))
    def collect(example: InvalidPrompt) -> None:
        kinds.add(example.type)

    collect()
    assert "invalid_prompt" in kinds
    assert not {"missing_node_type", "dependency_cycle"} & kinds


def test_an_input_whose_class_looks_at_the_type_takes_no_template() -> None:
    """What a MatchType output stands for is not what the server tells the class."""
    catalogue = Vocabulary(package_schema({"comfynodes"}))
    (entry,) = [
        entry
        for entry in catalogue.nodes["TripoConversionNode"].inputs
        if entry.name == "original_model_task_id"
    ]
    sources = catalogue.sources(catalogue.accepted(entry, {}))
    declared = [catalogue.nodes[source.class_type].outputs[source.slot].type for source in sources]
    assert set(declared) == {"MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID"}
    assert any(source.bound for source in catalogue.sources(("MODEL_TASK_ID",)))
    ends = {
        kind: {sink.class_type for sink in catalogue.targets(kind)}
        for kind in ("MODEL_TASK_ID", f"{DECLARED}MODEL_TASK_ID")
    }
    assert ends[f"{DECLARED}MODEL_TASK_ID"] == {"TripoConversionNode"}
    assert "TripoConversionNode" not in ends["MODEL_TASK_ID"]
