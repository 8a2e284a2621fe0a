"""FLAC, MP3 and Opus, as SaveAudio writes them (ComfyUI 0.33.0); and sounds read from files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from ...container import open_recording
from ..arrays import FloatArray, np
from ..values import Sound
from . import DETERMINISTIC, set_tags

CODECS: Final = {"flac": "flac", "mp3": "libmp3lame", "opus": "libopus"}
"""By the ending of a file."""
LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1"}
_BIT_RATES: Final = {"64k": 64_000, "96k": 96_000, "128k": 128_000, "192k": 192_000, "320k": 320_000}
_OPUS_RATES: Final = (8000, 12000, 16000, 24000, 48000)
_BEST_VARIABLE: Final = "V0"
_open: Any = av.open  # its overloads differ from version to version


def encode_sound(
    samples: FloatArray, rate: int, tags: Mapping[str, str], kind: str = "flac", quality: str = "128k"
) -> bytes:
    """A sound file.

    Args:
        samples: Channel, sample; between -1 and 1; one channel or two.
        rate: Samples a second.
        tags: What the file says of itself.
        kind: ``flac``, ``mp3`` or ``opus``.
        quality: ``V0`` (MP3), or bits a second such as ``128k``; FLAC loses nothing.

    Raises:
        ValueError: The kind is unknown, or does not support the rate or number of channels.
    """
    if kind not in CODECS:
        raise ValueError(f"Unsupported audio format: {kind!r}")
    layout = "mono" if samples.shape[0] == 1 else "stereo"
    if samples.shape[0] > 2:
        raise ValueError(f"a {kind} file must have one or two channels here, not {samples.shape[0]}")
    written = opus_rate(rate) if kind == "opus" else rate
    buffer = io.BytesIO()
    with _open(buffer, mode="w", format=kind, options=dict(DETERMINISTIC)) as container:
        set_tags(container, tags)
        stream = container.add_stream(CODECS[kind], rate=written, layout=layout)
        if kind == "mp3" and quality == _BEST_VARIABLE:
            stream.codec_context.qscale = 1
        elif kind != "flac" and quality in _BIT_RATES:
            stream.bit_rate = _BIT_RATES[quality]
        for frame in frames_of(
            samples, rate, written, layout, stream.format.name if kind != "flac" else "s16"
        ):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def opus_rate(rate: int) -> int:
    """The rate at which Opus keeps a sound: the next higher of those that it has."""
    return next((each for each in _OPUS_RATES if each >= rate), _OPUS_RATES[-1])


def frames_of(samples: FloatArray, rate: int, wanted: int, layout: str, form: str) -> Iterator[Any]:
    """Samples as PyAV has them.

    Args:
        samples: Channel, sample.
        rate: Samples a second.
        wanted: The rate that they are to have.
        layout: The channels' names, as FFmpeg has them.
        form: The format of a sample, as FFmpeg names it.
    """
    if not samples.shape[1]:
        return
    loud = np.minimum(np.maximum(samples, -1.0), 1.0)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(loud, dtype=np.float32), format="fltp", layout=layout
    )
    frame.sample_rate = rate
    frame.pts = 0
    resampler = AudioResampler(format=form, layout=layout, rate=wanted)
    yield from resampler.resample(frame)
    yield from resampler.resample(None)


def read_sound(data: bytes, seconds: float) -> Sound:
    """The sound of a file, whatever codec it has.

    Args:
        data: The whole file.
        seconds: How much of it is read at most.

    Raises:
        ValueError: It is not one, or it is broken.
    """
    try:
        with open_recording(data, decoding=True) as container:
            if not container.streams.audio:
                raise ValueError("it has no audio")
            found = decoded_sound(container, seconds)
    except FFmpegError as error:
        raise ValueError(str(error)) from None
    if found is None:
        raise ValueError("it has no audio")
    return found


def decoded_sound(container: Any, seconds: float) -> Sound | None:
    """The first sound of an open container; None if it has none."""
    if not container.streams.audio:
        return None
    stream = container.streams.audio[0]
    rate = int(stream.rate or 0)
    if rate <= 0:
        return None
    resampler = AudioResampler(format="fltp", rate=rate)
    most, count = round(seconds * rate), 0
    parts: list[FloatArray] = []
    for frame in container.decode(stream):
        for part in resampler.resample(frame):
            parts.append(part.to_ndarray())
            count += parts[-1].shape[1]
        if count >= most:
            break
    if not parts:
        return None
    samples = np.concatenate(parts, axis=1)[:, :most]
    return Sound(np.asarray(samples, dtype=np.float32)[None], rate)
