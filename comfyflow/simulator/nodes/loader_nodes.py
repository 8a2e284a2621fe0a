"""Loaders and encoders: they make descriptions, for there are no models here."""

from __future__ import annotations

from typing import Any, Final

from ..node_function import NodeContext, NodeLibrary
from ..node_result import class_and_constants
from ..values import Conditioning, FloatArray, Model, np

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node


@node("CheckpointLoaderSimple", "ImageOnlyCheckpointLoader", "CheckpointLoader", "unCLIPCheckpointLoader")
def checkpoint_loader(context: NodeContext, ckpt_name: str, **_rest: Any) -> tuple[Model, ...]:
    """A checkpoint's models, in the order in which its class gives them."""
    return tuple(Model(output.type, ckpt_name) for output in context.schema.outputs)


@node("LoraLoader", "LoraLoaderBypass")
def lora_loader(
    model: Model, clip: Model, lora_name: str, strength_model: float, strength_clip: float
) -> tuple[Model, Model]:
    """A LoRA on model and text encoder; at strength 0 it is left out."""
    patched = model.patched(f"{lora_name}@{strength_model:g}") if strength_model else model
    return patched, clip.patched(f"{lora_name}@{strength_clip:g}") if strength_clip else clip


@node("LoraLoaderModelOnly", "LoraLoaderBypassModelOnly")
def lora_loader_model_only(model: Model, lora_name: str, strength_model: float) -> Model:
    """A LoRA on a model; at strength 0 it is left out."""
    return model.patched(f"{lora_name}@{strength_model:g}") if strength_model else model


@node("CLIPTextEncode")
def clip_text_encode(text: str, clip: Model) -> Conditioning:
    """A prompt."""
    return Conditioning((text,), (clip.name, *clip.patches))


@node("CLIPTextEncodeSDXL")
def clip_text_encode_sdxl(clip: Model, text_g: str, text_l: str, **_sizes: Any) -> Conditioning:
    """A prompt for both encoders of SDXL."""
    return Conditioning(tuple(dict.fromkeys((text_g, text_l))), (clip.name, *clip.patches))


@node("CLIPTextEncodeFlux")
def clip_text_encode_flux(clip: Model, clip_l: str, t5xxl: str, guidance: float) -> Conditioning:
    """A prompt for both encoders of Flux."""
    return Conditioning(tuple(dict.fromkeys((t5xxl, clip_l))), (clip.name, *clip.patches, f"{guidance:g}"))


@node("ConditioningCombine")
def conditioning_combine(conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Both prompts."""
    return conditioning_1.joined(conditioning_2)


@node("ConditioningConcat")
def conditioning_concat(conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """One prompt behind the other."""
    return conditioning_to.joined(conditioning_from)


@node("ConditioningAverage")
def conditioning_average(
    conditioning_to: Conditioning, conditioning_from: Conditioning, conditioning_to_strength: float
) -> Conditioning:
    """Between two prompts."""
    joined = conditioning_to.joined(conditioning_from)
    return joined.with_extra(f"average@{conditioning_to_strength:g}")


@node("ConditioningZeroOut")
def conditioning_zero_out(conditioning: Conditioning) -> Conditioning:  # noqa: ARG001 (nothing of it is left)
    """No prompt."""
    return Conditioning((), ("zero",))


@node("ControlNetApplyAdvanced", "ControlNetApplySD3", "ControlNetInpaintingAliMamaApply")
def control_net_apply(
    context: NodeContext,
    positive: Conditioning,
    negative: Conditioning,
    control_net: Model,
    image: FloatArray,
    **rest: Any,
) -> tuple[Conditioning, Conditioning]:
    """Both prompts, held to a picture."""
    note = f"{control_net.name} {_digest(image)} {class_and_constants(context, rest)}"
    return positive.with_extra(note), negative.with_extra(note)


@node("ControlNetApply")
def control_net_apply_simple(
    conditioning: Conditioning, control_net: Model, image: FloatArray, strength: float
) -> Conditioning:
    """A prompt, held to a picture."""
    return conditioning.with_extra(f"{control_net.name} {_digest(image)} {strength:g}")


def _digest(image: FloatArray) -> str:
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest()[:16]


@node("ModelMergeSimple", "CLIPMergeSimple")
def merge_simple(ratio: float, **models: Model) -> Model:
    """Between two models."""
    first, second = models.values()
    return first.patched(f"{second.name} {' '.join(second.patches)}@{1 - ratio:g}")


@node("UpscaleModelLoader")
def upscale_model_loader(model_name: str) -> Model:
    """An upscaling model; its factor is read from its name."""
    return Model("UPSCALE_MODEL", model_name)


@node("ControlNetLoader")
def control_net_loader(control_net_name: str) -> Model:
    """A ControlNet."""
    return Model("CONTROL_NET", control_net_name)
