"""Latents, samplers and decoders: the picture is chosen from the prompt and the seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..node_function import NodeContext, NodeLibrary
from ..painting import bounded, caption, enlarge, paint, preview
from ..values import Conditioning, FloatArray, Latent, Model, Painting

LIBRARY = NodeLibrary()
node = LIBRARY.node


@node("EmptyLatentImage")
def empty_latent_image(width: int, height: int, batch_size: int = 1) -> Latent:
    """Latents of nothing."""
    return Latent(width // 8 * 8, height // 8 * 8, batch_size)


@node("KSampler")
def ksampler(
    context: NodeContext,
    model: Model,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    denoise: float = 1.0,
) -> Latent:
    """Sample, a step at a time."""
    recipe = (model.name, *model.patches, f"{cfg:g}", sampler_name, scheduler, *positive.extras)
    painting = Painting(positive.text, negative.text, seed, recipe, denoise)
    return sample(context, latent_image, painting, steps)


def sample(context: NodeContext, latent: Latent, painting: Painting, steps: int) -> Latent:
    """Go through the steps of a sampler, telling each, and give the latent that it makes.

    Args:
        context: The node.
        latent: What to begin with.
        painting: What it will be.
        steps: How many.
    """
    for step in range(1, steps + 1):
        context.sleep(context.step_seconds)
        shown = preview(painting, latent.width, latent.height, step / steps) if context.previews else None
        context.progress(step, steps, shown)
    return replace(latent, paintings=(*latent.paintings, painting))


@node("VAEDecode", "VAEDecodeTiled")
def vae_decode(context: NodeContext, samples: Latent, vae: Model) -> FloatArray:  # noqa: ARG001
    """The pictures of a latent."""
    return decode(context, samples)


def decode(context: NodeContext, latent: Latent) -> FloatArray:
    """Paint what was sampled over what was encoded.

    Args:
        context: The node.
        latent: What to decode.

    Returns:
        Batch, height, width, 3.
    """
    return np.stack([_decoded(context, latent, index, number) for index, number in enumerate(latent.indexes)])


def _decoded(context: NodeContext, latent: Latent, index: int, number: int) -> FloatArray:
    picture = _source(latent, index)
    for painting in latent.paintings:
        painted = paint(painting, latent.width, latent.height, number)
        share = np.full(
            (latent.height, latent.width, 1), min(max(painting.strength, 0.0), 1.0), dtype=np.float32
        )
        if latent.mask is not None:
            mask = latent.mask[index % len(latent.mask)]
            share = share * bounded(enlarge(mask, latent.width, latent.height), 0, 1)[..., None]
        picture = picture + (painted - picture) * share
    if latent.paintings and context.caption:
        picture = caption(picture, f"simulated by comfyflow: {latent.paintings[-1].prompt}")
    return np.asarray(bounded(picture, 0, 1), dtype=np.float32)


def _source(latent: Latent, index: int) -> FloatArray:
    if latent.image is None:
        return np.full((latent.height, latent.width, 3), 0.5, dtype=np.float32)
    image: FloatArray = latent.image[index % len(latent.image)]
    if image.shape[:2] == (latent.height, latent.width):
        return image
    return np.stack(
        [enlarge(image[..., channel], latent.width, latent.height) for channel in range(3)], axis=-1
    )
