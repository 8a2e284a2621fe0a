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
from comfynodes import EmptyImage, ImageCompositeMasked, LoadImage, LoadImageMask, PreviewImage, SaveImage
from PIL import Image

from comfyflow import Workflow
from comfyflow.errors import ValidationError
from tests.clients import KINDS, connected
from tests.command import Command

from .prompts import node
from .session import Server

FORMS = ["python", "JSON"]
DOORS = [
    *((kind, form) for kind in KINDS for form in FORMS),
    ("command", "python"),
    ("command", "JSON"),
    ("command", "JSON with --set"),
]
FLOW = """
from comfyflow import workflow
from comfynodes import LoadImage, PreviewImage, SaveImage

@workflow
def flow(image: str) -> tuple[SaveImage, PreviewImage]:
    loaded = LoadImage(image=image).IMAGE
    return SaveImage(images=loaded, filename_prefix="conformance/input"), PreviewImage(images=loaded)
"""


@dataclass
class Door:
    """A way to hand a workflow to a server.

    Attributes:
        upload: Puts a file into the input folder, under a folder of it, and gives what names it there.
        show: Loads a picture on the server, and gives it as it comes back, saved and as a preview.
        client: A client of the same server.
    """

    upload: Callable[[Path, str], Any]
    show: Callable[[Any], Image.Image]
    client: Any


def new_name() -> str:
    return f"{uuid.uuid4().hex}.png"


def new_color() -> tuple[int, int, int]:
    return (uuid.uuid4().int % 256, 2, 3)


def painted(path: str, size: tuple[int, int], color: tuple[int, int, int] | None = None) -> Path:
    Image.new("RGB", size, color or new_color()).save(path)
    return Path(path)


def loading(image: str) -> dict[str, Any]:
    return {
        "1": node("LoadImage", image=image),
        "2": node("SaveImage", images=["1", 0], filename_prefix="conformance/input"),
        "3": node("PreviewImage", images=["1", 0]),
    }


def name_of(image: Any) -> str:
    """How a text names a file of the server."""
    named: str = getattr(image, "annotated_name", None) or getattr(image, "reference", None) or image
    return named


def of_client(client: Any, form: str) -> Door:
    def show(image: Any) -> Image.Image:
        if form == "JSON":
            return alike(
                [client.read(file) for file in client.run(loading(name_of(image)), timeout=60).files]
            )
        loaded = LoadImage(image=image).IMAGE
        saved = SaveImage(images=loaded, filename_prefix="conformance/input")
        result = client.run(Workflow(saved, PreviewImage(images=loaded)), timeout=60)
        return alike([client.read(output.images[0]) for output in result.output])

    return Door(lambda path, folder: client.upload_image(path, subfolder=folder), show, client)


def of_command(client: Any, form: str, command: Command, server: Server) -> Door:
    def upload(path: Path, folder: str) -> str:
        more = ["--subfolder", folder] if folder else []
        ran = command("upload", str(path), *more, "--server", server.url)
        assert ran.code == 0, ran.err
        return ran.out.strip().splitlines()[-1]

    def show(image: Any) -> Image.Image:
        if form == "python":
            Path("flow.py").write_text(FLOW)
            words = ["flow.py", "--image", name_of(image)]
        else:
            named = name_of(image)
            Path("prompt.json").write_text(json.dumps(loading("replaced.png" if "--set" in form else named)))
            words = ["prompt.json", *(["--set", f"LoadImage.image={named}"] if "--set" in form else [])]
        folder = uuid.uuid4().hex
        ran = command("run", *words, "--server", server.url, "--out", folder, "-q", "--timeout", "60")
        assert ran.code == 0, ran.err
        return alike([Path(path).read_bytes() for path in ran.out.splitlines()])

    return Door(upload, show, client)


def alike(pictures: list[bytes]) -> Image.Image:
    """The picture that was given twice."""
    saved, preview = (Image.open(io.BytesIO(data)).convert("RGB") for data in pictures)
    assert saved.tobytes() == preview.tobytes()
    return saved


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    server.wait_until_idle()
    with connected(request.param, server.url) as client:
        yield client


