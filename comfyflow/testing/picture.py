"""Pictures compared as people see them: by their mean difference and by a perceptual hash."""

from __future__ import annotations

import io
import os
import re
import tempfile
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from ..container import open_picture as open_container
from ..errors import BoundsError
from ..extra import needing
from ..output_file import ImageFile
from ..user_lines import short_path
from .golden import UPDATE, golden_path, read_golden, write_golden
from .session import Session, current_session, current_test

if TYPE_CHECKING:
    from PIL.Image import Image

Picture: TypeAlias = "ImageFile | Image | str | os.PathLike[str] | bytes"
"""A picture: an output, a Pillow image, a file, or the bytes of one."""

HASH_SIZE: Final = 8
"""The hash has the square of this many bits."""


@dataclass(frozen=True)
class PictureDifference:
    """How much two pictures of one size differ.

    Attributes:
        mean: The mean difference of their pixels' channels: 0 for none, 1 for black and white.
        hash_distance: How many of the 64 bits of their perceptual hashes differ.
    """

    mean: float
    hash_distance: int


def loaded_picture(picture: Picture) -> Image:
    """A picture as a Pillow image, read completely.

    Raises:
        AssertionError: It is not one that Pillow can read.
        MissingExtraError: Pillow is not installed.
    """
    __tracebackhide__ = True
    with needing("comparing images", "images"):
        from PIL import Image, UnidentifiedImageError

    if isinstance(picture, Image.Image):
        return picture
    try:
        content = picture.bytes() if isinstance(picture, ImageFile) else _content(picture)
        opened = open_container(content)
        opened.load()
    except UnidentifiedImageError:
        raise AssertionError(
            f"{_name(picture) or 'this'} is not an image, judging by its first bytes"
        ) from None
    except (OSError, SyntaxError, BoundsError, Image.DecompressionBombError) as error:  # what Pillow raises
        raise AssertionError(
            f"{_name(picture) or 'this'} is not an image that can be read: {error}"
        ) from None
    return opened


def _content(picture: str | os.PathLike[str] | bytes) -> bytes:
    return picture if isinstance(picture, bytes) else Path(picture).read_bytes()


def perceptual_hash(picture: Picture) -> int:
    """A hash of 64 bits that similar pictures share most of.

    It says for each pair of neighbours of a tiny grey picture which is the brighter (a
    "difference hash"), so that it does not see size, brightness, or compression.
    """
    grey = loaded_picture(picture).convert("RGB").convert("L")
    from PIL import Image

    tiny = grey.resize((HASH_SIZE + 1, HASH_SIZE), Image.Resampling.LANCZOS).tobytes()
    rows = [tiny[start : start + HASH_SIZE + 1] for start in range(0, len(tiny), HASH_SIZE + 1)]
    bits = [left > right for row in rows for left, right in pairwise(row)]
    return reduce(lambda value, bit: value << 1 | bit, bits, 0)


def compare_pictures(one: Picture, other: Picture) -> PictureDifference:
    """How much two pictures of one size differ.

    Raises:
        ValueError: They are of different sizes.
    """
    first, second = loaded_picture(one), loaded_picture(other)
    from PIL import ImageChops, ImageStat

    if first.size != second.size:
        raise ValueError(f"an image of {_size(first)} cannot be compared with one of {_size(second)}")
    mode = _common_mode(first, second)
    changed = ImageChops.difference(first.convert(mode), second.convert(mode))
    means = ImageStat.Stat(changed).mean
    distance = (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()
    return PictureDifference(sum(means) / len(means) / 255, distance)


def assert_image_matches(
    picture: Picture,
    expected: Picture | None = None,
    *,
    name: str | None = None,
    max_difference: float = 0.02,
    max_hash_distance: int = 4,
) -> None:
    """Assert that an image looks like another: the same size, and differences too small to matter.

    Args:
        picture: The picture: an output, a Pillow image, a file, bytes.
        expected: What it must look like; by default the golden picture in ``goldens/`` beside the
            test, which ``pytest --comfy-update-goldens`` writes.
        name: Put at the end of the golden's name, for a test that has several.
        max_difference: How large the mean difference of the pixels may be: 0 for none, 1 for black
            and white.
        max_hash_distance: How many of the 64 bits of the perceptual hashes may differ.

    Raises:
        AssertionError: It does not; where both can be seen side by side, with their difference,
            is said.
        GoldenError: There is no test from which the golden's name could be taken.
    """
    __tracebackhide__ = True
    session = current_session()
    given = loaded_picture(picture)
    words = _name(picture) or "the image"
    if expected is None:
        path = golden_path(session, None, name, ".png")
        if session.update_goldens:
            write_golden(path, _png(given))
            return
        wanted, which, hint = loaded_picture(read_golden(path)), short_path(str(path)), f"\n{UPDATE}"
    else:
        wanted, which, hint = loaded_picture(expected), _name(expected) or "the expected image", ""
    if given.size != wanted.size:
        saved = _save_beside(session, wanted, given)
        raise AssertionError(
            f"{words} is {_size(given)}, and {which} is {_size(wanted)}\nBoth are in {saved}{hint}"
        )
    found = compare_pictures(given, wanted)
    if found.mean > max_difference or found.hash_distance > max_hash_distance:
        saved = _save_beside(session, wanted, given)
        raise AssertionError(
            f"{words} does not look like {which}:\n"
            f"  mean pixel difference: {found.mean:.4f} (at most {max_difference})\n"
            f"  differing bits of the perceptual hash: {found.hash_distance} of {HASH_SIZE**2} "
            f"(at most {max_hash_distance})\n"
            f"Both images and their difference are in {saved}{hint}"
        )


def difference_sheet(wanted: Image, given: Image) -> Image:
    """What was wanted, what was given and, if they are of one size, where they differ, side by
    side. Differences are shown bright, however small they are.
    """
    from PIL import Image, ImageChops

    panels = [wanted.convert("RGB"), given.convert("RGB")]
    if wanted.size == given.size:
        mode = _common_mode(wanted, given)
        changed = ImageChops.difference(wanted.convert(mode), given.convert(mode))
        strongest = reduce(ImageChops.lighter, changed.split())
        most = max(1, *(level for level, count in enumerate(strongest.histogram()) if count))
        panels.append(strongest.point([min(level * 255 // most, 255) for level in range(256)]).convert("RGB"))
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    sheet = Image.new("RGB", (width, max(panel.height for panel in panels)), "magenta")
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + _GAP
    return sheet


_GAP: Final = 4


def _save_beside(session: Session, wanted: Image, given: Image) -> str:
    """Where the picture of a difference is: with what pytest keeps of a run, else in a new file."""
    called = re.sub(r"[^\w\-]+", "-", current_test()).strip("-")[-_LONGEST:] or "difference"
    folder = session.folder
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="comfyflow-difference-"))
    path = folder / f"{called}.png"
    number = 2
    while path in session.pictures:
        path = folder / f"{called}-{number}.png"
        number += 1
    session.pictures.add(path)
    folder.mkdir(parents=True, exist_ok=True)
    difference_sheet(wanted, given).save(path, "PNG")
    return short_path(str(path))


_LONGEST: Final = 120


def _common_mode(one: Image, other: Image) -> str:
    return "RGBA" if one.has_transparency_data or other.has_transparency_data else "RGB"


def _png(picture: Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _size(picture: Image) -> str:
    return f"{picture.width}x{picture.height}"


def _name(picture: Picture) -> str:
    if isinstance(picture, ImageFile):
        return picture.annotated_name
    return short_path(os.fspath(picture)) if isinstance(picture, (str, os.PathLike)) else ""
