"""Samplers and decoders: the picture is chosen from the prompt and the seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..node_function import NodeContext, NodeLibrary
from ..node_result import class_and_constants
from ..painting import bounded, caption, enlarge, paint, preview
from ..values import Conditioning, FloatArray, Guider, Latent, Model, Noise, Painting, Sampler, Sigmas, np

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

PAN: Final = 1.12
"""How much wider than a frame the picture is that a video passes over."""


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
    guider = Guider(model, positive, negative, f"{cfg:g}")
    painting = painted(guider, seed, (sampler_name, scheduler), denoise)
    return sample(context, latent_image, painting, steps)


@node("KSamplerAdvanced")
def ksampler_advanced(
    context: NodeContext,
    model: Model,
    add_noise: str,
    noise_seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    positive: Conditioning,
    negative: Conditioning,
    latent_image: Latent,
    start_at_step: int,
    end_at_step: int,
    return_with_leftover_noise: str,
) -> Latent:
    """Sample some of the steps."""
    last = min(end_at_step, steps)
    taken = max(0, last - start_at_step)
    guider = Guider(model, positive, negative, f"{cfg:g} {return_with_leftover_noise}")
    seed = noise_seed if add_noise == "enable" else 0
    share = 1.0 if start_at_step == 0 else taken / max(steps, 1)
    painting = painted(guider, seed, (sampler_name, scheduler), share)
    return sample(context, latent_image, painting, taken) if taken else latent_image


@node("SamplerCustom")
def sampler_custom(
    context: NodeContext,
    model: Model,
    add_noise: bool,
    noise_seed: int,
    cfg: float,
    positive: Conditioning,
    negative: Conditioning,
    sampler: Sampler,
    sigmas: Sigmas,
    latent_image: Latent,
) -> tuple[Latent, Latent]:
    """Sample along a schedule."""
    guider = Guider(model, positive, negative, f"{cfg:g}")
    noise = Noise(noise_seed if add_noise else None)
    return sampler_custom_advanced(context, noise, guider, sampler, sigmas, latent_image)


@node("SamplerCustomAdvanced")
def sampler_custom_advanced(
    context: NodeContext, noise: Noise, guider: Guider, sampler: Sampler, sigmas: Sigmas, latent_image: Latent
) -> tuple[Latent, Latent]:
    """Sample along a schedule, with a guider."""
    if not sigmas.steps:
        return latent_image, latent_image
    seed = noise.seed if noise.seed is not None else 0
    painting = painted(guider, seed, (sampler.name,), sigmas.denoise)
    sampled = sample(context, latent_image, painting, sigmas.steps)
    return sampled, sampled


def painted(guider: Guider, seed: int, how: tuple[str, ...], strength: float) -> Painting:
    """What a sampler makes of prompts, model, seed and settings."""
    model = guider.model
    extras = guider.positive.extras
    recipe = (model.name, *model.patches, guider.settings, *how, *extras)
    return Painting(guider.positive.text, guider.negative.text, seed, recipe, strength)


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


@node("BasicGuider")
def basic_guider(model: Model, conditioning: Conditioning) -> Guider:
    """Guided by one prompt."""
    return Guider(model, conditioning, Conditioning(()), "1")


@node("CFGGuider")
def cfg_guider(model: Model, positive: Conditioning, negative: Conditioning, cfg: float) -> Guider:
    """Guided by what is wanted and what is not."""
    return Guider(model, positive, negative, f"{cfg:g}")


@node("DualCFGGuider")
def dual_cfg_guider(
    context: NodeContext,
    model: Model,
    cond1: Conditioning,
    cond2: Conditioning,
    negative: Conditioning,
    **rest: Any,
) -> Guider:
    """Guided by two prompts."""
    return Guider(model, cond1.joined(cond2), negative, class_and_constants(context, rest))


@node("RandomNoise")
def random_noise(noise_seed: int) -> Noise:
    """Noise of a seed."""
    return Noise(noise_seed)


@node("DisableNoise")
def disable_noise() -> Noise:
    """None."""
    return Noise(None)


@node("KSamplerSelect")
def ksampler_select(sampler_name: str) -> Sampler:
    """An algorithm, by name."""
    return Sampler(sampler_name)


@node(
    "SamplerEulerAncestral", "SamplerEulerAncestralCFGPP", "SamplerLMS", "SamplerDPMPP_3M_SDE",
    "SamplerDPMPP_2M_SDE", "SamplerDPMPP_SDE", "SamplerDPMPP_2S_Ancestral", "SamplerDPMAdaptative",
    "SamplerER_SDE", "SamplerSASolver", "SamplerSEEDS2", "SamplerLCMUpscale", "SamplerLCM", "SamplerARVideo",
    "SamplerEulerCFGpp", "VOIDSampler",
)  # fmt: skip
def sampler_with_settings(context: NodeContext, **values: Any) -> Sampler:
    """An algorithm, with its settings."""
    return Sampler(class_and_constants(context, values))


@node(
    "BasicScheduler", "SDTurboScheduler", "OptimalStepsScheduler", "AlignYourStepsScheduler", "GITSScheduler"
)
def denoising_scheduler(steps: int, denoise: float = 1.0, **_rest: Any) -> Sigmas:
    """A schedule, or the end of one."""
    return Sigmas.linear(steps if denoise > 0 else 0, denoise)


@node("KarrasScheduler")
def karras_scheduler(steps: int, sigma_max: float, sigma_min: float, rho: float) -> Sigmas:
    """Karras's schedule."""
    ramp = np.linspace(0, 1, steps)
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    values = (high + ramp * (low - high)) ** rho
    return Sigmas((*(float(value) for value in values), 0.0))


