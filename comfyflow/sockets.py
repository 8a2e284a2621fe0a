"""The types of ComfyUI's sockets, as Python types.

They are only ever written between brackets: ``Output[MODEL]`` is an output that carries a
model. No object of these classes exists. Generated packages take the common ones from here, so
that a function over ``Output[IMAGE]`` works with the nodes of every server, and add their own.
"""

from __future__ import annotations

from typing import Any


class Socket:
    """The base of all socket types. It is never instantiated."""

    __slots__ = ()

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse: a socket type is a name for what flows through a link, not a value."""
        raise TypeError(f"{cls.__name__} is a socket type: write Output[{cls.__name__}], do not call it")


class AUDIO(Socket):
    """Sound: samples and their rate."""

    __slots__ = ()


class AUDIO_ENCODER(Socket):
    """An audio encoder model."""

    __slots__ = ()


class AUDIO_ENCODER_OUTPUT(Socket):
    """What an audio encoder made of a sound."""

    __slots__ = ()


class BOOLEAN(Socket):
    """True or false."""

    __slots__ = ()


class CLIP(Socket):
    """A text encoder."""

    __slots__ = ()


class CLIP_VISION(Socket):
    """An image encoder."""

    __slots__ = ()


class CLIP_VISION_OUTPUT(Socket):
    """What an image encoder made of a picture."""

    __slots__ = ()


class COMBO(Socket):
    """One choice of a list."""

    __slots__ = ()


class CONDITIONING(Socket):
    """An encoded prompt."""

    __slots__ = ()


class CONTROL_NET(Socket):
    """A ControlNet model."""

    __slots__ = ()


class FLOAT(Socket):
    """A number."""

    __slots__ = ()


class GLIGEN(Socket):
    """A GLIGEN model."""

    __slots__ = ()


class GUIDER(Socket):
    """What guides a sampler."""

    __slots__ = ()


class HOOKS(Socket):
    """Hooks into a model."""

    __slots__ = ()


class HOOK_KEYFRAMES(Socket):
    """When hooks are strong."""

    __slots__ = ()


class IMAGE(Socket):
    """A batch of pictures."""

    __slots__ = ()


class INT(Socket):
    """A whole number."""

    __slots__ = ()


class LATENT(Socket):
    """A batch of latent pictures."""

    __slots__ = ()


class LATENT_UPSCALE_MODEL(Socket):
    """A model that enlarges latents."""

    __slots__ = ()


class LORA_MODEL(Socket):
    """LoRA weights."""

    __slots__ = ()


class MASK(Socket):
    """A batch of masks."""

    __slots__ = ()


class MESH(Socket):
    """A 3D mesh."""

    __slots__ = ()


class MODEL(Socket):
    """A diffusion model."""

    __slots__ = ()


class MODEL_PATCH(Socket):
    """A patch of a diffusion model."""

    __slots__ = ()


class NOISE(Socket):
    """A source of noise."""

    __slots__ = ()


class SAMPLER(Socket):
    """A sampling algorithm."""

    __slots__ = ()


class SIGMAS(Socket):
    """A noise schedule."""

    __slots__ = ()


class STRING(Socket):
    """Text."""

    __slots__ = ()


class STYLE_MODEL(Socket):
    """A style model."""

    __slots__ = ()


class SVG(Socket):
    """Vector graphics."""

    __slots__ = ()


class TIMESTEPS_RANGE(Socket):
    """A range of time steps."""

    __slots__ = ()


class UPSCALE_MODEL(Socket):
    """A model that enlarges pictures."""

    __slots__ = ()


class VAE(Socket):
    """A variational auto-encoder."""

    __slots__ = ()


class VIDEO(Socket):
    """A video."""

    __slots__ = ()


class VOXEL(Socket):
    """A 3D voxel grid."""

    __slots__ = ()


class WEBCAM(Socket):
    """A picture of the webcam."""

    __slots__ = ()
