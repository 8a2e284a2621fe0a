"""A workflow that the tests of assertions look at. Goldens name lines of this file."""

from __future__ import annotations

from typing import Any

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)

from comfyflow import titled, workflow


@workflow
def two_passes(
    prompt: str = "a lighthouse at dusk", steps: int = 20, cfg: float = 7.0, refine: bool = True
) -> SaveImage:
    model, clip, vae = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    positive = titled(CLIPTextEncode(text=prompt, clip=clip), "Prompt")
    common: dict[str, Any] = {
        "sampler_name": "euler",
        "scheduler": "normal",
        "model": model,
        "positive": positive,
    }
    latent = KSampler(
        **common,
        negative=CLIPTextEncode(text="blurry", clip=clip),
        latent_image=EmptyLatentImage(width=1024, height=1024),
        steps=steps,
        cfg=cfg,
    )
    if refine:
        latent = titled(
            KSampler(**common, negative=positive, latent_image=latent, denoise=0.4, cfg=cfg + 2), "Refiner"
        )
    return SaveImage(images=VAEDecode(samples=latent, vae=vae))
