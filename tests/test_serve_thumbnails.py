"""Thumbnails of the pictures that jobs gave: of which there are some, and how many are kept."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import Response
from PIL import Image

from comfyflow.batch.record import SavedOutput
from comfyflow.serve import output
from comfyflow.serve.answer import has_thumbnail
from comfyflow.serve.output import OutputThumbnails
from comfyflow.serve.refusal import Refusal
from comfyflow.simulator import Simulator

from .serving import Served, inverted, plain, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with (
        Simulator() as simulator,
        serving(tmp_path_factory.mktemp("out"), simulator, functions=[plain, inverted]) as made,
    ):
        yield made


def noisy(width: int = 700, height: int = 100) -> Image.Image:
    """A picture that no format makes small."""
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))


def saved(folder: Path, name: str, width: int = 700, **options: Any) -> SavedOutput:
    """A large picture among the outputs."""
    noisy(width).save(folder / name, **options)
    return known(folder, name)


def known(folder: Path, name: str) -> SavedOutput:
    content = (folder / name).read_bytes()
    return SavedOutput(name, "1", len(content), hashlib.sha256(content).hexdigest())


def request(tag: str = "") -> Request:
    headers = [(b"if-none-match", tag.encode())] if tag else []
    return Request({"type": "http", "method": "GET", "headers": headers})


def answers(thumbnails: OutputThumbnails, *files: SavedOutput, tag: str = "") -> list[Response]:
    async def ask() -> list[Response]:
        return list(await asyncio.gather(*(thumbnails.response(request(tag), file) for file in files)))

    return asyncio.run(ask())


def test_a_large_picture_has_a_thumbnail(served: Served) -> None:
    content = io.BytesIO()
    noisy().save(content, "PNG")
    sent = {"image": ("x.png", content.getvalue())}
    job = served.http.post("/workflows/inverted/jobs", files=sent, headers={"Prefer": "wait=60"}).json()
    (file,) = job["outputs"]
    answer = served.http.get(file["thumbnail"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (640, 91))
    assert len(answer.content) < file["size"] / 2
    tag = answer.headers["etag"]
    assert tag != served.http.get(file["url"]).headers["etag"]
    assert served.http.get(file["thumbnail"], headers={"If-None-Match": tag}).status_code == 304
    assert served.http.get(f"{job['url']}/outputs/1/thumbnail").status_code == 404


def test_a_small_picture_is_its_own_thumbnail(served: Served) -> None:
    job = served.done("plain", {"color": 7})
    (file,) = job["outputs"]
    assert file["thumbnail"] is None
    answer = served.http.get(f"{file['url']}/thumbnail")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == served.http.get(file["url"]).content


@pytest.mark.parametrize("what", ["moves", "is damaged", "breaks its decoder", "is no picture"])
def test_a_picture_that_cannot_have_one_is_shown_as_it_is(tmp_path: Path, what: str) -> None:
    frames = [noisy(), noisy().rotate(180)] if what == "moves" else []
    saved(tmp_path, "x.png", save_all=bool(frames), append_images=frames)
    content = (tmp_path / "x.png").read_bytes()
    if what == "is damaged":
        content = content[: len(content) // 2] + bytes(len(content) // 2)
    if what == "breaks its decoder":
        noisy(700, 200).save(tmp_path / "x.gif")
        content = (tmp_path / "x.gif").read_bytes()[:-1] + b"!"  # an extension that is not there
    if what == "is no picture":
        content = b"<svg onload=hacked()>" + content
    (tmp_path / "x.png").write_bytes(content)
    file = known(tmp_path, "x.png")
    assert has_thumbnail(file)
    (answer,) = answers(OutputThumbnails(tmp_path), file)
    assert (answer.body, answer.media_type or answer.headers["content-type"]) == (content, "image/png")


def test_a_picture_of_too_many_pixels_is_shown_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thumbnail would take too much memory, however small the file."""
    file = saved(tmp_path, "x.png")
    for most, kind in ((70_000, "image/webp"), (69_999, "image/png")):
        monkeypatch.setattr(output, "SERVED_THUMBNAIL_PIXELS", most)
        (answer,) = answers(OutputThumbnails(tmp_path), file)
        assert (answer.media_type or answer.headers["content-type"]) == kind


