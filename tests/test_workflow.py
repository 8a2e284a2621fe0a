from __future__ import annotations

import enum
import io
import json
import math
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import comfynodes
import pytest
from comfynodes import ControlNetApplyAdvanced, ControlNetLoader

from comfyflow import Workflow, bypassed, raw_node, read_prompt, titled, to_prompt, with_id, workflow
from comfyflow.errors import CompileError, GraphError, NodeUsageError, SchemaError
from comfyflow.graph import Link
from comfyflow.node import place_of
from comfyflow.schema.package import reference_schema
from tests.nodes import Batch, Decode, Empty, Encode, Invert, Loader, Lora, Save


def inputs_of(*roots: Any) -> dict[str, Any]:
    return {node_id: node["inputs"] for node_id, node in Workflow(*roots).to_prompt().items()}


def test_a_prompt_holds_what_is_reachable_from_the_roots() -> None:
    image = Empty()
    Invert(image=image)
    save = Save(images=image)
    assert Workflow(save).to_prompt() == {
        "1": {
            "inputs": {"width": 512, "height": 512, "color": 0},
            "class_type": "EmptyImage",
            "_meta": {"title": "EmptyImage"},
        },
        "2": {
            "inputs": {"images": ["1", 0], "filename_prefix": "ComfyUI"},
            "class_type": "SaveImage",
            "_meta": {"title": "Save Image"},
        },
    }


def test_a_prompt_is_not_part_of_the_nodes_it_was_made_of() -> None:
    save = Save(images=raw_node("Curve", {"points": [[0, 1]], "options": {"smooth": [True]}})[0])
    made = Workflow(save)
    prompt = made.to_prompt()
    assert prompt == made.compile().prompt == to_prompt(made.graph)
    prompt["1"]["inputs"]["points"]["__value__"][0].append(2)
    prompt["1"]["inputs"]["options"]["smooth"].append(False)
    prompt["2"]["inputs"]["images"][1] = 7
    prompt["2"]["inputs"]["filename_prefix"] = "changed"
    assert made.to_prompt() == made.compile().prompt != prompt
    graph = made.graph
    to_prompt(graph)["2"]["inputs"]["images"][1] = 7
    assert graph["2"].inputs["images"] == Link("1", 0)


def test_the_places_of_a_validation_are_those_of_the_nodes() -> None:
    save = Save(images=raw_node("EmptyImage", {"width": 0})[0])
    problems = Workflow(save).validate(reference_schema()).problems
    assert {problem.place for problem in problems if problem.node_id == "1"} == {place_of(save)}


def test_sources_come_before_what_uses_them_in_the_order_of_the_inputs() -> None:
    loader = Loader(ckpt_name="a")
    positive, negative = Encode(text="p", clip=loader.CLIP), Encode(text="n", clip=loader.CLIP)
    sampler = raw_node("KSampler", {"model": loader.MODEL, "negative": negative, "positive": positive})
    prompt = Workflow(Save(images=Decode(samples=sampler[0], vae=loader.VAE))).to_prompt()
    assert [node["class_type"] for node in prompt.values()] == [
        "CheckpointLoaderSimple",
        "CLIPTextEncode",
        "CLIPTextEncode",
        "KSampler",
        "VAEDecode",
        "SaveImage",
    ]
    assert prompt["2"]["inputs"]["text"] == "n"
    assert prompt["4"]["inputs"]["positive"] == ["3", 0]


def test_ids_given_by_hand_are_kept_and_counted_around() -> None:
    image = with_id(Empty(), "2")
    assert list(Workflow(Save(images=Invert(image=image))).to_prompt()) == ["2", "1", "3"]
    other = with_id(Empty(), 2)
    with pytest.raises(CompileError, match=r"the id '2' is also that of the node made at .*test_workflow.py"):
        Workflow(image, other).to_prompt()


def test_titles() -> None:
    prompt = Workflow(titled(Empty(), "sky {{x}} \n */")).to_prompt()
    assert prompt["1"]["_meta"] == {"title": "sky {{x}} \n */"}
    assert Workflow(raw_node("Odd Class")).to_prompt()["1"]["_meta"] == {"title": "Odd Class"}


def test_several_roots_and_outputs_as_roots() -> None:
    image = Empty()
    one, two = Save(images=image), Save(images=Invert(image=image))
    assert Workflow(one, two).root == (one, two)
    assert Workflow((one, two)).roots == (one, two)
    assert Workflow([one, [two, one]]).roots == (one, two)
    assert Workflow(Loader(ckpt_name="a").MODEL).to_prompt()["1"]["class_type"] == "CheckpointLoaderSimple"


@pytest.mark.parametrize("roots", [(), (None,), ("x",), (Empty,), ([],)])
def test_what_is_no_node_cannot_be_a_root(roots: tuple[Any, ...]) -> None:
    with pytest.raises(NodeUsageError):
        Workflow(*roots)


