"""What a client makes of the files that nodes give: their kinds, their folders, their names here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, ImageCompare, SaveImage, SaveImageWebsocket
from PIL import Image

from comfyflow import Workflow
from comfyflow.errors import DownloadError
from comfyflow.output_file import ImageFile, ImageOutput, Model3DOutput
from comfyflow.simulator import NodeResult, Simulator
from tests.clients import KINDS, connected


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(params=KINDS)
def client(server: Simulator, request: pytest.FixtureRequest) -> Iterator[Any]:
    with connected(request.param, server.url) as client:
        yield client


def image(color: int) -> EmptyImage:
    return EmptyImage(width=8, height=8, batch_size=1, color=color)


def test_files_of_one_name_in_two_folders_are_two_files_here(client: Any, tmp_path: Path) -> None:
    saved = [SaveImage(images=image(color), filename_prefix=f"clash_{color}/pic") for color in (1, 2)]
    files = client.run(Workflow(saved)).files
    assert len({file.name for file in files}) == 1
    paths = [client.save(file, tmp_path) for file in files]
    assert [path.read_bytes() for path in paths] == [client.read(file) for file in files]
    assert len(list(tmp_path.iterdir())) == 2


def test_pictures_from_the_socket_have_the_same_names_in_every_run(client: Any, tmp_path: Path) -> None:
    results = [client.run(SaveImageWebsocket(images=image(color))) for color in (1, 2)]
    paths = [result.output.images[0].save(tmp_path) for result in results]
    assert len(set(paths)) == 2
    assert len({path.read_bytes() for path in paths}) == 2


def test_a_download_replaces_nothing_and_follows_no_link(client: Any, tmp_path: Path) -> None:
    file = client.run(SaveImage(images=image(3), filename_prefix="linked")).files[0]
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / file.name).symlink_to(tmp_path / "victim")
    written = [client.save(file, folder), *client.download(file, folder)]
    stem = file.name.removesuffix(".png")
    assert [path.name for path in written] == [f"{stem} (1).png", f"{stem} (2).png"]
    (path,) = client.download(file, folder, overwrite=True)
    assert path.name == file.name
    assert not path.is_symlink()
    with pytest.raises(DownloadError, match="already exists"):
        client.save(file, path, overwrite=False)
    assert not (tmp_path / "victim").exists()


def test_a_file_that_cannot_be_had_does_not_keep_others_from_being_written(
    server: Simulator, client: Any, tmp_path: Path
) -> None:
    files = client.run(SaveImage(images=EmptyImage(width=8, height=8, batch_size=3, color=4))).files
    (server.folders.of("output") / files[0].name).unlink(missing_ok=True)
    with pytest.raises(DownloadError, match="no more"):
        client.download(files, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_pictures_are_pictures_under_any_key(client: Any) -> None:
    output = client.run(ImageCompare(image_a=image(5), image_b=image(6), compare_view={})).output
    assert isinstance(output, ImageOutput)
    assert [file.key for file in output.images] == ["a_images", "b_images"]
    pixels = [Image.open(io.BytesIO(client.read(file))).getpixel((0, 0)) for file in output.images]
    assert pixels == [(0, 0, 5), (0, 0, 6)]


@pytest.mark.parametrize(
    ("class_type", "folder"),
    [("Preview3DAdvanced", "temp"), ("Save3DAdvanced", "output"), ("Preview3D", "output")],
)
def test_models_that_are_shown_can_be_fetched(client: Any, class_type: str, folder: str) -> None:
    loader = {"model_file": "none", "viewport_state": {}, "width": 64, "height": 64}
    shown: dict[str, Any] = {"model_3d": ["1", 0], "viewport_state": {}, "width": 64, "height": 64}
    if class_type == "Save3DAdvanced":
        shown["filename_prefix"] = "3d/x"
    if class_type == "Preview3D":
        shown = {"model_file": ["1", 0]}
    prompt = {
        "1": {"class_type": "Load3DAdvanced", "inputs": loader},
        "2": {"class_type": class_type, "inputs": shown},
    }
    output = client.run(prompt).output
    assert isinstance(output, Model3DOutput)
    assert [file.type for file in output.models] == [folder]
    assert client.read(output.models[0])[:4] == b"glTF"


def test_a_bare_name_is_looked_for_in_every_folder(server: Simulator, client: Any, tmp_path: Path) -> None:
    """A pack's node may write what it shows anywhere, and says the name alone."""
    (server.folders.of("temp") / "mine.glb").write_bytes(b"glTF mine")
    server.simulate("PreviewAny", lambda **_: NodeResult(ui={"result": ["mine.glb", None, None]}))
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 7}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    file = client.run(prompt).files[0]
    assert client.read(file) == b"glTF mine"
    assert client.save(file, tmp_path).read_bytes() == b"glTF mine"


async def _read(file: ImageFile, folder: Path) -> tuple[bytes, Path]:
    return await file.aread(), await file.asave(folder)


def test_files_of_either_client_can_be_awaited(client: Any, tmp_path: Path) -> None:
    file = client.run(SaveImage(images=image(8))).files[0]
    coroutine = _read(file, tmp_path)
    if hasattr(client, "_await"):
        data, path = client._await(coroutine)
    else:
        import asyncio

        data, path = asyncio.run(coroutine)
    assert data == client.read(file) == path.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]
