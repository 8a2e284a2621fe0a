"""Files of sound and video, written and read: the same containers and codecs as a server's.

PyAV encodes and decodes, as it does in ComfyUI: FLAC, MP3 and Opus as SaveAudio writes them, MP4, Matroska
and WebM as SaveVideo and SaveWEBM do (0.33.0). Nothing random and no date goes into a file, so
the same prompt gives the same bytes wherever the same version of PyAV runs.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace

from ..bounds import SIMULATED_PIXELS, SIMULATED_SECONDS
from ..container import container_of, open_recording
from .values import FloatArray, Sound, Video, np

DETERMINISTIC: Final = {"fflags": "+bitexact"}
"""Options of FFmpeg's muxers: no random ids, no name of the writer."""


def set_tags(container: Any, tags: Mapping[str, str]) -> None:
    """Write tags into a container of PyAV, before its first packet."""
    for name, value in tags.items():
        container.metadata[name] = value


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
        tags: What the file says about itself.
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


MUXERS: Final = {"mp4": "mp4", "mkv": "matroska", "webm": "webm"}
"""FFmpeg's name of a container, by the ending of a file."""
ENCODERS: Final = {"h264": "libx264", "av1": "libsvtav1", "vp9": "libvpx-vp9"}
_QUICK: Final = {
    "libx264": {"preset": "veryfast"},
    "libsvtav1": {"preset": "12"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
"""A server takes its time for a smaller file; a simulator does not."""
_MOV_FLAGS: Final = "use_metadata_tags+faststart"
_WEBM_AUDIO_RATE: Final = 48_000
_WEBM_CODECS: Final = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})
_BT709: Final = 1
_SRGB: Final = 13
"""Numbers of ITU-T H.273, which FFmpeg has too."""


def write_video(
    path: Path,
    video: Video,
    tags: Mapping[str, str],
    codec: str = "h264",
    options: Mapping[str, str] | None = None,
) -> None:
    """Encode a video into a file; its ending says the container.

    Args:
        path: The file.
        video: Frames of height, width and 3 channels (4 with VP9 are transparent), and their sound.
        tags: What the file says about itself.
        codec: ``h264``, ``av1`` or ``vp9``.
        options: The encoder's own: ``crf``.

    Raises:
        ValueError: The codec cannot be in this kind of
        file. av.error.FFmpegError: The encoder does not take frames of that size.
    """
    kind = path.suffix.lstrip(".")
    if kind == "webm" and codec == "h264":
        raise ValueError("WebM output requires the AV1 codec")
    rate = Fraction(round(Fraction(video.fps) * 1000), 1000)
    pixels, form = _pixels(video, codec)
    with _opened(path) as container:
        set_tags(container, tags)
        encoder = ENCODERS[codec]
        stream = container.add_stream(encoder, rate=rate)
        stream.width, stream.height = pixels.shape[2], pixels.shape[1]
        stream.pix_fmt = form
        stream.options = {**_QUICK[encoder], **(options or {})}
        if codec != "vp9":  # BT.709 with sRGB's curve, which the pictures are in
            target = stream.codec_context
            target.color_primaries, target.color_trc = _BT709, _SRGB
            target.colorspace, target.color_range = _BT709, ColorRange.MPEG
        sound = _sound_stream(container, kind, video, rate)
        for levels in pixels:
            container.mux(stream.encode(_frame(levels, form)))
        container.mux(stream.encode(None))
        if sound is not None:
            _mux_sound(container, *sound)


def _opened(path: Path) -> Any:
    kind = path.suffix.lstrip(".")
    options = {**DETERMINISTIC, **({"movflags": _MOV_FLAGS} if kind == "mp4" else {})}
    return _open(str(path), mode="w", format=MUXERS[kind], options=options)


def _pixels(video: Video, codec: str) -> tuple[FloatArray, str]:
    """The frames as whole numbers, and the pixel format that they are written in."""
    deep, images = video.bit_depth > 8, video.images
    highest, number = (65535, np.uint16) if deep else (255, np.uint8)
    clear = codec == "vp9" and images.shape[-1] == 4
    channels = images[..., : 4 if clear else 3]
    if channels.shape[-1] == 1:
        channels = np.repeat(channels, 3, axis=-1)
    levels = (np.minimum(np.maximum(channels, 0.0), 1.0) * highest).astype(number)
    form = "yuva420p" if clear else "yuv420p10le" if deep or codec == "av1" else "yuv420p"
    return levels, form


