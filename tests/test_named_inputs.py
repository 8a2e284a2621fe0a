"""Parameters of workflows that are no Python: proposed, kept in a file beside, and used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.batch.refill import Recipe
from comfyflow.batch.rows import Rows
from comfyflow.errors import ConfigurationError, RowsError
from comfyflow.named_inputs import NamedInput, read_named_inputs, signature_of, write_named_inputs
from comfyflow.proposal import propose
from comfyflow.schema.package import reference_schema
from comfyflow.source import Source
from tests.command import Command

PROMPT: dict[str, Any] = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["1", 1]}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["1", 1]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 96, "batch_size": 1}},
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0], "latent_image": ["5", 0],
            "seed": 1, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["4", 0], "vae": ["1", 2]}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "x"}},
    "8": {"class_type": "LoadImage", "inputs": {"image": "photo.png"}},
}  # fmt: skip


def proposed(prompt: dict[str, Any]) -> dict[str, tuple[tuple[str, str], ...]]:
    return {each.name: each.places for each in propose(Source.of(prompt), reference_schema())}


def test_texts_files_seeds_sizes_and_models_are_proposed() -> None:
    assert proposed(PROMPT) == {
        "prompt": (("2", "text"),),
        "negative_prompt": (("3", "text"),),
        "image_file": (("8", "image"),),
        "seed": (("4", "seed"),),
        "width": (("5", "width"),),
        "height": (("5", "height"),),
        "ckpt_name": (("1", "ckpt_name"),),
    }


def test_one_text_in_two_places_is_one_parameter() -> None:
    prompt = {
        **PROMPT,
        "9": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    }
    assert proposed(prompt)["ckpt_name"] == (("1", "ckpt_name"), ("9", "ckpt_name"))


HOSTILE = st.text(max_size=30) | st.sampled_from(
    ['"]\n[x]', "import os", "__class__", "a\x7fb", "é" * 99, "None"]
)


@given(st.lists(HOSTILE, min_size=8, max_size=8))
def test_hostile_titles_make_safe_names_that_come_back(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str]
) -> None:
    prompt = {
        key: {**node, "_meta": {"title": title}}
        for (key, node), title in zip(PROMPT.items(), titles, strict=True)
    }
    source = Source.of(prompt)
    named = propose(source, reference_schema())
    assert len({each.name for each in named}) == len(named) >= 7
    assert all(each.name.isidentifier() and each.name.isascii() for each in named)
    path = tmp_path_factory.mktemp("named") / "w.parameters.toml"
    path.write_text(write_named_inputs(named, "\n[evil]\n.json"), encoding="utf-8")
    assert read_named_inputs(path, source.graph) == named
    assert propose(source, reference_schema()) == named


EDITOR: dict[str, Any] = {
    "last_node_id": 20,
    "last_link_id": 20,
    "version": 0.4,
    "nodes": [
        {
            "id": 2, "type": "EmptyImage", "mode": 0, "order": 0, "pos": [0, 0], "size": [1, 1], "flags": {},
            "inputs": [], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "properties": {},
            "widgets_values": [64, 32, 1, 255],
        },
        {
            "id": 3, "type": "SaveImage", "mode": 0, "order": 1, "pos": [0, 0], "size": [1, 1], "flags": {},
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}], "outputs": [], "properties": {},
            "widgets_values": ["prefix"],
        },
    ],
    "links": [[1, 2, 0, 3, 0, "IMAGE"]],
    "groups": [],
    "config": {},
    "extra": {"linearData": {"inputs": [[3, "filename_prefix"], ["2", "color", {}], [99, "x"], "y", []]}},
}  # fmt: skip


def test_what_the_app_mode_shows_comes_first() -> None:
    named = propose(Source.of(EDITOR), reference_schema())
    assert [each.name for each in named] == ["filename_prefix", "color", "width", "height"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[parameters.steps]\ninputs = ['4.stesp']", "no input '4.stesp'; did you mean '4.steps'"),
        ("[parameters.steps]\ninputs = '4.steps'", r"needs inputs = \["),
        ("[parameters.steps]\ninput = ['4.steps']", "has 'input'; did you mean 'inputs'"),
        ("[parameters.class]\ninputs = ['4.steps']", "'class' is not a valid"),
        ("[parameters._x]\ninputs = ['4.steps']", "'_x' is not a valid"),
        ("[parameters]\nx = 1", "must be a table"),
        ("[other]\nx = 1", "'other' is unknown"),
        ("x", "cannot read"),
        (
            "[parameters.a]\ninputs = ['4.steps']\n[parameters.b]\ninputs = ['4.steps']",
            "a and b both set 4.steps",
        ),
        ("[parameters.a]\ninputs = ['4.steps']\ndescription = 1", "description must be a string"),
        ("# " + "x" * 2_000_000, "is larger"),
    ],
)
def test_a_file_that_says_something_else(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "w.parameters.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read_named_inputs(path, Source.of(PROMPT).graph)


def test_rows_by_the_names_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(PROMPT))
    named = (NamedInput("steps", (("4", "steps"),)), NamedInput("what", (("2", "text"), ("3", "text"))))
    (tmp_path / "w.parameters.toml").write_text(write_named_inputs(named, "w.json"))
    recipe = Recipe.of(path, reference_schema())
    [row] = Rows.grid("steps=3", "what=a dog", "cfg=2").checked(recipe.columns)
    prompt = recipe.prepare(row).prompt
    assert [prompt["4"]["inputs"]["steps"], prompt["4"]["inputs"]["cfg"]] == [3, 2.0]
    assert [prompt[key]["inputs"]["text"] for key in ("2", "3")] == ["a dog", "a dog"]
    with pytest.raises(RowsError, match="at most 10000"):
        Rows.grid("steps=99999").checked(recipe.columns)


def test_the_commands(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(PROMPT))
    run = command("schema", str(path))
    assert run.code == 2
    assert "comfyflow parameters" in run.err
    run = command("parameters", str(path))
    assert "--negative-prompt" in run.out
    assert "3.text: 'bad'" in run.out
    found = json.loads(command("parameters", str(path), "--json").out)
    assert found[0] == {
        "name": "prompt",
        "inputs": ["2.text"],
        "default": "a cat",
        "description": found[0]["description"],
    }
    assert command("parameters", str(path), "--save").code == 0
    assert command("parameters", str(path), "--save").code == 2
    assert "--force overwrites it" in command("parameters", str(path), "--save").err
    schema = json.loads(command("schema", str(path)).out)
    assert schema["properties"]["seed"]["default"] == 1
    assert schema["properties"]["seed"]["anyOf"][0]["maximum"] == 2**64 - 1
    assert schema["properties"]["width"]["maximum"] == 16384
    run = command("compile", str(path), "--prompt", "a dog", "--seed", "7")
    assert json.loads(run.out)["2"]["inputs"]["text"] == "a dog"
    assert json.loads(run.out)["4"]["inputs"]["seed"] == 7
    run = command("compile", str(path), "--promt", "a dog")
    assert run.code == 2
    assert "did you mean --prompt?" in run.err


def test_the_signature_of_named_inputs() -> None:
    source = Source.of(PROMPT)
    found = signature_of([NamedInput("latent", (("4", "latent_image"),))], source, None)
    assert found["latent"].default is found["latent"].empty


def held(value: Any, class_type: str, **links: Any) -> dict[str, Any]:
    """A node that holds a value for others."""
    prompt = json.loads(json.dumps(PROMPT))
    prompt["20"] = {"class_type": class_type, "inputs": {"value": value}}
    for where, name in links.items():
        prompt[where.removeprefix("n")]["inputs"][name] = ["20", 0]
    return prompt


def schema_of_held(tmp_path: Path, command: Command, prompt: dict[str, Any], name: str) -> dict[str, Any]:
    path = tmp_path / "held.json"
    path.write_text(json.dumps(prompt))
    (tmp_path / "held.parameters.toml").write_text(f'[parameters.{name}]\ninputs = ["20.value"]\n')
    told: dict[str, Any] = json.loads(command("schema", str(path)).out)["properties"][name]
    return told


def test_a_number_that_is_held_for_a_seed_is_one(tmp_path: Path, command: Command) -> None:
    told = schema_of_held(tmp_path, command, held(7, "PrimitiveInt", n4="seed"), "seed")
    assert told["x-seed"] is True
    assert [each["type"] for each in told["anyOf"]] == ["integer", "string"]


def test_a_number_that_is_held_for_something_else_is_no_seed(tmp_path: Path, command: Command) -> None:
    """The editor offers to draw each of them at random; a server does not check what is linked."""
    told = schema_of_held(tmp_path, command, held(20, "PrimitiveInt", n4="steps"), "steps")
    assert "x-seed" not in told
    assert (told["type"], told["maximum"]) == ("integer", 2**63 - 1)
    told = schema_of_held(tmp_path, command, held(20.5, "PrimitiveFloat", n4="cfg"), "cfg")
    assert (told["type"], told["x-step"]) == ("number", 0.1)


def test_a_value_that_its_input_does_not_take_is_told(tmp_path: Path, command: Command) -> None:
    prompt = json.loads(json.dumps(PROMPT))
    prompt["4"]["inputs"]["seed"] = -5
    path = tmp_path / "w.json"
    path.write_text(json.dumps(prompt))
    run = command("parameters", str(path))
    assert run.code == 0
    assert "the workflow's value for --seed does not fit: it expects an integer, at least 0" in run.err
    assert "not -5" in run.err


def test_a_description_that_says_no_more_than_the_name_is_left_out() -> None:
    editor = {"extra": {"linearData": {"inputs": [["4", "steps"]]}}, "nodes": []}
    first, *_ = propose(Source.of_json(PROMPT, editor), reference_schema())
    assert (first.name, first.description) == ("steps", "")
