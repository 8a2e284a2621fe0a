"""Compare two files by content: pixels, frames, samples, tensors, ignoring any text next to it.

Bytes only show whether files are identical: a different timestamp, encoder version or embedded text changes
the bytes of the same picture.
"""

from __future__ import annotations

import array
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..bounds import COMPARED_FRAMES, COMPARED_PIXELS, COMPARED_SAMPLES
from ..container import SAFETENSORS, container_of, open_picture, open_recording
from ..errors import ReproductionError
from ..extra import needing

if TYPE_CHECKING:
    from PIL.Image import Image

Closeness: TypeAlias = Literal["bytes", "content", "alike", "different"]
"""How close two files are: the same bytes; the same pixels or samples; the same form, with measurable
differences; different forms.
"""
Medium: TypeAlias = Literal["picture", "video", "sound", "file"]
"""The medium of a file."""

HASH_DISTANCE: Final = 4
"""How many of the 64 bits of perceptual hashes may differ for pictures that look the same."""

_ORDER: Final[tuple[Closeness, ...]] = ("bytes", "content", "alike", "different")


@dataclass(frozen=True)
class Comparison:
    """How close two files are.

    Attributes:
        closeness: See `Closeness`.
        medium: Their medium.
        mean: The mean difference of the levels of pixels, or of samples: 0 for none, 1 for black against
            white, or silence against full volume. For a video with sound, the larger of the two. None if
            nothing could be measured.
        hash_distance: How many of the 64 bits of perceptual hashes differ, in the frame with the most
            differences; None if there are no pictures.
        form: How their forms differ, such as in size or length; or ``""``.
    """

    closeness: Closeness
    medium: Medium
    mean: float | None = None
    hash_distance: int | None = None
    form: str = ""

    @property
    def rank(self) -> tuple[int, int, float]:
        """The sort key of comparisons: the closest comes first."""
        distance = 64 if self.hash_distance is None else self.hash_distance
        return (_ORDER.index(self.closeness), distance, 1.0 if self.mean is None else self.mean)

    def within(self, tolerance: Tolerance) -> bool:
        """Whether they are close enough.

        Args:
            tolerance: ``bytes``, ``content``, or the largest mean difference; with a number, the perceptual
                hashes of pictures may differ by up to `HASH_DISTANCE` bits.
        """
        if self.closeness == "bytes":
            return True
        if tolerance == "bytes" or self.closeness == "different":
            return False
        if self.closeness == "content":
            return True
        if tolerance == "content" or self.mean is None:
            return False
        return self.mean <= tolerance and (self.hash_distance or 0) <= HASH_DISTANCE

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON values."""
        return {
            "closeness": self.closeness,
            "medium": self.medium,
            "mean_difference": self.mean,
            "hash_distance": self.hash_distance,
            "form": self.form or None,
        }

    def __str__(self) -> str:
        whole = {
            "bytes": "the same bytes",
            "content": f"the same {_CONTENT[self.medium]}, in different bytes",
        }
        if self.closeness in whole:
            return whole[self.closeness]
        told = [self.form] if self.form else []
        if self.mean is not None:
            told.append(f"mean difference {self.mean:.4f} of 1")
        if self.hash_distance is not None:
            told.append(f"{self.hash_distance} of 64 bits of the perceptual hash differ")
        return "; ".join(told) or "different bytes"


Tolerance: TypeAlias = Literal["bytes", "content"] | float
"""How close a new output must be: the same bytes, the same pixels or samples, or a mean difference."""

_CONTENT: Final = {"picture": "pixels", "video": "frames and samples", "sound": "samples", "file": "content"}


def compare_files(one: bytes, other: bytes) -> Comparison:
    """How close two files are.

    Args:
        one: The first file's content.
        other: The second file's content.

    Raises:
        MissingExtraError: They differ, and the library that could say how is missing.
        ReproductionError: They are too long to compare; see `comfyflow.bounds`.
    """
    medium = medium_of(one)
    if one == other:
        return Comparison("bytes", medium)
    if medium != medium_of(other):
        return Comparison("different", medium, form=f"a {medium}, but the new one is a {medium_of(other)}")
    if medium == "picture":
        return _pictures(one, other)
    if medium in ("video", "sound"):
        return _recordings(one, other, medium)
    if container_of(one) is SAFETENSORS and container_of(other) is SAFETENSORS:
        held = _tensors(one)
        same = held is not None and held == _tensors(other)
        return Comparison("content" if same else "different", medium)
    return Comparison("different", medium)


def medium_of(data: bytes) -> Medium:
    """The medium of a file.

    Args:
        data: The file's content.

    Raises:
        MissingExtraError: It is a recording, and PyAV is not installed.
    """
    container = container_of(data)
    if container is None:
        return "file"
    if container.pillow:
        return "picture"
    if not container.ffmpeg:
        return "file"
    with needing("reading video and sound", "media"):
        from av.error import FFmpegError
    try:
        with open_recording(data) as opened:
            return "video" if _moving(opened) is not None else "sound"
    except (FFmpegError, OSError, ValueError, MemoryError):
        return "file"


def _moving(opened: Any) -> Any:
    """The video stream; None if there is only sound, perhaps with cover art."""
    streams = [stream for stream in opened.streams.video if not _is_cover(stream)]
    return streams[0] if streams else None


def _is_cover(stream: Any) -> bool:
    return bool(getattr(stream.disposition, "value", stream.disposition) & _ATTACHED_PICTURE)


_ATTACHED_PICTURE: Final = 0x400
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC."""


