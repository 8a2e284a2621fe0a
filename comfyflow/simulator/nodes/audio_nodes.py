"""Sound: cut, joined and mixed for real; made by a simple synthesizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from ...bounds import SIMULATED_SECONDS
from ...json_types import object_or_empty
from ..folders import WrittenFile
from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..painting import bounded
from ..values import FloatArray, Latent, Model, Sound, np
from .image_nodes import file_digest

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

RATE: Final = 44100
SCALE: Final = (0, 2, 4, 7, 9)
"""The steps of a pentatonic scale: no two of them sound wrong together."""


def tags_of(prompt: Mapping[str, object], extra: Mapping[str, object]) -> dict[str, str]:
    """A prompt and what belongs to it, as the tags of a file."""
    return {name: json.dumps(value) for name, value in {"prompt": prompt, **extra}.items()}


def file_tags(context: NodeContext) -> dict[str, str]:
    """What a server writes into sound and video files."""
    return tags_of(context.prompt, object_or_empty(context.extra_data.get("extra_pnginfo")))


@node("EmptyAudio")
def empty_audio(duration: float, sample_rate: int, channels: int) -> Sound:
    """Silence."""
    return Sound(
        np.zeros((1, channels, round(min(duration, SIMULATED_SECONDS) * sample_rate)), dtype=np.float32),
        sample_rate,
    )


@node("EmptyLatentAudio", "EmptyAceStepLatentAudio", "EmptyAceStep1.5LatentAudio")
def empty_latent_audio(seconds: float, batch_size: int = 1) -> Latent:
    """The latent of a sound of that length."""
    return Latent(64, 64, batch_size, seconds=seconds)


@node("VAEEncodeAudio")
def vae_encode_audio(audio: Sound, vae: Model) -> Latent:  # noqa: ARG001 (there is no model)
    """The latent of a sound: its length is kept."""
    return Latent(64, 64, audio.samples.shape[0], seconds=audio.samples.shape[2] / audio.rate)


@node("VAEDecodeAudio", "VAEDecodeAudioTiled", "LTXVAudioVAEDecode")
def vae_decode_audio(samples: Latent, **_rest: Any) -> Sound:
    """A little melody from prompt and seed, as long as was asked for."""
    seconds = min(samples.seconds or 1.0, SIMULATED_SECONDS)
    text = "|".join(f"{painting.prompt}|{painting.seed}|{painting.recipe}" for painting in samples.paintings)
    return Sound(np.stack([melody(f"{text}|{index}", seconds) for index in samples.indexes]), RATE)


def melody(text: str, seconds: float) -> FloatArray:
    """Two channels of plucked notes, chosen by a string.

    Args:
        text: Decides the notes.
        seconds: How long.
    """
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    rng = np.random.default_rng(list(digest[:16]))
    total = np.zeros((2, round(seconds * RATE)), dtype=np.float32)
    beat, root = 0.22 + 0.2 * rng.random(), 110.0 * 2 ** (int(rng.integers(0, 12)) / 12)
    for number in range(int(seconds / beat)):
        if rng.random() < 0.25:
            continue
        step = SCALE[int(rng.integers(0, len(SCALE)))] + 12 * int(rng.integers(0, 3))
        start = round(number * beat * RATE)
        length = min(round(1.6 * RATE), total.shape[1] - start)
        time = np.arange(length, dtype=np.float32) / RATE
        tone = _tone(root * 2 ** (step / 12), time)
        side = 0.5 + 0.4 * (rng.random() - 0.5)
        total[0, start : start + length] += tone * (1 - side)
        total[1, start : start + length] += tone * side
    return np.asarray(bounded(np.tanh(total * 0.7), -1.0, 1.0), dtype=np.float32)


def _tone(frequency: float, time: FloatArray) -> FloatArray:
    waves: FloatArray = np.zeros_like(time)
    for overtone, loudness in ((1, 1.0), (2, 0.35), (3, 0.12)):
        waves += loudness * np.sin(2 * np.pi * frequency * overtone * time)
    return waves * np.exp(-3.2 * time) * np.minimum(time * 200, 1.0)


@node("LoadAudio", fingerprint=file_digest)
def load_audio(context: NodeContext, audio: str) -> Sound:
    """A file of the input folder: a sound, or the sound of a video.

    Raises:
        ValueError: It is not one that can be read.
    """
    from ..media import read_sound

    path = context.folders.annotated(audio)
    try:
        return read_sound(path.read_bytes(), SIMULATED_SECONDS)
    except ValueError as error:
        raise ValueError(f"{path.name} is not an audio file that can be read: {error}") from None


@node("TrimAudioDuration")
def trim_audio_duration(audio: Sound, start_index: float, duration: float) -> Sound:
    """A part; a start below 0 counts from its end.

    Raises:
        ValueError: Nothing would be left.
    """
    length = audio.samples.shape[2]
    start = round(start_index * audio.rate)
    start = max(0, start + length if start < 0 else min(start, length - 1))
    end = min(start + round(duration * audio.rate), length)
    if start >= end:
        raise ValueError("AudioTrim: Start time must be less than end time and be within the audio length.")
    return Sound(audio.samples[:, :, start:end], audio.rate)


@node("SplitAudioChannels")
def split_audio_channels(audio: Sound) -> tuple[Sound, Sound]:
    """Left and right.

    Raises:
        ValueError: It is not stereo.
    """
    if audio.samples.shape[1] != 2:
        raise ValueError("AudioSplit: Input audio must be stereo (2 channels).")
    return Sound(audio.samples[:, :1], audio.rate), Sound(audio.samples[:, 1:], audio.rate)


@node("JoinAudioChannels")
def join_audio_channels(audio_left: Sound, audio_right: Sound) -> Sound:
    """Stereo from two."""
    left, right = _alike(audio_left, audio_right)
    length = min(left.shape[2], right.shape[2])
    joined = np.concatenate([left[:, :1, :length], right[:, :1, :length]], axis=1)
    return Sound(joined, audio_left.rate)


@node("AudioConcat")
def audio_concat(audio1: Sound, audio2: Sound, direction: str = "after") -> Sound:
    """One after the other."""
    first, second = _alike(audio1, audio2)
    parts = [first, second] if direction == "after" else [second, first]
    return Sound(np.concatenate(parts, axis=2), audio1.rate)


@node("AudioMerge")
def audio_merge(audio1: Sound, audio2: Sound, merge_method: str) -> Sound:
    """Both at once, as long as the first."""
    first, second = _alike(audio1, audio2)
    length = first.shape[2]
    missing = max(0, length - second.shape[2])
    second = np.pad(second[:, :, :length], ((0, 0), (0, 0), (0, missing)))
    mixed = {
        "add": first + second,
        "mean": (first + second) / 2,
        "subtract": first - second,
        "multiply": first * second,
    }[merge_method]
    peak = float(np.abs(mixed).max()) if mixed.size else 0.0
    return Sound(mixed / peak if peak > 1.0 else mixed, audio1.rate)


def _alike(first: Sound, second: Sound) -> tuple[FloatArray, FloatArray]:
    """Two sounds at the rate of the first, with the same channels."""
    other = second.samples
    if first.rate != second.rate:
        count = max(1, round(other.shape[2] * first.rate / second.rate))
        places: FloatArray = np.linspace(0, other.shape[2] - 1, count)
        steps: FloatArray = np.arange(other.shape[2])
        rows = [np.interp(places, steps, row) for row in other.reshape(-1, other.shape[2])]
        other = np.asarray(rows, dtype=np.float32).reshape(*other.shape[:2], count)
    channels = max(first.samples.shape[1], other.shape[1])
    both = [
        np.repeat(sound, channels, axis=1) if sound.shape[1] < channels else sound
        for sound in (first.samples, other)
    ]
    return both[0], both[1]


@node("AudioAdjustVolume")
def audio_adjust_volume(audio: Sound, volume: int) -> Sound:
    """Louder or softer, in decibels."""
    return Sound(audio.samples * np.float32(10 ** (volume / 20)), audio.rate)


def save_sound(
    context: NodeContext, audio: Sound, prefix: str, kind: str, ending: str = "flac", quality: str = "128k"
) -> list[dict[str, str]]:
    """Write a batch of sounds.

    Args:
        context: The node.
        audio: What to write.
        prefix: What the names begin with.
        kind: ``output`` or ``temp``.
        ending: ``flac``, ``mp3`` or ``opus``.
        quality: See `encode_sound`.
    """
    from ..media import encode_sound

    saved: list[WrittenFile] = []
    for number, samples in enumerate(audio.samples):
        data = encode_sound(samples, audio.rate, file_tags(context), ending, quality)
        name = prefix.replace("%batch_num%", str(number))
        file = context.folders.new_file(name, kind, ending, mark="" if context.schema.is_v3 else "_")
        file.path.write_bytes(data)
        saved.append(file)
    return [file.to_json() for file in saved]


@node("SaveAudio", "SaveAudioMP3", "SaveAudioOpus", "SaveAudioAdvanced")
def save_audio(
    context: NodeContext,
    audio: Sound,
    filename_prefix: str = "audio/ComfyUI",
    **rest: Any,
) -> NodeResult:
    """FLAC, MP3 or Opus files in the output folder."""
    endings = {"SaveAudioMP3": "mp3", "SaveAudioOpus": "opus"}
    chosen = object_or_empty(rest.get("format"))
    ending = str(chosen.get("format", endings.get(context.class_type, "flac")))
    quality = str(chosen.get("quality", rest.get("quality", "128k")))
    saved = save_sound(context, audio, filename_prefix, "output", ending, quality)
    return NodeResult((audio,), {"audio": saved})


@node("PreviewAudio")
def preview_audio(context: NodeContext, audio: Sound) -> NodeResult:
    """A FLAC file in the temp folder."""
    prefix = "ComfyUI" + context.folders.temp_prefix
    return NodeResult((audio,), {"audio": save_sound(context, audio, prefix, "temp")})
