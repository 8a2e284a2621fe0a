"""What a run gave: assertions that hold, pictures that look alike or do not."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter
from PIL.PngImagePlugin import PngInfo

from comfyflow import Client
from comfyflow.output_file import ImageFile, ImageOutput, NodeOutput, OutputFile, TextOutput
from comfyflow.simulator import Simulator
from comfyflow.testing import (
    assert_files,
    assert_image_matches,
    assert_images,
    assert_metadata,
    assert_text,
    compare_pictures,
    matching,
    metadata_of,
    perceptual_hash,
)
from comfyflow.testing.picture import difference_sheet, loaded_picture
from tests.testing_workflow import two_passes


def scene(size: tuple[int, int] = (96, 64)) -> Image.Image:
    made = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(made)
    draw.ellipse((10, 10, 50, 50), fill="orange")
    draw.rectangle((60, 20, 90, 60), fill="navy")
    return made


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def image_file(picture: Image.Image, name: str = "a.png") -> ImageFile:
    return ImageFile(name, data=encoded(picture))


ALIKE = {
    "the same": lambda picture: picture,
    "compressed": lambda picture: Image.open(io.BytesIO(encoded(picture, "JPEG", quality=85))),
    "a little brighter": lambda picture: picture.point([min(level + 3, 255) for level in range(256)] * 3),
    "a little blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(0.7)),
    "with alpha": lambda picture: picture.convert("RGBA"),
}
UNLIKE = {
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "inverted": lambda picture: picture.point([255 - level for level in range(256)] * 3),
    "much brighter": lambda picture: picture.point([min(level + 40, 255) for level in range(256)] * 3),
    "empty": lambda picture: Image.new("RGB", picture.size),
    "transparent": lambda picture: Image.new("RGBA", picture.size, (0, 0, 0, 0)),
}


@pytest.mark.parametrize("change", ALIKE)
def test_pictures_that_look_alike_match(change: str) -> None:
    assert_image_matches(ALIKE[change](scene()), scene())


@pytest.mark.parametrize("change", UNLIKE)
def test_pictures_that_look_otherwise_do_not(change: str) -> None:
    with pytest.raises(AssertionError, match="does not look like"):
        assert_image_matches(UNLIKE[change](scene()), scene())


def test_tolerances_are_given() -> None:
    brighter = UNLIKE["much brighter"](scene())
    assert_image_matches(brighter, scene(), max_difference=0.2, max_hash_distance=64)
    with pytest.raises(AssertionError):
        assert_image_matches(ALIKE["a little brighter"](scene()), scene(), max_difference=0.0)
    with pytest.raises(AssertionError):
        assert_image_matches(UNLIKE["mirrored"](scene()), scene(), max_difference=1.0)


def test_a_picture_comes_in_many_forms(tmp_path: Path) -> None:
    path = tmp_path / "scene.png"
    scene().save(path)
    for picture in (scene(), path, str(path), path.read_bytes(), image_file(scene())):
        assert_image_matches(picture, path)
        assert_images([picture], 1, size=(96, 64))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (b"not an image", "is not an image, judging by its first bytes"),
        (encoded(scene())[:200], "is not an image that can be read"),
        ("nowhere.png", "nowhere.png is not an image that can be read"),
    ],
)
def test_what_is_no_picture_is_said(picture: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        loaded_picture(picture)


def test_the_hash_sees_shapes_and_not_sizes() -> None:
    assert (perceptual_hash(scene()) ^ perceptual_hash(scene().resize((48, 32)))).bit_count() <= 3
    assert (perceptual_hash(scene()) ^ perceptual_hash(UNLIKE["mirrored"](scene()))).bit_count() > 10
    assert perceptual_hash(Image.new("RGB", (5, 5), "red")) == 0
    assert 0 <= perceptual_hash(scene()) < 2**64


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=48, max_size=48), st.binary(min_size=48, max_size=48))
def test_differences_are_symmetric_and_zero_only_for_equals(one: bytes, other: bytes) -> None:
    first, second = Image.frombytes("RGB", (4, 4), one), Image.frombytes("RGB", (4, 4), other)
    there, back = compare_pictures(first, second), compare_pictures(second, first)
    assert there == back
    assert (there.mean == 0) == (one == other)
    assert 0 <= there.mean <= 1
    assert 0 <= there.hash_distance <= 64


def test_black_and_white_differ_most() -> None:
    black, white = Image.new("RGB", (8, 8), "black"), Image.new("RGB", (8, 8), "white")
    assert compare_pictures(black, white).mean == 1
    with pytest.raises(ValueError, match="8x8 cannot be compared with one of 8x9"):
        compare_pictures(black, Image.new("RGB", (8, 9)))


def test_the_difference_is_shown_bright_beside_both() -> None:
    changed = scene()
    changed.putpixel((0, 0), tuple(level + 1 for level in changed.getpixel((0, 0))))  # type: ignore[union-attr]
    sheet = difference_sheet(scene(), changed)
    assert sheet.size == (96 * 3 + 8, 64)
    assert sheet.getpixel((200, 0)) == (255, 255, 255)
    assert sheet.getpixel((201, 0)) == (0, 0, 0)
    assert difference_sheet(scene(), Image.new("RGB", (10, 90))).size == (96 + 10 + 4, 90)


def test_images_are_counted_and_measured() -> None:
    output = ImageOutput(extra=(image_file(scene()), image_file(scene(), "b.png")))
    assert_images(output)
    assert_images(output, 2, size=(96, 64), mode="RGB", format="PNG")
    assert_images(iter(output.files), 2)
    assert_images([output, image_file(scene())], 3)
    assert_images([], 0)
    assert_images(TextOutput({"text": ["x"]}), 0)


@pytest.mark.parametrize("wrong", [3, {"a": 1}])
def test_what_no_run_gives_is_said(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected the result of a run"):
        assert_images(wrong)


def test_files_are_counted_by_kind() -> None:
    files = [OutputFile("a.mp4"), OutputFile("b.webm"), image_file(scene())]
    assert_files(files)
    assert_files(files, 3)
    assert_files(files, 2, media_type="video/")
    assert_files(files, 1, media_type="image/png")


def test_text_is_compared() -> None:
    output = TextOutput({"text": ["a lighthouse", "at dusk"]})
    assert_text(output, "a lighthouse\nat dusk")
    assert_text([output, output], matching("dusk\na light"))
    assert_text("words", lambda text: text.isalpha())
    assert_text(NodeOutput(), "")


def test_metadata_is_read_and_compared() -> None:
    info = PngInfo()
    info.add_text("prompt", json.dumps(two_passes().to_prompt()))
    info.add_text("note", "[" * 100_000)
    info.add_itxt("größe", "ä")
    picture = encoded(scene(), pnginfo=info)
    assert_metadata(picture, two_passes, note=matching(r"^\["), größe="ä")
    assert metadata_of(picture)["prompt"] == two_passes().to_prompt()
    assert metadata_of(scene()) == {}


@pytest.mark.parametrize("prompt", ["[]", "null", '{"1": 3}', "[" * 100_000])
def test_metadata_that_is_no_prompt_is_said(prompt: str) -> None:
    info = PngInfo()
    info.add_text("prompt", prompt)
    with pytest.raises(AssertionError, match="what the image carries as its prompt is not a prompt"):
        assert_metadata(encoded(scene(), pnginfo=info), two_passes())


def test_a_run_on_the_simulator_is_what_it_should_be() -> None:
    with Simulator() as server, Client(server.url) as client:
        result = client.run(two_passes())
        assert_images(result, 1, size=(1024, 1024), mode="RGB", format="PNG")
        assert_metadata(result.output.images[0], two_passes())
        assert_files(result, 1)
        assert_image_matches(result.output.images[0], result.output.images[0].bytes())
        with pytest.raises(AssertionError, match=r"steps: 20 -> 21"):
            assert_metadata(result.output.images[0], two_passes(steps=21))
