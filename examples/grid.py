"""Loops: every prompt with every model, in one workflow; what they share runs once.

comfyflow run examples/grid.py --prompts "a fox" --prompts "an owl" --checkpoints sd_xl_base_1.0.safetensors
"""

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)

from comfyflow import titled, workflow

PROMPTS = ("a fox in the snow", "an owl at night")
CHECKPOINTS = ("sd_xl_base_1.0.safetensors", "dreamshaper_8.safetensors")


@workflow
def grid(
    prompts: tuple[str, ...] = PROMPTS, checkpoints: tuple[str, ...] = CHECKPOINTS, seed: int = 0
) -> tuple[SaveImage, ...]:
    """A picture for every pair of prompt and checkpoint."""
    latent = EmptyLatentImage(width=512, height=512)
    pictures: list[SaveImage] = []
    for checkpoint in checkpoints:
        model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
        nothing = CLIPTextEncode(text="", clip=clip)
        for prompt in prompts:
            sampled = KSampler(
                model=model,
                seed=seed,
                sampler_name="euler",
                scheduler="normal",
                positive=CLIPTextEncode(text=prompt, clip=clip),
                negative=nothing,
                latent_image=latent,
            )
            picture = SaveImage(images=VAEDecode(samples=sampled, vae=vae), filename_prefix="grid")
            pictures.append(titled(picture, f"{prompt} by {checkpoint}"))
    return tuple(pictures)
