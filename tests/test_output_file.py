"""What a node gives, by its keys; names that cannot leave a folder; texts inside files."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from comfyflow.embedded_text import embedded_texts, embedded_values
from comfyflow.output_file import (
    AudioFile,
    AudioOutput,
    ImageFile,
    ImageOutput,
    LatentFile,
    LatentOutput,
    Model3DFile,
    Model3DOutput,
    NodeOutput,
    OutputFile,
    TextOutput,
    VideoFile,
    VideoOutput,
    clean_name,
)
from tests.test_client_message import anything


def file(name: str, **more: Any) -> dict[str, Any]:
    return {"filename": name, "subfolder": "", "type": "output", **more}


class Source:
    """A client that has every file."""

    def read_file(self, file: OutputFile) -> bytes:
        return file.name.encode()

    def save_file(self, file: OutputFile, path: Path) -> Path:
        path.write_bytes(self.read_file(file))
        return path

    def url_of(self, file: OutputFile) -> str:
        return f"http://host/{file.subfolder}/{file.name}"


def test_pictures() -> None:
    output = ImageOutput(
        {"images": [file("a.png"), file("b.webp", subfolder="s")], "animated": [True]}, "9", "p"
    )
    assert [type(entry) for entry in output.images] == [ImageFile, ImageFile]
    assert (output.images[1].subfolder, output.images[1].node_id, output.images[1].prompt_id) == (
        "s",
        "9",
        "p",
    )
    assert output.animated
    assert not ImageOutput({"images": [file("a.png")], "animated": [False]}).animated
    assert output.images[1].annotated_name == "s/b.webp [output]"
    assert output.images[0].media_type == "image/png"


def test_videos_come_under_several_keys() -> None:
    """``SaveVideo`` gives its video under ``images``, VideoHelperSuite under ``gifs``."""
    for key in ("images", "gifs", "video", "videos"):
        output = VideoOutput({key: [file("a.mp4", format="video/h264-mp4", frame_rate=8.0)]})
        assert [type(entry) for entry in output.videos] == [VideoFile]
        assert output.videos[0].info == {"format": "video/h264-mp4", "frame_rate": 8.0}
    assert [type(entry) for entry in ImageOutput({"gifs": [file("a.gif")]}).images] == [ImageFile]


def test_sounds_latents_and_models() -> None:
    assert [type(entry) for entry in AudioOutput({"audio": [file("a.flac")]}).audio] == [AudioFile]
    assert [type(entry) for entry in LatentOutput({"latents": [file("a.latent")]}).latents] == [LatentFile]
    assert [type(entry) for entry in Model3DOutput({"3d": [file("a.glb")]}).models] == [Model3DFile]


def test_a_previewed_model_is_a_path() -> None:
    shown = Model3DOutput({"result": ["3d/deep/a.glb", {"fov": 35}, None]})
    assert (shown.models[0].name, shown.models[0].subfolder) == ("a.glb", "3d/deep")
    assert shown.camera == {"fov": 35}
    assert Model3DOutput({"result": ["a.glb"]}).models[0].subfolder == ""
    assert Model3DOutput({"result": ["a.glb"]}).camera is None


def test_texts() -> None:
    assert TextOutput({"text": ["one", "two"]}).texts == ("one", "two")
    assert TextOutput({"text": ["one", "two"]}).text == "one\ntwo"
    assert TextOutput({"text": list("hello")}).text == "hello", "a bare string comes as its characters"
    assert TextOutput({"text": ["h"]}).text == "h"
    assert TextOutput({}).text == ""


def test_any_object_with_a_filename_is_a_file() -> None:
    output = NodeOutput({"my_files": [file("a.zip"), {"no": "file"}, 3], "b": [file("b.zzzz", type="temp")]})
    assert [(type(entry), entry.key, entry.type) for entry in output.files] == [
        (OutputFile, "my_files", "output"),
        (OutputFile, "b", "temp"),
    ]
    assert output.files[1].media_type == "application/octet-stream"


@given(st.dictionaries(st.sampled_from(["images", "text", "result", "audio", "x"]), anything))
def test_no_output_raises(raw: Mapping[str, Any]) -> None:
    kinds = (ImageOutput, AudioOutput, VideoOutput, TextOutput, LatentOutput, Model3DOutput)
    for kind in (NodeOutput, *kinds):
        output = kind(raw)
        assert isinstance(output.text, str)
        assert repr(output)
    assert Model3DOutput(raw).camera is None or isinstance(Model3DOutput(raw).camera, Mapping)


def test_files_through_their_client(tmp_path: Path) -> None:
    one = ImageFile("a.png", "s", source=Source())
    assert one.bytes() == b"a.png"
    assert one.save(tmp_path) == tmp_path / "a.png"
    assert (
        one.save(tmp_path / "deep" / "b.png").read_bytes() == b"a.png"
        if (tmp_path / "deep").mkdir() is None
        else 0
    )
    assert one.url == "http://host/s/a.png"
    assert not one.loaded
    with pytest.raises(FileNotFoundError, match="belongs to no client"):
        ImageFile("a.png").bytes()


def test_files_that_came_over_the_socket(tmp_path: Path) -> None:
    one = ImageFile("9_00001.png", type="websocket", data=b"png", source=Source())
    assert (one.bytes(), one.url, one.loaded) == (b"png", "", True)
    assert one.save(tmp_path / "new" / "x.png").read_bytes() == b"png"


def test_files_are_values() -> None:
    assert ImageFile("a.png", node_id="1") == ImageFile("a.png", node_id="1")
    assert len({ImageFile("a.png"), ImageFile("a.png"), ImageFile("b.png")}) == 2
    assert ImageFile("a.png") != "a.png"
    assert repr(ImageFile("a.png", "s")) == "<ImageFile s/a.png [output]>"


def test_a_picture_as_pillow_image() -> None:
    data = io.BytesIO()
    Image.new("RGB", (3, 2)).save(data, "PNG")
    assert ImageFile("a.png", data=data.getvalue()).pil().size == (3, 2)


@given(st.text() | st.text(alphabet="./\\:con \0aux1", max_size=12))
def test_a_cleaned_name_is_one_name_in_the_folder(name: str) -> None:
    cleaned = clean_name(name)
    assert cleaned not in ("", ".", "..")
    assert not set(cleaned) & set('/\\:\0<>"|?*\x9b\u202e\ud800')
    assert Path(cleaned).name == cleaned
    assert len(cleaned.encode()) <= 255
    assert cleaned[-1] not in " ."
    assert cleaned.split(".")[0].strip().upper() not in ("CON", "AUX", "NUL", "PRN", "COM1", "LPT9", "CONIN$")
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize(
    "name", ["ComfyUI_00001_.png", "a b (1).webp", "ü.png", "x" * 100 + ".png", ".hidden"]
)
def test_ordinary_names_stay(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("CON .txt", "_CON .txt"),
        ("com¹.png", "_com¹.png"),
        ("a. .", "a"),
        ("\ud800.png", "_.png"),
        ("a\x9b31m.png", "a_31m.png"),
        ("a\u202egnp.exe", "a_gnp.exe"),
        ("x" * 5000 + ".png", "x" * 40 + ".png"),
        ("é" * 5000, "é" * 48),
        ("\\\\server\\share\\a.png", "a.png"),
        ("a.png:stream", "a.png_stream"),
    ],
)
def test_names_that_no_system_takes_or_shows(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


# Texts inside files


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG", pnginfo=info)
    return data.getvalue()


def test_what_comfyui_writes_into_a_png() -> None:
    prompt = {"9": {"class_type": "SaveImage", "inputs": {"text": "grün"}}}
    data = png(prompt=json.dumps(prompt), workflow="{broken", note="plain")
    assert ImageFile("a.png", data=data).metadata == {
        "prompt": prompt,
        "workflow": "{broken",
        "note": "plain",
    }


def test_packed_and_international_texts() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("packed", "one" * 100, zip=True)
    info.add_itxt("wide", "grün 猫", zip=True)
    info.add_itxt("plain", "grün")
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG", pnginfo=info)
    assert embedded_texts(data.getvalue()) == {"packed": "one" * 100, "wide": "grün 猫", "plain": "grün"}


def test_a_text_that_unpacks_without_end_is_left_out() -> None:
    bomb = zlib.compress(b"\0" * (80 * 1024 * 1024), 9)
    chunk = b"bomb\0\0" + bomb
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk)) + b"zTXt" + chunk + b"\0\0\0\0"
    assert embedded_texts(data) == {}


def test_latents_and_other_safetensors() -> None:
    header = json.dumps({"__metadata__": {"prompt": '{"1": {}}', "n": 3}, "t": {}}).encode()
    data = struct.pack("<Q", len(header)) + header + b"\0" * 8
    assert embedded_values(data) == {"prompt": {"1": {}}}


@given(st.binary(max_size=60), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\x20\0\0\0\0\0\0\0{"]))
def test_no_file_raises(rest: bytes, start: bytes) -> None:
    assert isinstance(embedded_values(start + rest), dict)


@given(st.integers(0, 400))
def test_no_png_that_is_cut_short_raises(cut: int) -> None:
    data = png(prompt="{}", workflow="[]")
    assert set(embedded_texts(data[:cut])) <= {"prompt", "workflow"}
