"""Files as the inputs of workflows, by every door: both clients and the command line, Python and JSON.

What a user does first: upload a picture and use it, use an output as the next input, paint a mask
on a picture, and run again with the picture edited.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, ImageCompositeMasked, LoadImage, PreviewImage, SaveImage
from PIL import Image

from comfyflow import Workflow
from comfyflow.client import UploadedFile
from tests.clients import KINDS, connected
from tests.command import Command, command

from .prompts import node
from .session import Server

__all__ = ["command"]

FORMS = ["python", "json"]
FLOW = """
from comfyflow import workflow
from comfynodes import LoadImage, SaveImage

@workflow
def flow(image: str) -> SaveImage:
    return SaveImage(images=LoadImage(image=image).IMAGE, filename_prefix="conformance/input")
"""


def png(size: tuple[int, int], color: tuple[int, ...] = (200, 30, 40)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB" if len(color) == 3 else "RGBA", size, color).save(data, "PNG")
    return data.getvalue()


def new_name() -> str:
    return f"{uuid.uuid4().hex}.png"


def loading(image: Any) -> dict[str, Any]:
    return {
        "1": node("LoadImage", image=image),
        "2": node("SaveImage", images=["1", 0], filename_prefix="conformance/input"),
    }


@dataclass
class Door:
    """A way to hand a workflow to a server, which gives back the picture that it saves."""

    upload: Callable[[bytes, str], str]
    run: Callable[[str], Image.Image]
    client: Any


def _picture(client: Any, output: Any) -> Image.Image:
    return Image.open(io.BytesIO(client.read(output.files[0]))).convert("RGB")


@pytest.fixture(params=[*KINDS, "command"])
def door_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def client(door_kind: str, server: Server) -> Iterator[Any]:
    server.wait_until_idle()
    with connected("Client" if door_kind == "command" else door_kind, server.url) as client:
        yield client


@pytest.fixture
def door(
    door_kind: str,
    form: str,
    client: Any,
    server: Server,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Door:
    monkeypatch.chdir(tmp_path)
    if door_kind != "command":

        def run(image: str) -> Image.Image:
            made = SaveImage(images=LoadImage(image=image).IMAGE, filename_prefix="conformance/input")
            target = Workflow(made) if form == "python" else loading(image)
            return _picture(client, client.run(target, timeout=60).output)

        def upload(data: bytes, name: str) -> str:
            uploaded: UploadedFile = client.upload_image(data, name=name)
            return uploaded.reference

        return Door(upload, run, client)

    def run_command(image: str) -> Image.Image:
        folder = tmp_path / uuid.uuid4().hex
        if form == "python":
            Path("flow.py").write_text(FLOW)
            words = ["flow.py", "--image", image]
        else:
            Path("prompt.json").write_text(json.dumps(loading("replaced.png")))
            words = ["prompt.json", "--set", f"LoadImage.image={image}"]
        ran = command("run", *words, "--server", server.url, "--out", str(folder), "-q")
        assert ran.code == 0, ran.err
        (written,) = ran.out.split()
        return Image.open(written).convert("RGB")

    def upload_command(data: bytes, name: str) -> str:
        folder = tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        ran = command("upload", str(folder / name), "--server", server.url)
        assert ran.code == 0, ran.err
        return ran.out.strip().splitlines()[-1]

    return Door(upload_command, run_command, client)


def test_upload_then_use(door: Door) -> None:
    reference = door.upload(png((21, 9)), new_name())
    assert door.run(reference).size == (21, 9)


@pytest.mark.parametrize("shown", ["SaveImage", "PreviewImage"])
def test_an_output_is_the_next_input(door: Door, shown: str) -> None:
    picture = EmptyImage(width=23, height=8, color=uuid.uuid4().int % 0xFFFFFF)
    made = (
        SaveImage(images=picture, filename_prefix="conformance/first")
        if shown == "SaveImage"
        else PreviewImage(images=picture)
    )
    first = door.client.run(Workflow(made), timeout=60)
    name = first.output.images[0].annotated_name
    assert name.endswith("[output]" if shown == "SaveImage" else "[temp]")
    assert door.run(name).size == (23, 8)


def test_an_edited_picture_is_the_one_that_runs(door: Door) -> None:
    name = new_name()
    Path(name).write_bytes(png((16, 8), (255, 0, 0)))
    assert door.run(name).getpixel((3, 3)) == (255, 0, 0)
    Path(name).write_bytes(png((16, 8), (0, 255, 0)))
    assert door.run(name).getpixel((3, 3)) == (0, 255, 0)


def test_a_mask_is_painted_and_its_hole_filled(client: Any, form: str) -> None:
    """Inpainting without a model: what the mask covers is filled from another picture."""
    picture = client.upload_image(png((16, 8), (255, 0, 0)), name=new_name())
    alpha = Image.new("RGBA", (16, 8), (0, 0, 0, 255))
    alpha.paste((0, 0, 0, 0), (8, 0, 16, 8))
    data = io.BytesIO()
    alpha.save(data, "PNG")
    masked = client.upload_mask(data.getvalue(), picture, name=new_name(), subfolder="clipspace")
    if form == "python":
        image, mask = LoadImage(image=masked.reference)
        filled = ImageCompositeMasked(
            destination=image, source=EmptyImage(width=16, height=8, color=0x0000FF), mask=mask
        )
        target: Any = Workflow(PreviewImage(images=filled))
    else:
        target = {
            "1": node("LoadImage", image=masked.reference),
            "2": node("EmptyImage", width=16, height=8, batch_size=1, color=0x0000FF),
            "3": node(
                "ImageCompositeMasked",
                destination=["1", 0],
                source=["2", 0],
                mask=["1", 1],
                x=0,
                y=0,
                resize_source=False,
            ),
            "4": node("PreviewImage", images=["3", 0]),
        }
    shown = _picture(client, client.run(target, timeout=60).output)
    assert shown.getpixel((3, 3)) == (255, 0, 0)
    assert shown.getpixel((12, 3)) == (0, 0, 255)
