"""Node classes made by hand, as the generator makes them, for tests of what nodes do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comfyflow.dynamic_input import DynamicChoice, autogrow
from comfyflow.node import (
    MultiOutputNode,
    Output,
    OutputNode,
    OutputSlot,
    SingleOutputNode,
)
from comfyflow.sockets import CLIP, CONDITIONING, IMAGE, LATENT, MODEL, VAE


class Loader(MultiOutputNode[Output[MODEL], Output[CLIP], Output[VAE]]):
    __slots__ = ()
    _class_type = "CheckpointLoaderSimple"
    _display_name = "Load Checkpoint"
    _output_types = ("MODEL", "CLIP", "VAE")
    MODEL = OutputSlot[MODEL](0)
    CLIP = OutputSlot[CLIP](1)
    VAE = OutputSlot[VAE](2)

    def __init__(self, *, ckpt_name: str) -> None:
        self._make({"ckpt_name": ckpt_name})


class Lora(MultiOutputNode[Output[MODEL], Output[CLIP]]):
    __slots__ = ()
    _class_type = "LoraLoader"
    _display_name = "Load LoRA"
    _output_types = ("MODEL", "CLIP")
    MODEL = OutputSlot[MODEL](0)
    CLIP = OutputSlot[CLIP](1)

    def __init__(self, *, model: Any, clip: Any, lora_name: str = "a", strength: float = 1.0) -> None:
        self._make({"model": model, "clip": clip, "lora_name": lora_name, "strength": strength})


class Encode(SingleOutputNode[CONDITIONING]):
    __slots__ = ()
    _class_type = "CLIPTextEncode"
    _display_name = "CLIP Text Encode (Prompt)"
    _output_types = ("CONDITIONING",)
    CONDITIONING = OutputSlot[CONDITIONING](0)

    def __init__(self, *, text: Any, clip: Any) -> None:
        self._make({"text": text, "clip": clip})


class Empty(SingleOutputNode[IMAGE]):
    __slots__ = ()
    _class_type = "EmptyImage"
    _display_name = "EmptyImage"
    _output_types = ("IMAGE",)
    IMAGE = OutputSlot[IMAGE](0)

    def __init__(self, *, width: Any = 512, height: Any = 512, color: Any = 0) -> None:
        self._make({"width": width, "height": height, "color": color})


class Invert(SingleOutputNode[IMAGE]):
    __slots__ = ()
    _class_type = "ImageInvert"
    _display_name = "Invert Image"
    _output_types = ("IMAGE",)
    IMAGE = OutputSlot[IMAGE](0)

    def __init__(self, *, image: Any) -> None:
        self._make({"image": image})


class Batch(SingleOutputNode[IMAGE]):
    __slots__ = ()
    _class_type = "BatchImagesNode"
    _display_name = "Batch Images"
    _output_types = ("IMAGE",)
    IMAGE = OutputSlot[IMAGE](0)

    def __init__(self, *, images: Sequence[Any] | Mapping[str, Any]) -> None:
        self._make({"images": autogrow(images, "image")})


class Decode(SingleOutputNode[IMAGE]):
    __slots__ = ()
    _class_type = "VAEDecode"
    _display_name = "VAE Decode"
    _output_types = ("IMAGE",)
    IMAGE = OutputSlot[IMAGE](0)

    def __init__(self, *, samples: Output[LATENT], vae: Any) -> None:
        self._make({"samples": samples, "vae": vae})


class Resize(SingleOutputNode[IMAGE]):
    __slots__ = ()
    _class_type = "ResizeImageMaskNode"
    _display_name = "Resize Image/Mask"
    _output_types = ("IMAGE",)
    IMAGE = OutputSlot[IMAGE](0)

    class ByMultiplier(DynamicChoice):
        __slots__ = ()
        _key = "scale by multiplier"

        def __init__(self, *, multiplier: float = 1.0) -> None:
            self._make({"multiplier": multiplier})

    def __init__(self, *, image: Any, resize_type: Any, scale_method: str = "area") -> None:
        self._make({"input": image, "resize_type": resize_type, "scale_method": scale_method})


class Save(OutputNode[Any], SingleOutputNode[IMAGE]):
    __slots__ = ()
    _class_type = "SaveImage"
    _display_name = "Save Image"
    _output_types = ("IMAGE",)
    images = OutputSlot[IMAGE](0)

    def __init__(self, *, images: Any, filename_prefix: str = "ComfyUI") -> None:
        self._make({"images": images, "filename_prefix": filename_prefix})
