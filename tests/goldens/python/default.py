# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow default, from ComfyUI."""

from comfyflow import workflow

# isort: split
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)


# --- Note: Prompt ---
# > …
#
# --- Note: Output ---
# > …
#
# --- Note: Image size ---
# > …
#
# --- Note: Model link ---
# > …
@workflow
def default(
    prompt: str = "beautiful scenery nature glass … (70 characters)",
    negative_prompt: str = "text, watermark",
    seed: int = 685468484323813,
    width: int = 512,
    height: int = 512,
    ckpt_name: str = "v1-5-pruned-emaonly-fp16.safetensors",
) -> SaveImage:
    """Build the graph; the defaults are the saved values."""
    # --- Step 1 - Load model ---
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=ckpt_name)

    # --- Step 2 - Prompt ---
    positive = CLIPTextEncode(text=prompt, clip=clip)
    negative = CLIPTextEncode(text=negative_prompt, clip=clip)

    # --- Step 3 - Image size ---
    latent = EmptyLatentImage(width=width, height=height)

    latent_2 = KSampler(
        model=model,
        seed=seed,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
        latent_image=latent,
    )
    image = VAEDecode(samples=latent_2, vae=vae)
    return SaveImage(images=image, filename_prefix="SD1.5")
