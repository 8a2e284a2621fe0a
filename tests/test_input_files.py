"""Files given to inputs that take one: which is meant, what is uploaded, and what is said of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import runpy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comfynodes import (
    CLIPTextEncode,
    EmptyImage,
    LoadImage,
    PreviewAny,
    PreviewImage,
    SaveImage,
    SaveImageWebsocket,
    StringConcatenate,
    VAELoader,
)
from PIL import Image

from comfyflow import Schema, Workflow, foreign_path, raw_node, to_python
from comfyflow.client import UploadedFile
from comfyflow.client.run_event import FileUploaded
from comfyflow.codegen import Options, generate
from comfyflow.errors import ClientError, CompileError, PromptRejected, ValidationError
from comfyflow.input_file import InputFile
from comfyflow.python_source import prove
from comfyflow.schema.package import package_schema
from comfyflow.simulator import Simulator
from tests.clients import connected
from tests.simulated import node_class

CLIENT_OF = {"0.27.0": "Client", "0.3.64": "AsyncClient"}
"""Which client meets which version of a server."""


@pytest.fixture(scope="module", params=list(CLIENT_OF))
def server(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with Simulator(profile=request.param) as simulator:
        yield simulator


@pytest.fixture
def client(server: Simulator) -> Iterator[Any]:
    with connected(CLIENT_OF[server.profile.version], server.url) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the test is."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def unused(suffix: str = ".png") -> str:
    """A name that no server has."""
    return f"{uuid.uuid4()}{suffix}"


def picture(path: Path | str, width: int = 8) -> Path:
    Image.new("RGB", (width, 4), (uuid.uuid4().int % 256, 2, 3)).save(path)
    return Path(path)


def png(width: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 4), (uuid.uuid4().int % 256, 2, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def saved(image: Any) -> SaveImage:
    return SaveImage(images=LoadImage(image=image).IMAGE)


def prompt(image: Any, class_type: str = "LoadImage") -> dict[str, Any]:
    return {
        "1": {"class_type": class_type, "inputs": {"image": image}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }


def width_of(client: Any, result: Any) -> int:
    return int(Image.open(io.BytesIO(client.read(result.files[0]))).width)


def uploads(server: Simulator) -> set[str]:
    return {path.name for path in server.folders.of("input").rglob("*") if path.is_file()}


# What the server has


def test_what_was_uploaded_runs_whatever_schema_is_given(client: Any) -> None:
    schema = client.schema()
    uploaded = client.upload_image(png(21), name=unused())
    deep = client.upload_image(png(22), name=unused(), subfolder="a/b")
    for options in ({}, {"schema": schema}, {"schema": client.schema()}):
        assert width_of(client, client.run(saved(uploaded.reference), **options)) == 21
        assert width_of(client, client.run(saved(deep.reference), **options)) == 22


def test_an_output_is_the_next_input(client: Any) -> None:
    schema = client.schema()
    first = client.run(SaveImage(images=EmptyImage(width=31, height=8)))
    shown = client.run(PreviewImage(images=EmptyImage(width=32, height=8)))
    for file, width in ((first.files[0], 31), (shown.files[0], 32)):
        assert file.annotated_name.endswith(("[output]", "[temp]"))
        for given in (file, file.annotated_name):
            assert width_of(client, client.run(saved(given))) == width
            assert width_of(client, client.run(saved(given), schema=schema)) == width
    assert width_of(client, client.run(saved(first))) == 31  # a result stands for its only file
    assert width_of(client, client.run(saved(first.output))) == 31


def test_a_masked_upload_is_an_input(client: Any) -> None:
    original = client.upload_image(png(23), name=unused())
    buffer = io.BytesIO()
    Image.new("RGBA", (23, 4), (0, 0, 0, 9)).save(buffer, "PNG")
    masked = client.upload_mask(buffer.getvalue(), original, name=unused())
    assert width_of(client, client.run(saved(masked))) == 23


def test_a_model_is_judged_by_the_server(client: Any, server: Simulator) -> None:
    """Not by what was listed when the schema was read."""
    schema, name = client.schema(), unused(".safetensors")
    shown = PreviewAny(source=VAELoader(vae_name=name))
    with pytest.raises(PromptRejected, match="not one of its choices") as caught:
        client.run(PreviewAny(source=VAELoader(vae_name="no vae")), schema=schema)
    assert str(caught.value).endswith("schema: the server's own, from its response")
    path = server.folders.root / "models" / "vae" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    try:
        assert client.run(shown, schema=schema).outcome
    finally:
        path.unlink()


def test_a_name_that_is_nowhere_is_told_with_both_places(client: Any, folder: Path) -> None:
    near = client.upload_image(png(), name=f"{uuid.uuid4()}_sunset.png").name
    wrong = near.replace("sunset", "sunest")
    for target in (saved(wrong), prompt(wrong)):
        with pytest.raises(ValidationError) as caught:
            client.run(target)
        told = str(caught.value)
        assert wrong in told
        assert client.url in told
        assert str(folder / wrong) in told
        assert f"did you mean {near!r}?" in told
    with pytest.raises(ValidationError, match="does not have"):
        client.run(saved(f"{unused()} [output]"))


def test_what_no_output_needs_is_not_looked_for(client: Any, folder: Path) -> None:
    given = prompt("example.png")
    given["3"] = {"class_type": "LoadImage", "inputs": {"image": unused()}}
    assert client.run(given).files


# What is here


def test_pictures_in_memory_are_uploaded(client: Any) -> None:
    array = np.zeros((5, 41, 3), np.float32)
    for given, width in (
        (png(40), 40),
        (array, 41),
        (Image.new("CMYK", (42, 5)), 42),
        (np.zeros((5, 43), bool), 43),
    ):
        result = client.run(saved(given))
        assert width_of(client, result) == width
        assert result.prompt["1"]["inputs"]["image"] == InputFile.of(given).reference  # type: ignore[union-attr]


def test_a_picture_of_the_socket_is_uploaded(client: Any) -> None:
    sent = client.run(SaveImageWebsocket(images=EmptyImage(width=45, height=8)))
    assert width_of(client, client.run(saved(sent))) == 45


def test_a_file_of_another_server_is_sent_to_this_one(server: Simulator) -> None:
    with Simulator() as other, connected("Client", other.url) as theirs:
        made = theirs.run(SaveImage(images=EmptyImage(width=46, height=8), filename_prefix=unused("")))
        with connected("Client", server.url) as ours:
            result = ours.run(saved(made.files[0]))
            assert result.prompt["1"]["inputs"]["image"] == made.files[0].name
            assert width_of(ours, result) == 46


def test_prompt_json_may_have_local_files(client: Any, folder: Path) -> None:
    name = picture(unused(), 51).name
    for given in (name, Path(name), (folder / name), png(51)):
        assert width_of(client, client.run(prompt(given))) == 51
    node = raw_node("LoadImage", {"image": name})
    assert width_of(client, client.run(Workflow(SaveImage(images=node[0])))) == 51


def test_a_file_that_was_changed_is_uploaded_again(client: Any, folder: Path) -> None:
    name = picture(unused(), 61).name
    for given in (saved(name), prompt(name)):
        assert width_of(client, client.run(given)) == 61
    picture(name, 62)
    for given in (saved(name), prompt(name)):
        assert width_of(client, client.run(given)) == 62
    with pytest.raises(ValidationError, match="file not found"):
        client.run(saved(Path("nothing.png")))


def test_an_async_function_is_told_of_uploads(server: Simulator, folder: Path) -> None:
    picture("told.png", 64)
    told: list[str] = []

    async def tell(upload: Any) -> None:
        await asyncio.sleep(0)
        told.append(upload.file)

    with connected("AsyncClient", server.url) as client:
        client.run(saved("told.png"), on_upload=tell)
    assert told == ["told.png"]


def test_a_text_that_is_both_means_the_file_here_and_that_is_said(
    client: Any, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture("example.png", 63)
    told: list[str] = []
    result = client.run(saved("example.png"), on_upload=lambda upload: told.append(str(upload)))
    assert width_of(client, result) == 63
    assert len(told) == 1
    assert "the server has another file example.png" in told[0]
    assert "example.png [input]" in told[0]
    assert width_of(client, client.run(saved("example.png [input]"))) == 512


def test_every_upload_is_told(client: Any, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    name = picture(unused(), 64).name
    with caplog.at_level(logging.INFO, "comfyflow.uploads"):
        handle = client.submit(saved(name))
    assert f"uploaded {name} as {name}" in caplog.text
    first, *_ = handle.events()
    assert isinstance(first, FileUploaded)
    assert (first.upload.file, first.upload.reference, first.upload.input_name) == (name, name, "image")


def test_a_file_for_an_input_that_takes_none(client: Any) -> None:
    given: Any = png()
    text = StringConcatenate(string_a=given, string_b="", delimiter="")
    with pytest.raises(ValidationError, match="does not take a file"):
        client.run(PreviewAny(source=text))


def test_what_stands_for_no_one_file_is_refused_where_it_is_compiled(client: Any) -> None:
    two = client.run(SaveImage(images=EmptyImage(width=8, height=8, batch_size=2)))
    with pytest.raises(CompileError, match=r"has 2 files; pass one of them: \.files\[0\]"):
        Workflow(saved(two)).to_prompt()
    with pytest.raises(ClientError, match="has 2 files"):
        client.run(prompt(two))
    for array in (np.zeros((5, 6, 2)), np.full((5, 6), 2.0), np.zeros((5, 6), np.int64)):
        with pytest.raises(CompileError, match="array"):
            Workflow(saved(array)).to_prompt()


def test_the_same_picture_makes_the_same_prompt() -> None:
    data = png()
    assert Workflow(saved(data)).to_prompt() == Workflow(saved(bytes(data))).to_prompt()
    assert Workflow(saved(UploadedFile("a.png", "b", "temp"))).to_prompt()["1"]["inputs"] == {
        "image": "b/a.png [temp]"
    }


# Only what the user gave


@pytest.mark.parametrize("how", ["absolute", "above", "link", "hidden", "not an image"])
def test_foreign_json_uploads_nothing_from_elsewhere(
    client: Any, server: Simulator, folder: Path, how: str
) -> None:
    name = unused(".txt" if how == "not an image" else ".png")
    secret = folder / name if how == "not an image" else folder.parent / name
    secret.write_bytes(png(71))
    (folder / "link.png").symlink_to(secret)
    (folder / f".{name}").write_bytes(secret.read_bytes())
    text = {
        "absolute": str(secret),
        "above": f"../{name}",
        "link": "link.png",
        "hidden": f".{name}",
        "not an image": name,
    }[how]
    before = uploads(server)
    with pytest.raises(ValidationError, match="not uploaded without your permission: --allow-upload"):
        client.run(prompt(text))
    marked = saved(foreign_path(text))
    if how in ("absolute", "above"):
        with pytest.raises(ValidationError, match="not uploaded without your permission"):
            client.run(marked)
    assert uploads(server) == before
    assert width_of(client, client.run(prompt(text), allow_upload=True)) == 71
    assert width_of(client, client.run(marked, allow_upload=True)) == 71
    assert width_of(client, client.run(prompt(Path(text)))) == 71
    assert width_of(client, client.run(saved(text))) == 71


@pytest.mark.parametrize("listed", [[], ["clip.mp4", "theirs.mp4"]])
def test_a_list_of_a_pack_without_a_flag_takes_files_of_here(folder: Path, listed: list[str]) -> None:
    """VideoHelperSuite has an upload button of its own, and says no more than that it lists videos."""
    own = node_class({"video": [listed], "codec": [["h264"]]}, ["STRING"])
    nodes = {**package_schema({"comfynodes"}).raw, "VHS_LoadVideo": own}
    Path("clip.mp4").write_bytes(b"a video")
    with Simulator(nodes) as server, connected("Client", server.url) as client:
        server.simulate("VHS_LoadVideo", lambda video, codec: video)
        before = uploads(server)

        def run(video: Any) -> str:
            node = raw_node("VHS_LoadVideo", {"video": video, "codec": "h264"})
            return str(client.run(Workflow(PreviewAny(source=node[0]))).output.text)

        for given in ("clip.mp4", Path("clip.mp4"), str(Path("clip.mp4").absolute())):
            assert run(given) == "clip.mp4"
        assert uploads(server) == {*before, "clip.mp4"}
        Path("clip.mp4").write_bytes(b"another video")
        assert run("clip.mp4") == "clip (1).mp4"
        for name in listed[1:]:
            assert run(name) == name
        with pytest.raises(PromptRejected, match="nowhere"):
            run("nowhere.mp4")


def test_text_inputs_are_never_uploaded(client: Any, server: Simulator, folder: Path) -> None:
    name = picture(unused()).name
    before = uploads(server)
    text = StringConcatenate(string_a=name, string_b="", delimiter="")
    assert client.run(PreviewAny(source=text)).output.text == name
    assert CLIPTextEncode.__name__ == "CLIPTextEncode"
    assert uploads(server) == before


def test_to_python_marks_a_strangers_paths(client: Any, server: Simulator, folder: Path) -> None:
    secret = picture(folder.parent / unused(), 73)
    before = uploads(server)
    schema = package_schema({"comfynodes"})
    for text, kind, params in (
        (str(secret), "LoadImage", None),
        (f"../{secret.name}", "LoadImage", []),
        (f"../{secret.name}", "Unknown Loader", None),
        ("C:\\\\pictures\\\\a.png", "LoadImage", None),
    ):
        given = prompt(text, kind)
        source = to_python(given, schema, params=params)
        assert "foreign_path(" in source
        assert prove(source, given, schema).empty
        if kind == "LoadImage":
            Path("made.py").write_text(source)
            made = runpy.run_path("made.py")
            with pytest.raises(ValidationError, match="does not have"):
                client.run(made["untitled"]())
    assert uploads(server) == before
    plain = to_python(prompt("a.png"), schema)
    assert "foreign_path" not in plain
    assert "image_file: str = 'a.png'" in plain.replace('"', "'")
    assert "foreign_path" not in to_python(prompt("../a.png [output]"), schema)


def test_a_server_cannot_name_a_file_of_the_users(folder: Path) -> None:
    """Neither as the default of a generated argument, nor by calling a text a file."""
    secret = folder.parent / "secret.txt"
    secret.write_bytes(png())
    flags = {"default": str(secret), "image_upload": True}
    hostile = {
        **package_schema({"comfynodes"}).raw,
        "Hostile": node_class({"text": ["STRING", flags]}, ["STRING"], optional={"more": ["STRING", flags]}),
    }
    files = generate(Schema(hostile, "0.27.0"), Options()).files
    assert not any(str(secret) in text for name, text in files.items() if name.endswith(".py"))
    with Simulator(hostile) as server, connected("Client", server.url) as client:
        server.simulate("Hostile", lambda text: text)
        node = raw_node("Hostile", {"text": str(secret)})
        assert client.run(Workflow(PreviewAny(source=node[0]))).output.text == str(secret)
        assert not {name for name in uploads(server) if "secret" in name}


# What may be run


EDITOR = {
    "nodes": [
        {"id": 1, "type": "EmptyImage", "mode": 0, "inputs": [], "properties": {},
         "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}], "widgets_values": [91, 8, 1, 0]},
        {"id": 2, "type": "SaveImage", "mode": 0, "outputs": [], "properties": {},
         "inputs": [{"name": "images", "type": "IMAGE", "link": 1}], "widgets_values": ["x"]},
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    "version": 0.4,
}  # fmt: skip


def test_whatever_the_command_takes_the_client_takes(client: Any, folder: Path, server: Simulator) -> None:
    plain = Workflow(SaveImage(images=EmptyImage(width=91, height=8))).to_prompt()
    body = {"prompt": plain, "client_id": "x", "extra_data": {"extra_pnginfo": {"workflow": EDITOR}}}
    Path("editor.json").write_text(json.dumps(EDITOR))
    for target in (EDITOR, body, json.dumps(EDITOR), json.dumps(body), Path("editor.json"), "editor.json"):
        result = client.run(target)
        assert width_of(client, result) == 91
        assert server.prompts[-1].body["extra_data"]["extra_pnginfo"]["workflow"] == EDITOR


def test_editor_json_with_a_class_that_only_the_server_knows() -> None:
    own = node_class({"size": ["INT", {"default": 4}]}, ["IMAGE"])
    editor = json.loads(json.dumps(EDITOR))
    editor["nodes"][0].update(type="OwnImage", widgets_values=[92])
    package = package_schema({"comfynodes"})
    with Simulator({**package.raw, "OwnImage": own}) as server:
        server.simulate("OwnImage", lambda size: np.zeros((1, 8, size, 3), np.float32))
        with connected("Client", server.url) as client:
            assert width_of(client, client.run(editor)) == 92


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ([saved("a.png")], "not a list; Workflow(*nodes) builds one from several nodes"),
        ([1], "not a list"),
        ("no such file.json", "there is no file 'no such file.json', and the string is not JSON"),
        (Path("no such file.json"), "there is no file"),
        ({"a": 1}, "this object has 'a', none of which is a node"),
        ({"a": 1, "b": {"c": "d"}}, "this object has 'a', 'b', none of which is a node"),
        ({"prompt": {}}, "this object has 'prompt', none of which is a node"),
        (3, "not int"),
        (len, "call the function"),
    ],
)
def test_what_cannot_be_run_is_told(target: Any, why: str) -> None:
    with connected("Client", "http://127.0.0.1:9") as client, pytest.raises(ClientError) as caught:
        client.run(target)
    assert why in str(caught.value)