def _frame(levels: FloatArray, form: str) -> Any:
    kind = "rgba" if levels.shape[-1] == 4 else "rgb24"
    kind = "rgb48le" if levels.dtype == np.uint16 else kind
    made: Any = av.VideoFrame.from_ndarray(np.ascontiguousarray(levels), format=kind)
    if form == "yuva420p":
        return made.reformat(format=form)
    frame = made.reformat(format=form, dst_colorspace=Colorspace.ITU709)
    frame.colorspace, frame.color_range = _BT709, ColorRange.MPEG
    return frame


def _sound_stream(
    container: Any, kind: str, video: Video, rate: Fraction
) -> tuple[Any, FloatArray, int, int, str] | None:
    """A stream for the sound, the samples as long as the frames, their rates and their layout."""
    sound = video.audio
    if sound is None:
        return None
    samples = sound.samples[0][:, : math.ceil(sound.rate / rate * len(video.images))]
    layout = LAYOUTS.get(samples.shape[0], "stereo")
    webm = kind == "webm"
    written = _WEBM_AUDIO_RATE if webm else sound.rate
    stream = container.add_stream("libopus" if webm else "aac", rate=written, layout=layout)
    return stream, samples, sound.rate, written, layout


def _mux_sound(
    container: Any, stream: Any, samples: FloatArray, rate: int, written: int, layout: str
) -> None:
    for frame in frames_of(samples, rate, written, layout, stream.format.name):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def can_be_copied(data: bytes, kind: str, codec: str) -> bool:
    """Whether the streams of a file can be put into another as they are.

    Args:
        data: The file.
        kind: ``auto``, or the ending of the other.
        codec: ``auto``, or the codec to encode with.
    """
    with open_recording(data, decoding=True) as container:
        names = [stream.codec.canonical_name for stream in container.streams if stream.codec_context]
        videos = [stream.codec.canonical_name for stream in container.streams.video]
        formats = container.format.name.split(",")
    if kind != "auto" and MUXERS[kind] not in formats:
        return False
    if kind == "webm" and not set(names) <= _WEBM_CODECS:
        return False
    return codec == "auto" or codec in videos


def copy_streams(data: bytes, path: Path, tags: Mapping[str, str]) -> None:
    """Put the streams of a file into another without decoding them; its tags stay, and get more.

    Args:
        data: The file.
        path: The other.
        tags: What that says about itself in addition.

    Raises:
        av.error.FFmpegError: The other cannot hold them.
    """
    with open_recording(data, decoding=True) as source, _opened(path) as made:
        set_tags(made, {**source.metadata, **tags})
        streams: dict[Any, Any] = {}
        for stream in source.streams:
            if stream.type in ("video", "audio", "subtitle") and stream.codec_context is not None:
                streams[stream] = made.add_stream_from_template(stream)
        for packet in source.demux(*streams):
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                made.mux(packet)


def read_video(data: bytes) -> Video:
    """The frames, their rate and the sound of a file.

    Raises:
        ValueError: It is not a video, it is broken, or it is larger than a simulator takes.
    """
    try:
        with open_recording(data, decoding=True) as container:
            images, fps, depth = _decoded_frames(container)
        with open_recording(data, decoding=True) as container:
            sound: Sound | None = decoded_sound(container, SIMULATED_SECONDS)
    except FFmpegError as error:
        raise ValueError(str(error)) from None
    return Video(images, fps, sound, depth)


def _decoded_frames(container: Any) -> tuple[FloatArray, Fraction, int]:
    if not container.streams.video:
        raise ValueError("it has no video")
    stream = container.streams.video[0]
    frames: list[FloatArray] = []
    left = SIMULATED_PIXELS
    for frame in container.decode(stream):
        left -= frame.width * frame.height
        if left < 0:
            raise ValueError(f"its frames have more than {SIMULATED_PIXELS} pixels in total")
        frames.append(frame.to_ndarray(format="rgb24").astype(np.float32) / 255.0)
    if not frames:
        raise ValueError("it has no frames")
    depth = max((part.bits for part in stream.format.components), default=8)
    return np.stack(frames), Fraction(stream.average_rate or 1), 10 if depth > 8 else 8


def is_recording(data: bytes) -> bool:
    """Whether PyAV reads a file, and not Pillow."""
    container = container_of(data)
    return container is not None and bool(container.ffmpeg)
