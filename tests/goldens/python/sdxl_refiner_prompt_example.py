# ruff: noqa: RUF001, RUF003, RUF100
"""The workflow sdxl_refiner_prompt_example, from ComfyUI."""

from comfyflow import titled, workflow

# isort: split
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSamplerAdvanced,
    SaveImage,
    VAEDecode,
)


# > …
#
# --- Note: KSampler ADVANCED General Information ---
# > …
#
# > …
@workflow
def sdxl_refiner_prompt_example(
    prompt: str = "daytime scenery sky nature … (80 characters)",
    negative_prompt: str = "text, watermark",
    positive_prompt: str = "daytime sky nature dark blue galaxy bottle",
    base_noise_seed: int = 6767725640732,
    refiner_noise_seed: int = 0,
    width: int = 1024,
    height: int = 1024,
    refiner_ckpt_name: str = "sd_xl_refiner_1.0.safetensors",
    base_ckpt_name: str = "sd_xl_base_1.0.safetensors",
) -> SaveImage:
    """Build the graph; the defaults are the saved values."""
    # --- Load in REFINER SDXL Model ---
    #
    # --- Note: Load Checkpoint REFINER ---
    # > …
    refiner_model, refiner_clip, refiner_vae = titled(
        CheckpointLoaderSimple(ckpt_name=refiner_ckpt_name),
        "Load Checkpoint - REFINER",
    )

    # --- Refiner Prompt ---
    positive = CLIPTextEncode(text=prompt, clip=refiner_clip)
    negative = CLIPTextEncode(text=negative_prompt, clip=refiner_clip)

    # --- Load in BASE SDXL Model ---
    #
    # --- Note: Load Checkpoint BASE ---
    # > …
    base_model, base_clip, _ = titled(
        CheckpointLoaderSimple(ckpt_name=base_ckpt_name),
        "Load Checkpoint - BASE",
    )

    # --- Base Prompt ---
    positive_2 = CLIPTextEncode(text=positive_prompt, clip=base_clip)
    negative_2 = CLIPTextEncode(text=negative_prompt, clip=base_clip)

    # --- Empty Latent Image ---
    #
    # --- Note: Empty Latent Image ---
    # > …
    latent = EmptyLatentImage(width=width, height=height)

    # --- Base ---
    base = titled(
        KSamplerAdvanced(
            model=base_model,
            add_noise="enable",
            noise_seed=base_noise_seed,
            steps=25,
            sampler_name="euler",
            scheduler="normal",
            positive=positive_2,
            negative=negative_2,
            latent_image=latent,
            end_at_step=20,
            return_with_leftover_noise="enable",
        ),
        "KSampler (Advanced) - BASE",
    )

    # --- Refiner ---
    refiner = titled(
        KSamplerAdvanced(
            model=refiner_model,
            add_noise="disable",
            noise_seed=refiner_noise_seed,
            steps=25,
            sampler_name="euler",
            scheduler="normal",
            positive=positive,
            negative=negative,
            latent_image=base,
            start_at_step=20,
            return_with_leftover_noise="disable",
        ),
        "KSampler (Advanced) - REFINER",
    )

    # --- VAE Decoder ---
    #
    # --- Note: VAE Decoder ---
    # > …
    image = VAEDecode(samples=refiner, vae=refiner_vae)

    return SaveImage(images=image)