@pytest.mark.parametrize("name", ["x.txt", "x.mp4", "x.html"])
def test_other_files_have_none(name: str) -> None:
    assert not has_thumbnail(SavedOutput(name, "1", 1 << 20, "0" * 64))


def test_without_pillow_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tmp_path, "x.png")
    monkeypatch.setattr("comfyflow.serve.answer._has_pillow", lambda: False)
    assert not has_thumbnail(file)
    (answer,) = answers(OutputThumbnails(tmp_path), file)
    assert answer.body == (tmp_path / "x.png").read_bytes()


def test_a_thumbnail_is_made_once_and_only_so_many_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(output, "SERVED_THUMBNAILS", 2500)

    def thumbnail(data: bytes, *_: Any, **__: Any) -> bytes:
        made.append(len(data))
        return bytes(1000)

    monkeypatch.setattr(output, "thumbnail", thumbnail)
    files = [saved(tmp_path, f"{width}.bmp") for width in range(3)]
    for number, file in enumerate(files):
        (tmp_path / file.name).write_bytes((tmp_path / file.name).read_bytes() + bytes(number))
    one, two, three = (known(tmp_path, file.name) for file in files)
    thumbnails = OutputThumbnails(tmp_path)
    answers(thumbnails, one, two)
    answers(thumbnails, one)
    assert len(made) == 2
    answers(thumbnails, three)  # the second is dropped, because the first was asked for again
    answers(thumbnails, one, three)
    assert len(made) == 3
    answers(thumbnails, two)
    assert len(made) == 4


def test_pictures_without_one_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "SERVED_THUMBNAILS", 2500)
    thumbnails = OutputThumbnails(tmp_path)
    for width in range(700, 705):
        noisy(width).save(tmp_path / "x.png")
        (tmp_path / "x.png").write_bytes(b"no picture" + (tmp_path / "x.png").read_bytes())
        answers(thumbnails, known(tmp_path, "x.png"))
    assert len(thumbnails._kept) == 2


def test_a_picture_that_is_gone_has_none_until_it_is_back(tmp_path: Path) -> None:
    file = saved(tmp_path, "x.png")
    thumbnails = OutputThumbnails(tmp_path)
    (tmp_path / "x.png").rename(tmp_path / "away")
    with pytest.raises(Refusal, match="not in the folder of the outputs any more"):
        answers(thumbnails, file)
    (tmp_path / "away").rename(tmp_path / "x.png")
    (answer,) = answers(thumbnails, file)
    assert answer.media_type == "image/webp"
    (tmp_path / "x.png").unlink()
    for tag in ("", answer.headers["etag"]):
        with pytest.raises(Refusal, match="not in the folder of the outputs any more"):
            answers(thumbnails, file, tag=tag)


def test_one_that_is_kept_waits_for_none_that_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()
    kept, *others = (saved(tmp_path, f"{width}.png", width) for width in range(700, 703))
    thumbnails = OutputThumbnails(tmp_path)
    answers(thumbnails, kept)

    def thumbnail(*_: Any, **__: Any) -> bytes:
        begun.release()
        assert may_end.wait(60)
        return b"made"

    async def ask() -> Response:
        making = [asyncio.create_task(thumbnails.response(request(), each)) for each in others]
        try:
            for _ in others:
                assert await asyncio.to_thread(begun.acquire, timeout=60)
            return await asyncio.wait_for(thumbnails.response(request(), kept), 60)
        finally:
            may_end.set()
            await asyncio.gather(*making)

    monkeypatch.setattr(output, "thumbnail", thumbnail)
    assert asyncio.run(ask()).media_type == "image/webp"
