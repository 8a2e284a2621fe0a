"""A node class that no schema has, made of the function that says what its nodes do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import pytest

from comfyflow import Client, load_schema, raw_node, validate_prompt
from comfyflow.schema import Schema
from comfyflow.simulator import NodeResult, Simulator, simulates
from comfyflow.sockets import IMAGE, MASK
from tests.simulated import NODES


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(NODES) as simulator:
        yield simulator


def described(
    function: Callable[..., Any], server: Simulator, **more: Any
) -> tuple[dict[str, Any], list[str], bool]:
    """The inputs, the outputs and whether it is an output node, as a client is told."""
    server.simulate("Made", function, **more)
    node = load_schema(server.url)["Made"]
    inputs = {entry.name: (entry.type, entry.required) for entry in node.inputs}
    return inputs, [output.type for output in node.outputs], node.is_output_node


def scale(image: IMAGE, factor: float, times: int = 2, name: str = "x", on: bool = False) -> IMAGE: ...


def choose(how: Literal["up", "down"], images: Any, mask2: Any, thing: Any) -> tuple[IMAGE, MASK]: ...


def show(source: Any) -> None: ...


def tell(text: str) -> dict[str, Any]: ...


def also(text: str) -> NodeResult: ...


def named(image: IMAGE, latent: LATENT) -> LATENT: ...  # type: ignore[name-defined]  # noqa: F821


def plain(width=8, ratio=0.5, on=True, word="x", nothing=None): ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("function", "inputs", "outputs", "output_node"),
    [
        (
            scale,
            {
                "image": ("IMAGE", True), "factor": ("FLOAT", True), "times": ("INT", False),
                "name": ("STRING", False), "on": ("BOOLEAN", False),
            },
            ["IMAGE"],
            False,
        ),
        (
            choose,
            {"how": ("COMBO", True), "images": ("IMAGE", True), "mask2": ("MASK", True),
             "thing": ("*", True)},
            ["IMAGE", "MASK"],
            False,
        ),
        (show, {"source": ("*", True)}, [], True),
        (tell, {"text": ("STRING", True)}, [], True),
        (also, {"text": ("STRING", True)}, [], True),
        (named, {"image": ("IMAGE", True), "latent": ("LATENT", True)}, ["LATENT"], False),
        (
            plain,
            {
                "width": ("INT", False), "ratio": ("FLOAT", False), "on": ("BOOLEAN", False),
                "word": ("STRING", False), "nothing": ("*", False),
            },
            ["*"],
            False,
        ),
        (lambda image: image, {"image": ("IMAGE", True)}, ["*"], False),
        (lambda context, image: image, {"image": ("IMAGE", True)}, ["*"], False),
    ],
)  # fmt: skip
def test_a_signature_says_what_a_class_takes_and_gives(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    outputs: list[str],
    output_node: bool,
    server: Simulator,
) -> None:
    assert described(function, server) == (inputs, outputs, output_node)


def test_what_a_signature_does_not_say_is_given(server: Simulator) -> None:
    found = described(lambda image: (image, image), server, outputs=("IMAGE", "MASK"), output_node=True)
    assert found == ({"image": ("IMAGE", True)}, ["IMAGE", "MASK"], True)


@pytest.mark.parametrize("profile", ["0.27.0", "0.3.64"])
def test_the_readme_runs_as_it_stands(profile: str) -> None:
    """Nothing but a function is given; what it takes and gives is checked, run, and shown."""
    with Simulator(profile=profile) as server, Client(server.url) as client:
        server.simulate("MyCustomNode", lambda image: image[:, ::-1])
        picture = raw_node("EmptyImage", {"width": 8, "height": 8, "batch_size": 1, "color": 255})
        flipped = raw_node("MyCustomNode", {"image": picture[0]})
        result = client.run(raw_node("PreviewImage", {"images": flipped[0]}), timeout=30)
        assert result.files[0].bytes()


def test_defaults_are_the_functions_own(server: Simulator) -> None:
    server.simulate("Repeat", lambda text, times=3: {"ui": {"text": [text * times]}}, output_node=True)
    prompt = {"1": {"class_type": "Repeat", "inputs": {"text": "ab"}}}
    with Client(server.url) as client:
        assert client.run(prompt, timeout=30).output.text == "ababab"
        missing = {"1": {"class_type": "Repeat", "inputs": {}}}
        report = validate_prompt(missing, load_schema(server.url))
        assert [problem.type for problem in report.errors] == ["required_input_missing"]


def test_a_function_that_is_replaced_replaces_its_class(server: Simulator) -> None:
    prompt = {"1": {"class_type": "Made", "inputs": {"text": "ab"}}}
    with Client(server.url) as client:
        server.simulate("Made", lambda text: {"ui": {"text": [text]}}, output_node=True)
        assert client.run(prompt, timeout=30).output.text == "ab"
        server.simulate("Made", lambda text, end="!": {"ui": {"text": [text + end]}}, output_node=True)
        prompt["1"]["inputs"]["end"] = "?"  # type: ignore[index]
        assert client.run(prompt, timeout=30).output.text == "ab?"


def test_a_class_that_the_schema_has_stays_as_it_is(server: Simulator) -> None:
    server.simulate("WordCount", lambda text, more=1: len(text) + more)
    assert load_schema(server.url)["WordCount"].raw == NODES["WordCount"]


def test_a_schema_that_is_given_is_not_changed() -> None:
    schema = Schema(NODES, "0.27.0")
    with Simulator(schema) as server:
        server.simulate("Made", show)
        assert "Made" in server.schema
    assert "Made" not in schema


def test_a_registered_function_brings_its_class_to_every_simulator(server: Simulator) -> None:
    from comfyflow.simulator.node_function import USER_FUNCTIONS

    try:

        @simulates("MadeForAll")
        def made(mask: MASK) -> MASK:
            return mask

        assert [entry.type for entry in load_schema(server.url)["MadeForAll"].inputs] == ["MASK"]
    finally:
        del USER_FUNCTIONS.functions["MadeForAll"]
