"""Files as inputs, by both clients, the command and JSON: on every server of these tests."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, ImageCompositeMasked, LoadImage, LoadImageMask, PreviewImage, SaveImage
from PIL import Image

from comfyflow import Workflow
from comfyflow.errors import ValidationError
from tests.clients import KINDS, connected
from tests.command import Command

from .session import Server

Show = Callable[[Any], int]
"""Runs what is given for a picture, and gives the width of what comes back."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def name() -> str:
    return f"{uuid.uuid4()}.png"


def picture(path: str, width: int) -> str:
    Image.new("RGBA", (width, 8), (uuid.uuid4().int % 256, 2, 3, 128)).save(path)
    return path


def shown(image: Any) -> PreviewImage:
    return PreviewImage(images=LoadImage(image=image).IMAGE)


@pytest.fixture(params=[*KINDS, "JSON", "command", "command with JSON"])
def show(request: pytest.FixtureRequest, server: Server, folder: Path, command: Command) -> Iterator[Show]:
    server.wait_until_idle()
    kind = request.param
    if "command" in kind:
        Path("flow.py").write_text(
            "from comfyflow import workflow\nfrom comfynodes import LoadImage, PreviewImage\n"
            "@workflow\ndef flow(image: str) -> PreviewImage:\n"
            "    return PreviewImage(images=LoadImage(image=image).IMAGE)\n"
        )

        def by_command(image: Any) -> int:
            given = getattr(image, "annotated_name", None) or getattr(image, "reference", None) or image
            words = ["flow.py", "--image", given]
            if kind == "command with JSON":
                Path("prompt.json").write_text(json.dumps(Workflow(shown(given)).to_prompt()))
                words = ["prompt.json"]
            run = command("run", *words, "--server", server.url, "--out", "out", "-q", "--timeout", "60")
            assert run.code == 0, run.err
            with Image.open(run.out.strip()) as found:
                return found.width

        yield by_command
        return
    with connected(kind if kind in KINDS else "Client", server.url) as client:

        def by_client(image: Any) -> int:
            target = shown(image)
            result = client.run(Workflow(target).to_prompt() if kind == "JSON" else target, timeout=60)
            return int(Image.open(io.BytesIO(client.read(result.files[0]))).width)

        yield by_client


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with connected("Client", server.url) as made:
        yield made


def test_an_upload_is_used(show: Show, client: Any) -> None:
    uploaded = client.upload_image(picture(name(), 21))
    Path(uploaded.name).unlink()
    assert show(uploaded) == 21
    assert show(uploaded.reference) == 21
    deep = client.upload_image(picture(name(), 22), subfolder="comfyflow/deep")
    assert show(deep) == 22


def test_an_output_is_the_next_input(show: Show, client: Any) -> None:
    prefix = f"comfyflow/{uuid.uuid4()}"
    made = client.run(SaveImage(images=EmptyImage(width=24, height=8), filename_prefix=prefix), timeout=60)
    assert show(made.files[0]) == 24
    passing = client.run(PreviewImage(images=EmptyImage(width=32, height=8)), timeout=60)
    assert show(passing.files[0].annotated_name) == 32


def test_an_edited_picture_is_used_as_it_is_now(show: Show) -> None:
    file = picture(name(), 26)
    assert show(file) == 26
    picture(file, 27)
    assert show(file) == 27
    picture("example.png", 28)  # every server has one of that name
    assert show("example.png") == 28
    assert show("example.png [input]") > 28


def test_a_mask_is_uploaded_and_painted_in(client: Any, folder: Path) -> None:
    original = client.upload_image(picture(name(), 29))
    mask = io.BytesIO()
    Image.new("RGBA", (29, 8), (0, 0, 0, 0)).save(mask, "PNG")
    masked = client.upload_mask(mask.getvalue(), original, name=name())
    inside = LoadImageMask(image=masked, channel="alpha")
    red = EmptyImage(width=29, height=8, color=0xFF0000)
    whole = ImageCompositeMasked(
        destination=LoadImage(image=original).IMAGE, source=red, x=0, y=0, resize_source=False, mask=inside
    )
    result = client.run(PreviewImage(images=whole), timeout=60)
    assert result.files[0].pil().convert("RGB").getpixel((3, 3)) == (255, 0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_nowhere(server: Server, folder: Path, kind: str) -> None:
    file = name()
    with connected(kind, server.url) as client, pytest.raises(ValidationError) as caught:
        client.run(shown(file))
    assert str(folder / file) in str(caught.value)
    assert server.url in str(caught.value)
