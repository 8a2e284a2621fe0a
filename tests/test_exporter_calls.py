from __future__ import annotations

from typing import Any

import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)
from comfynodes.sockets import CLIP, CONDITIONING, LATENT, MODEL

from comfyflow import Output, WrittenWorkflow, raw_node, to_workflow, with_id, workflow
from comfyflow.diff import diff
from comfyflow.graph import read_prompt
from comfyflow.importer import convert_workflow

EDITORS = ("1.45", "1.49", "1.58")


def encoded(clip: Output[CLIP], prompt: str) -> CLIPTextEncode:
    return CLIPTextEncode(text=prompt, clip=clip)


def sampled(
    model: Output[MODEL], clip: Output[CLIP], latent: Output[LATENT], seed: int, steps: int = 20
) -> Output[LATENT]:
    # --- Prompts ---
    positive: Output[CONDITIONING] = encoded(clip, f"a lighthouse {seed}")
    negative = encoded(clip, "bad")
    # --- Sampling ---
    return KSampler(
        model=model,
        seed=seed,
        steps=steps,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
        latent_image=latent,
        denoise=1.0,
    )


@workflow
def two_passes(seed: int = 7, prefix: str = "out") -> SaveImage:
    """Two passes over one picture."""
    # --- Loaders ---
    checkpoint = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")

    # --- Passes ---
    latent = EmptyLatentImage(width=512, height=512, batch_size=1)
    first = sampled(checkpoint.MODEL, checkpoint.CLIP, latent, seed)
    second = sampled(checkpoint.MODEL, checkpoint.CLIP, first, seed + 1, steps=5)
    return SaveImage(images=VAEDecode(samples=second, vae=checkpoint.VAE), filename_prefix=prefix)


def written(editor: str, **options: Any) -> WrittenWorkflow:
    return to_workflow(two_passes(seed=3), frontend=editor, **options)


@pytest.mark.parametrize("editor", EDITORS)
def test_functions_that_are_called_become_subgraphs(editor: str) -> None:
    made = written(editor, subgraphs=True)
    assert [one for one in made.warnings if one.severity == "warning"] == []
    schema = two_passes().schema()
    back = convert_workflow(made, schema, editor=editor, seed=0)
    found = diff(two_passes(seed=3).graph, read_prompt(dict(back)))
    assert found.runs_the_same
    assert {key.count(":") for key in back} == {0, 1, 2}


def test_one_function_is_one_definition_whose_uses_have_values_of_their_own() -> None:
    made = written("1.49", subgraphs=True)
    inner, outer = sorted(made["definitions"]["subgraphs"], key=lambda one: len(one["nodes"]))
    assert (inner["name"], outer["name"]) == ("Encoded", "Sampled")
    assert [entry["name"] for entry in outer["inputs"]] == [
        "model",
        "latent",
        "clip",
        "seed",
        "steps",
        "prompt",
    ]
    assert [entry["type"] for entry in outer["inputs"]] == ["MODEL", "LATENT", "CLIP", "INT", "INT", "STRING"]
    hosts = [one["widgets_values"] for one in made["nodes"] if one["type"] == outer["id"]]
    assert hosts == [[3, 20, "a lighthouse 3"], [4, 5, "a lighthouse 4"]]


def test_where_the_editor_keeps_no_values_outside_there_are_more_definitions() -> None:
    made = written("1.45", subgraphs=True)
    names = [one["name"] for one in made["definitions"]["subgraphs"]]
    assert sorted(names) == ["Encoded", "Encoded", "Encoded", "Sampled", "Sampled"]


def test_sections_become_groups_and_the_docstring_a_note() -> None:
    made = written("1.49", subgraphs=True)
    assert [group["title"] for group in made["groups"]] == ["Passes", "Loaders"]
    (outer,) = [one for one in made["definitions"]["subgraphs"] if one["name"] == "Sampled"]
    assert {group["title"] for group in outer["groups"]} == {"Prompts", "Sampling"}
    (note,) = [one for one in made["nodes"] if one["type"] == "MarkdownNote"]
    assert note["title"] == "two_passes"
    assert note["widgets_values"] == [
        'Two passes over one picture.\n\n- **seed**: 3\n- **prefix**: "out"',
    ]


def test_without_being_asked_it_stays_flat_with_the_ids_that_it_runs_with() -> None:
    made = written("1.45")
    assert "definitions" not in made
    ids = {str(one["id"]) for one in made["nodes"] if one["type"] != "MarkdownNote"}
    assert ids == set(two_passes(seed=3).to_prompt())


def test_a_node_with_an_id_of_its_own_keeps_it() -> None:
    def inside() -> Any:
        return with_id(raw_node("Make", {}), "mine")

    @workflow
    def flow() -> Any:
        return raw_node("Use", {"a": inside()[0], "b": raw_node("Make", {})[0]})

    made = to_workflow(flow(), two_passes().schema(), subgraphs=True)
    assert {one["id"] for one in made["nodes"]} >= {"mine"}


def test_a_function_that_makes_something_else_each_time_is_written_as_it_was_made() -> None:
    seeds = iter(range(100))

    def fresh() -> Any:
        return EmptyLatentImage(width=512, height=512 + 8 * next(seeds), batch_size=1)

    @workflow
    def flow() -> Any:
        return raw_node("Use", {"a": fresh()})

    held = flow()
    made = to_workflow(held, two_passes().schema(), subgraphs=True)
    assert "definitions" not in made
    (latent,) = [one for one in made["nodes"] if one["type"] == "EmptyLatentImage"]
    assert latent["widgets_values"][1] == held.to_prompt()["1"]["inputs"]["height"]
