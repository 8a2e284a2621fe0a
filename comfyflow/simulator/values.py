"""What flows between simulated nodes.

Pictures are float32 arrays of batch, height, width, channel between 0 and 1; masks lack the
channel. The rest are the small descriptions below: enough to paint a picture from at the end.
Type checkers see NumPy untyped, for its own types need a later Python than 3.10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

np: Any = import_module("numpy")
"""NumPy itself."""

FloatArray: TypeAlias = Any
"""A NumPy array, of float32 where nothing else is said."""

Random: TypeAlias = Any
"""A ``numpy.random.Generator``."""


@dataclass(frozen=True)
class Model:
    """A model that was loaded, and what was done to it: all that tells two of them apart.

    Attributes:
        kind: ``MODEL``, ``CLIP``, ``VAE``, ``CONTROL_NET``, ….
        name: The file.
        patches: LoRAs and the like, in order.
    """

    kind: str
    name: str
    patches: tuple[str, ...] = ()

    def patched(self, *patches: str) -> Model:
        """The model with more done to it."""
        return replace(self, patches=(*self.patches, *patches))


@dataclass(frozen=True)
class Conditioning:
    """Prompt texts and what was added to them."""

    texts: tuple[str, ...]
    extras: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The texts as one line."""
        return ", ".join(text for text in self.texts if text)

    def joined(self, other: Conditioning) -> Conditioning:
        """Both of them."""
        return Conditioning(self.texts + other.texts, self.extras + other.extras)

    def with_extra(self, extra: str) -> Conditioning:
        """The same with something added."""
        return replace(self, extras=(*self.extras, extra))


@dataclass(frozen=True)
class Painting:
    """What a sampler decided: enough to paint the same picture again.

    Attributes:
        prompt: The positive prompt.
        negative: The negative prompt.
        seed: The seed.
        recipe: Model, sampler, steps, …: whatever else changes the picture.
        strength: How much of it is new; below 1 the latent's own image shows through.
    """

    prompt: str
    negative: str
    seed: int
    recipe: tuple[str, ...] = ()
    strength: float = 1.0


@dataclass(frozen=True)
class Latent:
    """A latent picture.

    Attributes:
        width: In pixels of the picture that it decodes to.
        height: The same.
        batch: How many.
        channels: Latent channels.
        frames: Frames of a video; 1 for pictures.
        paintings: What was sampled, oldest first.
        image: What was encoded into it, or None.
        mask: Where sampling may change it, or None.
        batch_index: Which pictures of a larger batch these are.
        seconds: Of sound, where it is the latent of a sound; 0 for pictures.
    """

    width: int
    height: int
    batch: int = 1
    channels: int = 4
    frames: int = 1
    paintings: tuple[Painting, ...] = ()
    image: FloatArray | None = field(default=None, compare=False)
    mask: FloatArray | None = field(default=None, compare=False)
    batch_index: tuple[int, ...] | None = None
    seconds: float = 0.0

    @property
    def indexes(self) -> tuple[int, ...]:
        """The number of each picture in the batch it was made in."""
        return self.batch_index if self.batch_index is not None else tuple(range(self.batch))


@dataclass(frozen=True)
class Sound:
    """Samples between -1 and 1 of shape batch, channel, sample; and their rate."""

    samples: FloatArray
    rate: int


@dataclass(frozen=True)
class Video:
    """Frames, their rate, and the sound that goes with them.

    Attributes:
        images: Batch, height, width, channel.
        fps: Frames a second.
        audio: The sound, or None.
        bit_depth: What it is encoded with: 8 or 10.
    """

    images: FloatArray
    fps: float | Fraction = 24.0
    audio: Sound | None = None
    bit_depth: int = 8


@dataclass(frozen=True)
class VideoValue:
    """A video as it is in a file; its frames are decoded when they are wanted.

    Attributes:
        path: The file.
        decode: Reads it.
    """

    path: Path
    decode: Callable[[Path], Video]

    @cached_property
    def video(self) -> Video:
        """Its frames and its sound.

        Raises:
            ValueError: It cannot be read.
        """
        return self.decode(self.path)


@dataclass(frozen=True)
class Sigmas:
    """A noise schedule.

    Attributes:
        values: From much noise to none: one more than there are steps.
        denoise: Which share of a whole schedule it is.
    """

    values: tuple[float, ...]
    denoise: float = 1.0

    @classmethod
    def linear(cls, steps: int, denoise: float = 1.0, highest: float = 14.6) -> Sigmas:
        """Equal steps down to none."""
        top = highest * denoise
        return cls((*(top * (steps - step) / steps for step in range(steps)), 0.0), denoise)

    @property
    def steps(self) -> int:
        """How many steps a sampler takes."""
        return max(len(self.values) - 1, 0)


@dataclass(frozen=True)
class Sampler:
    """A sampling algorithm, by name and settings."""

    name: str


@dataclass(frozen=True)
class Noise:
    """Where a sampler's noise comes from: a seed, or None for no noise."""

    seed: int | None


@dataclass(frozen=True)
class Guider:
    """What guides a sampler: a model and its conditionings."""

    model: Model
    positive: Conditioning
    negative: Conditioning
    settings: str


@dataclass(frozen=True)
class Placeholder:
    """What a node gives that the simulator does not know: its type, and where it came from."""

    type: str
    node: str
