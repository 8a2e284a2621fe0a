"""The workflows of a small print shop: a poster from a few words, and a contact sheet of several."""

from collections.abc import Sequence

from comfynodes import (
    BatchImagesNode,
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    ImageScaleBy,
    KSampler,
    LatentUpscaleBy,
    SaveImage,
    VAEDecode,
)

from comfyflow import Output, titled, workflow
from comfyflow.sockets import IMAGE

CHECKPOINT = "sd_xl_base_1.0.safetensors"
NEGATIVE = "blurry, watermark, text"


def painted(words: str, seed: int, steps: int, checkpoint: CheckpointLoaderSimple) -> Output[IMAGE]:
    """A picture in two passes: a small one, then the same larger with half the strength."""
    model, clip, vae = checkpoint
    positive = titled(CLIPTextEncode(text=words, clip=clip), "Words")
    negative = titled(CLIPTextEncode(text=NEGATIVE, clip=clip), "Not wanted")

    def sampled(latent: KSampler | EmptyLatentImage | LatentUpscaleBy, denoise: float) -> KSampler:
        return KSampler(
            model=model,
            positive=positive,
            negative=negative,
            latent_image=latent,
            seed=seed,
            steps=steps,
            cfg=6.5,
            sampler_name="dpmpp_2m",
            scheduler="karras",
            denoise=denoise,
        )

    draft = titled(sampled(EmptyLatentImage(width=512, height=768), 1.0), "Draft")
    larger = LatentUpscaleBy(samples=draft, upscale_method="bislerp", scale_by=1.5)
    return VAEDecode(samples=titled(sampled(larger, 0.5), "Finish"), vae=vae)


@workflow
def poster(words: str, seed: int = 0, steps: int = 24) -> SaveImage:
    """One poster."""
    picture = painted(words, seed, steps, CheckpointLoaderSimple(ckpt_name=CHECKPOINT))
    return SaveImage(images=picture, filename_prefix="posters/poster")


@workflow
def contact_sheet(words: Sequence[str], seed: int = 0) -> SaveImage:
    """Several drafts, small, one after the other."""
    checkpoint = CheckpointLoaderSimple(ckpt_name=CHECKPOINT)
    pictures = [painted(each, seed + number, 8, checkpoint) for number, each in enumerate(words)]
    small = ImageScaleBy(image=BatchImagesNode(images=pictures), upscale_method="area", scale_by=0.25)
    return SaveImage(images=small, filename_prefix="posters/sheet")