def _tensors(data: bytes) -> tuple[object, bytes] | None:
    """The tensors of a safetensors file, without its metadata; None if it is damaged."""
    length = int.from_bytes(data[:8], "little")
    try:
        header: Any = json.loads(data[8 : 8 + length])
        header.pop("__metadata__", None)
    except (ValueError, RecursionError, AttributeError):
        return None
    return header, data[8 + length :]


def _pictures(one: bytes, other: bytes) -> Comparison:
    with needing("comparing pictures", "images"):
        from PIL import Image, UnidentifiedImageError

    try:
        first, second = open_picture(one), open_picture(other)
        shapes = [(picture.size, getattr(picture, "n_frames", 1)) for picture in (first, second)]
        if shapes[0] != shapes[1]:
            return Comparison("different", "picture", form=_other_form(*shapes))
        _refuse_long(*shapes[0])
        return _frames(_unfolded(first), _unfolded(second), "picture")
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        return Comparison("different", "picture", form=f"one of them cannot be read: {error}")


def _unfolded(picture: Image) -> Iterator[Image]:
    from PIL import ImageSequence

    yield from ImageSequence.Iterator(picture)


def _other_form(one: tuple[tuple[int, int], int], other: tuple[tuple[int, int], int]) -> str:
    def shown(size: tuple[int, int], frames: int) -> str:
        return f"{size[0]}x{size[1]}" + (f", {frames} frames" if frames > 1 else "")

    return f"{shown(*one)}, but the new one is {shown(*other)}"


def _refuse_long(size: tuple[int, int], frames: int) -> None:
    """Refuse to compare a file.

    Raises:
        ReproductionError: It is too long.
    """
    if frames > COMPARED_FRAMES or size[0] * size[1] * frames > COMPARED_PIXELS:
        raise ReproductionError(
            f"{frames} frames of {size[0]}x{size[1]} cannot be compared: the limit is {COMPARED_FRAMES} "
            "frames "
            f"with {COMPARED_PIXELS} pixels in total"
        )


def _frames(one: Iterator[Image], other: Iterator[Image], medium: Medium) -> Comparison:
    """Compare frames of the same size."""
    from ..testing.picture import compare_pictures

    total, count, distance, same = 0.0, 0, 0, True
    for first, second in zip_longest(one, other):
        if first is None or second is None:
            return Comparison("different", medium, form=f"one ends after {count} frames, the other continues")
        count += 1
        _refuse_long(first.size, count)
        if first.size != second.size:
            return Comparison(
                "different", medium, form=_other_form((first.size, count), (second.size, count))
            )
        if first.mode == second.mode and first.tobytes() == second.tobytes():
            continue
        found = compare_pictures(first, second)
        total, distance = total + found.mean, max(distance, found.hash_distance)
        same = same and _is_none(found.mean) and not {first.mode[0], second.mode[0]} & _DEEP
    if same:
        return Comparison("content", medium)
    return Comparison("alike", medium, total / max(count, 1), distance)


