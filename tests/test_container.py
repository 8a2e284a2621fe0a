"""Media are opened as what their first bytes say, and as nothing else."""

from __future__ import annotations

import io
import struct
from dataclasses import fields
from typing import Any

import pytest

from comfyflow.bounds import MIB
from comfyflow.client.run_event import NodePreview
from comfyflow.container import container_of, open_picture, open_recording
from comfyflow.embedded_text import embedded_texts
from comfyflow.errors import BoundsError
from comfyflow.output_file import ImageFile

image = pytest.importorskip("PIL.Image")


def preview(data: bytes) -> NodePreview:
    return NodePreview(*["1"] * (len(fields(NodePreview)) - 2), image=data, format="png")


def written(form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.new("RGB", (8, 8), "red").save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_pictures_of_every_kind(form: str) -> None:
    picture = open_picture(written(form))
    picture.load()
    assert picture.size == (8, 8)
    assert picture.format == form


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
"""What Pillow would hand to Ghostscript, under whatever name it comes."""


@pytest.mark.parametrize(
    "data",
    [EPS, b"", b"P6\n1 1\n255\n\0\0\0", b"\x01\xda\x01\x01\x00\x02\x00\x01\x00\x01", b"fLaC", b"<svg/>"],
    ids=["EPS", "nothing", "PPM", "SGI", "a sound", "SVG"],
)
def test_what_is_no_picture_by_its_first_bytes(data: bytes) -> None:
    file = ImageFile("a.png", data=data)
    with pytest.raises(image.UnidentifiedImageError, match="first bytes"):
        file.pil()
    with pytest.raises(image.UnidentifiedImageError, match="first bytes"):
        preview(data).pil()


SESSION = (
    b"ID3\x04\0\0\0\0\0\x10" + b"\0" * 16 + b"v=0\nc=IN IP4 127.0.0.1\n"
    b'i={"prompt": {"1": {}}}\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n'
)
"""A description of a stream behind an empty tag of an MP3 file: whoever opens it opens its sockets."""


def test_no_recording_opens_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that finds out by itself what a file is looks behind the tag, and takes it for that."""
    av = pytest.importorskip("av")
    opened: list[str] = []
    opener = av.open

    def noting(*args: Any, **options: Any) -> Any:
        container = opener(*args, **options)
        opened.append(container.format.name)
        return container

    monkeypatch.setattr(av, "open", noting)
    assert embedded_texts(SESSION) == {}
    assert "sdp" not in opened


@pytest.mark.parametrize("start", [b"", b"#EXTM3U\n", b"ffconcat version 1.0\n", EPS, b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_recording_by_its_first_bytes(start: bytes) -> None:
    pytest.importorskip("av")
    with pytest.raises(ValueError, match="not those of a video or audio file"):
        open_recording(start)


def test_a_film_with_a_packed_header_is_not_opened() -> None:
    pytest.importorskip("av")
    film = b"\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\1\0moov\0\0\0\xf8cmov" + b"\0" * 240
    with pytest.raises(ValueError, match="not those of a video or audio file"):
        open_recording(film)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV"),
        (b"\0\0\0\x20ftypheic", "HEIF"),
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"\x10\0\0\0\0\0\0\0{}", "safetensors"),
    ],
)
def test_first_bytes(head: bytes, name: str) -> None:
    container = container_of(head)
    assert container is not None
    assert container.name == name


def shared_directory(entries: int, size: int) -> bytes:
    """TIFF data whose entries are all the same bytes: small as a file, and huge when it is read."""
    start = 8 + 2 + entries * 12 + 4
    listed = b"".join(struct.pack("<HHII", 0x1000 + index, 7, size, start) for index in range(entries))
    return b"II*\0" + struct.pack("<IH", 8, entries) + listed + b"\0\0\0\0" + b"x" * size


def jpeg_with(exif: bytes) -> bytes:
    parts = [exif[at : at + 65_000] for at in range(0, len(exif), 65_000)]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(part) + 8) + b"Exif\0\0" + part for part in parts)
    return b"\xff\xd8" + segments + written("JPEG")[2:]


def webp_with(exif: bytes) -> bytes:
    inner = b"WEBP" + b"EXIF" + struct.pack("<I", len(exif)) + exif
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def avif_with(exif: bytes) -> bytes:
    return b"\0\0\0\x20ftypavif" + b"\0" * 20 + exif


@pytest.mark.parametrize("wrap", [jpeg_with, webp_with, avif_with])
def test_exif_that_says_more_than_there_is(wrap: Any) -> None:
    """Here 200 KB that are 1 GB if each entry is read."""
    data = wrap(shared_directory(8000, 100_000))
    assert len(data) < MIB
    with pytest.raises(BoundsError, match="the EXIF data is larger than 16 MiB"):
        embedded_texts(data)


@pytest.mark.parametrize("wrap", [jpeg_with, bytes], ids=["JPEG", "TIFF"])
def test_a_picture_with_such_exif_is_not_opened(wrap: Any) -> None:
    with pytest.raises(BoundsError, match="the EXIF data"):
        ImageFile("a.jpg", data=wrap(shared_directory(8000, 100_000))).pil()


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_in_both_orders(order: str) -> None:
    text = b'prompt:{"1": {}}\0'
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHII", 0x0110, 2, len(text), 26)
    data = mark + struct.pack(order + "IH", 8, 1) + entry + b"\0\0\0\0" + text
    assert embedded_texts(jpeg_with(data)) == {"prompt": '{"1": {}}'}
    assert embedded_texts(webp_with(b"Exif\0\0" + data)) == {"prompt": '{"1": {}}'}
