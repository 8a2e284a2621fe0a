"""Files of sound, video and 3D: read again by somebody else, or byte by byte."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from comfyflow.simulator import Simulator
from comfyflow.simulator.media.crc import checksums
from comfyflow.simulator.media.flac import BLOCK, encode_flac
from comfyflow.simulator.media.glb import encode_glb
from comfyflow.simulator.media.mp4 import encode_mp4
from comfyflow.simulator.media.silence import silent_mp3, silent_opus
from comfyflow.simulator.media.webm import encode_webm
from comfyflow.simulator.nodes.audio_nodes import melody
from tests.simulated import error, outputs

TAGS = {"prompt": '{"1": {"é": 1}}', "workflow": "{}"}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def slow_crc(block: bytes, polynomial: int, bits: int) -> int:
    value = 0
    for byte in block:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
    return value


@given(
    st.lists(st.binary(max_size=40), max_size=5),
    st.sampled_from([(0x07, 8), (0x8005, 16), (0x04C11DB7, 32)]),
)
def test_checksums_side_by_side(blocks: list[bytes], kind: tuple[int, int]) -> None:
    assert checksums(blocks, *kind) == [slow_crc(block, *kind) for block in blocks]


def read_flac(data: bytes) -> tuple[np.ndarray[Any, Any], int, dict[str, str]]:
    """Samples, rate and tags of a FLAC file whose blocks are stored as they are."""
    assert data[:4] == b"fLaC"
    info = data[8:42]
    packed = int.from_bytes(info[10:18], "big")
    rate, channels, bits, total = (
        packed >> 44,
        (packed >> 41 & 7) + 1,
        (packed >> 36 & 31) + 1,
        packed & 2**36 - 1,
    )
    length = int.from_bytes(data[43:46], "big")
    assert data[42] == 0x84
    tags = dict(entry.split("=", 1) for entry in vorbis_comments(data[46 : 46 + length]))
    at, blocks = 46 + length, list[np.ndarray[Any, Any]]()
    frames_found, ends = list[bytes](), list[int]()
    while at < len(data):
        start = at
        assert data[at : at + 2] == b"\xff\xf8"
        at += 4
        first = data[at]
        at += 1 if first < 0x80 else 8 - (~first & 0xFF).bit_length()
        size = int.from_bytes(data[at : at + 2], "big") + 1
        assert data[at + 2] == slow_crc(data[start : at + 2], 0x07, 8)
        at += 3
        rows: list[np.ndarray[Any, Any]] = []
        for _ in range(channels):
            assert data[at] == 0x02
            rows.append(np.frombuffer(data[at + 1 : at + 1 + 2 * size], dtype=">i2"))
            at += 1 + 2 * size
        frames_found.append(data[start:at])
        ends.append(int.from_bytes(data[at : at + 2], "big"))
        at += 2
        blocks.append(np.stack(rows))
    assert checksums(frames_found, 0x8005, 16) == ends
    samples = np.concatenate(blocks, axis=1)
    assert (bits, samples.shape) == (16, (channels, total))
    digest = hashlib.md5(samples.T.astype("<i2").tobytes(), usedforsecurity=False).digest()
    assert info[18:34] == digest
    return samples, rate, tags


def vorbis_comments(block: bytes) -> Iterator[str]:
    at = 4 + struct.unpack("<I", block[:4])[0]
    count = struct.unpack("<I", block[at : at + 4])[0]
    at += 4
    for _ in range(count):
        length = struct.unpack("<I", block[at : at + 4])[0]
        yield block[at + 4 : at + 4 + length].decode()
        at += 4 + length


@pytest.mark.parametrize(("channels", "count"), [(1, 1), (2, BLOCK), (2, 3 * BLOCK + 17), (1, 130 * BLOCK)])
def test_flac_is_lossless(channels: int, count: int) -> None:
    wave = np.sin(np.arange(channels * count, dtype=np.float32)).reshape(channels, count)
    samples, rate, tags = read_flac(encode_flac(wave, 44100, TAGS))
    assert np.array_equal(samples, np.round(wave * 32767).astype(np.int16))
    assert (rate, tags) == (44100, TAGS)


def test_what_is_too_loud_is_cut() -> None:
    samples, _, _ = read_flac(encode_flac(np.asarray([[2.0, -2.0]]), 8000, {}))
    assert samples.tolist() == [[32767, -32767]]


def test_silent_mp3_has_its_length() -> None:
    data = silent_mp3(2.0, TAGS)
    assert data[:3] == b"ID3"
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte
    frames = data[10 + size :]
    assert len(frames) % 417 == 0
    assert all(frames[at : at + 2] == b"\xff\xfb" for at in range(0, len(frames), 417))
    assert abs(len(frames) // 417 * 1152 / 44100 - 2.0) < 0.03


def ogg_pages(data: bytes) -> list[tuple[int, int, bytes]]:
    """Flags, position and body of each page, all checksums checked."""
    at, found, cleared, checks = 0, list[tuple[int, int, bytes]](), list[bytes](), list[int]()
    while at < len(data):
        assert data[at : at + 4] == b"OggS"
        flags, position = data[at + 5], struct.unpack("<Q", data[at + 6 : at + 14])[0]
        count = data[at + 26]
        length = 27 + count + sum(data[at + 27 : at + 27 + count])
        page = data[at : at + length]
        cleared.append(page[:22] + bytes(4) + page[26:])
        checks.append(struct.unpack("<I", page[22:26])[0])
        found.append((flags, position, page[27 + count :]))
        at += length
    assert checksums(cleared, 0x04C11DB7, 32) == checks
    return found


def test_silent_opus_has_its_length_and_long_tags() -> None:
    pages = ogg_pages(silent_opus(30.0, {**TAGS, "long": "x" * 200_000}))
    assert pages[0][2].startswith(b"OpusHead")
    assert pages[1][2].startswith(b"OpusTags")
    assert pages[-1][:2] == (4, 30 * 48000)


def frames(count: int = 4) -> list[Image.Image]:
    return [Image.new("RGB", (32, 16), (255 * number // count, 0, 128)) for number in range(count)]


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a Matroska file, one level."""
    at = 0
    while at < len(data):
        width = 9 - data[at].bit_length()
        kind = int.from_bytes(data[at : at + width], "big")
        at += width
        width = 9 - data[at].bit_length()
        length = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
        at += width
        yield kind, data[at : at + length]
        at += length


