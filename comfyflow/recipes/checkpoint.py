"""Recipes for models that come as one checkpoint: Stable Diffusion 1.5, SDXL and their kin.

All recipes take any number of LoRAs and ControlNets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    ControlNetApplyAdvanced,
    ControlNetLoader,
    EmptyLatentImage,
    ImageUpscaleWithModel,
    KSampler,
    LatentUpscaleBy,
    LoadImage,
    LoadImageMask,
    LoraLoader,
    SaveImage,
    UpscaleModelLoader,
    VAEDecode,
    VAEEncode,
    VAEEncodeForInpaint,
)
from comfynodes.choices import SamplerName, Scheduler

from ..errors import CommandError
from ..node import Output
from ..sockets import CLIP, CONDITIONING, LATENT, MASK, MODEL, VAE
from ..workflows import workflow


class Lora(NamedTuple):
    """A LoRA file and how strongly it acts. On a command line: ``add_detail.safetensors:0.8``."""

    name: str
    strength: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Lora:
        """Read ``NAME`` or ``NAME:STRENGTH``."""
        name, numbers = _split(text, 1)
        return cls(name, *numbers)


class ControlNet(NamedTuple):
    """A ControlNet and the picture that it follows.

    On a command line: ``canny.safetensors=edges.png:0.7`` (then the start and the end of the
    steps in which it acts, each from 0 to 1: ``…:0.7:0:0.5``).
    """

    name: str
    image: str
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0

    @classmethod
    def parse(cls, text: str) -> ControlNet:
        """Read ``NAME=IMAGE[:STRENGTH[:START[:END]]]``."""
        name, separator, rest = text.partition("=")
        if not separator:
            raise CommandError(
                f"{text!r} is not a ControlNet setting; write NAME=IMAGE or NAME=IMAGE:STRENGTH"
            )
        image, numbers = _split(rest, 3)
        return cls(name, image, *numbers)


def with_loras(
    model: Output[MODEL], clip: Output[CLIP], loras: Iterable[Lora]
) -> tuple[Output[MODEL], Output[CLIP]]:
    """The model and the text encoder, with LoRAs applied one after another."""
    for lora in loras:
        model, clip = LoraLoader(
            model=model,
            clip=clip,
            lora_name=lora.name,
            strength_model=lora.strength,
            strength_clip=lora.strength,
        )
    return model, clip


def with_controlnets(
    positive: Output[CONDITIONING],
    negative: Output[CONDITIONING],
    controlnets: Sequence[ControlNet],
    vae: Output[VAE],
) -> tuple[Output[CONDITIONING], Output[CONDITIONING]]:
    """The two prompts, with ControlNets applied one after another."""
    for controlnet in controlnets:
        picture = LoadImage(image=controlnet.image)
        positive, negative = ControlNetApplyAdvanced(
            positive=positive,
            negative=negative,
            control_net=ControlNetLoader(control_net_name=controlnet.name),
            image=picture.IMAGE,
            strength=controlnet.strength,
            start_percent=controlnet.start,
            end_percent=controlnet.end,
            vae=vae,
        )
    return positive, negative


def _split(text: str, most: int) -> tuple[str, list[float]]:
    """A name, and the numbers behind its last colons; a name may may contain colons itself."""
    numbers: list[float] = []
    head = text
    while len(numbers) < most:
        front, separator, last = head.rpartition(":")
        if not separator or not front:
            break
        try:
            numbers.insert(0, float(last))
        except ValueError:
            break
        head = front
    return head, numbers


CHECKPOINT = "sd_xl_base_1.0.safetensors"
NEGATIVE = "blurry, watermark, text"


class Sampling(NamedTuple):
    """Settings of every sampler pass: see the parameters of the recipes."""

    seed: int
    steps: int
    cfg: float
    sampler: SamplerName
    scheduler: Scheduler


class Checkpoint(NamedTuple):
    """The three parts of a model."""

    model: Output[MODEL]
    clip: Output[CLIP]
    vae: Output[VAE]

    def prompts(
        self, prompt: str, negative: str, controlnets: Sequence[ControlNet] = ()
    ) -> tuple[Output[CONDITIONING], Output[CONDITIONING]]:
        """What to show and what not, with ControlNets applied."""
        wanted = CLIPTextEncode(text=prompt, clip=self.clip)
        unwanted = CLIPTextEncode(text=negative, clip=self.clip)
        return with_controlnets(wanted, unwanted, controlnets, self.vae)

    def sampled(
        self,
        prompts: tuple[Output[CONDITIONING], Output[CONDITIONING]],
        latent: Output[LATENT],
        how: Sampling,
        denoise: float = 1.0,
    ) -> KSampler:
        """One pass of the sampler."""
        return KSampler(
            model=self.model,
            seed=how.seed,
            steps=how.steps,
            cfg=how.cfg,
            sampler_name=how.sampler,
            scheduler=how.scheduler,
            positive=prompts[0],
            negative=prompts[1],
            latent_image=latent,
            denoise=denoise,
        )

    def saved(self, latent: Output[LATENT], prefix: str) -> SaveImage:
        """The pictures of a latent, on disk."""
        return SaveImage(images=VAEDecode(samples=latent, vae=self.vae), filename_prefix=prefix)


def load_checkpoint(name: str, loras: Sequence[Lora]) -> Checkpoint:
    """Load a model from its file, with LoRAs applied."""
    model, clip, vae = CheckpointLoaderSimple(ckpt_name=name)
    return Checkpoint(*with_loras(model, clip, loras), vae)


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
    parts = load_checkpoint(checkpoint, loras)
    prompts = parts.prompts(prompt, negative, controlnets)
    how = Sampling(seed, steps, cfg, sampler, scheduler)
    latent = EmptyLatentImage(width=width, height=height, batch_size=batch)
    return parts.saved(parts.sampled(prompts, latent, how), prefix)


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
    """A picture made again after another.

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
    parts = load_checkpoint(checkpoint, loras)
    prompts = parts.prompts(prompt, negative, controlnets)
    how = Sampling(seed, steps, cfg, sampler, scheduler)
    latent = VAEEncode(pixels=LoadImage(image=image).IMAGE, vae=parts.vae)
    return parts.saved(parts.sampled(prompts, latent, how, denoise), prefix)


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
    """A picture with a part of it painted again.

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
    parts = load_checkpoint(checkpoint, loras)
    prompts = parts.prompts(prompt, negative, controlnets)
    how = Sampling(seed, steps, cfg, sampler, scheduler)
    pixels, transparent = LoadImage(image=image)
    part: Output[MASK] = transparent if mask is None else LoadImageMask(image=mask, channel="red")
    latent = VAEEncodeForInpaint(pixels=pixels, vae=parts.vae, mask=part, grow_mask_by=grow_mask)
    return parts.saved(parts.sampled(prompts, latent, how), prefix)


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
    parts = load_checkpoint(checkpoint, loras)
    prompts = parts.prompts(prompt, negative)
    how = Sampling(seed, steps, cfg, sampler, scheduler)
    small = parts.sampled(prompts, EmptyLatentImage(width=width, height=height), how)
    large = LatentUpscaleBy(samples=small, upscale_method="bicubic", scale_by=scale)
    return parts.saved(parts.sampled(prompts, large, how, denoise), prefix)
