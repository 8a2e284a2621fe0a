"""Text to image: a checkpoint, two prompts, a sampler, a picture.

comfyflow run examples/txt2img.py --prompt "a lighthouse at dusk" --seed 7
"""

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    SaveImage,
    VAEDecode,
)

from comfyflow import workflow


@workflow
def txt2img(
    prompt: str,
    negative: str = "blurry, watermark",
    checkpoint: str = "sd_xl_base_1.0.safetensors",
    width: int = 1024,
    height: int = 1024,
    seed: int = 0,
    steps: int = 20,
) -> SaveImage:
    """A picture of what the prompt says."""
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
    latent = KSampler(
        model=model,
        seed=seed,
        steps=steps,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        positive=CLIPTextEncode(text=prompt, clip=clip),
        negative=CLIPTextEncode(text=negative, clip=clip),
        latent_image=EmptyLatentImage(width=width, height=height),
    )
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix="txt2img")
