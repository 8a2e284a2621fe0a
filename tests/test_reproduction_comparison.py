"""Files compared by what they hold; and how the tests of reproductions make some."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from comfyflow.errors import ReproductionError
from comfyflow.reproduction import compare_files
from comfyflow.reproduction.comparison import Comparison
from comfyflow.simulator.media import encode_sound, write_video
from comfyflow.simulator.values import Sound, Video


def png(picture: Image.Image, **texts: Any) -> bytes:
    told = PngInfo()
    for name, value in texts.items():
        told.add_text(name, json.dumps(value))
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=told)
    return stream.getvalue()


def jpeg(picture: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def picture(seed: int = 0, size: tuple[int, int] = (48, 32)) -> Image.Image:
    """Something with edges, so that perceptual hashes of two seeds are far apart."""
    rough = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC)


def wave(hertz: float = 440.0, count: int = 4410, channels: int = 1) -> Any:
    tone = 0.5 * np.sin(np.arange(count, dtype=np.float32) * 2 * np.pi * hertz / 44100)
    return np.tile(tone, (channels, 1)).astype(np.float32)


def flac(samples: Any, rate: int = 44100, **tags: str) -> bytes:
    return encode_sound(samples, rate, tags)


def mp4(folder: Path, levels: Any, sound: Any = None, **tags: str) -> bytes:
    frames = np.stack([np.full((32, 48, 3), level, dtype=np.float32) for level in levels])
    audio = Sound(sound[None], 44100) if sound is not None else None
    path = folder / "made.mp4"
    write_video(path, Video(frames, Fraction(8), audio), tags)
    return path.read_bytes()


# Comparing


def test_the_same_bytes_are_the_same_whatever_they_are() -> None:
    assert compare_files(b"anything", b"anything") == Comparison("bytes", "file")
    assert compare_files(b"one", b"other").closeness == "different"


def test_pixels_are_compared_and_not_the_text_beside_them() -> None:
    found = compare_files(png(picture(), prompt={"1": 2}), png(picture()))
    assert (found.closeness, found.mean) == ("content", None)
    assert found.within("content")
    assert not found.within("bytes")


def test_a_palette_with_the_same_colours_is_the_same_picture() -> None:
    flat = Image.new("RGB", (8, 8), (255, 0, 0))
    assert compare_files(png(flat), png(flat.convert("P"))).closeness == "content"


def test_sixteen_bits_are_not_taken_for_eight() -> None:
    one, other = (
        Image.fromarray(np.full((4, 4), level, dtype=np.uint16).astype(np.int32)).convert("I;16")
        for level in (60_000, 60_001)
    )
    assert compare_files(png(one), png(other)).closeness == "alike"


def test_a_picture_that_looks_the_same_is_within_a_tolerance() -> None:
    found = compare_files(jpeg(picture(), 95), jpeg(picture(), 80))
    assert found.closeness == "alike"
    assert found.mean is not None
    assert 0 < found.mean < 0.05
    assert found.within(0.05)
    assert not found.within(found.mean / 2)
    assert not found.within("content")


def test_another_picture_is_not_within_a_tolerance_however_large() -> None:
    found = compare_files(png(picture(1)), png(picture(2)))
    assert found.closeness == "alike"
    assert not found.within(1.0), "the perceptual hash says that it is another"


def test_other_sizes_are_told() -> None:
    found = compare_files(png(picture()), png(picture(size=(24, 16))))
    assert found.closeness == "different"
    assert str(found) == "48x32, but the new one is 24x16"
    assert not found.within(1.0)


def test_every_frame_of_an_animation_counts() -> None:
    def webp(*seeds: int) -> bytes:
        first, *rest = [picture(seed) for seed in seeds]
        stream = io.BytesIO()
        first.save(stream, "WEBP", save_all=True, append_images=rest, lossless=True, duration=100)
        return stream.getvalue()

    assert compare_files(webp(1, 2), webp(1, 3)).closeness == "alike"
    assert (
        compare_files(webp(1, 2), webp(1, 2, 3)).form == "48x32, 2 frames, but the new one is 48x32, 3 frames"
    )


def test_a_broken_picture_is_different_and_no_error() -> None:
    whole = png(picture())
    found = compare_files(whole, whole[: len(whole) // 2])
    assert found.closeness == "different"
    assert "cannot be read" in found.form


def test_a_picture_is_no_sound() -> None:
    assert compare_files(png(picture()), flac(wave())).form == "a picture, but the new one is a sound"


def test_samples_are_compared() -> None:
    same = compare_files(flac(wave(), title="a"), flac(wave(), title="b"))
    assert (same.closeness, same.medium) == ("content", "sound")
    near = compare_files(flac(wave()), flac(wave() * 0.9))
    assert near.closeness == "alike"
    assert near.mean == pytest.approx(0.5 * 2 / np.pi * 0.1 / 2, rel=0.05)
    assert near.within(0.02)
    assert not near.within(0.01)


def test_other_lengths_and_channels_of_a_sound_are_told() -> None:
    assert (
        compare_files(flac(wave()), flac(wave(count=8820))).form == "4410 samples, but the new one has 8820"
    )
    form = compare_files(flac(wave()), flac(wave(channels=2))).form
    assert form == "sound of 44100 Hz, mono, but the new one is sound of 44100 Hz, stereo"


def test_frames_and_sound_of_a_video_are_compared(tmp_path: Path) -> None:
    one = mp4(tmp_path, (0.2, 0.5), wave(count=11025))
    assert compare_files(one, mp4(tmp_path, (0.2, 0.5), wave(count=11025), title="b")).closeness == "content"
    darker = compare_files(one, mp4(tmp_path, (0.2, 0.4), wave(count=11025)))
    assert (darker.closeness, darker.medium) == ("alike", "video")
    assert darker.mean == pytest.approx(0.05, abs=0.02)
    other = compare_files(one, mp4(tmp_path, (0.2, 0.5), wave(880, 11025)))
    assert other.mean is not None
    assert other.mean > 0.05
    assert compare_files(one, mp4(tmp_path, (0.2, 0.5))).closeness == "different"
    longer = compare_files(mp4(tmp_path, (0.2, 0.5)), mp4(tmp_path, (0.2, 0.5, 0.5)))
    assert longer.form == "one ends after 2 frames, the other continues"


def test_tensors_are_compared_and_not_what_stands_beside_them() -> None:
    def latent(note: str, content: bytes) -> bytes:
        tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
        header = json.dumps({"__metadata__": {"prompt": note}, "latent": tensor}).encode()
        return len(header).to_bytes(8, "little") + header + content

    assert compare_files(latent("a", b"1234"), latent("b", b"1234")).closeness == "content"
    assert compare_files(latent("a", b"1234"), latent("a", b"1235")).closeness == "different"
    assert compare_files(latent("a", b"1234"), latent("a", b"1234")[:60]).closeness == "different"


@given(seed=st.integers(0, 2**16), noise=st.integers(1, 40))
def test_comparing_has_no_direction(seed: int, noise: int) -> None:
    one = picture(seed)
    levels = np.asarray(one).astype(int)
    drawn = np.random.default_rng(seed).integers(-noise, noise + 1, levels.shape)
    other = Image.fromarray(np.clip(levels + drawn, 0, 255).astype(np.uint8))
    there, back = compare_files(png(one), png(other)), compare_files(png(other), png(one))
    assert (there.mean, there.hash_distance) == (back.mean, back.hash_distance)
    assert there.mean is None or there.mean <= noise / 255


def test_long_videos_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, other = mp4(tmp_path, (0.2, 0.5)), mp4(tmp_path, (0.2, 0.4))
    monkeypatch.setattr("comfyflow.reproduction.comparison.COMPARED_FRAMES", 1)
    with pytest.raises(
        ReproductionError, match="2 frames of 48x32 cannot be compared: the limit is 1 frames"
    ):
        compare_files(one, other)


def test_pillow_is_not_needed_where_the_bytes_are_the_same() -> None:
    program = (
        "import sys; sys.modules['PIL'] = None; sys.modules['av'] = None\n"
        "from comfyflow.reproduction import compare_files\n"
        "data = b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 50\n"
        "print(compare_files(data, data).closeness)\n"
        "try: compare_files(data, data + b'y')\n"
        "except ImportError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.stdout.startswith("bytes\n"), run.stderr
    assert "comfyflow-dsl[images]" in run.stdout