@node("ExponentialScheduler")
def exponential_scheduler(steps: int, sigma_max: float, sigma_min: float) -> Sigmas:
    """Equal ratios."""
    values = np.exp(np.linspace(np.log(sigma_max), np.log(sigma_min), steps))
    return Sigmas((*(float(value) for value in values), 0.0))


@node("SplitSigmas")
def split_sigmas(sigmas: Sigmas, step: int) -> tuple[Sigmas, Sigmas]:
    """Before and after a step."""
    first, second = sigmas.values[: step + 1], sigmas.values[step:]
    share = (len(second) - 1) / max(sigmas.steps, 1)
    return Sigmas(first, sigmas.denoise), Sigmas(second, sigmas.denoise * max(share, 0.0))


@node("SplitSigmasDenoise")
def split_sigmas_denoise(sigmas: Sigmas, denoise: float) -> tuple[Sigmas, Sigmas]:
    """The beginning, and an end that denoises so much."""
    taken = round(sigmas.steps * denoise)
    return split_sigmas(sigmas, sigmas.steps - taken)


@node("FlipSigmas")
def flip_sigmas(sigmas: Sigmas) -> Sigmas:
    """Backwards."""
    return Sigmas(sigmas.values[::-1], sigmas.denoise)


@node("SetFirstSigma")
def set_first_sigma(sigmas: Sigmas, sigma: float) -> Sigmas:
    """With another beginning."""
    return Sigmas((sigma, *sigmas.values[1:]), sigmas.denoise)


@node("ManualSigmas")
def manual_sigmas(sigmas: str) -> Sigmas:
    """Typed by hand, with commas."""
    import re

    return Sigmas(tuple(float(number) for number in re.findall(r"[-+]?(?:\d*\.*\d+)", sigmas)))


@node("VAEDecode", "VAEDecodeTiled")
def vae_decode(context: NodeContext, samples: Latent, vae: Model, **_tiles: Any) -> FloatArray:  # noqa: ARG001
    """The pictures of a latent."""
    return decode(context, samples)


def decode(context: NodeContext, latent: Latent) -> FloatArray:
    """Paint what was sampled over what was encoded.

    Args:
        context: The node.
        latent: What to decode.

    Returns:
        Batch (times frames), height, width, 3.
    """
    if latent.frames > 1:
        return np.concatenate([_frames(context, latent, number) for number in latent.indexes])
    return np.stack([_decoded(context, latent, index, number) for index, number in enumerate(latent.indexes)])


def _decoded(context: NodeContext, latent: Latent, index: int, number: int) -> FloatArray:
    picture = _source(latent, index)
    for painting in latent.paintings:
        new = paint(painting, latent.width, latent.height, number)
        share = np.full(
            (latent.height, latent.width, 1), min(max(painting.strength, 0.0), 1.0), dtype=np.float32
        )
        if latent.mask is not None:
            mask = latent.mask[index % len(latent.mask)]
            share = share * bounded(enlarge(mask, latent.width, latent.height))[..., None]
        picture = picture + (new - picture) * share
    return np.asarray(bounded(_captioned(context, latent, picture)), dtype=np.float32)


def _captioned(context: NodeContext, latent: Latent, picture: FloatArray) -> FloatArray:
    if not latent.paintings or not context.caption:
        return picture
    return caption(picture, f"simulated by comfyflow: {latent.paintings[-1].prompt}")


def _source(latent: Latent, index: int) -> FloatArray:
    if latent.image is None:
        return np.full((latent.height, latent.width, 3), 0.5, dtype=np.float32)
    image: FloatArray = latent.image[index % len(latent.image)]
    if image.shape[:2] == (latent.height, latent.width):
        return image[..., :3]
    planes = [enlarge(image[..., channel], latent.width, latent.height) for channel in range(3)]
    return np.stack(planes, axis=-1)


def _frames(context: NodeContext, latent: Latent, number: int) -> FloatArray:
    """The frames of a video: a slow pass over one wide picture."""
    wide = round(latent.width * PAN)
    if latent.paintings:
        scene = paint(latent.paintings[-1], wide, latent.height, number)
    else:
        scene = np.full((latent.height, wide, 3), 0.5, dtype=np.float32)
    found: list[FloatArray] = []
    for frame in range(latent.frames):
        left = round((wide - latent.width) * frame / max(latent.frames - 1, 1))
        found.append(_captioned(context, latent, scene[:, left : left + latent.width]))
    return np.stack(found)
