"""Recipes for Flux: a diffusion model, two text encoders and a VAE, each in its own file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from comfynodes import (
    CLIPTextEncode,
    ConditioningZeroOut,
    DualCLIPLoader,
    EmptySD3LatentImage,
    FluxGuidance,
    InpaintModelConditioning,
    KSampler,
    LoadImage,
    LoadImageMask,
    SaveImage,
    UNETLoader,
    VAEDecode,
    VAEEncode,
    VAELoader,
)

from ..node import Output
from ..sockets import CLIP, CONDITIONING, LATENT, MASK, MODEL, VAE
from ..workflows import workflow
from .checkpoint import ControlNet, Lora, with_controlnets, with_loras

UNET = "flux1-dev.safetensors"


class Flux(NamedTuple):
    """The three parts of a Flux model."""

    model: Output[MODEL]
    clip: Output[CLIP]
    vae: Output[VAE]


def load_flux(unet: str, loras: Sequence[Lora]) -> Flux:
    """Load the usual files of Flux, with LoRAs applied."""
    model, clip = with_loras(
        UNETLoader(unet_name=unet, weight_dtype="default"),
        DualCLIPLoader(
            clip_name1="clip_l.safetensors", clip_name2="t5xxl_fp8_e4m3fn_scaled.safetensors", type="flux"
        ),
        loras,
    )
    return Flux(model, clip, VAELoader(vae_name="ae.safetensors"))


def sample_flux(
    flux: Flux,
    prompt: tuple[Output[CONDITIONING], Output[CONDITIONING]],
    latent: Output[LATENT],
    *,
    guidance: float,
    seed: int,
    steps: int,
    denoise: float = 1.0,
    prefix: str,
) -> SaveImage:
    """Sample and save. Flux is guided by its own number; its cfg stays at 1."""
    sampled = KSampler(
        model=flux.model,
        seed=seed,
        steps=steps,
        cfg=1.0,
        sampler_name="euler",
        scheduler="simple",
        positive=FluxGuidance(conditioning=prompt[0], guidance=guidance),
        negative=prompt[1],
        latent_image=latent,
        denoise=denoise,
    )
    return SaveImage(images=VAEDecode(samples=sampled, vae=flux.vae), filename_prefix=prefix)


def _prompts(
    flux: Flux, text: str, controlnets: Sequence[ControlNet]
) -> tuple[Output[CONDITIONING], Output[CONDITIONING]]:
    positive = CLIPTextEncode(text=text, clip=flux.clip)
    return with_controlnets(positive, ConditioningZeroOut(conditioning=positive), controlnets, flux.vae)


@workflow
def flux_txt2img(
    prompt: str,
    *,
    unet: str = UNET,
    width: int = 1024,
    height: int = 1024,
    batch: int = 1,
    guidance: float = 3.5,
    seed: int = 0,
    steps: int = 20,
    loras: Sequence[Lora] = (),
    controlnets: Sequence[ControlNet] = (),
    prefix: str = "flux",
) -> SaveImage:
    """Pictures of what the prompt says, by Flux.

    Args:
        prompt: What to show.
        unet: The model's file.
        width: Of the pictures, in pixels.
        height: Of the pictures, in pixels.
        batch: How many pictures.
        guidance: How closely to follow the prompt.
        seed: Of the noise.
        steps: Of the sampler.
        loras: Applied in this order.
        controlnets: Applied in this order.
        prefix: What the files' names start with.
    """
    flux = load_flux(unet, loras)
    latent = EmptySD3LatentImage(width=width, height=height, batch_size=batch)
    prompts = _prompts(flux, prompt, controlnets)
    return sample_flux(flux, prompts, latent, guidance=guidance, seed=seed, steps=steps, prefix=prefix)


@workflow
def flux_img2img(
    prompt: str,
    image: str,
    *,
    denoise: float = 0.7,
    unet: str = UNET,
    guidance: float = 3.5,
    seed: int = 0,
    steps: int = 20,
    loras: Sequence[Lora] = (),
    controlnets: Sequence[ControlNet] = (),
    prefix: str = "flux_img2img",
) -> SaveImage:
    """A picture made again after another, by Flux.

    Args:
        prompt: What to show.
        image: The picture to start from: a local file, or one that the server has.
        denoise: How much to change: 0 nothing, 1 everything.
        unet: The model's file.
        guidance: How closely to follow the prompt.
        seed: Of the noise.
        steps: Of the sampler.
        loras: Applied in this order.
        controlnets: Applied in this order.
        prefix: What the files' names start with.
    """
    flux = load_flux(unet, loras)
    latent = VAEEncode(pixels=LoadImage(image=image).IMAGE, vae=flux.vae)
    prompts = _prompts(flux, prompt, controlnets)
    return sample_flux(
        flux, prompts, latent, guidance=guidance, seed=seed, steps=steps, denoise=denoise, prefix=prefix
    )


@workflow
def flux_inpaint(
    prompt: str,
    image: str,
    mask: str | None = None,
    *,
    unet: str = "flux1-fill-dev.safetensors",
    guidance: float = 30.0,
    seed: int = 0,
    steps: int = 20,
    loras: Sequence[Lora] = (),
    controlnets: Sequence[ControlNet] = (),
    prefix: str = "flux_inpaint",
) -> SaveImage:
    """A picture with a part of it painted again, by Flux Fill.

    Args:
        prompt: What to show in that part.
        image: The picture: a local file, or one that the server has.
        mask: A picture whose red channel marks the part; by default what is transparent in
            ``image``.
        unet: The model's file.
        guidance: How closely to follow the prompt; Flux Fill wants a high one.
        seed: Of the noise.
        steps: Of the sampler.
        loras: Applied in this order.
        controlnets: Applied in this order.
        prefix: What the files' names start with.
    """
    flux = load_flux(unet, loras)
    pixels, transparent = LoadImage(image=image)
    part: Output[MASK] = transparent if mask is None else LoadImageMask(image=mask, channel="red")
    positive, negative = _prompts(flux, prompt, controlnets)
    positive, negative, latent = InpaintModelConditioning(
        positive=positive, negative=negative, vae=flux.vae, pixels=pixels, mask=part
    )
    return sample_flux(
        flux, (positive, negative), latent, guidance=guidance, seed=seed, steps=steps, prefix=prefix
    )
