"""Workflows in every file that carries one; the files are made by the tools that make them."""

from __future__ import annotations

import fractions
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow import read_workflow
from comfyflow.embedded_text import embedded_texts, embedded_values
from comfyflow.errors import BoundsError, WorkflowFileError
from comfyflow.importer.workflow_file import is_prompt

PROMPT: dict[str, Any] = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "text": "é 猫 \U0001f408"}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}, "is_changed": [float("inf")]},
}
WORKFLOW: dict[str, Any] = {"version": 0.4, "nodes": [{"id": 1, "type": "EmptyImage"}], "links": []}
TEXTS = {"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW)}


def check(data: bytes) -> None:
    found = read_workflow(data)
    assert found.kind == "both"
    assert found.prompt == PROMPT
    assert found.workflow == WORKFLOW


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (PROMPT, "prompt"),
        (WORKFLOW, "editor"),
        ({**WORKFLOW, "version": 1, "links": [{"id": 1}]}, "editor"),
        ({"prompt": PROMPT}, "prompt"),
        ({"prompt": PROMPT, "workflow": WORKFLOW}, "both"),
        ({"prompt": json.dumps(PROMPT), "workflow": json.dumps(WORKFLOW)}, "both"),
        ({"prompt": PROMPT, "extra_data": {"extra_pnginfo": {"workflow": WORKFLOW}}}, "both"),
        ([3, "an id", PROMPT, {"extra_pnginfo": {"workflow": WORKFLOW}}, ["2"]], "both"),
        ([3, "an id", PROMPT, {}, ["2"]], "prompt"),
        ({"prompt": [3, "an id", PROMPT, {}, ["2"]], "outputs": {}, "status": {}}, "prompt"),
        ({"an id": {"prompt": [3, "an id", PROMPT, {}, ["2"]], "outputs": {}}}, "prompt"),
        ({"workflow": {"prompt": PROMPT, "extra_data": {"extra_pnginfo": {"workflow": WORKFLOW}}}}, "both"),
    ],
)
def test_json_of_every_form(value: Any, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("\ufeff" + json.dumps(value), encoding="utf-8")
    for source in (
        path,
        str(path),
        json.dumps(value).encode(),
        *([value] if isinstance(value, dict) else []),
    ):
        found = read_workflow(source)
        assert found.kind == kind
        assert found.prompt in (None, PROMPT)
        assert found.workflow is None or found.workflow["nodes"] == WORKFLOW["nodes"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_json_as_powershell_writes_it(encoding: str) -> None:
    prompt = {"1": {"class_type": "Text", "inputs": {"text": "caf\u00e9 \U0001f600 \ud800"}}}
    text = "\ufeff\r\n" + json.dumps(prompt, ensure_ascii=False)
    data = text.encode(encoding, "surrogatepass")
    assert read_workflow(data).prompt == prompt
    with pytest.raises(WorkflowFileError, match="the data is not valid JSON"):
        read_workflow(data[:-1])
    with pytest.raises(WorkflowFileError, match="the data is not valid JSON"):
        read_workflow(data[:-4])


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    for kind, body in (header, *chunks, (b"IDAT", zlib.compress(b"\0\0\0\0")), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return b"".join(parts)


@pytest.mark.parametrize("kind", ["tEXt", "iTXt", "packed iTXt", "zTXt"])
def test_png_written_by_pillow(kind: str) -> None:
    image = pytest.importorskip("PIL.Image")
    plugin = pytest.importorskip("PIL.PngImagePlugin")
    info = plugin.PngInfo()
    for name, text in TEXTS.items():
        if kind.endswith("iTXt"):
            info.add_itxt(name, text, zip=kind.startswith("packed"))
        else:
            info.add_text(name, text, zip=kind == "zTXt")
    file = io.BytesIO()
    image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=info)
    check(file.getvalue())


def test_animated_png_with_comfyuis_own_chunk() -> None:
    check(png(*((b"comf", name.encode() + b"\0" + text.encode()) for name, text in TEXTS.items())))


def test_text_that_is_utf_8_where_latin_1_should_be() -> None:
    raw = json.dumps(PROMPT, ensure_ascii=False).encode()
    assert read_workflow(png((b"tEXt", b"prompt\0" + raw))).prompt == PROMPT


@pytest.mark.parametrize(("form", "options"), [("WEBP", {}), ("JPEG", {}), ("AVIF", {})])
def test_pictures_with_exif(form: str, options: dict[str, Any]) -> None:
    image = pytest.importorskip("PIL.Image")
    features = pytest.importorskip("PIL.features")
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow cannot write AVIF")
    exif = image.Exif()
    exif[0x0110], exif[0x010F] = f"prompt:{TEXTS['prompt']}", f"workflow:{TEXTS['workflow']}"
    file = io.BytesIO()
    image.new("RGB", (16, 16)).save(file, form, exif=exif, **options)
    check(file.getvalue())


def test_a_user_comment_in_utf_16() -> None:
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + json.dumps(TEXTS).encode("utf-16-le")
    file = io.BytesIO()
    image.new("RGB", (16, 16)).save(file, "JPEG", exif=exif)
    check(file.getvalue())


def test_gif_comment() -> None:
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.new("P", (4, 4)).save(file, "GIF", comment=json.dumps(TEXTS))
    check(file.getvalue())


def recording(form: str, codec: str, tags: dict[str, str], options: dict[str, str]) -> bytes:
    av = pytest.importorskip("av")
    numpy = pytest.importorskip("numpy")
    file = io.BytesIO()
    with av.open(file, "w", format=form, options=options) as container:
        for name, text in tags.items():
            container.metadata[name] = text
        kind = av.codec.Codec(codec, "w").type
        if kind == "video":
            stream = container.add_stream(codec, rate=fractions.Fraction(4))
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(numpy.zeros((64, 64, 3), dtype="uint8"), format="rgb24")
        else:
            stream = container.add_stream(codec, rate=48000, layout="mono")
            planar = stream.format.name
            dtype = {"s1": "int16", "s3": "int32"}.get(planar[:2], "float32")
            samples = numpy.zeros((1, stream.codec_context.frame_size or 1152), dtype=dtype)
            frame = av.AudioFrame.from_ndarray(samples, format=planar, layout="mono")
            frame.sample_rate = 48000
        for _ in range(4):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("mp4", "mpeg4", {"movflags": "use_metadata_tags"}),
        ("mov", "mpeg4", {"movflags": "use_metadata_tags"}),
        ("webm", "libvpx-vp9", {}),
        ("matroska", "mpeg4", {}),
        ("flac", "flac", {}),
        ("mp3", "libmp3lame", {}),
        ("ogg", "libopus", {}),
        ("opus", "libopus", {}),
    ],
)
def test_video_and_sound_as_comfyui_writes_it(form: str, codec: str, options: dict[str, str]) -> None:
    check(recording(form, codec, TEXTS, options))