def as_webp(vp8: bytes) -> Image.Image:
    body = b"WEBPVP8 " + struct.pack("<I", len(vp8)) + vp8 + b"\0" * (len(vp8) % 2)
    with Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body)) as image:
        image.load()
        return image.copy()


def test_webm_holds_pictures_that_can_be_seen() -> None:
    (_, head), (_, segment) = elements(encode_webm(frames(30), 5.0, TAGS))
    assert dict(elements(head))[0x4282] == b"webm"
    parts = list(elements(segment))
    clusters = [list(elements(body)) for kind, body in parts if kind == 0x1F43B675]
    assert len(clusters) == 2
    blocks = [body for cluster in clusters for kind, body in cluster if kind == 0xA3]
    assert len(blocks) == 30
    last = as_webp(blocks[-1][4:])
    assert last.size == (32, 16)
    assert last.convert("RGB").getpixel((5, 5))[0] > 200  # type: ignore[index]
    tags = b"".join(body for kind, body in parts if kind == 0x1254C367)
    assert TAGS["prompt"].encode() in tags


def boxes(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        found[data[at + 4 : at + 8]] = data[at + 8 : at + length]
        at += length
    return found


def test_mp4_holds_pictures_that_can_be_seen() -> None:
    data = encode_mp4(frames(), 10.0, TAGS)
    table: Any = boxes(data)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        table = boxes(table[name])
    sizes = struct.unpack(">4I", table[b"stsz"][12:28])
    offsets = struct.unpack(">4I", table[b"stco"][8:24])
    with Image.open(io.BytesIO(data[offsets[3] : offsets[3] + sizes[3]])) as picture:
        assert (picture.format, picture.size) == ("JPEG", (32, 16))
    assert TAGS["prompt"].encode() in data


def test_glb_is_a_scene() -> None:
    data = encode_glb(TAGS)
    assert struct.unpack("<4s2I", data[:12]) == (b"glTF", 2, len(data))
    length = struct.unpack("<I", data[12:16])[0]
    scene = json.loads(data[20 : 20 + length])
    assert scene["asset"]["extras"] == TAGS
    assert scene["buffers"][0]["byteLength"] == len(data) - 20 - length - 8


def test_a_melody_is_the_same_each_time() -> None:
    first = melody("a lighthouse", 2.0)
    assert first.shape == (2, 88200)
    assert np.array_equal(first, melody("a lighthouse", 2.0))
    assert not np.array_equal(first, melody("a boat", 2.0))
    assert 0.05 < float(np.abs(first).max()) <= 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


def saved(server: Simulator, prompt: dict[str, Any], key: str) -> Path:
    (file,) = outputs(server, prompt)["x"][key]
    return server.folders.of(file["type"]) / file["subfolder"] / file["filename"]


SAMPLED_AUDIO: dict[str, Any] = {
    "4": node("CheckpointLoaderSimple", ckpt_name="ace_step.safetensors"),
    "5": node("EmptyLatentAudio", seconds=1.0, batch_size=1),
    "6": node("CLIPTextEncode", text="a calm tune", clip=["4", 1]),
    "3": node(
        "KSampler", seed=1, steps=2, cfg=1.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        model=["4", 0], positive=["6", 0], negative=["6", 0], latent_image=["5", 0],
    ),
    "8": node("VAEDecodeAudio", samples=["3", 0], vae=["4", 2]),
}  # fmt: skip


def test_sampled_sound_is_saved(server: Simulator) -> None:
    prompt = {**SAMPLED_AUDIO, "x": node("SaveAudio", audio=["8", 0], filename_prefix="audio/tune")}
    path = saved(server, prompt, "audio")
    assert path.parent.name == "audio"
    samples, rate, tags = read_flac(path.read_bytes())
    assert (samples.shape, rate) == ((2, 44100), 44100)
    assert json.loads(tags["prompt"]) == prompt


@pytest.mark.parametrize(
    ("class_type", "more", "ending"),
    [
        ("SaveAudioMP3", {"quality": "V0"}, ".mp3"),
        ("SaveAudioOpus", {"quality": "64k"}, ".opus"),
        ("SaveAudioAdvanced", {"format": "mp3", "format.quality": "V0"}, ".mp3"),
        ("SaveAudioAdvanced", {"format": "flac"}, ".flac"),
    ],
)
def test_other_kinds_of_sound(server: Simulator, class_type: str, more: dict[str, Any], ending: str) -> None:
    prompt = {**SAMPLED_AUDIO, "x": node(class_type, audio=["8", 0], filename_prefix="a", **more)}
    assert saved(server, prompt, "audio").suffix == ending


def test_sound_is_cut_joined_and_mixed(server: Simulator) -> None:
    def shape(audio: dict[str, Any]) -> tuple[int, int]:
        prompt = {
            "1": node("EmptyAudio", duration=1.0, sample_rate=8000, channels=2),
            "2": node("EmptyAudio", duration=0.5, sample_rate=16000, channels=1),
            "a": audio,
            "x": node("PreviewAudio", audio=["a", 0]),
        }
        samples, rate, _ = read_flac(saved(server, prompt, "audio").read_bytes())
        assert rate == 8000
        return samples.shape[0], samples.shape[1]

    assert shape(node("TrimAudioDuration", audio=["1", 0], start_index=-0.25, duration=60.0)) == (2, 2000)
    assert shape(node("AudioConcat", audio1=["1", 0], audio2=["2", 0], direction="before")) == (2, 12000)
    assert shape(node("AudioMerge", audio1=["1", 0], audio2=["2", 0], merge_method="mean")) == (2, 8000)
    assert shape(node("AudioAdjustVolume", audio=["1", 0], volume=-6)) == (2, 8000)


def test_a_sound_that_is_none_is_an_error(server: Simulator) -> None:
    (server.folders.of("input") / "bad.wav").write_bytes(b"RIFF")
    prompt = {"1": node("LoadAudio", audio="bad.wav"), "2": node("PreviewAudio", audio=["1", 0])}
    assert "no WAV file" in error(server, prompt)["exception_message"]


VIDEO: dict[str, Any] = {
    "1": node("EmptyImage", width=32, height=16, batch_size=3, color=0xFF0000),
    "2": node("CreateVideo", images=["1", 0], fps=8.0),
}


def test_videos_are_saved(server: Simulator) -> None:
    save = node("SaveVideo", video=["2", 0], filename_prefix="video/v", format="auto", codec="auto")
    assert saved(server, {**VIDEO, "x": save}, "images").read_bytes()[4:8] == b"ftyp"
    webm = node("SaveWEBM", images=["1", 0], filename_prefix="v", codec="vp9", fps=8.0, crf=32.0)
    assert saved(server, {**VIDEO, "x": webm}, "images").read_bytes()[:4] == b"\x1aE\xdf\xa3"


def test_a_loaded_video_is_saved_as_it_was(server: Simulator) -> None:
    original = encode_mp4(frames(), 10.0, {})
    (server.folders.of("input") / "in.mp4").write_bytes(original)
    prompt = {
        "1": node("LoadVideo", file="in.mp4"),
        "x": node("SaveVideo", video=["1", 0], filename_prefix="copy", format="auto", codec="auto"),
    }
    assert saved(server, prompt, "images").read_bytes() == original


def test_an_animated_png_knows_its_prompt(server: Simulator) -> None:
    save = node("SaveAnimatedPNG", images=["1", 0], filename_prefix="a", fps=6.0, compress_level=4)
    prompt = {"1": VIDEO["1"], "x": save}
    data = saved(server, prompt, "images").read_bytes()
    assert b"comfprompt\0" + json.dumps(prompt).encode() in data


def test_3d_and_latents(server: Simulator) -> None:
    mesh = {"1": node("VoxelToMeshBasic", voxel=["2", 0], threshold=0.6)}
    mesh |= {"3": node("EmptyLatentHunyuan3Dv2", resolution=3072, batch_size=1)}
    mesh |= {"4": SAMPLED_AUDIO["4"], "2": node("VAEDecodeHunyuan3D", samples=["3", 0], vae=["4", 2],
                                                 num_chunks=8000, octree_resolution=256)}  # fmt: skip
    save = {**mesh, "x": node("SaveGLB", mesh=["1", 0], filename_prefix="3d/a")}
    assert saved(server, save, "3d").read_bytes()[:4] == b"glTF"
    latent = {"1": node("EmptyLatentImage", width=64, height=32, batch_size=1)}
    save = {**latent, "x": node("SaveLatent", samples=["1", 0], filename_prefix="l")}
    path = saved(server, save, "latents")
    data = path.read_bytes()
    head = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    assert head["latent_tensor"]["shape"] == [1, 4, 4, 8]
    path.rename(server.folders.of("input") / "l.latent")
    load = {
        "1": node("LoadLatent", latent="l.latent"),
        "x": node("SaveLatent", samples=["1", 0], filename_prefix="m"),
    }
    assert saved(server, load, "latents").stat().st_size > 512
