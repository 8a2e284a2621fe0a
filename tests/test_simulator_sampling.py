"""What samplers do in the simulator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from comfyflow.simulator import NodeContext, Simulator
from tests.simulated import Prompt, entry, submit
from tests.simulated_nodes import empty, image, images, mask, node, text


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


def sampled(seed: int = 1, prompt: str = "a lighthouse", **changes: Any) -> Prompt:
    inputs = {
        "seed": seed, "steps": 2, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    return {
        "3": node("KSampler", **{**inputs, **changes}),
        "4": node("CheckpointLoaderSimple", ckpt_name="any.safetensors"),
        "5": node("EmptyLatentImage", width=128, height=64, batch_size=2),
        "6": node("CLIPTextEncode", text=prompt, clip=["4", 1]),
        "7": node("CLIPTextEncode", text="", clip=["4", 1]),
        "x": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    }


def pixels(server: Simulator, prompt: Prompt) -> list[bytes]:
    return [one.tobytes() for one in images(server, prompt)]


def test_the_same_prompt_and_seed_give_the_same_picture(server: Simulator) -> None:
    first = pixels(server, sampled())
    assert len(first) == 2
    assert first[0] != first[1]
    with Simulator() as another:
        assert pixels(another, sampled()) == first


@pytest.mark.parametrize("change", [{"seed": 2}, {"steps": 3}, {"cfg": 1.0}, {"sampler_name": "heun"}])
def test_other_settings_give_another_picture(server: Simulator, change: dict[str, Any]) -> None:
    changed = pixels(server, sampled(**change))
    assert (changed == pixels(server, sampled())) is ("steps" in change)


def test_a_lora_gives_another_picture(server: Simulator) -> None:
    with_lora = sampled(model=["l", 0])
    with_lora["l"] = node(
        "LoraLoaderModelOnly", model=["4", 0], lora_name="x.safetensors", strength_model=0.5
    )
    assert pixels(server, with_lora) != pixels(server, sampled())
    with_lora["l"]["inputs"]["strength_model"] = 0.0
    assert pixels(server, with_lora) == pixels(server, sampled())


def test_another_picture_shows_through_at_a_low_denoise(server: Simulator) -> None:
    prompt = sampled(denoise=0.0)
    prompt |= {"i": empty(128, 64, 0x00FF00), "5": node("VAEEncode", pixels=["i", 0], vae=["4", 2])}
    found = image(server, prompt)
    assert found.getpixel((64, 10)) == (0, 255, 0)


def test_only_what_is_masked_is_painted_anew(server: Simulator) -> None:
    prompt = sampled()
    prompt |= {
        "i": empty(128, 64, 0x00FF00),
        "e": node("VAEEncode", pixels=["i", 0], vae=["4", 2]),
        "m": mask(0.0, 128, 64),
        "5": node("SetLatentNoiseMask", samples=["e", 0], mask=["m", 0]),
    }
    assert image(server, prompt).getpixel((64, 10)) == (0, 255, 0)


def test_custom_sampling_is_sampling(server: Simulator) -> None:
    prompt = sampled()
    prompt |= {
        "n": node("RandomNoise", noise_seed=1),
        "g": node("CFGGuider", model=["4", 0], positive=["6", 0], negative=["7", 0], cfg=7.0),
        "s": node("KSamplerSelect", sampler_name="euler"),
        "b": node("BasicScheduler", model=["4", 0], scheduler="normal", steps=4, denoise=1.0),
        "3": node(
            "SamplerCustomAdvanced", noise=["n", 0], guider=["g", 0], sampler=["s", 0], sigmas=["b", 0],
            latent_image=["5", 0],
        ),
    }  # fmt: skip
    assert len(pixels(server, prompt)) == 2


def test_some_of_the_steps(server: Simulator) -> None:
    first = sampled()["3"]["inputs"]
    common = {name: first[name] for name in first if name not in ("seed", "denoise")}
    advanced = {"add_noise": "enable", "noise_seed": 5, "return_with_leftover_noise": "disable", **common}
    prompt = sampled()
    prompt["3"] = node("KSamplerAdvanced", **{**advanced, "steps": 10, "start_at_step": 0, "end_at_step": 4})
    assert len(pixels(server, prompt)) == 2


def test_videos_are_one_scene(server: Simulator) -> None:
    prompt = sampled()
    prompt["5"] = node("EmptyHunyuanLatentVideo", width=128, height=64, length=9, batch_size=1)
    found = images(server, prompt)
    assert len(found) == 9
    assert found[0].tobytes() != found[8].tobytes()


def test_latents_of_a_batch(server: Simulator) -> None:
    prompt = sampled()
    second = {**prompt, "y": node("LatentFromBatch", samples=["3", 0], batch_index=1, length=1)}
    second["x"] = node("VAEDecode", samples=["y", 0], vae=["4", 2])
    assert pixels(server, second) == pixels(server, prompt)[1:]
    larger = {**prompt, "y": node("LatentUpscaleBy", samples=["3", 0], upscale_method="area", scale_by=2.0)}
    larger["x"] = node("VAEDecode", samples=["y", 0], vae=["4", 2])
    assert images(server, larger)[0].size == (256, 128)


def test_simulated_pictures_say_so_unless_told_not_to() -> None:
    found: list[list[bytes]] = []
    for caption in (True, False):
        with Simulator(caption=caption) as server:
            found.append(pixels(server, sampled()))
    assert found[0] != found[1]


def test_noise_schedules(server: Simulator) -> None:
    def values(**scheduler: Any) -> list[float]:
        prompt = {"1": node("KarrasScheduler", **scheduler), "x": node("FlipSigmas", sigmas=["1", 0])}
        shown = text(server, prompt)
        return [float(number) for number in shown.split("(", 2)[2].split(")")[0].split(",")]

    found = values(steps=4, sigma_max=10.0, sigma_min=0.1, rho=7.0)
    assert len(found) == 5
    assert found == sorted(found)
    assert math.isclose(found[-1], 10.0)


def test_previews_of_unfinished_work() -> None:
    with Simulator(previews=True) as server:
        seen: list[Any] = []

        def show(context: NodeContext, images: Any) -> None:
            seen.append(context.previews)

        server.simulate("PreviewImage", show)
        submit_and_wait(server, sampled())
    assert seen == [True]


def submit_and_wait(server: Simulator, prompt: Prompt) -> None:
    entry(server, submit(server, {**prompt, "s": node("PreviewImage", images=["x", 0])}))
