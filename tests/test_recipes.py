from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow import Workflow, recipes
from comfyflow.client import Client
from comfyflow.errors import CommandError
from comfyflow.recipes import ControlNet, Lora
from comfyflow.simulator import Simulator
from tests.command import Command

LORAS = [Lora("one.safetensors", 0.8), Lora("two.safetensors")]
CONTROLNETS = [ControlNet("canny.safetensors", "example.png", 0.7, 0.1, 0.9)]
MADE: dict[str, Workflow[Any]] = {
    "txt2img": recipes.txt2img("a cat", loras=LORAS, controlnets=CONTROLNETS, batch=2),
    "img2img": recipes.img2img("a cat", "example.png", loras=LORAS, controlnets=CONTROLNETS),
    "inpaint": recipes.inpaint("a cat", "example.png", loras=LORAS, controlnets=CONTROLNETS),
    "inpaint with a mask": recipes.inpaint("a cat", "example.png", "example.png"),
    "upscale": recipes.upscale("example.png"),
    "hires": recipes.hires("a cat", loras=LORAS),
    "flux_txt2img": recipes.flux_txt2img("a cat", loras=LORAS, controlnets=CONTROLNETS),
    "flux_img2img": recipes.flux_img2img("a cat", "example.png", loras=LORAS),
    "flux_inpaint": recipes.flux_inpaint("a cat", "example.png"),
    "flux_inpaint with a mask": recipes.flux_inpaint("a cat", "example.png", "example.png"),
}


def classes(made: Workflow[Any]) -> Counter[str]:
    return Counter(node["class_type"] for node in made.to_prompt().values())


@pytest.mark.parametrize("name", MADE)
def test_a_recipe_is_valid(name: str) -> None:
    report = MADE[name].validate()
    assert report.ok, str(report)
    assert {problem.type for problem in report.problems} <= {"file_not_checked"}


def test_every_recipe_runs(tmp_path: Path) -> None:
    picture = tmp_path / "example.png"
    Image.new("RGBA", (64, 64), (40, 80, 120, 128)).save(picture)
    with Simulator() as server, Client(server.url) as client:
        client.upload_image(picture)
        for name, made in MADE.items():
            images = client.run(made, timeout=120).output.images
            assert len(images) == (2 if name == "txt2img" else 1), name


def test_loras_and_controlnets_are_chained() -> None:
    assert classes(MADE["txt2img"])["LoraLoader"] == 2
    assert classes(MADE["txt2img"])["ControlNetApplyAdvanced"] == 1
    assert not classes(recipes.txt2img("a cat"))["LoraLoader"]
    prompt = recipes.txt2img("a cat", loras=LORAS).to_prompt()
    loaders = {key: node for key, node in prompt.items() if node["class_type"] == "LoraLoader"}
    (first, one), (_, two) = loaders.items()
    assert two["inputs"]["model"] == [first, 0]
    assert (one["inputs"]["strength_model"], two["inputs"]["strength_model"]) == (0.8, 1.0)
    sampler = next(node for node in prompt.values() if node["class_type"] == "KSampler")
    assert sampler["inputs"]["model"] == [list(loaders)[1], 0]


def test_two_workflows_share_nothing() -> None:
    recipes.txt2img("a cat", loras=LORAS)
    assert not classes(recipes.txt2img("a dog"))["LoraLoader"]


@pytest.mark.parametrize(
    ("text", "lora"),
    [
        ("a.safetensors", Lora("a.safetensors", 1.0)),
        ("a.safetensors:0.5", Lora("a.safetensors", 0.5)),
        ("b:c.safetensors:-1", Lora("b:c.safetensors", -1.0)),
        ("b:c", Lora("b:c", 1.0)),
    ],
)
def test_loras_on_a_command_line(text: str, lora: Lora) -> None:
    assert Lora.parse(text) == lora


def test_controlnets_on_a_command_line() -> None:
    assert ControlNet.parse("c.pth=e.png") == ControlNet("c.pth", "e.png")
    assert ControlNet.parse("c.pth=e.png:0.5:0:0.4") == ControlNet("c.pth", "e.png", 0.5, 0.0, 0.4)
    with pytest.raises(CommandError, match="NAME=IMAGE"):
        ControlNet.parse("c.pth")


def test_a_recipe_on_a_command_line(command: Command, tmp_path: Path) -> None:
    words = ("--prompt", "a cat", "--loras", "x.safetensors:0.3", "--sampler", "euler", "--steps", "2")
    run = command("compile", "comfyflow.recipes:txt2img", *words)
    assert run.code == 0, run.err
    assert '"strength_clip": 0.3' in run.out
    assert "choose one: " in command("compile", "comfyflow.recipes").err
    wrong = command("compile", "comfyflow.recipes:txt2img", "--prompt", "x", "--sampler", "eulr")
    assert "did you mean 'euler'" in wrong.err