_DEEP: Final = frozenset({"I", "F"})
"""Prefixes of Pillow's modes with more levels than are compared."""


def _is_none(mean: float) -> bool:
    return mean <= 0.0


def _recordings(one: bytes, other: bytes, medium: Medium) -> Comparison:
    with needing("reading video and sound", "media"):
        from av.error import FFmpegError
    try:
        found = [_sounds(one, other)]
        if medium == "video":
            found.append(_frames(_shown(one), _shown(other), medium))
    except (FFmpegError, OSError, ValueError, MemoryError) as error:
        return Comparison("different", medium, form=f"one of them cannot be read: {error}")
    return replace(reduce(_together, found), medium=medium)


def _together(one: Comparison, other: Comparison) -> Comparison:
    """Compare the pictures and sound of videos."""
    means = [mean for mean in (one.mean, other.mean) if mean is not None]
    distances = [each for each in (one.hash_distance, other.hash_distance) if each is not None]
    return Comparison(
        _ORDER[max(_ORDER.index(one.closeness), _ORDER.index(other.closeness))],
        one.medium,
        max(means, default=None),
        max(distances, default=None),
        "; ".join(filter(None, (one.form, other.form))),
    )


def _shown(data: bytes) -> Iterator[Image]:
    """Yield the frames of a video."""
    with open_recording(data, decoding=True) as opened:
        stream = _moving(opened)
        if stream is None:
            return
        size = (int(stream.width or 0), int(stream.height or 0))
        _refuse_long(size, 1)
        for frame in opened.decode(stream):
            with needing("reading the frames of a video", "images"):
                yield frame.to_image()


def _sounds(one: bytes, other: bytes) -> Comparison:
    """Compare samples of the same rate; files without sound are equal."""
    forms = [_sound_form(data) for data in (one, other)]
    if forms[0] != forms[1]:
        return Comparison("different", "sound", form=f"{forms[0]}, but the new one is {forms[1]}")
    total, count, lengths = 0.0, 0, [0, 0]
    for first, second in _aligned(_samples(one), _samples(other), lengths):
        if max(lengths) > COMPARED_SAMPLES:
            raise ReproductionError(f"sounds of more than {COMPARED_SAMPLES} samples cannot be compared")
        count += len(first) // _FLOAT
        if first != second:
            pairs = zip(array.array("f", first), array.array("f", second), strict=True)
            total += sum(abs(left - right) for left, right in pairs)
    if lengths[0] != lengths[1]:
        return Comparison(
            "different", "sound", form=f"{lengths[0]} samples, but the new one has {lengths[1]}"
        )
    mean = min(total / max(count, 1) / 2, 1.0)
    return Comparison("content", "sound") if _is_none(mean) else Comparison("alike", "sound", mean)


_FLOAT: Final = 4


def _sound_form(data: bytes) -> str:
    with open_recording(data, decoding=True) as opened:
        stream = opened.streams.audio[0] if opened.streams.audio else None
        if stream is None:
            return "without sound"
        return f"sound of {stream.rate} Hz, {stream.layout.name}"


def _samples(data: bytes) -> Iterator[bytes]:
    """The samples of a sound, as packed floats between -1 and 1."""
    from av.audio.resampler import AudioResampler

    with open_recording(data, decoding=True) as opened:
        if not opened.streams.audio:
            return
        resampler = AudioResampler(format="flt")
        for frame in opened.decode(opened.streams.audio[0]):
            for each in resampler.resample(frame):
                wanted = each.samples * each.layout.nb_channels * _FLOAT
                yield bytes(each.planes[0])[:wanted]


def _aligned(
    one: Iterator[bytes], other: Iterator[bytes], lengths: list[int]
) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of samples at the same positions; `lengths` counts the samples of each."""
    left, right = bytearray(), bytearray()
    for first, second in zip_longest(one, other, fillvalue=b""):
        left += first
        right += second
        lengths[0] += len(first) // _FLOAT
        lengths[1] += len(second) // _FLOAT
        both = min(len(left), len(right))
        yield bytes(left[:both]), bytes(right[:both])
        del left[:both], right[:both]
