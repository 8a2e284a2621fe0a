"""In which folder below ``models`` a loader looks for its files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

EXTENSIONS: Final = frozenset(
    {".bin", ".ckpt", ".gguf", ".onnx", ".pkl", ".pt", ".pt2", ".pth", ".safetensors", ".sft"}
)
"""What the names of model files end in, as ComfyUI has them; ``.gguf`` and ``.onnx`` are those of packs."""

CODE: Final = frozenset({".bin", ".ckpt", ".pkl", ".pt", ".pt2", ".pth"})
"""Formats that may hold Python's pickles, which can run code where they are loaded."""

LOADERS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "checkpoints": (("CheckpointLoaderSimple", "ckpt_name"), ("ImageOnlyCheckpointLoader", "ckpt_name")),
    "configs": (("CheckpointLoader", "config_name"),),
    "loras": (("LoraLoader", "lora_name"), ("LoraLoaderModelOnly", "lora_name")),
    "vae": (("VAELoader", "vae_name"),),
    "text_encoders": (("CLIPLoader", "clip_name"), ("DualCLIPLoader", "clip_name1")),
    "diffusion_models": (("UNETLoader", "unet_name"),),
    "clip_vision": (("CLIPVisionLoader", "clip_name"),),
    "style_models": (("StyleModelLoader", "style_model_name"),),
    "embeddings": (),
    "diffusers": (),
    "vae_approx": (),
    "controlnet": (("ControlNetLoader", "control_net_name"),),
    "gligen": (("GLIGENLoader", "gligen_name"),),
    "upscale_models": (("UpscaleModelLoader", "model_name"),),
    "custom_nodes": (),
    "hypernetworks": (("HypernetworkLoader", "hypernetwork_name"),),
    "photomaker": (("PhotoMakerLoader", "photomaker_model_name"),),
    "classifiers": (),
    "model_patches": (("ModelPatchLoader", "name"),),
    "audio_encoders": (("AudioEncoderLoader", "audio_encoder_name"),),
}
"""Folder to the inputs that list its files."""

_NUMBERED: Final = re.compile(r"\d+\Z")
_TELLING: Final = frozenset(
    {"ckpt_name", "lora_name", "vae_name", "unet_name", "style_model_name", "control_net_name", "gligen_name"}
    | {"hypernetwork_name", "photomaker_model_name", "audio_encoder_name"}
)
"""Names of inputs that mean the same folder in every class, of packs too; ``clip_name`` and ``model_name`` do
not.
"""


def is_model_name(value: object) -> bool:
    """Whether a value ends like a model file."""
    return isinstance(value, str) and value.lower().endswith(tuple(EXTENSIONS))


def folder_of(class_type: str, input_name: str) -> str | None:
    """The folder whose files an input lists, or None if that is not known.

    Args:
        class_type: The node's class.
        input_name: The input's name in the prompt.
    """
    plain = _NUMBERED.sub("", input_name)
    exact = _BY_INPUT.get((class_type, plain))
    if exact is not None:
        return exact
    if plain == "clip_name" and input_name != plain:  # DualCLIPLoader, TripleCLIPLoader, …
        return "text_encoders"
    folders = _BY_NAME.get(plain, set())
    return next(iter(folders)) if plain in _TELLING and len(folders) == 1 else None


def _by_input() -> tuple[dict[tuple[str, str], str], dict[str, set[str]]]:
    exact: dict[tuple[str, str], str] = {}
    names: defaultdict[str, set[str]] = defaultdict(set)
    for folder, inputs in LOADERS.items():
        for class_type, name in inputs:
            plain = _NUMBERED.sub("", name)
            exact[class_type, plain] = folder
            names[plain].add(folder)
    return exact, names


_BY_INPUT, _BY_NAME = _by_input()
