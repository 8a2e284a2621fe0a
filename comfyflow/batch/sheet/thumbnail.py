"""Thumbnails of outputs: made once, and kept next to the ledger."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from ...bounds import THUMBNAIL_PIXELS, THUMBNAIL_SOURCE, readable
from ...container import open_picture, open_recording
from ...errors import MissingExtraError, PictureError
from ...extra import needing
from ...saved_file import SavedFile, clean_name
from ..record import SavedOutput

if TYPE_CHECKING:
    from PIL.Image import Image

Kind: TypeAlias = Literal["picture", "video", "sound", "file"]
"""What kind of file a reader sees."""

SIDE: Final = 320
"""The longer side of a thumbnail, in pixels."""

SUFFIX: Final = ".webp"

_QUALITY: Final = 78
_FORM: Final = f"1 {SIDE} {_QUALITY}"
"""Part of a thumbnail's name, so that a changed format makes new ones."""

_SUFFIXES: Final[Mapping[str, Kind]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp"), "picture"),
    **dict.fromkeys((".tif", ".tiff", ".qoi", ".psd", ".jp2", ".heic", ".dds"), "picture"),
    **dict.fromkeys((".mp4", ".webm", ".mkv", ".mov", ".m4v", ".avi"), "video"),
    **dict.fromkeys((".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac"), "sound"),
}

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
}
"""What browsers show without running scripts: no SVG and no HTML."""


def kind_of(name: str) -> Kind:
    """A file's kind, by its suffix."""
    return _SUFFIXES.get(Path(name).suffix.lower(), "file")


class Thumbnails:
    """The thumbnails of a batch.

    They are named by their content, so that a file that two rows gave has only one, and a file that has one
    is not opened again.

    Args:
        outputs: The output folder.
        folder: The folder of the thumbnails.
    """

    def __init__(self, outputs: Path, folder: Path) -> None:
        self.outputs: Final = outputs
        self.folder: Final = folder

    def name(self, file: SavedOutput) -> str:
        """The name of a file's thumbnail; ``""`` if there can be none.

        Args:
            file: The file, as the ledger knows it.
        """
        if kind_of(file.name) not in ("picture", "video") or self.source(file) is None:
            return ""
        shown = f"{_FORM} {file.sha256} {file.size}".encode("utf-8", "backslashreplace")
        return f"{hashlib.sha256(shown).hexdigest()[:32]}{SUFFIX}"

    def source(self, file: SavedOutput) -> Path | None:
        """Where a file is; None if its name cannot be in the output folder."""
        return self.outputs / file.name if file.name and clean_name(file.name) == file.name else None

    def make(self, files: Iterable[SavedOutput]) -> tuple[int, dict[str, str]]:
        """Make the missing thumbnails.

        Args:
            files: The files to show.

        Returns:
            How many were made, and why some cannot be, by name.

        Raises:
            MissingExtraError: Pillow is not installed.
            SaveError: One cannot be written.
        """
        named = {self.name(file): file for file in files}
        named.pop("", None)
        missing = {name: file for name, file in named.items() if not (self.folder / name).is_file()}
        if not missing:
            return 0, {}
        with needing("a contact sheet", "images"):
            from PIL import Image
        with warnings.catch_warnings(), ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as threads:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            results = threads.map(self.made, missing.values())
            troubles = {name: trouble for name, trouble in zip(missing, results, strict=True) if trouble}
        return len(missing) - len(troubles), troubles

    def made(self, file: SavedOutput) -> str:
        """Make one thumbnail; returns why it cannot be made, or ``""``.

        Raises:
            MissingExtraError: Pillow is not installed.
            SaveError: It cannot be written.
        """
        source = self.source(file)
        try:
            if source is None or not source.is_file():
                return "the file does not exist"
            size = source.stat().st_size
            if size > THUMBNAIL_SOURCE:
                return f"the file has {readable(size)}; thumbnails are made of at most {_MOST}"
            data = thumbnail(source.read_bytes(), kind_of(file.name))
        except MissingExtraError as error:
            if error.extra == "images":
                raise
            return str(error)
        except OSError as error:
            return f"it cannot be shown: {error}"
        except PictureError as error:
            return str(error)
        with SavedFile(self.folder / self.name(file), overwrite=True, renamed=False) as saved:
            saved.partial.write_bytes(data)
        return ""


_MOST: Final = readable(THUMBNAIL_SOURCE)


def thumbnail(
    data: bytes, kind: Kind, side: int = SIDE, *, still: bool = False, pixels: int = THUMBNAIL_PIXELS
) -> bytes:
    """Convert a file that may be damaged or hostile to a small WebP picture: see `small_picture`.

    Args:
        data: The file.
        kind: A picture or a video.
        side: The largest longer side, in pixels.
        still: Whether to refuse a picture that moves.
        pixels: How many pixels it may have.

    Raises:
        MissingExtraError: A library is not installed.
        PictureError: It cannot be shown.
    """
    try:
        if still and getattr(open_picture(data), "is_animated", False):
            raise ValueError("it moves")
        return small_picture(data, kind, side, pixels)
    except MissingExtraError:
        raise
    except Exception as error:  # of a damaged file, decoders raise whatever they run into
        raise PictureError(f"it cannot be shown: {error}") from error


def small_picture(data: bytes, kind: Kind, side: int, pixels: int) -> bytes:
    """Convert a file to a small WebP picture.

    Args:
        data: The file.
        kind: A picture or a video.
        side: The largest longer side, in pixels.
        pixels: How many pixels the file may have.

    Raises:
        MissingExtraError: A library is not installed.
        ValueError: It is not a picture or video, or has too many pixels.
        OSError: It is damaged.
        BoundsError: The data that it carries besides the picture is too large.
    """
    opened = _first_frame(data, pixels) if kind == "video" else open_picture(data)
    if opened.width * opened.height > pixels:
        raise ValueError(f"it has more than {pixels:,} pixels")
    from PIL import ImageOps

    opened.draft("RGB", (2 * side, 2 * side))
    opened = ImageOps.exif_transpose(opened)
    if opened.mode in ("I", "I;16", "I;16B", "F"):
        opened = _eight_bits(opened)
    transparent = opened.has_transparency_data
    small = opened.convert("RGBA" if transparent else "RGB")
    small.thumbnail((side, side), reducing_gap=2.0)
    written = io.BytesIO()
    small.save(written, "WEBP", quality=_QUALITY, method=2)
    return written.getvalue()


def _eight_bits(picture: Image) -> Image:
    """Scale a grey picture of more bits: its darkest point becomes black, its brightest white."""
    numbers = picture.convert("F")
    low, high = cast("tuple[float, float]", numbers.getextrema())
    scale = 255 / (high - low) if high > low else 0.0
    return numbers.point(lambda value: value * scale - low * scale).convert("L")


def _first_frame(data: bytes, pixels: int) -> Image:
    """The first frame of a video.

    Raises:
        MissingExtraError: PyAV is not installed.
        ValueError: It is not a video, or has too many pixels.
        OSError: It is damaged.
    """
    with open_recording(data, decoding=True) as container:
        streams: list[Any] = list(container.streams.video)
        if not streams:
            raise ValueError("it contains no video")
        if streams[0].width * streams[0].height > pixels:
            raise ValueError(f"it has more than {pixels:,} pixels")
        for frame in container.decode(streams[0]):
            made: Image = frame.to_image()
            return made
    raise ValueError("it contains no frames")