def test_video_with_both_in_its_comment() -> None:
    check(recording("mp4", "mpeg4", {"comment": json.dumps(TEXTS)}, {}))


def test_safetensors_and_latents() -> None:
    header = json.dumps({"__metadata__": TEXTS, "latent_tensor": {"dtype": "F32"}}).encode()
    check(struct.pack("<Q", len(header)) + header + b"\0" * 16)


def test_glb() -> None:
    body = json.dumps({"asset": {"version": "2.0", "extras": TEXTS}}).encode()
    body += b" " * (-len(body) % 4)
    check(struct.pack("<4sIII4s", b"glTF", 2, 20 + len(body), len(body), b"JSON") + body)


def test_svg() -> None:
    inner = json.dumps({"prompt": PROMPT, "workflow": WORKFLOW})
    check(f"<?xml version='1.0'?><svg><metadata><![CDATA[{inner}]]></metadata></svg>".encode())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"<!doctype html><p>", "is a web page"),
        (b"{", "is not valid JSON"),
        (b"[]", "neither an editor workflow"),
        (b'{"a": 1}', "neither an editor workflow"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"nodes": ' * 50_000, "is not valid JSON"),
        (b"hello", "holds no workflow"),
        (png(), "holds no workflow"),
        (png((b"tEXt", b"prompt\0{")), "the prompt in the data is not valid JSON"),
        (b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt", "holds no workflow"),
        (struct.pack("<Q", 2**60) + b"{}", "holds no workflow"),
    ],
)
def test_what_holds_none_is_said_plainly(data: bytes, why: str) -> None:
    with pytest.raises(WorkflowFileError) as caught:
        read_workflow(data)
    assert why in str(caught.value)
    with pytest.raises(WorkflowFileError) as named:
        read_workflow(data, name="a mail")
    assert str(named.value) == str(caught.value).replace("the data", "a mail")


def test_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, "\0"):
        with pytest.raises(WorkflowFileError, match="cannot read"):
            read_workflow(path)


def test_a_compression_bomb_is_not_unpacked() -> None:
    """58 KB that took 1.6 GB: as bytes, as text, and once more as JSON values."""
    bomb = zlib.compress(b"[" + b"[]," * 20_000_000 + b"[]]", 9)
    for kind, start in ((b"zTXt", b"prompt\0\0"), (b"iTXt", b"prompt\0\1\0\0\0")):
        with pytest.raises(
            WorkflowFileError, match=r"decompresses to more than 200 times its compressed size"
        ):
            read_workflow(png((kind, start + bomb)))
    plain = b"[" + b"[]," * 3_000_000 + b"[]]"
    with pytest.raises(BoundsError, match="larger than 16 MiB"):
        embedded_texts(png((b"tEXt", b"other\0" + plain), (b"tEXt", b"prompt\0" + plain)))


def test_a_text_of_many_values_stays_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "text_values=1000")
    data = png((b"tEXt", b"prompt\0[" + b"[]," * 1000 + b"[]]"))
    assert isinstance(embedded_values(data)["prompt"], str)
    monkeypatch.delenv("COMFYFLOW_BOUNDS")
    assert len(embedded_values(data)["prompt"]) == 1001


starts = st.sampled_from(
    [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe1",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"GIF89a",
        b"\0\0\0\x20ftypisom",
        b"\0\0\0\x20ftypavif",
        b"\x1aE\xdf\xa3",
        b"fLaC",
        b"OggS",
        b"ID3",
        b"glTF",
        b"<svg ",
        b"\x40\0\0\0\0\0\0\0{",
        b"{",
        b"[",
        b"",
    ]
)


@given(starts, st.binary(max_size=400))
def test_any_bytes_give_a_workflow_or_the_projects_own_error(start: bytes, rest: bytes) -> None:
    try:
        read_workflow(start + rest)
    except WorkflowFileError:
        return


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_file_gives_a_workflow_or_the_projects_own_error(at: int, byte: int) -> None:
    whole = bytearray(
        png(*((b"tEXt", name.encode() + b"\0" + text.encode()) for name, text in TEXTS.items()))
    )
    whole[at % len(whole)] = byte
    try:
        read_workflow(bytes(whole))
    except WorkflowFileError:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["prompt", "workflow", "nodes", "class_type", "extra_data", "extra_pnginfo"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(json_values)
def test_any_json_gives_a_workflow_or_the_projects_own_error(value: Any) -> None:
    try:
        found = read_workflow(json.dumps(value).encode())
    except WorkflowFileError:
        return
    assert found.prompt is None or is_prompt(found.prompt)
    assert found.workflow is None or isinstance(found.workflow["nodes"], list)
