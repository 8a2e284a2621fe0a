"""What a media file is, by its first bytes; and opening it as that, and as nothing else.

Libraries that detect formats by themselves try readers that an untrusted file may choose: ones
that run other programs, read other files or fetch addresses. So the format is decided here, and
the library gets no choice.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .bounds import Bounds
from .exif import HEADERS, check_directories
from .extra import needing

if TYPE_CHECKING:
    from PIL.Image import Image


class Container(NamedTuple):
    """A kind of file.

    Attributes:
        name: What people call it.
        pillow: Under which names Pillow reads it; none if it is not a picture.
        ffmpeg: Under which name FFmpeg reads it; ``""`` where it is not a recording.
    """

    name: str
    pillow: tuple[str, ...] = ()
    ffmpeg: str = ""


PNG: Final = Container("PNG", ("PNG",))
JPEG: Final = Container("JPEG", ("JPEG", "MPO"))
GIF: Final = Container("GIF", ("GIF",))
WEBP: Final = Container("WebP", ("WEBP",))
AVIF: Final = Container("AVIF", ("AVIF",))
HEIF: Final = Container("HEIF", ("HEIF",))
TIFF: Final = Container("TIFF", ("TIFF",))
GLB: Final = Container("GLB")
SVG: Final = Container("SVG")
SAFETENSORS: Final = Container("safetensors")

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_STARTS: Final = (
    (_PNG_SIGNATURE, PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", Container("BMP", ("BMP",))),
    *((header, TIFF) for header in HEADERS),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Container("JPEG 2000", ("JPEG2000",))),
    (b"8BPS", Container("PSD", ("PSD",))),
    (b"qoif", Container("QOI", ("QOI",))),
    (b"DDS ", Container("DDS", ("DDS",))),
    (b"\x1aE\xdf\xa3", Container("Matroska", (), "matroska")),
    (b"fLaC", Container("FLAC", (), "flac")),
    (b"OggS", Container("Ogg", (), "ogg")),
    (b"ID3", Container("MP3", (), "mp3")),
    (b"glTF", GLB),
)
_RIFF: Final = {b"WEBP": WEBP, b"WAVE": Container("WAV", (), "wav"), b"AVI ": Container("AVI", (), "avi")}
_BRANDS: Final = {b"avif": AVIF, b"avis": AVIF, b"heic": HEIF, b"heix": HEIF, b"mif1": HEIF}
_MP4: Final = Container("MP4", (), "mov")
_HEAD: Final = 4096
_PACKED_HEADER: Final = re.compile(rb"moov.{4}cmov", re.DOTALL)
"""The header of an old QuickTime film, compressed: nothing of today writes it, and it has no bound."""

NO_ADDRESS: Final = {"protocol_whitelist": "none"}
"""Options for FFmpeg: no address, and no other file."""
NOTHING_ELSE: Final = {**NO_ADDRESS, "probesize": "4096", "analyzeduration": "1"}
"""Options for FFmpeg: no address, no other file, and no decoding to find out more."""


def container_of(data: bytes) -> Container | None:
    """What a file is; None if its first bytes say nothing.

    Args:
        data: The file, or its first 4,096 bytes.
    """
    head = data[:_HEAD]
    for start, container in _STARTS:
        if head.startswith(start):
            return container
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _MP4)
    if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE0 == 0xE0:  # MPEG frames without tags
        return Container("AAC", (), "aac") if head[1] & 0xF6 == 0xF0 else Container("MP3", (), "mp3")
    if b"<svg" in head.lower():
        return SVG
    return SAFETENSORS if head[8:9] == b"{" else None


def open_picture(data: bytes, bounds: Bounds | None = None) -> Image:
    """A picture as Pillow has it; its pixels are not decoded yet.

    Args:
        data: The whole file.
        bounds: How much its texts may take.

    Raises:
        MissingExtraError: Pillow is not installed (``pip install 'comfyflow-dsl[images]'``).
        PIL.UnidentifiedImageError: By its first bytes it is not a picture that Pillow reads.
        BoundsError: What it carries beside the picture is larger than it may be.
    """
    with needing("reading an image", "images"):
        from PIL import Image, UnidentifiedImageError

    container = container_of(data)
    Image.init()
    formats = [name for name in container.pillow if name in Image.OPEN] if container is not None else []
    if container is None or not formats:
        what = (
            f"a {container.name} file, which Pillow does not read"
            if container is not None
            else "not an image"
        )
        raise UnidentifiedImageError(f"the first bytes say that it is {what}")
    in_force = bounds or Bounds.from_environment()
    if container is TIFF:
        check_directories(data, in_force)
    elif container is JPEG:
        check_directories(jpeg_exif(data), in_force)
    return Image.open(io.BytesIO(data), formats=formats)


def open_recording(data: bytes, *, decoding: bool = False) -> Any:
    """A video or a sound as PyAV has it.

    Args:
        data: The whole file.
        decoding: Whether frames are wanted too, and not only its tags.

    Raises:
        MissingExtraError: PyAV is not installed (``pip install 'comfyflow-dsl[media]'``).
        ValueError: By its first bytes it is not a recording.
        av.error.FFmpegError: It cannot be read as what it is.
    """
    with needing("reading video and sound", "media"):
        import av

    container = container_of(data)
    if container is None or not container.ffmpeg or _PACKED_HEADER.search(data):
        raise ValueError("its first bytes are not those of a video or audio file that can be read")
    opener: Any = av.open  # its overloads differ from version to version
    options = NO_ADDRESS if decoding else NOTHING_ELSE
    return opener(io.BytesIO(data), mode="r", format=container.ffmpeg, options=dict(options))


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The segments in front of the pixels of a JPEG file: the marker's second byte, and the body."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0xD9, 0xDA):
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            return
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def jpeg_exif(data: bytes) -> bytes:
    """The EXIF data of a JPEG file; several segments make one."""
    start = b"Exif\0\0"
    return b"".join(
        body[len(start) :]
        for marker, body in jpeg_segments(data)
        if marker == 0xE1 and body.startswith(start)
    )
