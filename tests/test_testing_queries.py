from __future__ import annotations

from itertools import pairwise
from typing import Any

import networkx as nx
import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyImage,
    ImageInvert,
    KSampler,
    LoraLoader,
    SaveImage,
    VAEDecode,
)
from hypothesis import given, settings

from comfyflow import Graph, Workflow, read_prompt, to_prompt
from comfyflow.errors import NodeUsageError, PromptError
from comfyflow.testing import (
    LinkedOutput,
    at_least,
    at_most,
    between,
    find,
    find_all,
    linked,
    matching,
    one_of,
    path_between,
    satisfying,
)
from comfyflow.testing.strategies import graphs
from tests.drawn_schema import SCHEMA
from tests.testing_workflow import two_passes


@pytest.fixture(params=["workflow", "function", "graph", "prompt"])
def source(request: pytest.FixtureRequest) -> Any:
    made = two_passes()
    return {
        "workflow": made,
        "function": two_passes,
        "graph": made.graph,
        "prompt": made.to_prompt(),
    }[request.param]


def test_a_node_is_found_by_class_title_and_inputs(source: Any) -> None:
    assert find(source, KSampler, title="Refiner").inputs["denoise"] == 0.4
    assert find(source, "KSampler", cfg=at_most(8)).title == "KSampler"
    assert find(source, title="Prompt").class_type == "CLIPTextEncode"
    assert (
        find(source, KSampler, where={"denoise": 1}).node_id
        == find(source, KSampler, steps=20, denoise=1).node_id
    )
    assert [node.class_type for node in find_all(source, SaveImage)] == ["SaveImage"]
    assert len(find_all(source, LoraLoader)) == 0


def test_inputs_are_constants_and_links(source: Any) -> None:
    sampler = find(source, title="Refiner")
    positive = sampler.inputs["positive"]
    assert isinstance(positive, LinkedOutput)
    assert positive.node == find(source, title="Prompt")
    assert positive.node.inputs["text"] == "a lighthouse at dusk"
    assert sampler.inputs["positive"] == sampler.inputs["negative"]
    assert sampler.inputs["model"] != sampler.inputs["positive"]
    assert sampler.inputs["model"].slot == 0
    assert len({sampler.inputs["positive"], sampler.inputs["negative"], sampler.inputs["model"]}) == 2
    assert dict(sampler.inputs)["sampler_name"] == "euler"


def test_outputs_have_names_where_the_classes_are_known() -> None:
    vae = find(two_passes(), VAEDecode).inputs["vae"]
    assert vae.name == "VAE"
    assert repr(vae) == "<VAE of 'Load Checkpoint' (CheckpointLoaderSimple #1)>"
    assert find(two_passes().to_prompt(), VAEDecode).inputs["vae"].name == "output 2"


def test_upstream_and_downstream(source: Any) -> None:
    loader, save = find(source, CheckpointLoaderSimple), find(source, SaveImage)
    assert loader.upstream() == save.downstream()
    assert len(loader.upstream()) == 0
    assert len(save.upstream()) == 7
    assert len(loader.downstream()) == 6  # all but the empty latent
    assert [node.title for node in save.upstream(KSampler)] == ["Refiner", "KSampler"]
    assert list(loader.downstream("SaveImage")) == [save]
    assert loader in save.upstream()
    assert save not in save.upstream()


def test_the_way_between_nodes(source: Any) -> None:
    loader, save = find(source, CheckpointLoaderSimple), find(source, SaveImage)
    way = path_between(loader, save)
    assert way is not None
    assert [node.class_type for node in way] == ["CheckpointLoaderSimple", "VAEDecode", "SaveImage"]
    assert path_between(save, loader) is None
    assert path_between(save, save) == find_all(source, SaveImage)


def test_nodes_of_two_workflows_have_no_way_between_them() -> None:
    one, other = find(two_passes(), SaveImage), find(two_passes(steps=3), SaveImage)
    assert one != other
    with pytest.raises(NodeUsageError, match="different graphs"):
        path_between(one, other)


