"""What recipes take any number of: LoRAs and ControlNets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from comfynodes import ControlNetApplyAdvanced, ControlNetLoader, LoadImage, LoraLoader

from ..errors import CommandError
from ..node import Output
from ..sockets import CLIP, CONDITIONING, MODEL, VAE


class Lora(NamedTuple):
    """A LoRA file and how strongly it acts. On a command line: ``add_detail.safetensors:0.8``."""

    name: str
    strength: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Lora:
        """Read ``NAME`` or ``NAME:STRENGTH``."""
        name, numbers = _split(text, 1)
        return cls(name, *numbers)


class ControlNet(NamedTuple):
    """A ControlNet and the picture that it follows.

    On a command line: ``canny.safetensors=edges.png:0.7`` (then the start and the end of the
    steps in which it acts, each from 0 to 1: ``…:0.7:0:0.5``).
    """

    name: str
    image: str
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0

    @classmethod
    def parse(cls, text: str) -> ControlNet:
        """Read ``NAME=IMAGE[:STRENGTH[:START[:END]]]``."""
        name, separator, rest = text.partition("=")
        if not separator:
            raise CommandError(
                f"{text!r} is not a ControlNet setting; write NAME=IMAGE or NAME=IMAGE:STRENGTH"
            )
        image, numbers = _split(rest, 3)
        return cls(name, image, *numbers)


def with_loras(
    model: Output[MODEL], clip: Output[CLIP], loras: Iterable[Lora]
) -> tuple[Output[MODEL], Output[CLIP]]:
    """The model and the text encoder, with LoRAs applied one after another."""
    for lora in loras:
        model, clip = LoraLoader(
            model=model,
            clip=clip,
            lora_name=lora.name,
            strength_model=lora.strength,
            strength_clip=lora.strength,
        )
    return model, clip


def with_controlnets(
    positive: Output[CONDITIONING],
    negative: Output[CONDITIONING],
    controlnets: Sequence[ControlNet],
    vae: Output[VAE],
) -> tuple[Output[CONDITIONING], Output[CONDITIONING]]:
    """The two prompts, with ControlNets applied one after another."""
    for controlnet in controlnets:
        picture = LoadImage(image=controlnet.image)
        positive, negative = ControlNetApplyAdvanced(
            positive=positive,
            negative=negative,
            control_net=ControlNetLoader(control_net_name=controlnet.name),
            image=picture.IMAGE,
            strength=controlnet.strength,
            start_percent=controlnet.start,
            end_percent=controlnet.end,
            vae=vae,
        )
    return positive, negative


def _split(text: str, most: int) -> tuple[str, list[float]]:
    """A name, and the numbers behind its last colons; a name may may contain colons itself."""
    numbers: list[float] = []
    head = text
    while len(numbers) < most:
        front, separator, last = head.rpartition(":")
        if not separator or not front:
            break
        try:
            numbers.insert(0, float(last))
        except ValueError:
            break
        head = front
    return head, numbers
