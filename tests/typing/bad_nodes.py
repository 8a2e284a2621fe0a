"""Mistakes that both type checkers must find, each on the line that is marked, and no others."""

# ruff: noqa: B018, F401, I001

from __future__ import annotations

from comfynodes import (
    BatchImagesNode,
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyImage,
    EmptyLatentImage,
    ImageScale,
    KSampler,
    LoadImage,
    PreviewAny,
    ResizeImageMaskNode,
    SaveAudio,
    SaveImage,
    VAEDecode,
)
from comfynodes import KSampller  # error: a node that there is not
from comfynodes.nodes import ImageScaled  # error: nor in its module
from comfynodes.sockets import MODEL

from comfyflow.node import Output, OutputNode
from comfyflow.output_file import AudioOutput

ckpt = CheckpointLoaderSimple(ckpt_name="a.safetensors")
model, clip = ckpt  # error: three outputs
model, clip, vae = ckpt
text = CLIPTextEncode(text="a", clip=clip)
empty = EmptyLatentImage(width=512, height=512)
image = EmptyImage(width=64, height=64)

CLIPTextEncode(text="a", clip=ckpt.MODEL)  # error: the wrong socket
CLIPTextEncode(text="a", clip=model)  # error: the wrong socket, unpacked
CLIPTextEncode(text="a", clip=text)  # error: a node with another output
CLIPTextEncode(text="a", clip=ckpt)  # error: a node with several outputs
CLIPTextEncode(text="a", clip="clip")  # error: a constant for a socket
CLIPTextEncode(text=5, clip=clip)  # error: a number for a text
CLIPTextEncode(text="a")  # error: a missing input
CLIPTextEncode(text="a", clip=clip, txt="b")  # error: an unknown input
CLIPTextEncode("a", clip)  # error: arguments by position
CLIPTextEncode(text=None, clip=clip)  # error: None for a required input
ckpt.model  # error: no such output
text.CLIP  # error: no such output either
ckpt.MODEL = model  # error: an output is no variable
EmptyLatentImage(width=512.5, height=512)  # error: a float for an integer
EmptyLatentImage(width="512", height=512)  # error: a text for an integer
KSampler(
    model=model,
    seed=1,
    sampler_name="eulr",  # error: a choice that there is not
    scheduler="normal",
    positive=text,
    negative=text,
    latent_image=empty,
)
ImageScale(image=image, upscale_method="area", width=64, height=64, crop="no")  # error: nor this
ImageScale(image=EmptyImage, upscale_method="area", width=64, height=64, crop="disabled")  # error: a class
LoadImage(image=image)  # error: a picture where a file is wanted
PreviewAny(source=ckpt)  # error: several outputs where anything is taken
PreviewAny(source=PreviewAny)  # error: a class where anything is taken
BatchImagesNode(images=image)  # error: one where a list is wanted
BatchImagesNode(images=[image, empty])  # error: a list with a wrong one
ResizeImageMaskNode(input=model, resize_type="scale width", scale_method="area")  # error: neither allowed
ResizeImageMaskNode(input=image, resize_type="match size", scale_method="area")  # error: needs its input
ResizeImageMaskNode(input=image, resize_type="sideways", scale_method="area")  # error: no such option
ResizeImageMaskNode.ResizeType.scale_width(height=5)  # error: no such input of the option
ResizeImageMaskNode.ResizeType.match_size()  # error: a missing input of the option
ResizeImageMaskNode.ResizeType.sideways  # error: no such option
wanted: Output[MODEL] = VAEDecode(samples=empty, vae=vae)  # error: another type
saved: OutputNode[AudioOutput] = SaveImage(images=image)  # error: pictures, not sounds
SaveAudio(audio=image)  # error: a picture for a sound
for _ in empty:  # error: one output is no list
    pass
