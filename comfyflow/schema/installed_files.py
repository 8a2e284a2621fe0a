"""Which combos list what is installed on a server, and not what a node's own code fixes; and which
take a file that is uploaded.

A list is one of installed files when any of these holds:

- the editor may upload to it, or asks a route of the server for it (``image_upload``, ``remote``);
- one of its choices has the suffix of a model, picture, sound, font or configuration file;
- it holds nothing but a word for nothing (``["None"]``): on another machine there is more;
- it is empty, and its input is named like one for pictures, sounds, videos or files;
- its input is named like a folder or like a file of a model folder: `_FILE_INPUT`. This is for
  lists that mix fixed entries with files (``vae_name`` has ``pixel_space`` on a fresh server).
"""

from __future__ import annotations

import re
from typing import Final

from .input_schema import InputSchema

_FILE_SUFFIX: Final = re.compile(
    r".\.(safetensors|sft|ckpt|pt2?|pth|pkl|bin|gguf|onnx|engine|trt|npz|npy|ya?ml|json|txt|csv"
    r"|latent|png|jpe?g|webp|gif|bmp|tiff?|exr|hdr|avif|wav|mp3|flac|ogg|opus|m4a|mp4|webm|mov|mkv|avi"
    r"|glb|gltf|obj|fbx|stl|usdz|ply|splat|spz|ksplat|ttf|otf|ttc|woff2?|cube|pdf)$",
    re.IGNORECASE,
)
_FILE_INPUT: Final = re.compile(
    r"(ckpt|checkpoint|lora|lycoris|vae|clip|clip_vision|unet|diffusion_model|control_net|controlnet"
    r"|style_model|gligen|hypernetwork|upscale_model|model_patch|photomaker(_model)?|ip_?adapter"
    r"|text_encoder|audio_encoder|bg_removal|embedding|motion_model|taesd)(_?(name|file|path))?_?\d*"
    r"|existing_lora|(model_)?path|(sub)?folder|directory"
)
_MEDIA_INPUT: Final = re.compile(
    r"(image|picture|gif|video|audio|sound|music|media|file|latent|mask|mesh)(_?(file|name|path))?"
)
_NOTHING: Final = frozenset({"", "none", "[none]", "null", "undefined", "no models found"})


_MEDIA_SUFFIX: Final = re.compile(
    r".\.(latent|png|apng|jpe?g|jfif|webp|gif|bmp|tiff?|exr|hdr|avif|heic|svg|psd|wav|mp3|flac|ogg|oga|opus|m4a|aac"
    r"|aiff?|wma|mp4|m4v|webm|mov|mkv|avi|mpe?g|glb|gltf|obj|fbx|stl|usdz|ply|splat|spz|ksplat)$",
    re.IGNORECASE,
)


def is_media_file(name: str) -> bool:
    """Whether a name is that of a picture, a sound, a video, a 3D model or a latent."""
    return _MEDIA_SUFFIX.search(name) is not None


def takes_file(entry: InputSchema) -> bool:
    """Whether a file that is uploaded can be given to an input.

    The server declares it (``image_upload``), or its combo lists what is in the input folder. Packs with
    their own upload button say only the latter: the list holds media, or it is empty and the input is
    named like one for them (``VHS_LoadVideo.video``).
    """
    if entry.upload is not None:
        return True
    if not entry.is_combo or entry.choices is None or entry.multiselect:
        return False
    listed = [choice for choice in entry.choices if isinstance(choice, str)]
    if any(map(is_media_file, listed)):
        return True
    named = _MEDIA_INPUT.fullmatch(entry.name.casefold()) is not None
    return named and (not entry.choices or any(map(_FILE_SUFFIX.search, listed)))


def lists_files(entry: InputSchema) -> bool:
    """Whether a combo's choices depend on what is installed on the server."""
    options = entry.options
    if entry.upload or options.get("image_folder") or options.get("remote") or options.get("remote_combo"):
        return True
    if _FILE_INPUT.fullmatch(entry.name.casefold()):
        return True
    choices = entry.choices or ()
    if not choices and takes_file(entry):
        return True
    if len(choices) == 1 and isinstance(choices[0], str) and choices[0].strip().casefold() in _NOTHING:
        return True
    return any(
        isinstance(choice, str) and "." in choice and _FILE_SUFFIX.search(choice) for choice in choices
    )
