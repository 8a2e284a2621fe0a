"""Recipes for models that come as one checkpoint: Stable Diffusion 1.5, SDXL and their kin."""

from __future__ import annotations

from collections.abc import Sequence

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    ImageUpscaleWithModel,
    KSampler,
    LatentUpscaleBy,
    LoadImage,
    LoadImageMask,
    SaveImage,
    UpscaleModelLoader,
    VAEDecode,
    VAEEncode,
    VAEEncodeForInpaint,
)
from comfynodes.choices import SamplerName, Scheduler

from ..node import Output
from ..sockets import LATENT, MASK
from ..workflows import workflow
from .adapters import ControlNet, Lora, with_controlnets, with_loras

CHECKPOINT = "sd_xl_base_1.0.safetensors"
NEGATIVE = "blurry, watermark, text"


@workflow
def txt2img(
    prompt: str,
    negative: str = NEGATIVE,
    *,
    checkpoint: str = CHECKPOINT,
    width: int = 1024,
    height: int = 1024,
    batch: int = 1,
    seed: int = 0,
    steps: int = 25,
    cfg: float = 7.0,
    sampler: SamplerName = "dpmpp_2m",
    scheduler: Scheduler = "karras",
    loras: Sequence[Lora] = (),
    controlnets: Sequence[ControlNet] = (),
    prefix: str = "txt2img",
) -> SaveImage:
    """Pictures of what the prompt says.

    Args:
        prompt: What to show.
        negative: What not to show.
        checkpoint: The model's file.
        width: Of the pictures, in pixels; SD 1.5 wants 512, SDXL 1024.
        height: Of the pictures, in pixels.
        batch: How many pictures.
        seed: Of the noise; the same seed gives the same pictures.
        steps: Of the sampler.
        cfg: How closely to follow the prompt.
        sampler: The sampling algorithm.
        scheduler: How the noise goes down.
        loras: Applied in this order.
        controlnets: Applied in this order.
        prefix: What the files' names start with.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
    model, clip = with_loras(model, clip, loras)
    positive, unwanted = with_controlnets(
        CLIPTextEncode(text=prompt, clip=clip), CLIPTextEncode(text=negative, clip=clip), controlnets, vae
    )
    latent = KSampler(
        model=model,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler,
        scheduler=scheduler,
        positive=positive,
        negative=unwanted,
        latent_image=EmptyLatentImage(width=width, height=height, batch_size=batch),
    )
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix=prefix)


@workflow
def img2img(
    prompt: str,
    image: str,
    negative: str = NEGATIVE,
    *,
    denoise: float = 0.6,
    checkpoint: str = CHECKPOINT,
    seed: int = 0,
    steps: int = 25,
    cfg: float = 7.0,
    sampler: SamplerName = "dpmpp_2m",
    scheduler: Scheduler = "karras",
    loras: Sequence[Lora] = (),
    controlnets: Sequence[ControlNet] = (),
    prefix: str = "img2img",
) -> SaveImage:
    """A picture made anew after another.

    Args:
        prompt: What to show.
        image: The picture to start from: a local file, or one that the server has.
        negative: What not to show.
        denoise: How much to change: 0 nothing, 1 everything.
        checkpoint: The model's file.
        seed: Of the noise.
        steps: Of the sampler.
        cfg: How closely to follow the prompt.
        sampler: The sampling algorithm.
        scheduler: How the noise goes down.
        loras: Applied in this order.
        controlnets: Applied in this order.
        prefix: What the files' names start with.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
    model, clip = with_loras(model, clip, loras)
    positive, unwanted = with_controlnets(
        CLIPTextEncode(text=prompt, clip=clip), CLIPTextEncode(text=negative, clip=clip), controlnets, vae
    )
    latent = KSampler(
        model=model,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler,
        scheduler=scheduler,
        positive=positive,
        negative=unwanted,
        latent_image=VAEEncode(pixels=LoadImage(image=image).IMAGE, vae=vae),
        denoise=denoise,
    )
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix=prefix)


