"""Loaders and encoders: they make descriptions, for there are no models here."""

from __future__ import annotations

from ..node_function import NodeLibrary
from ..values import Conditioning, Model

LIBRARY = NodeLibrary()
node = LIBRARY.node


@node("CheckpointLoaderSimple")
def checkpoint_loader_simple(ckpt_name: str) -> tuple[Model, Model, Model]:
    """A checkpoint's model, text encoder and VAE."""
    return Model("MODEL", ckpt_name), Model("CLIP", ckpt_name), Model("VAE", ckpt_name)


@node("CLIPTextEncode")
def clip_text_encode(text: str, clip: Model) -> Conditioning:
    """A prompt."""
    return Conditioning((text,), (clip.name,))
