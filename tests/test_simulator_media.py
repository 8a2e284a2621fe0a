"""Files of sound, video and 3D: what PyAV, Pillow and a parser of boxes read of them."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.simulator import Simulator
from comfyflow.simulator.media import (
    copy_streams,
    encode_sound,
    opus_rate,
    read_sound,
    read_video,
    write_video,
)
from comfyflow.simulator.nodes.audio_nodes import melody
from comfyflow.simulator.nodes.save_nodes import encode_glb
from comfyflow.simulator.values import Sound, Video
from tests.simulated import error, outputs

TAGS = {"prompt": '{"1": {"é": 1}}', "workflow": "{}"}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def wave(channels: int, count: int, rate: int = 44100) -> Any:
    tone = 0.5 * np.sin(np.arange(count, dtype=np.float32) * 2 * np.pi * 440 / rate)
    return np.tile(tone, (channels, 1))


def told(data: bytes) -> tuple[dict[str, str], dict[str, tuple[str, Any]]]:
    """The tags of a file, and the codec and format of each of its streams, as players see them."""
    with av.open(io.BytesIO(data)) as container:
        tags = dict(container.metadata)
        for stream in container.streams:
            tags |= stream.metadata
        streams = {
            stream.type: (stream.codec.canonical_name, getattr(stream, "format", None) and stream.format.name)
            for stream in container.streams
        }
    return {name.lower(): text for name, text in tags.items()}, streams


@pytest.mark.parametrize(("channels", "count"), [(1, 1), (2, 4096), (2, 12305), (1, 44100)])
def test_flac_is_lossless(channels: int, count: int) -> None:
    samples = wave(channels, count)
    found = read_sound(encode_sound(samples, 44100, TAGS), 60.0)
    assert found.rate == 44100
    assert np.allclose(found.samples[0], samples, atol=1 / 32767)


def test_what_is_too_loud_is_cut() -> None:
    found = read_sound(encode_sound(np.asarray([[2.0, -2.0] * 50]), 8000, {}), 60.0)
    assert found.samples.max() <= 1.0
    assert found.samples.min() >= -1.0
    assert found.samples[0, 0, 0] > 0.99


@pytest.mark.parametrize(
    ("kind", "quality", "codec", "rate"),
    [
        ("flac", "128k", "flac", 44100),
        ("mp3", "V0", "mp3", 44100),
        ("mp3", "128k", "mp3", 44100),
        ("opus", "64k", "opus", 48000),
    ],
)
def test_sound_can_be_heard(kind: str, quality: str, codec: str, rate: int) -> None:
    samples = wave(2, 2 * 44100)
    data = encode_sound(samples, 44100, {**TAGS, "long": "x" * 200_000}, kind, quality)
    tags, streams = told(data)
    assert streams["audio"][0] == codec
    assert tags["prompt"] == TAGS["prompt"]
    assert len(tags["long"]) == 200_000
    found = read_sound(data, 60.0)
    assert found.rate == rate
    assert abs(found.samples.shape[2] / rate - 2.0) < 0.1
    loudness = float(np.sqrt((found.samples[0, 0, rate // 4 : -rate // 4] ** 2).mean()))
    assert abs(loudness - 0.5 / np.sqrt(2)) < 0.02


@pytest.mark.parametrize(("rate", "kept"), [(8000, 8000), (11025, 12000), (44100, 48000), (96000, 48000)])
def test_opus_has_rates_of_its_own(rate: int, kept: int) -> None:
    assert opus_rate(rate) == kept


def test_no_more_of_a_sound_is_read_than_is_wanted() -> None:
    assert read_sound(encode_sound(wave(1, 44100), 44100, {}), 0.25).samples.shape == (1, 1, 11025)


def scene(count: int = 4, channels: int = 3, width: int = 32, height: int = 16) -> Any:
    images = np.zeros((count, height, width, channels), dtype=np.float32)
    images[..., 0] = np.linspace(0, 1, count)[:, None, None]
    images[..., 2] = 0.5
    if channels == 4:
        images[..., 3] = 0.5
    return images


def boxes(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        found.append(data[at + 4 : at + 8])
        at += struct.unpack(">I", data[at : at + 4])[0]
    return found


@pytest.mark.parametrize(
    ("name", "codec", "depth", "sound", "streams"),
    [
        ("a.mp4", "h264", 8, False, {"video": ("h264", "yuv420p")}),
        ("a.mp4", "h264", 8, True, {"video": ("h264", "yuv420p"), "audio": ("aac", "fltp")}),
        ("a.mp4", "h264", 10, False, {"video": ("h264", "yuv420p10le")}),
        ("a.mkv", "h264", 8, True, {"video": ("h264", "yuv420p"), "audio": ("aac", "fltp")}),
        ("a.webm", "vp9", 8, False, {"video": ("vp9", "yuv420p")}),
        ("a.webm", "vp9", 8, True, {"video": ("vp9", "yuv420p"), "audio": ("opus", "fltp")}),
    ],
)
def test_videos_can_be_seen(
    name: str, codec: str, depth: int, sound: bool, streams: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    heard = Sound(wave(2, 44100)[None], 44100) if sound else None
    write_video(tmp_path / name, Video(scene(), 10.0, heard, depth), TAGS, codec)
    data = (tmp_path / name).read_bytes()
    tags, found = told(data)
    assert found == streams
    assert {key: tags[key] for key in TAGS} == TAGS
    video = read_video(data)
    assert (video.images.shape, video.fps, video.bit_depth) == ((4, 16, 32, 3), 10, depth)
    assert np.abs(video.images - scene()).max() < 0.1
    if sound:
        assert video.audio is not None
        assert abs(video.audio.samples.shape[2] / video.audio.rate - 0.4) < 0.06


def test_a_browser_can_start_an_mp4_before_it_has_all_of_it(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", Video(scene(), 10.0), TAGS)
    order = boxes((tmp_path / "a.mp4").read_bytes())
    assert order.index(b"moov") < order.index(b"mdat")


def test_colors_are_told_to_players(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", Video(scene(), 10.0), {})
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0].codec_context
        assert (stream.color_primaries, stream.color_trc, stream.colorspace, stream.color_range) == (
            1,
            13,
            1,
            1,
        )


def test_vp9_keeps_transparency(tmp_path: Path) -> None:
    write_video(tmp_path / "a.webm", Video(scene(channels=4), 8.0), TAGS, "vp9", {"crf": "20.0", "b": "0"})
    tags, _ = told((tmp_path / "a.webm").read_bytes())
    assert tags["alpha_mode"] == "1"


def test_av1_is_written(tmp_path: Path) -> None:
    write_video(tmp_path / "a.webm", Video(scene(2, width=64, height=64), 8.0), TAGS, "av1", {"crf": "40"})
    assert told((tmp_path / "a.webm").read_bytes())[1] == {"video": ("av1", "yuv420p10le")}


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "h264"), ("a.webm", "vp9"), ("a.mkv", "h264")])
def test_the_same_video_is_the_same_file(name: str, codec: str, tmp_path: Path) -> None:
    video = Video(scene(), 8.0, Sound(wave(2, 4410)[None], 44100))
    made: list[bytes] = []
    for _ in range(2):
        write_video(tmp_path / name, video, TAGS, codec)
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("kind", ["flac", "mp3", "opus"])
def test_the_same_sound_is_the_same_file(kind: str) -> None:
    assert encode_sound(wave(2, 9000), 44100, TAGS, kind) == encode_sound(wave(2, 9000), 44100, TAGS, kind)


def test_h264_does_not_fit_into_webm(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="WebM output requires the AV1 codec"):
        write_video(tmp_path / "a.webm", Video(scene(), 8.0), TAGS, "h264")


def test_streams_are_copied_and_tags_are_added(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", Video(scene(), 10.0), {"prompt": "old", "other": "kept"})
    data = (tmp_path / "a.mp4").read_bytes()
    copy_streams(data, tmp_path / "b.mp4", {"prompt": "new"})
    copied = (tmp_path / "b.mp4").read_bytes()
    tags, _ = told(copied)
    assert (tags["prompt"], tags["other"]) == ("new", "kept")
    assert np.array_equal(read_video(data).images, read_video(copied).images)


@settings(deadline=None)
@given(st.binary(max_size=64), st.integers(0, 40), st.sampled_from(["mp4", "flac", "cut"]))
def test_a_broken_file_is_an_error_of_ours(garbage: bytes, at: int, kind: str) -> None:
    head = {"mp4": b"\0\0\0\x20ftypisom", "flac": b"fLaC", "cut": encode_sound(wave(1, 500), 8000, {})}[kind]
    data = head[:at] + garbage + head[at + len(garbage) :]
    for read in (read_video, lambda data: read_sound(data, 1.0)):
        try:
            read(data)
        except ValueError:
            continue
        assert kind == "cut"


def test_no_more_frames_are_read_than_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path / "a.mp4", Video(scene(), 10.0), {})
    monkeypatch.setattr("comfyflow.simulator.media.SIMULATED_PIXELS", 4 * 16 * 32)
    assert len(read_video((tmp_path / "a.mp4").read_bytes()).images) == 4
    monkeypatch.setattr("comfyflow.simulator.media.SIMULATED_PIXELS", 4 * 16 * 32 - 1)
    with pytest.raises(ValueError, match="more than 2047 pixels"):
        read_video((tmp_path / "a.mp4").read_bytes())


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
    found = read_sound(path.read_bytes(), 60.0)
    assert (found.samples.shape, found.rate) == ((1, 2, 44100), 44100)
    assert json.loads(told(path.read_bytes())[0]["prompt"]) == prompt


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
    path = saved(server, prompt, "audio")
    assert path.suffix == ending
    assert told(path.read_bytes())[1]["audio"][0] == ending[1:]


def test_sound_is_cut_joined_and_mixed(server: Simulator) -> None:
    def shape(audio: dict[str, Any]) -> tuple[int, int]:
        prompt = {
            "1": node("EmptyAudio", duration=1.0, sample_rate=8000, channels=2),
            "2": node("EmptyAudio", duration=0.5, sample_rate=16000, channels=1),
            "a": audio,
            "x": node("PreviewAudio", audio=["a", 0]),
        }
        found = read_sound(saved(server, prompt, "audio").read_bytes(), 60.0)
        assert found.rate == 8000
        return found.samples.shape[1], found.samples.shape[2]

    assert shape(node("TrimAudioDuration", audio=["1", 0], start_index=-0.25, duration=60.0)) == (2, 2000)
    assert shape(node("AudioConcat", audio1=["1", 0], audio2=["2", 0], direction="before")) == (2, 12000)
    assert shape(node("AudioMerge", audio1=["1", 0], audio2=["2", 0], merge_method="mean")) == (2, 8000)
    assert shape(node("AudioAdjustVolume", audio=["1", 0], volume=-6)) == (2, 8000)


def test_a_sound_that_is_none_is_an_error(server: Simulator) -> None:
    (server.folders.of("input") / "bad.wav").write_bytes(b"RIFF")
    prompt = {"1": node("LoadAudio", audio="bad.wav"), "2": node("PreviewAudio", audio=["1", 0])}
    assert "bad.wav is not an audio file that can be read" in error(server, prompt)["exception_message"]


VIDEO: dict[str, Any] = {
    "1": node("EmptyImage", width=32, height=16, batch_size=3, color=0xFF0000),
    "2": node("CreateVideo", images=["1", 0], fps=8.0),
}


def test_videos_are_saved(server: Simulator) -> None:
    save = node("SaveVideo", video=["2", 0], filename_prefix="video/v", format="auto", codec="auto")
    prompt = {**VIDEO, "x": save}
    data = saved(server, prompt, "images").read_bytes()
    tags, streams = told(data)
    assert streams == {"video": ("h264", "yuv420p")}
    assert json.loads(tags["prompt"]) == prompt
    assert read_video(data).fps == Fraction(8)
    webm = node("SaveWEBM", images=["1", 0], filename_prefix="v", codec="vp9", fps=8.0, crf=32.0)
    path = saved(server, {**VIDEO, "x": webm}, "images")
    assert path.suffix == ".webm"
    assert told(path.read_bytes())[1] == {"video": ("vp9", "yuv420p")}


def test_a_loaded_video_is_the_real_one(server: Simulator) -> None:
    heard = Sound(wave(2, 44100)[None], 44100)
    source = server.folders.of("input") / "in.mp4"
    write_video(source, Video(scene(), 10.0, heard), {"title": "mine"})
    load = {"1": node("LoadVideo", file="in.mp4")}
    save = node("SaveVideo", video=["1", 0], filename_prefix="copy", format="auto", codec="auto")
    copied = saved(server, {**load, "x": save}, "images").read_bytes()
    assert told(copied)[0]["title"] == "mine"
    assert np.array_equal(read_video(copied).images, read_video(source.read_bytes()).images)
    parts = {**load, "2": node("GetVideoComponents", video=["1", 0])}
    parts["x"] = node("PreviewAudio", audio=["2", 1])
    found = read_sound(saved(server, parts, "audio").read_bytes(), 60.0)
    assert abs(found.samples.shape[2] / 44100 - 0.4) < 0.06
    assert float(np.abs(found.samples).max()) > 0.4


def test_a_video_that_is_none_is_an_error(server: Simulator) -> None:
    (server.folders.of("input") / "bad.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    prompt = {
        "1": node("LoadVideo", file="bad.mp4"),
        "x": node("SaveVideo", video=["1", 0], filename_prefix="v", format="auto", codec="auto"),
    }
    assert "bad.mp4 is not a video that can be read" in error(server, prompt)["exception_message"]


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
