"""A function used twice: parts of a graph are plain functions, and types say what flows.

comfyflow run examples/reuse.py --prompt "a harbour"
"""

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    LatentUpscaleBy,
    SaveImage,
    VAEDecode,
)
from comfynodes.sockets import CONDITIONING, LATENT, MODEL

from comfyflow import Output, workflow


def sampled(
    model: Output[MODEL],
    positive: Output[CONDITIONING],
    negative: Output[CONDITIONING],
    latent: Output[LATENT],
    seed: int,
    denoise: float = 1.0,
) -> Output[LATENT]:
    """One pass of the sampler, with the settings that both passes share."""
    return KSampler(
        model=model,
        seed=seed,
        steps=25,
        cfg=6.5,
        sampler_name="dpmpp_2m",
        scheduler="karras",
        positive=positive,
        negative=negative,
        latent_image=latent,
        denoise=denoise,
    )


@workflow
def two_passes(prompt: str = "a harbour at dawn", seed: int = 0) -> SaveImage:
    """Sampled small, enlarged, and sampled again for detail."""
    model, clip, vae = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    positive, negative = CLIPTextEncode(text=prompt, clip=clip), CLIPTextEncode(text="", clip=clip)
    small = sampled(model, positive, negative, EmptyLatentImage(width=640, height=640), seed)
    large = LatentUpscaleBy(samples=small, upscale_method="bicubic", scale_by=1.5)
    final = sampled(model, positive, negative, large, seed, denoise=0.5)
    return SaveImage(images=VAEDecode(samples=final, vae=vae), filename_prefix="two_passes")
