"""What a node gives, by its keys; names that cannot leave a folder; texts inside files."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
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
from comfyflow.errors import ClientError, DownloadError, SaveError
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

    async def _aread_file(self, file: OutputFile) -> bytes:
        return self.read_file(file)

    async def _asave_file(self, file: OutputFile, path: Path) -> Path:
        return self.save_file(file, path)

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


@pytest.mark.parametrize("class_type", ["Preview3DAdvanced", "PreviewGaussianSplat", "PreviewPointCloud"])
def test_models_that_are_only_shown_are_in_the_temp_folder(class_type: str) -> None:
    """The server says the file's name and not its folder: that depends on the class."""
    raw = {"result": ["preview_1f.ply", None, []]}
    assert Model3DOutput(raw, class_type=class_type).models[0].annotated_name == "preview_1f.ply [temp]"
    for other in ("Preview3D", "Save3DAdvanced", ""):
        assert Model3DOutput(raw, class_type=other).models[0].type == "output"
    assert Model3DOutput({"result": ["3d/a.glb [input]"]}).models[0].annotated_name == "3d/a.glb [input]"


@pytest.mark.parametrize(
    ("key", "name", "kind"),
    [
        ("a_images", "comfy.compare.a_00001_.png", ImageFile),
        ("anything", "a.JPG", ImageFile),
        ("anything", "a.flac", AudioFile),
        ("files", "a.glb", Model3DFile),
        ("files", "a.latent", LatentFile),
        ("3d", "texture.png", ImageFile),
        ("images", "a.mp4", VideoFile),
        ("images", "a.glb", Model3DFile),
        ("audio", "a.mp4", AudioFile),
        ("audio", "a.webm", AudioFile),
        ("latents", "a.safetensors", LatentFile),
        ("files", "a.safetensors", OutputFile),
        ("images", "no suffix", ImageFile),
    ],
)
def test_kinds_go_by_the_name_before_the_key(key: str, name: str, kind: type[OutputFile]) -> None:
    assert [type(entry) for entry in NodeOutput({key: [file(name)]}).files] == [kind]


def test_kinds_go_by_what_the_node_says_where_the_name_says_nothing() -> None:
    said = NodeOutput({"gifs": [file("a", format="video/h264-mp4")], "x": [file("b", format="image/gif")]})
    assert [type(entry) for entry in said.files] == [VideoFile, ImageFile]


def test_texts() -> None:
    assert TextOutput({"text": ["one", "two"]}).texts == ("one", "two")
    assert TextOutput({"text": ["one", "two"]}).text == "one\ntwo"
    assert TextOutput({"text": list("hello")}).text == "hello", "a bare string comes as its characters"
    assert TextOutput({"text": ["h"]}).text == "h"
    mixed = TextOutput({"text": ["a", "dog", "b"]})
    assert mixed.text == "a\ndog\nb", "texts of several lengths are no characters of one text"
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
    assert one.save(tmp_path / "deep" / "b.png").read_bytes() == b"a.png"
    assert one.url == "http://host/s/a.png"
    assert not one.loaded
    with pytest.raises(ClientError, match="has no client"):
        ImageFile("a.png").bytes()


def test_files_that_came_over_the_socket(tmp_path: Path) -> None:
    one = ImageFile("9_00001.png", type="websocket", data=b"png", source=Source())
    assert (one.bytes(), one.url, one.loaded) == (b"png", "", True)
    assert one.save(tmp_path / "new" / "x.png").read_bytes() == b"png"


@pytest.mark.parametrize("data", [None, b"a.png"], ids=["fetched", "from the socket"])
def test_files_where_nobody_may_block(data: bytes | None, tmp_path: Path) -> None:
    one = ImageFile("a.png", data=data, source=Source())

    async def both() -> tuple[bytes, Path, Path]:
        return await one.aread(), await one.asave(tmp_path), await one.asave(tmp_path)

    content, first, second = asyncio.run(both())
    assert content == b"a.png"
    assert (first.name, second.name) == ("a.png", "a (1).png")
    assert first.read_bytes() == second.read_bytes() == b"a.png"