def test_bypass_links_what_is_behind_to_what_is_before() -> None:
    image = Empty()
    assert inputs_of(Save(images=bypassed(Invert(image=image))))["2"]["images"] == ["1", 0]
    chain = bypassed(Invert(image=bypassed(Invert(image=image))))
    assert list(inputs_of(Save(images=chain))) == ["1", "2"]


def test_bypass_goes_by_type_and_prefers_the_same_index() -> None:
    loader = Loader(ckpt_name="a")
    lora = bypassed(Lora(model=loader.MODEL, clip=loader.CLIP))
    found = inputs_of(raw_node("Use", {"clip": lora.CLIP, "model": lora.MODEL}))
    assert found["2"] == {"clip": ["1", 1], "model": ["1", 0]}


def test_bypass_keeps_outputs_of_one_type_apart() -> None:
    """Each output takes the input at its own index, not the first input of its type."""
    loader = Loader(ckpt_name="a")
    positive, negative = Encode(text="p", clip=loader.CLIP), Encode(text="n", clip=loader.CLIP)
    controlled = bypassed(
        ControlNetApplyAdvanced(
            positive=positive,
            negative=negative,
            control_net=ControlNetLoader(control_net_name="c"),
            image=Empty(),
            strength=1.0,
            start_percent=0.0,
            end_percent=1.0,
        )
    )
    prompt = Workflow(
        raw_node("Use", {"positive": controlled.positive, "negative": controlled.negative})
    ).to_prompt()
    *_, used = prompt.values()
    texts = {name: prompt[link[0]]["inputs"]["text"] for name, link in used["inputs"].items()}
    assert texts == {"positive": "p", "negative": "n"}


def test_bypass_does_not_look_for_another_linked_input() -> None:
    positive = Encode(text="a", clip=Loader(ckpt_name="a").CLIP)
    applied = comfynodes.ControlNetApplyAdvanced.__new__(comfynodes.ControlNetApplyAdvanced)
    applied._make({"positive": positive})
    bypassed(applied)
    sampled = raw_node("Sampler", {"positive": applied.positive, "negative": applied.negative})
    assert "negative" not in inputs_of(sampled)["3"]
    assert inputs_of(sampled)["3"]["positive"] == ["2", 0]


def test_bypassed_nodes_in_a_circle_are_refused() -> None:
    first = bypassed(Invert(image=Empty()))
    second = bypassed(Invert(image=first))
    first._inputs["image"] = second
    with pytest.raises(CompileError, match="is bypassed and passes on its own output"):
        Workflow(Save(images=second)).to_prompt()


def test_an_error_names_the_line_of_its_node() -> None:
    """Whatever keeps a workflow from being made: a circle, with and without a bypass, an id, a value."""
    circle, around, odd = Invert(image=Empty()), bypassed(Invert(image=Empty())), Save(images=Empty())
    circle._inputs["image"], around._inputs["image"], odd._inputs["images"] = circle, around, object()
    twice = [with_id(Save(images=Empty()), "7") for _ in range(2)]
    for root in (Save(images=circle), Save(images=around), odd, twice):
        with pytest.raises(CompileError, match=r"^\S*test_workflow\.py:\d+: "):
            Workflow(root).to_prompt()


def test_bypass_with_nothing_behind_it_leaves_the_input_out() -> None:
    assert inputs_of(Save(images=bypassed(Empty())))["1"] == {"filename_prefix": "ComfyUI"}
    decode = bypassed(Decode(samples=raw_node("S")[0], vae=Loader(ckpt_name="a").VAE))
    # What a raw node gives may be anything; what only the bypassed node used is not reachable.
    assert inputs_of(Save(images=decode)) == {
        "1": {},
        "2": {"images": ["1", 0], "filename_prefix": "ComfyUI"},
    }
    with pytest.raises(GraphError):
        Workflow(image := bypassed(Empty())).compile().id_of(image)
    assert Workflow(Save(images=bypassed(Empty(), False))).to_prompt()["2"]["inputs"]["images"] == ["1", 0]


class Color(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (2**64 - 1, 2**64 - 1),
        (-5, -5),
        (0.1, 0.1),
        ("é \ud800 {{ }} \x00", "é \ud800 {{ }} \x00"),
        (None, None),
        (True, True),
        ([1, 2], {"__value__": [1, 2]}),
        (("a", [1]), {"__value__": ["a", [1]]}),
        ([], {"__value__": []}),
        ({"a": [1, {"b": (2,)}]}, {"a": [1, {"b": [2]}]}),
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (PurePosixPath("a/b.png"), "a/b.png"),
    ],
)
def test_values_on_the_wire(value: Any, wire: Any) -> None:
    written = Workflow(raw_node("X", {"value": value})).to_prompt()["1"]["inputs"]["value"]
    assert written == wire
    assert type(written) is type(wire)


def test_numbers_of_numpy_become_plain() -> None:
    numpy = pytest.importorskip("numpy")
    for value, wire in ((numpy.int64(3), 3), (numpy.float32(0.5), 0.5), (numpy.bool_(True), True)):
        written = Workflow(raw_node("X", {"value": value})).to_prompt()["1"]["inputs"]["value"]
        assert written == wire
        assert type(written) is type(wire)
    with pytest.raises(CompileError, match="cannot be written as JSON"):
        Workflow(raw_node("X", {"value": numpy.zeros(3)})).to_prompt()