@pytest.fixture(params=DOORS, ids=" with ".join)
def door(request: pytest.FixtureRequest, server: Server, command: Command) -> Iterator[Door]:
    kind, form = request.param
    server.wait_until_idle()
    with connected(kind if kind in KINDS else "Client", server.url) as client:
        yield of_client(client, form) if kind in KINDS else of_command(client, form, command, server)


def test_an_upload_is_used(door: Door) -> None:
    file = painted(new_name(), (21, 9))
    uploaded = door.upload(file, "")
    file.unlink()
    assert door.show(uploaded).size == (21, 9)
    assert door.show(name_of(uploaded)).size == (21, 9)
    deep = door.upload(painted(new_name(), (22, 9)), "comfyflow/deep")
    assert name_of(deep).startswith("comfyflow/deep/")
    assert door.show(deep).size == (22, 9)


def test_a_picture_in_memory_is_uploaded(client: Any) -> None:
    picture = Image.new("RGB", (25, 9), new_color())
    uploaded = client.upload_image(picture)
    assert of_client(client, "JSON").show(uploaded).tobytes() == picture.tobytes()
    assert client.upload_image(picture).name == uploaded.name  # named by its content


@pytest.mark.parametrize("shown", ["SaveImage", "PreviewImage"])
def test_an_output_is_the_next_input(door: Door, shown: str) -> None:
    picture = EmptyImage(width=23, height=8, color=uuid.uuid4().int % 0xFFFFFF)
    made = (
        SaveImage(images=picture, filename_prefix=f"conformance/{uuid.uuid4()}")
        if shown == "SaveImage"
        else PreviewImage(images=picture)
    )
    file = door.client.run(Workflow(made), timeout=60).output.images[0]
    assert file.annotated_name.endswith("[output]" if shown == "SaveImage" else "[temp]")
    assert door.show(file).size == (23, 8)
    assert door.show(file.annotated_name).size == (23, 8)


def test_an_edited_picture_is_the_one_that_runs(door: Door) -> None:
    name = new_name()
    painted(name, (16, 8), (255, 0, 0))
    assert door.show(name).getpixel((3, 3)) == (255, 0, 0)
    painted(name, (17, 8), (0, 255, 0))
    edited = door.show(name)
    assert (edited.size, edited.getpixel((3, 3))) == ((17, 8), (0, 255, 0))


def test_a_picture_here_goes_before_the_servers_own(door: Door) -> None:
    """Every server has an ``example.png``."""
    painted("example.png", (28, 8))
    assert door.show("example.png").width == 28
    assert door.show("example.png [input]").width > 28


@pytest.mark.parametrize("form", FORMS)
def test_a_mask_is_painted_and_its_hole_filled(client: Any, form: str) -> None:
    """Inpainting without a model: what the mask covers is filled from another picture."""
    picture = client.upload_image(painted(new_name(), (16, 8), (255, 0, 0)))
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
    shown = _picture(client, target)
    assert shown.getpixel((3, 3)) == (255, 0, 0)
    assert shown.getpixel((12, 3)) == (0, 0, 255)


def test_a_mask_is_loaded_by_itself(client: Any) -> None:
    original = client.upload_image(painted(new_name(), (29, 8)))
    masked = client.upload_mask(Image.new("RGBA", (29, 8), (0, 0, 0, 0)), original, name=new_name())
    whole = ImageCompositeMasked(
        destination=LoadImage(image=original).IMAGE,
        source=EmptyImage(width=29, height=8, color=0xFF0000),
        x=0,
        y=0,
        resize_source=False,
        mask=LoadImageMask(image=masked, channel="alpha"),
    )
    assert _picture(client, PreviewImage(images=whole)).getpixel((3, 3)) == (255, 0, 0)


def test_a_picture_that_is_nowhere(server: Server, folder: Path, client: Any) -> None:
    name = new_name()
    with pytest.raises(ValidationError) as caught:
        client.run(PreviewImage(images=LoadImage(image=name).IMAGE))
    assert str(folder / name) in str(caught.value)
    assert server.url in str(caught.value)


def _picture(client: Any, target: Any) -> Image.Image:
    output = client.run(target, timeout=60).output
    return Image.open(io.BytesIO(client.read(output.files[0]))).convert("RGB")
