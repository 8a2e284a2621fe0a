"""Programs that both type checkers accept, and what they say of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from comfynodes import (
    BatchImagesNode,
    CheckpointLoaderSimple,
    CLIPTextEncode,
    ComfySwitchNode,
    EmptyImage,
    EmptyLatentImage,
    GetSplatCount,
    GLSLShader,
    ImageScale,
    KSampler,
    LoadImage,
    LoraLoader,
    PreviewAny,
    PreviewImage,
    ResizeImageMaskNode,
    SaveImage,
    VAEDecode,
    nodes,
)
from comfynodes.choices import SamplerName
from comfynodes.nodes import KSampler as SameKSampler
from comfynodes.sockets import CLIP, CONDITIONING, IMAGE, MASK, MODEL, SPLAT, VAE
from PIL import Image
from typing_extensions import assert_type, reveal_type

from comfyflow.client import UploadedFile
from comfyflow.node import Output, OutputNode
from comfyflow.output_file import ImageFile, ImageOutput

ckpt = CheckpointLoaderSimple(ckpt_name="a.safetensors")
reveal_type(ckpt)  # reveals: CheckpointLoaderSimple
reveal_type(ckpt.MODEL)  # reveals: Output[MODEL]
assert_type(ckpt.CLIP, Output[CLIP])

model, clip, vae = ckpt
assert_type(model, Output[MODEL])
assert_type(vae, Output[VAE])
model, clip = LoraLoader(
    model=model, clip=clip, lora_name="b.safetensors", strength_model=0.5, strength_clip=1
)

positive = CLIPTextEncode(text="a lighthouse", clip=clip)
assert_type(positive.CONDITIONING, Output[CONDITIONING])
sampler: SamplerName = "euler"
latent = KSampler(
    model=model,
    seed=2**64 - 1,
    sampler_name=sampler,
    scheduler="normal",
    positive=positive,
    negative=positive.CONDITIONING,
    latent_image=EmptyLatentImage(width=512, height=512),
)
reveal_type(latent)  # reveals: KSampler
reveal_type(latent.LATENT)  # reveals: Output[LATENT]
same: SameKSampler = latent
also: nodes.KSampler = latent
image = VAEDecode(samples=latent, vae=vae)


def doubled(picture: Output[IMAGE]) -> Output[IMAGE]:
    """A reusable part is a plain function; a node with one output is that output."""
    return ImageScale(image=picture, upscale_method="lanczos", width=1024, height=1024, crop="disabled")


def any_of(output: Output[object]) -> PreviewAny:
    """`Output` is covariant."""
    return PreviewAny(source=output)


any_of(latent)
any_of(doubled(image))
PreviewAny(source=5)
PreviewAny(source={"a": [1, 2]})
save: OutputNode[ImageOutput] = SaveImage(images=doubled(image))
PreviewImage(images=EmptyImage(width=64, height=64))

LoadImage(image=Path("input") / "a.png")
LoadImage(image=b"GIF89a")
LoadImage(image=UploadedFile("a.png"))
LoadImage(image=ImageFile("a.png", "sub"))
LoadImage(image=Image.new("RGB", (8, 8)))
LoadImage(image=np.zeros((8, 8, 3)))
picture, mask = LoadImage(image="a.png")
assert_type(mask, Output[MASK])

switched = ComfySwitchNode(switch=True, on_false=image, on_true=doubled(image))
assert_type(switched.output, Output[IMAGE])
SaveImage(images=switched)
resized = ResizeImageMaskNode(input=mask, resize_type="scale width", scale_method="area")
assert_type(resized.resized, Output[MASK])
by = ResizeImageMaskNode.ResizeType.scale_by_multiplier(multiplier=2.0)
ResizeImageMaskNode(input=image, resize_type=by)

BatchImagesNode(images=[image, doubled(image), LoadImage(image="b.png").IMAGE])
GLSLShader(size_mode="from_input", images=[image], floats=[0.5, 1])


def count(splat: Output[SPLAT]) -> None:
    """Outputs with the names of tuple methods."""
    counted = GetSplatCount(splat=splat)
    first, second = counted
    reveal_type(counted.count)  # reveals: Output[INT]
    reveal_type(first)  # reveals: Output[Any]
    PreviewAny(source=second)
