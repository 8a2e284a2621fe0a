"""Moving pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from ...json_types import object_or_empty
from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..values import FloatArray, Sound, Video, VideoValue, np
from .audio_nodes import file_tags, tags_of
from .image_nodes import file_digest, picture, read_picture

if TYPE_CHECKING:
    from ..folders import WrittenFile

LIBRARY = NodeLibrary()
node: Final = LIBRARY.node

WEBP_EFFORT = {"default": 4, "fastest": 0, "slowest": 6}
EXIF_MODEL, EXIF_MAKE = 0x0110, 0x010F


@node("CreateVideo")
def create_video(
    images: FloatArray, fps: float, audio: Sound | None = None, bit_depth: int = 8, **_rest: Any
) -> Video:
    """Frames as a video."""
    return Video(images, fps, audio, bit_depth)


@node("GetVideoComponents")
def get_video_components(context: NodeContext, video: Video | VideoValue) -> tuple[Any, ...]:
    """Frames, sound, rate, bit depth and colour space of a video."""
    found = decoded(video)
    silence = Sound(np.zeros((1, 2, 44100), dtype=np.float32), 44100)
    parts = (found.images, found.audio or silence, float(found.fps), found.bit_depth, "sRGB")
    return parts[: len(context.schema.outputs)]


@node("LoadVideo", fingerprint=file_digest)
def load_video(context: NodeContext, file: str) -> VideoValue:
    """A file of the input folder: a video, or animated pictures."""
    return VideoValue(context.folders.annotated(file), _read)


def decoded(video: Video | VideoValue) -> Video:
    """A video's frames, wherever it comes from.

    Raises:
        ValueError: It is a file that cannot be read.
    """
    return video.video if isinstance(video, VideoValue) else video


def _read(path: Path) -> Video:
    from ..media import is_recording, read_video

    data = path.read_bytes()
    try:
        return read_video(data) if is_recording(data) else Video(read_picture(path)[0])
    except (ValueError, UnidentifiedImageError) as error:
        raise ValueError(f"{path.name} is not a video that can be read: {error}") from None


@node("Video Slice")
def video_slice(
    video: Video | VideoValue, start_time: float, duration: float = 0.0, strict_duration: bool = False
) -> Video:
    """A part.

    Raises:
        ValueError: It is shorter than was insisted on.
    """
    whole = decoded(video)
    start = round(start_time * whole.fps)
    end = start + round(duration * whole.fps) if duration else None
    images = whole.images[start:end]
    if not len(images) or (strict_duration and duration and len(images) < round(duration * whole.fps)):
        raise ValueError(f"the video has no {duration} s from {start_time} s on")
    sound = whole.audio
    if sound is not None:
        first = round(start_time * sound.rate)
        last = first + round(duration * sound.rate) if duration else None
        sound = Sound(sound.samples[:, :, first:last], sound.rate)
    return Video(images, whole.fps, sound, whole.bit_depth)


@node("FrameInterpolate")
def frame_interpolate(images: FloatArray, multiplier: int, **_rest: Any) -> FloatArray:
    """More frames: between two, their mixture."""
    places = np.linspace(0, len(images) - 1, (len(images) - 1) * multiplier + 1)
    low = np.floor(places).astype(np.int64)
    share = (places - low).astype(np.float32)[:, None, None, None]
    high = np.minimum(low + 1, len(images) - 1)
    return images[low] * (1 - share) + images[high] * share


def _pictures(images: FloatArray) -> list[Image.Image]:
    return [picture(image) for image in images]


def _new_file(context: NodeContext, prefix: str, ending: str, images: FloatArray) -> WrittenFile:
    return context.folders.new_file(prefix, "output", ending, (int(images.shape[2]), int(images.shape[1])))


def _shown(file: WrittenFile) -> dict[str, Any]:
    return {"images": [file.to_json()], "animated": [True]}


@node("SaveVideo")
def save_video(
    context: NodeContext,
    video: Video | VideoValue,
    filename_prefix: str = "video/ComfyUI",
    format: Any = "auto",  # noqa: A002  # the input's name
    codec: Any = "auto",
    **_rest: Any,
) -> NodeResult:
    """A video in the output folder: the streams of a loaded file as they are, where that can be."""
    from ..media import can_be_copied, copy_streams, is_recording, write_video

    container = object_or_empty(format)
    kind = str(container.get("format", "auto")) if container else str(format)
    wanted = container.get("codec") or codec
    chosen = object_or_empty(wanted)
    name = str(chosen.get("codec", "auto")) if chosen else str(wanted)
    crf = object_or_empty(chosen.get("encoding")).get("crf")
    frames = decoded(video)
    ending = "mp4" if kind == "auto" else kind
    file = _new_file(context, filename_prefix, ending, frames.images)
    tags = file_tags(context)
    data = video.path.read_bytes() if isinstance(video, VideoValue) and crf is None else b""
    if is_recording(data) and can_be_copied(data, kind, name):
        copy_streams(data, file.path, tags)
        return NodeResult((video,), _shown(file))
    encoder = ("av1" if ending == "webm" else "h264") if name == "auto" else name
    write_video(file.path, frames, tags, encoder, {} if crf is None else {"crf": str(crf)})
    return NodeResult((video,), _shown(file))


@node("SaveWEBM")
def save_webm(
    context: NodeContext, images: FloatArray, filename_prefix: str, fps: float, codec: str, crf: float
) -> NodeResult:
    """A WebM in the output folder, of VP9 or AV1; pictures with transparency keep it in VP9."""
    from ..media import write_video

    file = _new_file(context, filename_prefix, "webm", images)
    write_video(file.path, Video(images, fps), file_tags(context), codec, {"crf": str(crf), "b": "0"})
    return NodeResult((images,), _shown(file))


@node("SaveAnimatedWEBP")
def save_animated_webp(
    context: NodeContext,
    images: FloatArray,
    filename_prefix: str,
    fps: float,
    lossless: bool,
    quality: int,
    method: str,
) -> NodeResult:
    """An animated WebP in the output folder, prompt and workflow in its EXIF."""
    first, *others = _pictures(images)
    exif = first.getexif()
    tags = file_tags(context)
    exif[EXIF_MODEL] = f"prompt:{tags.pop('prompt')}"
    for offset, (name, value) in enumerate(tags.items()):
        exif[EXIF_MAKE - offset] = f"{name}:{value}"
    file = context.folders.new_file(filename_prefix, "output", "webp", first.size)
    first.save(
        file.path,
        save_all=True,
        append_images=others,
        duration=int(1000 / fps),
        exif=exif,
        lossless=lossless,
        quality=quality,
        method=WEBP_EFFORT.get(method, 4),
    )
    return NodeResult((images,), _animated(file.to_json(), images))


@node("SaveAnimatedPNG")
def save_animated_png(
    context: NodeContext, images: FloatArray, filename_prefix: str, fps: float, compress_level: int
) -> NodeResult:
    """An animated PNG in the output folder, prompt and workflow in its own chunks."""
    first, *others = _pictures(images)
    info = PngInfo()
    extra = object_or_empty(context.extra_data.get("extra_pnginfo"))
    for name, value in tags_of(context.prompt, extra).items():
        info.add(
            b"comf", name.encode("latin-1", "replace") + b"\0" + value.encode("latin-1", "replace"), True
        )
    file = context.folders.new_file(filename_prefix, "output", "png", first.size)
    first.save(
        file.path,
        save_all=True,
        append_images=others,
        duration=int(1000 / fps),
        pnginfo=info,
        compress_level=compress_level,
    )
    return NodeResult((images,), _animated(file.to_json(), images))


def _animated(file: dict[str, str], images: FloatArray) -> dict[str, Any]:
    shown: dict[str, Any] = {"images": [file]}
    if len(images) > 1:
        shown["animated"] = [True]
    return shown
