"""What the core nodes do to pictures and masks in the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from comfyflow.simulator import Simulator
from tests.simulated import Prompt
from tests.simulated_nodes import empty, image, mask, mask_of, node

RGB = tuple[int, int, int]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


# Sizes


def test_scaling(server: Simulator) -> None:
    for method in ("nearest-exact", "bilinear", "area", "bicubic", "lanczos"):
        scaled = node(
            "ImageScale", image=["1", 0], upscale_method=method, width=20, height=6, crop="disabled"
        )
        found = image(server, {"1": empty(), "x": scaled})
        assert (found.size, found.getpixel((3, 3))) == ((20, 6), (255, 0, 0))


def test_scaling_keeps_the_proportions_of_a_side_of_0(server: Simulator) -> None:
    scaled = node("ImageScale", image=["1", 0], upscale_method="area", width=0, height=8, crop="disabled")
    assert image(server, {"1": empty(8, 4), "x": scaled}).size == (16, 8)


def halves(left: int, right: int) -> Prompt:
    """A picture whose halves have two colours."""
    stitched = node(
        "ImageStitch", image1=["l", 0], image2=["r", 0], direction="right", match_image_size=True,
        spacing_width=0, spacing_color="white",
    )  # fmt: skip
    return {"l": empty(4, 4, left), "r": empty(4, 4, right), "1": stitched}


def test_scaling_with_a_crop_cuts_the_middle(server: Simulator) -> None:
    scaled = node(
        "ImageScale", image=["1", 0], upscale_method="nearest-exact", width=4, height=8, crop="center"
    )
    found = image(server, {**halves(0xFF0000, 0x0000FF), "x": scaled})
    assert found.size == (4, 8)
    assert (found.getpixel((0, 4)), found.getpixel((3, 4))) == ((255, 0, 0), (0, 0, 255))


@pytest.mark.parametrize(
    ("class_type", "inputs", "size"),
    [
        ("ImageScaleBy", {"upscale_method": "area", "scale_by": 2.5}, (20, 10)),
        ("ImageScaleToTotalPixels", {"upscale_method": "area", "megapixels": 0.01,
                                     "resolution_steps": 1}, (145, 72)),
        ("ImageScaleToMaxDimension", {"upscale_method": "area", "largest_size": 32}, (32, 16)),
        ("ImageCrop", {"width": 3, "height": 2, "x": 4, "y": 1}, (3, 2)),
        ("ImageCrop", {"width": 3, "height": 2, "x": 500, "y": 500}, (1, 1)),
        ("CenterCropImages", {"width": 4, "height": 2}, (4, 2)),
        ("RandomCropImages", {"width": 4, "height": 2, "seed": 2**64 - 1}, (4, 2)),
        ("ImageRotate", {"rotation": "90 degrees"}, (4, 8)),
        ("ImageRotate", {"rotation": "180 degrees"}, (8, 4)),
        ("ResizeAndPadImage", {"target_width": 6, "target_height": 6, "padding_color": "white",
                               "interpolation": "area"}, (6, 6)),
        ("FluxKontextImageScale", {}, (1456, 720)),
    ],
)  # fmt: skip
def test_the_size_that_comes_out(
    server: Simulator, class_type: str, inputs: dict[str, Any], size: tuple[int, int]
) -> None:
    name = "images" if class_type.endswith("CropImages") else "image"
    assert image(server, {"1": empty(), "x": node(class_type, **{name: ["1", 0]}, **inputs)}).size == size


@pytest.mark.parametrize(
    ("kind", "more", "size"),
    [
        ("scale dimensions", {"width": 6, "height": 6, "crop": "center"}, (6, 6)),
        ("scale by multiplier", {"multiplier": 2.0}, (16, 8)),
        ("scale longer dimension", {"longer_size": 4}, (4, 2)),
        ("scale shorter dimension", {"shorter_size": 8}, (16, 8)),
        ("scale width", {"width": 4}, (4, 2)),
        ("scale height", {"height": 2}, (4, 2)),
        ("scale to multiple", {"multiple": 3}, (6, 3)),
    ],
)
def test_resizing_in_many_ways(
    server: Simulator, kind: str, more: dict[str, Any], size: tuple[int, int]
) -> None:
    inputs = {f"resize_type.{name}": given for name, given in more.items()}
    resized = node("ResizeImageMaskNode", input=["1", 0], resize_type=kind, scale_method="area", **inputs)
    assert image(server, {"1": empty(), "x": resized}).size == size


def test_matching_a_size(server: Simulator) -> None:
    inputs = {"resize_type.match": ["2", 0], "resize_type.crop": "disabled"}
    resized = node(
        "ResizeImageMaskNode", input=["1", 0], resize_type="match size", scale_method="area", **inputs
    )
    assert image(server, {"1": empty(), "2": empty(5, 7), "x": resized}).size == (5, 7)


def test_turning_and_mirroring(server: Simulator) -> None:
    red, blue = (255, 0, 0), (0, 0, 255)
    prompt = halves(0xFF0000, 0x0000FF)
    turned = image(server, {**prompt, "x": node("ImageRotate", image=["1", 0], rotation="90 degrees")})
    assert (turned.getpixel((0, 0)), turned.getpixel((0, 7))) == (red, blue)
    mirrored = node("ImageFlip", image=["1", 0], flip_method="y-axis: horizontally")
    assert image(server, {**prompt, "x": mirrored}).getpixel((0, 0)) == blue


def test_padding_for_outpainting(server: Simulator) -> None:
    padded = node("ImagePadForOutpaint", image=["1", 0], left=2, top=0, right=0, bottom=1, feathering=0)
    prompt = {"1": empty(), "x": padded}
    found = image(server, prompt)
    assert (found.size, found.getpixel((0, 0)), found.getpixel((2, 0))) == (
        (10, 5),
        (127, 127, 127),
        (255, 0, 0),
    )
    levels = mask_of(server, prompt, 1)
    assert (levels[0, 1], levels[0, 2], levels[4, 5]) == (255, 0, 255)


def test_upscaling_by_the_factor_in_the_name(server: Simulator) -> None:
    prompt = {
        "1": empty(),
        "2": node("UpscaleModelLoader", model_name="RealESRGAN_x2plus.pth"),
        "x": node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
    }
    assert image(server, prompt).size == (16, 8)


# Colours, compositing, masks


def test_inverting(server: Simulator) -> None:
    found = image(server, {"1": empty(), "x": node("ImageInvert", image=["1", 0])})
    assert found.getpixel((0, 0)) == (0, 255, 255)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("normal", (0, 0, 255)),
        ("multiply", (0, 0, 0)),
        ("screen", (255, 0, 255)),
        ("difference", (255, 0, 0)),
        ("overlay", (255, 0, 0)),
        ("soft_light", (255, 0, 0)),
    ],
)
def test_blending(server: Simulator, mode: str, expected: RGB) -> None:
    blend = node("ImageBlend", image1=["1", 0], image2=["2", 0], blend_factor=1.0, blend_mode=mode)
    assert image(server, {"1": empty(), "2": empty(4, 4, 0x0000FF), "x": blend}).getpixel((0, 0)) == expected


def test_blurring_keeps_what_is_even_and_softens_an_edge(server: Simulator) -> None:
    blur = node("ImageBlur", image=["1", 0], blur_radius=2, sigma=1.0)
    assert image(server, {"1": empty(), "x": blur}).getpixel((4, 2)) in ((255, 0, 0), (254, 0, 0))
    found = image(server, {**halves(0xFF0000, 0x0000FF), "x": blur})
    red, _, blue = found.getpixel((3, 2))  # type: ignore[misc]
    assert red > 0 < blue


def test_quantizing(server: Simulator) -> None:
    quantized = node("ImageQuantize", image=["1", 0], colors=1, dither="none")
    assert len(image(server, {**halves(0xFF0000, 0x0000FF), "x": quantized}).getcolors() or ()) == 1


def test_colours_and_brightness_apart_and_together(server: Simulator) -> None:
    back = node("ImageYUVToRGB", Y=["2", 0], U=["2", 1], V=["2", 2])
    prompt = {"1": empty(color=0x3C64C8), "2": node("ImageRGBToYUV", image=["1", 0]), "x": back}
    found = image(server, prompt).getpixel((0, 0))
    assert np.allclose(np.asarray(found), (0x3C, 0x64, 0xC8), atol=1)


def test_edges(server: Simulator) -> None:
    edges = node("Canny", image=["1", 0], low_threshold=0.2, high_threshold=0.5)
    found = np.asarray(image(server, {**halves(0xFFFFFF, 0x000000), "x": edges}))[..., 0]
    assert found[2, 3] == 255
    assert found[2, 0] == found[2, 7] == 0


def test_compositing_with_a_mask(server: Simulator) -> None:
    composed = node(
        "ImageCompositeMasked", destination=["1", 0], source=["2", 0], x=6, y=0, resize_source=False,
        mask=["3", 0],
    )  # fmt: skip
    prompt = {"1": empty(), "2": empty(4, 4, 0x0000FF), "3": mask(0.5, 4, 4), "x": composed}
    found = image(server, prompt)
    assert found.getpixel((0, 0)) == (255, 0, 0)
    assert found.getpixel((7, 0)) == (127, 0, 127)


def test_alpha_apart_and_together(server: Simulator) -> None:
    joined = node("JoinImageWithAlpha", image=["1", 0], alpha=["2", 0])
    prompt = {"1": empty(), "2": mask(0.75), "x": joined}
    found = image(server, prompt)
    assert (found.mode, found.getpixel((0, 0))) == ("RGBA", (255, 0, 0, 63))
    split = {**prompt, "j": joined, "x": node("SplitImageWithAlpha", image=["j", 0])}
    assert image(server, split).mode == "RGB"
    assert mask_of(server, split, 1)[0, 0] == 191


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("SRC", (0, 0, 255)), ("DST", (255, 0, 0)), ("SRC_OVER", (0, 0, 255)), ("DST_OVER", (255, 0, 0)),
        ("CLEAR", (0, 0, 0)), ("XOR", (0, 0, 0)), ("ADD", (255, 0, 255)), ("MULTIPLY", (0, 0, 0)),
        ("SCREEN", (255, 0, 255)), ("LIGHTEN", (255, 0, 255)), ("DARKEN", (0, 0, 0)),
    ],
)  # fmt: skip
def test_porter_and_duff(server: Simulator, mode: str, expected: RGB) -> None:
    composed = node(
        "PorterDuffImageComposite", source=["2", 0], source_alpha=["3", 0], destination=["1", 0],
        destination_alpha=["3", 0], mode=mode,
    )  # fmt: skip
    prompt = {"1": empty(), "2": empty(color=0x0000FF), "3": mask(0.0), "x": composed}
    assert image(server, prompt).getpixel((0, 0)) == expected


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("multiply", 76), ("add", 229), ("subtract", 76), ("and", 0), ("or", 255), ("xor", 255)],
)
def test_combining_masks(server: Simulator, operation: str, expected: int) -> None:
    combined = node("MaskComposite", destination=["1", 0], source=["2", 0], x=2, y=1, operation=operation)
    levels = mask_of(
        server, {"1": mask(0.6), "2": mask(0.5 if operation == "multiply" else 0.3, 4, 4), "x": combined}
    )
    assert abs(int(levels[2, 3]) - expected) <= 1
    assert levels[0, 0] == 153


def test_masks_from_pictures_and_back(server: Simulator) -> None:
    prompt = {**halves(0xFF0000, 0x0000FF), "x": node("ImageColorToMask", image=["1", 0], color=0x0000FF)}
    assert mask_of(server, prompt)[0].tolist() == [0] * 4 + [255] * 4
    prompt["x"] = node("ImageToMask", image=["1", 0], channel="red")
    assert mask_of(server, prompt)[0].tolist() == [255] * 4 + [0] * 4
    cut = {**prompt, "m": prompt["x"], "x": node("CropMask", mask=["m", 0], x=3, y=0, width=2, height=1)}
    assert mask_of(server, cut).tolist() == [[255, 0]]
    grown = {**prompt, "m": prompt["x"], "x": node("GrowMask", mask=["m", 0], expand=2, tapered_corners=True)}
    assert mask_of(server, grown)[0].tolist() == [255] * 6 + [0] * 2
    shrunk = {**grown, "x": node("GrowMask", mask=["m", 0], expand=-1, tapered_corners=False)}
    assert mask_of(server, shrunk)[0].tolist() == [255] * 3 + [0] * 5


def test_feathering_and_thresholds(server: Simulator) -> None:
    feathered = node("FeatherMask", mask=["1", 0], left=4, top=0, right=0, bottom=0)
    prompt = {"1": mask(1.0), "x": feathered}
    assert mask_of(server, prompt)[0].tolist() == [63, 127, 191, 255, 255, 255, 255, 255]
    threshold = {"1": mask(1.0), "2": feathered, "x": node("ThresholdMask", mask=["2", 0], value=0.6)}
    assert mask_of(server, threshold)[0].tolist() == [0, 0, 255, 255, 255, 255, 255, 255]