class Scalar:
    """What has a plain value, as numbers of libraries do, and does not say that it has no dimensions."""

    def item(self) -> object:
        return 5


def test_what_has_a_plain_value_becomes_it() -> None:
    assert inputs_of(raw_node("X", {"value": Scalar()})) == {"1": {"value": 5}}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.nan, "nan is not a number that JSON can hold"),
        (math.inf, "inf is not a number"),
        ([1, -math.inf], "-inf is not a number"),
        (object(), "cannot be written as JSON"),
        (io.BytesIO(b"a picture"), r"cannot be written as JSON; pass its path, or what its read\(\) gives"),
        (b"x", "cannot tell what kind of file"),
        ({1: 2}, "the key 1 of an object is not a string"),
        ([Empty()], "an output is inside a list"),
        (nested(200), "nested more than 100 levels"),
    ],
)
def test_what_no_prompt_can_hold_is_refused_with_its_place(value: Any, why: str) -> None:
    node = raw_node("X", {"value": value})
    with pytest.raises(CompileError, match=why) as caught:
        Workflow(node).to_prompt()
    assert caught.value.place is not None
    assert caught.value.place.source == 'node = raw_node("X", {"value": value})'
    assert "input 'value' of X" in str(caught.value)


def test_a_deep_graph_is_compiled_without_recursion() -> None:
    image: Any = Empty()
    for _ in range(5000):
        image = Invert(image=image)
    prompt = Workflow(Save(images=image)).to_prompt()
    assert len(prompt) == 5002
    assert prompt["5002"]["inputs"]["images"] == ["5001", 0]


def test_a_node_that_depends_on_itself_is_refused() -> None:
    first = raw_node("A")
    second = raw_node("B", {"x": first[0]})
    first._inputs["y"] = second[0]
    with pytest.raises(CompileError, match="A depends on itself"):
        Workflow(first).to_prompt()


def test_a_compiled_workflow_leads_back_to_the_nodes() -> None:
    image = Empty()
    save = Save(images=image)
    skipped = bypassed(Invert(image=image))
    compiled = Workflow(save, Save(images=skipped)).compile()
    assert compiled.id_of(save) == "2"
    assert compiled.nodes["1"] is image
    assert compiled.places["2"].source == "save = Save(images=image)"
    assert set(compiled.places) == {"1", "2", "3"} == set(compiled.graph)
    assert compiled.graph["2"].inputs["images"] == Link("1", 0)
    with pytest.raises(GraphError, match="not in this workflow"):
        compiled.id_of(skipped)


def test_the_decorator_makes_workflows() -> None:
    @workflow
    def picture(width: int, height: int = 64) -> Save:
        """A picture."""
        return Save(images=Empty(width=width, height=height))

    made = picture(32)
    assert made.name == "picture"
    assert made.to_prompt()["1"]["inputs"] == {"width": 32, "height": 64, "color": 0}
    assert picture.__doc__ == "A picture."
    assert picture.parameters["width"].annotation is int
    assert "picture" in repr(made)

    @workflow
    def nothing() -> None:
        Empty()

    with pytest.raises(NodeUsageError, match="made of nodes"):
        nothing()


@pytest.mark.parametrize(("returned", "why"), [(None, "does the function return its nodes"), (5, "not of 5")])
def test_a_function_that_gives_no_nodes_is_named_with_its_line(returned: Any, why: str) -> None:
    @workflow
    def forgetful() -> Any:
        return returned

    with pytest.raises(NodeUsageError, match=f"forgetful did not return a workflow: .*{why}") as caught:
        forgetful()
    assert caught.value.place is not None
    assert caught.value.place.file == __file__


def test_without_generated_nodes_there_is_no_schema_to_guess() -> None:
    with pytest.raises(SchemaError, match="pass a schema"):
        Workflow(raw_node("X")).validate()


def test_the_same_program_gives_the_same_bytes_in_every_run(tmp_path: Path) -> None:
    program = (
        "import json\n"
        "from comfyflow import Workflow\n"
        "from tests.nodes import *\n"
        "image = Empty()\n"
        "roots = [Save(images=Batch(images=[Invert(image=image), image])) for _ in range(5)]\n"
        "print(json.dumps(Workflow(*roots).to_prompt()))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            text=True,
            cwd=Path(__file__).parents[1],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    image = Empty()
    roots = [Save(images=Batch(images=[Invert(image=image), image])) for _ in range(5)]
    assert json.loads(outputs.pop()) == Workflow(*roots).to_prompt()


def test_prompt_to_graph_to_prompt_is_the_identity() -> None:
    prompt = Workflow(Save(images=Batch(images=[Empty(), Empty()]))).to_prompt()
    assert to_prompt(read_prompt(prompt)) == prompt