@workflow
def inpaint(
    prompt: str,
    image: str,
    mask: str | None = None,
    negative: str = NEGATIVE,
    *,
    grow_mask: int = 6,
    checkpoint: str = CHECKPOINT,
    seed: int = 0,
    steps: int = 25,
    cfg: float = 7.0,
    sampler: SamplerName = "dpmpp_2m",
    scheduler: Scheduler = "karras",
    loras: Sequence[Lora] = (),
    controlnets: Sequence[ControlNet] = (),
    prefix: str = "inpaint",
) -> SaveImage:
    """A picture with a part of it painted anew.

    Args:
        prompt: What to show in that part.
        image: The picture: a local file, or one that the server has.
        mask: A picture whose red channel marks the part; by default what is transparent in
            ``image``.
        negative: What not to show.
        grow_mask: By how many pixels to widen the part, so that no seam is seen.
        checkpoint: The model's file.
        seed: Of the noise.
        steps: Of the sampler.
        cfg: How closely to follow the prompt.
        sampler: The sampling algorithm.
        scheduler: How the noise goes down.
        loras: Applied in this order.
        controlnets: Applied in this order.
        prefix: What the files' names start with.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
    model, clip = with_loras(model, clip, loras)
    positive, unwanted = with_controlnets(
        CLIPTextEncode(text=prompt, clip=clip), CLIPTextEncode(text=negative, clip=clip), controlnets, vae
    )
    pixels, transparent = LoadImage(image=image)
    part: Output[MASK] = transparent if mask is None else LoadImageMask(image=mask, channel="red")
    latent = KSampler(
        model=model,
        seed=seed,
        steps=steps,
        cfg=cfg,
        sampler_name=sampler,
        scheduler=scheduler,
        positive=positive,
        negative=unwanted,
        latent_image=VAEEncodeForInpaint(pixels=pixels, vae=vae, mask=part, grow_mask_by=grow_mask),
    )
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix=prefix)


@workflow
def upscale(
    image: str, *, upscale_model: str = "RealESRGAN_x4plus.safetensors", prefix: str = "upscale"
) -> SaveImage:
    """A picture enlarged by a model made for it.

    Args:
        image: The picture: a local file, or one that the server has.
        upscale_model: The model's file; its name tells by how much it enlarges.
        prefix: What the file's name starts with.
    """
    larger = ImageUpscaleWithModel(
        upscale_model=UpscaleModelLoader(model_name=upscale_model), image=LoadImage(image=image).IMAGE
    )
    return SaveImage(images=larger, filename_prefix=prefix)


@workflow
def hires(
    prompt: str,
    negative: str = NEGATIVE,
    *,
    checkpoint: str = CHECKPOINT,
    width: int = 768,
    height: int = 768,
    scale: float = 1.5,
    denoise: float = 0.5,
    seed: int = 0,
    steps: int = 25,
    cfg: float = 7.0,
    sampler: SamplerName = "dpmpp_2m",
    scheduler: Scheduler = "karras",
    loras: Sequence[Lora] = (),
    prefix: str = "hires",
) -> SaveImage:
    """A picture sampled small, enlarged as a latent, and sampled again for detail.

    Args:
        prompt: What to show.
        negative: What not to show.
        checkpoint: The model's file.
        width: Of the small picture, in pixels.
        height: Of the small picture, in pixels.
        scale: By how much to enlarge it.
        denoise: How much the second pass may change.
        seed: Of the noise of both passes.
        steps: Of each pass.
        cfg: How closely to follow the prompt.
        sampler: The sampling algorithm.
        scheduler: How the noise goes down.
        loras: Applied in this order.
        prefix: What the files' names start with.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=checkpoint)
    model, clip = with_loras(model, clip, loras)
    positive, unwanted = CLIPTextEncode(text=prompt, clip=clip), CLIPTextEncode(text=negative, clip=clip)

    def sampled(latent: Output[LATENT], strength: float) -> KSampler:
        return KSampler(
            model=model,
            seed=seed,
            steps=steps,
            cfg=cfg,
            sampler_name=sampler,
            scheduler=scheduler,
            positive=positive,
            negative=unwanted,
            latent_image=latent,
            denoise=strength,
        )

    small = sampled(EmptyLatentImage(width=width, height=height), 1.0)
    large = LatentUpscaleBy(samples=small, upscale_method="bicubic", scale_by=scale)
    detailed = sampled(large, denoise)
    return SaveImage(images=VAEDecode(samples=detailed, vae=vae), filename_prefix=prefix)
