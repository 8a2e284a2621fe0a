"""Latents: their sizes, batches and masks are real, what is in them is a description."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..node_function import NodeContext, NodeLibrary
from ..values import Conditioning, FloatArray, Latent, Model, np
from .batch_nodes import batched
from .image_nodes import paste, resize
from .mask_nodes import grow_mask
from .sampling_nodes import decode

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


@node("EmptyLatentImage")
def empty_latent_image(width: int, height: int, batch_size: int = 1) -> Latent:
    """Latents of nothing."""
    return Latent(width // 8 * 8, height // 8 * 8, batch_size)


@node(
    "EmptySD3LatentImage",
    "EmptyFlux2LatentImage",
    "EmptyHunyuanImageLatent",
    "EmptyChromaRadianceLatentImage",
)
def empty_sixteen_channels(width: int, height: int, batch_size: int = 1) -> Latent:
    """Latents of nothing, for models with more channels."""
    return Latent(width // 16 * 16, height // 16 * 16, batch_size, channels=16)


@node("VAEEncode", "VAEEncodeTiled")
def vae_encode(pixels: FloatArray, vae: Model, **_tiles: Any) -> Latent:  # noqa: ARG001 (there is no model)
    """Latents of pictures."""
    height, width = pixels.shape[1] // 8 * 8, pixels.shape[2] // 8 * 8
    return Latent(width, height, pixels.shape[0], image=pixels[:, :height, :width, :3])


@node("VAEEncodeForInpaint")
def vae_encode_for_inpaint(pixels: FloatArray, vae: Model, mask: FloatArray, grow_mask_by: int = 6) -> Latent:
    """Latents of pictures, and where to repaint them."""
    latent = vae_encode(pixels, vae)
    return replace(latent, mask=_fitted(grow_mask(np.round(mask), grow_mask_by, True), latent))


@node("InpaintModelConditioning")
def inpaint_model_conditioning(
    positive: Conditioning,
    negative: Conditioning,
    vae: Model,
    pixels: FloatArray,
    mask: FloatArray,
    noise_mask: bool = True,
) -> tuple[Conditioning, Conditioning, Latent]:
    """Prompts and latents for inpainting models."""
    latent = vae_encode(pixels, vae)
    if noise_mask:
        latent = replace(latent, mask=_fitted(mask, latent))
    return positive.with_extra("inpaint"), negative.with_extra("inpaint"), latent


@node("SetLatentNoiseMask")
def set_latent_noise_mask(samples: Latent, mask: FloatArray) -> Latent:
    """Where sampling may change them."""
    return replace(samples, mask=_fitted(mask, samples))


def _fitted(mask: FloatArray, latent: Latent) -> FloatArray:
    return resize(mask.reshape(-1, *mask.shape[-2:]), latent.width, latent.height, "bilinear")


@node("LatentUpscale")
def latent_upscale(samples: Latent, upscale_method: str, width: int, height: int, crop: str) -> Latent:
    """To a size; a side of 0 keeps the proportions, two keep the latents."""
    if width == 0 and height == 0:
        return samples
    width = width or round(samples.width * height / samples.height)
    height = height or round(samples.height * width / samples.width)
    return _resized(samples, width // 8 * 8, height // 8 * 8, upscale_method, crop)


@node("LatentUpscaleBy")
def latent_upscale_by(samples: Latent, upscale_method: str, scale_by: float) -> Latent:
    """By a factor."""
    width, height = round(samples.width // 8 * scale_by) * 8, round(samples.height // 8 * scale_by) * 8
    return _resized(samples, width, height, upscale_method, "disabled")


def _resized(latent: Latent, width: int, height: int, method: str, crop: str) -> Latent:
    image = resize(latent.image, width, height, method, crop) if latent.image is not None else None
    return replace(latent, width=max(width, 8), height=max(height, 8), image=image, mask=None)


@node("LatentFromBatch")
def latent_from_batch(samples: Latent, batch_index: int, length: int) -> Latent:
    """Some of a batch."""
    start = min(batch_index, samples.batch - 1)
    chosen = samples.indexes[start : start + length]
    image = samples.image[start : start + length] if samples.image is not None else None
    return replace(samples, batch=len(chosen), batch_index=chosen, image=image)


@node("RepeatLatentBatch")
def repeat_latent_batch(samples: Latent, amount: int) -> Latent:
    """The same again, numbered on."""
    step = max(samples.indexes) + 1
    indexes = tuple(index + step * again for again in range(amount) for index in samples.indexes)
    image = np.concatenate([samples.image] * amount) if samples.image is not None else None
    return replace(samples, batch=samples.batch * amount, batch_index=indexes, image=image)


@node("LatentBatch")
def latent_batch(context: NodeContext, samples1: Latent, samples2: Latent) -> Latent:
    """Two batches as one."""
    return _joined(context, [samples1, samples2])


@node("BatchLatentsNode")
def batch_latents(context: NodeContext, latents: dict[str, Latent]) -> Latent:
    """Any number of batches as one."""
    return _joined(context, list(latents.values()))


def _joined(context: NodeContext, latents: list[Latent]) -> Latent:
    """One latent of the pictures of several: what they would decode to."""
    image = batched([decode(context, latent) for latent in latents])
    indexes = tuple(index for latent in latents for index in latent.indexes)
    return replace(latents[0], batch=len(indexes), batch_index=indexes, paintings=(), image=image, mask=None)


@node("RebatchLatents", takes_lists=True)
def rebatch_latents(latents: list[Latent], batch_size: list[int]) -> tuple[list[Latent]]:
    """A list of batches of another size."""
    single = [latent_from_batch(latent, index, 1) for latent in latents for index in range(latent.batch)]
    size = batch_size[0]
    found: list[Latent] = []
    for start in range(0, len(single), size):
        group = single[start : start + size]
        indexes = tuple(index for latent in group for index in latent.indexes)
        images = [latent.image for latent in group if latent.image is not None]
        image = np.concatenate(images) if len(images) == len(group) else None
        found.append(replace(group[0], batch=len(group), batch_index=indexes, image=image))
    return (found,)


@node("LatentComposite")
def latent_composite(
    context: NodeContext, samples_to: Latent, samples_from: Latent, x: int, y: int, feather: int = 0
) -> Latent:
    """One laid over the other."""
    below, above = decode(context, samples_to), decode(context, samples_from)
    mask = None
    if feather:
        from .mask_nodes import feather_mask

        mask = feather_mask(np.ones(above.shape[:3], dtype=np.float32), feather, feather, feather, feather)
    return replace(samples_to, paintings=(), image=paste(below, above, (x // 8 * 8, y // 8 * 8), mask))


@node("LatentCompositeMasked")
def latent_composite_masked(
    context: NodeContext,
    destination: Latent,
    source: Latent,
    x: int,
    y: int,
    resize_source: bool,
    mask: FloatArray | None = None,
) -> Latent:
    """One laid over the other where a mask selects it."""
    below, above = decode(context, destination), decode(context, source)
    placed = paste(below, above, (x // 8 * 8, y // 8 * 8), mask, resize_source)
    return replace(destination, paintings=(), image=placed)


@node("LatentRotate")
def latent_rotate(context: NodeContext, samples: Latent, rotation: str) -> Latent:
    """By quarter turns."""
    from .resize_nodes import image_rotate

    return _with_image(samples, image_rotate(decode(context, samples), rotation))


@node("LatentFlip")
def latent_flip(context: NodeContext, samples: Latent, flip_method: str) -> Latent:
    """Upside down or mirrored."""
    from .resize_nodes import image_flip

    return _with_image(samples, image_flip(decode(context, samples), flip_method))


@node("LatentCrop")
def latent_crop(context: NodeContext, samples: Latent, width: int, height: int, x: int, y: int) -> Latent:
    """A part."""
    left, top = min(x // 8 * 8, samples.width - 8), min(y // 8 * 8, samples.height - 8)
    part = decode(context, samples)[:, top : top + height // 8 * 8, left : left + width // 8 * 8]
    return _with_image(samples, part)


def _with_image(latent: Latent, image: FloatArray) -> Latent:
    return replace(latent, width=image.shape[2], height=image.shape[1], paintings=(), image=image, mask=None)