def test_a_node_of_the_test_is_found() -> None:
    first, second = EmptyImage(width=8), EmptyImage(width=16)
    made = Workflow(SaveImage(images=first), SaveImage(images=ImageInvert(image=second)))
    assert find(made, second).inputs["width"] == 16
    assert find(made, second).downstream(SaveImage)[0].inputs["images"].node.class_type == "ImageInvert"
    assert len(find_all(made, EmptyImage(width=8))) == 0
    with pytest.raises(NodeUsageError, match="was made in Python, but the prompt was not"):
        find_all(made.to_prompt(), first)


def test_a_node_alone_is_a_workflow() -> None:
    assert find(SaveImage(images=EmptyImage()), EmptyImage).inputs["width"] == 512


@pytest.mark.parametrize(
    ("condition", "holding", "not_holding"),
    [
        (at_most(8), [8, 7.5, -1], [8.1, "8", None, True]),
        (at_least(1), [1, 2.5], [0.9, "2"]),
        (between(1, 2), [1, 1.5, 2], [0, 3]),
        (one_of("a", "b"), ["a"], ["c", None]),
        (matching("^light"), ["lighthouse"], ["a light", 3]),
        (satisfying(str.isupper), ["A"], ["a"]),
    ],
)
def test_conditions(condition: Any, holding: list[Any], not_holding: list[Any]) -> None:
    for value in holding:
        assert condition.holds(value)
    for value in not_holding:
        assert not condition.holds(value)


def test_conditions_on_links(source: Any) -> None:
    assert find(source, KSampler, latent_image=linked(KSampler)).title == "Refiner"
    assert len(find_all(source, KSampler, model=linked())) == 2
    assert len(find_all(source, KSampler, steps=linked())) == 0
    assert len(find_all(source, KSampler, seed=lambda seed: seed == 0)) == 2
    assert len(find_all(source, KSampler, seed=False)) == 0


@pytest.mark.parametrize("wrong", [3, "text", [], None, SaveImage])
def test_what_cannot_be_looked_at(wrong: Any) -> None:
    with pytest.raises(NodeUsageError, match="expected a workflow, a graph or prompt JSON"):
        find_all(wrong)


def test_a_function_with_arguments_must_be_called() -> None:
    from comfyflow import workflow

    @workflow
    def needs(prompt: str) -> SaveImage:
        raise NotImplementedError

    with pytest.raises(NodeUsageError, match="needs needs arguments"):
        find_all(needs)


def test_json_that_is_no_prompt() -> None:
    with pytest.raises(PromptError):
        find_all({"1": {"inputs": {}}})


def test_only_classes_and_names_are_asked_for() -> None:
    wrong: Any = 3
    with pytest.raises(NodeUsageError, match="expected a node class or its name, got 3"):
        find_all(two_passes(), wrong)


def test_links_to_nothing_are_values() -> None:
    prompt = {"1": {"class_type": "SaveImage", "inputs": {"images": ["7", 0]}}}
    assert find(prompt, SaveImage).inputs == {"images": ("7", 0)}
    assert len(find(prompt, SaveImage).upstream()) == 0


def test_circles_end() -> None:
    prompt = {
        "1": {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    }
    one, two = find_all(prompt)
    assert list(one.upstream()) == [two]
    assert list(one.downstream()) == [two]
    assert path_between(one, two) == find_all(prompt)


@settings(max_examples=60, deadline=None)
@given(graphs(SCHEMA, titles=False))
def test_queries_agree_with_networkx(graph: Graph) -> None:
    network = graph.network()
    for node in find_all(graph):
        assert {each.node_id for each in node.upstream()} == nx.ancestors(network, node.node_id)
        assert {each.node_id for each in node.downstream()} == nx.descendants(network, node.node_id)
        for other in find_all(graph):
            way = path_between(node, other)
            assert (way is not None) == nx.has_path(network, node.node_id, other.node_id)
            if way is not None:
                assert len(way) - 1 == nx.shortest_path_length(network, node.node_id, other.node_id)
                assert all(network.has_edge(one.node_id, two.node_id) for one, two in pairwise(way))


def test_the_same_graph_is_the_same_however_it_is_given() -> None:
    made = two_passes()
    again = read_prompt(made.to_prompt())
    assert find(made, SaveImage) == find(again, SaveImage)
    assert find(made, SaveImage) == find(to_prompt(again), SaveImage)
    assert len({find(made, SaveImage), find(again, SaveImage)}) == 1
    assert find(made, SaveImage) != find(made, CLIPTextEncode, title="Prompt")