@pytest.mark.parametrize("data", [None, b"a.png"], ids=["fetched", "from the socket"])
class TestSaving:
    """Where a file goes that may be there already."""

    def made(self, data: bytes | None) -> ImageFile:
        return ImageFile("a.png", data=data, source=Source())

    def test_in_a_folder_no_file_is_replaced(self, data: bytes | None, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_text("another")
        one = self.made(data)
        assert one.save(tmp_path) == tmp_path / "a (1).png"
        assert one.save(tmp_path, overwrite=False) == tmp_path / "a (2).png"
        assert (tmp_path / "a.png").read_text() == "another"
        assert one.save(tmp_path, overwrite=True) == tmp_path / "a.png"
        assert (tmp_path / "a.png").read_bytes() == b"a.png"
        assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a (1).png", "a (2).png"}

    def test_a_file_that_the_user_names_is(self, data: bytes | None, tmp_path: Path) -> None:
        target = tmp_path / "mine.png"
        target.write_text("old")
        with pytest.raises(DownloadError, match=r"mine\.png already exists; overwrite=True"):
            self.made(data).save(target, overwrite=False)
        assert target.read_text() == "old"
        assert self.made(data).save(target) == target
        assert target.read_bytes() == b"a.png"

    @pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no folder that takes no files")
    def test_what_cannot_be_written_is_called_as_the_user_called_it(self, data: bytes | None) -> None:
        with pytest.raises(SaveError, match=r"^cannot write /proc/self/mine\.png: \w") as caught:
            self.made(data).save("/proc/self/mine.png")
        assert isinstance(caught.value, OSError)
        assert caught.value.filename == "/proc/self/mine.png"
        assert caught.value.errno

    def test_a_file_in_the_way_of_a_folder_is_told(self, data: bytes | None, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(SaveError, match=r"taken: .*; a file stands where a folder is needed$"):
            self.made(data).save(tmp_path / "taken" / "a.png")
        assert (tmp_path / "taken").read_text() == ""

    def test_a_full_disk_is_told(
        self, data: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        one = self.made(b"a.png")
        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(SaveError, match=r"a\.png: .*; make room, or choose another folder$"):
            one.save(tmp_path / "a.png")
        assert list(tmp_path.iterdir()) == []

    def test_a_path_that_ends_with_a_separator_is_a_folder(self, data: bytes | None, tmp_path: Path) -> None:
        assert self.made(data).save(f"{tmp_path}/new/") == tmp_path / "new" / "a.png"

    @pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
    def test_nothing_is_written_through_a_symbolic_link(
        self, data: bytes | None, there: bool, tmp_path: Path
    ) -> None:
        victim = tmp_path / "victim"
        if there:
            victim.write_text("precious")
        folder = tmp_path / "folder"
        folder.mkdir()
        link = folder / "a.png"
        link.symlink_to(victim)
        assert self.made(data).save(folder) == folder / "a (1).png"
        with pytest.raises(DownloadError, match="already exists"):
            self.made(data).save(link, overwrite=False)
        assert link.is_symlink()
        for target, told in ((folder, True), (link, None)):
            link.unlink()
            link.symlink_to(victim)
            assert self.made(data).save(target, overwrite=told) == link
            assert not link.is_symlink()
            assert link.read_bytes() == b"a.png"
        assert victim.exists() == there
        assert not there or victim.read_text() == "precious"


def test_a_download_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Broken(Source):
        def save_file(self, file: OutputFile, path: Path) -> Path:
            path.write_bytes(b"half")
            raise DownloadError("cut")

    with pytest.raises(DownloadError, match="cut"):
        ImageFile("a.png", source=Broken()).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_are_values() -> None:
    assert ImageFile("a.png", node_id="1") == ImageFile("a.png", node_id="1")
    assert len({ImageFile("a.png"), ImageFile("a.png"), ImageFile("b.png")}) == 2
    assert ImageFile("a.png") != "a.png"
    assert repr(ImageFile("a.png", "s")) == "<ImageFile s/a.png [output]>"


def test_a_picture_as_pillow_image() -> None:
    data = io.BytesIO()
    Image.new("RGB", (3, 2)).save(data, "PNG")
    assert ImageFile("a.png", data=data.getvalue()).pil().size == (3, 2)


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
