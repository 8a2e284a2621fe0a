"""Prompts of nodes that every ComfyUI has, none of which needs a model."""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

Prompt = dict[str, Any]

_colors = itertools.count(int(time.time() * 1000) % 0x800000 + os.getpid() % 1000)


def new_color() -> int:
    """A colour that no prompt has had: so its picture is not cached."""
    return next(_colors) % 0xFFFFFF


def picture(color: int | None = None, size: int = 16, batch: int = 1) -> Prompt:
    inputs = {
        "width": size,
        "height": size,
        "batch_size": batch,
        "color": new_color() if color is None else color,
    }
    return {"class_type": "EmptyImage", "inputs": inputs}


def node(class_type: str, **inputs: Any) -> Prompt:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def preview(color: int | None = None, batch: int = 1) -> Prompt:
    """Two nodes: a picture, previewed."""
    return {"1": picture(color, batch=batch), "2": node("PreviewImage", images=["1", 0])}


def save(prefix: str, color: int | None = None) -> Prompt:
    """A picture, saved and, inverted, previewed."""
    return {
        "1": picture(color),
        "2": node("ImageInvert", image=["1", 0]),
        "8": node("PreviewImage", images=["2", 0]),
        "9": node("SaveImage", images=["1", 0], filename_prefix=prefix),
    }


def failing(text: str) -> Prompt:
    """A node that raises, and one behind it."""
    replace = node("RegexReplace", string=text, regex_pattern="(", replace="x")
    return {"1": replace, "2": node("PreviewAny", source=["1", 0])}


def slow(blurs: int = 6) -> Prompt:
    """A chain of nodes that take a while each."""
    prompt: Prompt = {"1": picture(size=256)}
    for number in range(2, blurs + 2):
        prompt[str(number)] = node("ImageBlur", image=[str(number - 1), 0], blur_radius=31, sigma=9.0)
    prompt["99"] = node("PreviewImage", images=[str(blurs + 1), 0])
    return prompt


def text2image(checkpoint: str, seed: int) -> Prompt:
    """Two steps of a sampler."""
    return {
        "3": node(
            "KSampler", seed=seed, steps=2, cfg=7.0, sampler_name="euler", scheduler="normal", denoise=1.0,
            model=["4", 0], positive=["6", 0], negative=["7", 0], latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "5": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "6": node("CLIPTextEncode", text="a lighthouse", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0], filename_prefix="conformance/sampled"),
    }  # fmt: skip
