"""Moving pictures."""

from __future__ import annotations

import hashlib
import shutil
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from ...json_types import object_or_empty
from ..arrays import FloatArray, np
from ..media.mp4 import encode_mp4, tags_of
from ..media.webm import encode_webm
from ..node_function import NodeContext, NodeLibrary, NodeResult
from ..painting import paint
from ..values import Painting, Sound, Video
from .audio_nodes import file_tags
from .image_nodes import file_digest, picture, read_picture

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = NodeLibrary()
node = LIBRARY.node

WEBP_EFFORT = {"default": 4, "fastest": 0, "slowest": 6}
EXIF_MODEL, EXIF_MAKE = 0x0110, 0x010F


@node("CreateVideo")
def create_video(images: FloatArray, fps: float, audio: Sound | None = None, **_rest: Any) -> Video:
    """Frames as a video."""
    return Video(images, fps, audio)


@node("GetVideoComponents")
def get_video_components(context: NodeContext, video: Video) -> tuple[Any, ...]:
    """Frames, sound and rate of a video."""
    silence = Sound(np.zeros((1, 2, 44100), dtype=np.float32), 44100)
    parts = (video.images, video.audio or silence, video.fps, 8)
    return parts[: len(context.schema.outputs)]


@node("LoadVideo", fingerprint=file_digest)
def load_video(context: NodeContext, file: str) -> Video:
    """A file of the input folder: animated pictures for real, else a picture of its name."""
    path = context.folders.annotated(file)
    return Video(_frames(path), source=str(path))


def _frames(path: Path) -> FloatArray:
    try:
        return read_picture(path)[0]
    except UnidentifiedImageError:
        seed = int(hashlib.sha256(path.read_bytes()).hexdigest()[:8], 16)
        return np.stack([paint(Painting(path.stem, "", seed), 640, 360)] * 8)


@node("Video Slice")
def video_slice(
    video: Video, start_time: float, duration: float = 0.0, strict_duration: bool = False
) -> Video:
    """A part.

    Raises:
        ValueError: It is shorter than was insisted on.
    """
    start = round(start_time * video.fps)
    end = start + round(duration * video.fps) if duration else None
    images = video.images[start:end]
    if not len(images) or (strict_duration and duration and len(images) < round(duration * video.fps)):
        raise ValueError(f"the video has no {duration} s from {start_time} s on")
    return Video(images, video.fps, video.audio)


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


def _saved(context: NodeContext, prefix: str, ending: str, images: FloatArray, data: bytes) -> NodeResult:
    size = (int(images.shape[2]), int(images.shape[1]))
    file = context.folders.new_file(prefix, "output", ending, size)
    file.path.write_bytes(data)
    return NodeResult((), {"images": [file.to_json()], "animated": [True]})


@node("SaveVideo")
def save_video(
    context: NodeContext, video: Video, filename_prefix: str = "video/ComfyUI", **_rest: Any
) -> NodeResult:
    """An MP4 in the output folder: a loaded file as it was, else frames as Motion JPEG."""
    images = video.images
    if video.source is not None and video.source.lower().endswith(".mp4"):
        file = context.folders.new_file(filename_prefix, "output", "mp4", (images.shape[2], images.shape[1]))
        shutil.copyfile(video.source, file.path)
        return NodeResult((video,), {"images": [file.to_json()], "animated": [True]})
    data = encode_mp4(_pictures(images), float(Fraction(video.fps)), file_tags(context))
    result = _saved(context, filename_prefix, "mp4", images, data)
    return NodeResult((video,), result.ui)


@node("SaveWEBM")
def save_webm(
    context: NodeContext, images: FloatArray, filename_prefix: str, fps: float, **_rest: Any
) -> NodeResult:
    """A WebM in the output folder; of VP8 pictures, whatever codec is asked for."""
    data = encode_webm(_pictures(images), fps, file_tags(context))
    return NodeResult((images,), _saved(context, filename_prefix, "webm", images, data).ui)


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
    """An animated PNG in the output folder, prompt and workflow in chunks of its own."""
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
