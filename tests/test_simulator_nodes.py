"""What the core nodes do in the simulator."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from comfyflow.schema import InputSchema, NodeSchema, Schema, unfold_inputs
from comfyflow.schema.input_schema import MISSING
from comfyflow.simulator import NodeContext, Simulator
from comfyflow.simulator.live_schema import reference_schema
from comfyflow.simulator.typed_output import make
from tests.simulated import HTTP, Prompt, entry, error, outputs, submit

RGB = tuple[int, int, int]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def empty(width: int = 8, height: int = 4, color: int = 0xFF0000, batch: int = 1) -> dict[str, Any]:
    return node("EmptyImage", width=width, height=height, batch_size=batch, color=color)


def mask(value: float, width: int = 8, height: int = 4) -> dict[str, Any]:
    return node("SolidMask", value=value, width=width, height=height)


def images(server: Simulator, prompt: Prompt, source: str = "x", slot: int = 0) -> list[Image.Image]:
    """The pictures that a node gives."""
    shown = node("PreviewImage", images=[source, slot])
    files = outputs(server, {**prompt, "shown": shown})["shown"]["images"]
    return [opened(server.folders.of(file["type"]) / file["filename"]) for file in files]


def opened(path: Path) -> Image.Image:
    with Image.open(path) as found:
        found.load()
        return found.copy()


def image(server: Simulator, prompt: Prompt, slot: int = 0) -> Image.Image:
    (only,) = images(server, prompt, slot=slot)
    return only


def mask_of(server: Simulator, prompt: Prompt, slot: int = 0) -> np.ndarray[Any, Any]:
    """A mask that a node gives, in levels from 0 to 255."""
    shown = images(server, {**prompt, "grey": node("MaskToImage", mask=["x", slot])}, "grey")
    return np.asarray(shown[0])[..., 0]


def text(server: Simulator, prompt: Prompt, slot: int = 0) -> str:
    """What a node gives, as text."""
    found: str = outputs(server, {**prompt, "shown": node("PreviewAny", source=["x", slot])})["shown"][
        "text"
    ][0]
    return found


# Every class


def giver(kind: str) -> str:
    return f"Give {kind}"


SOURCES = {
    "IMAGE": empty(64, 48, batch=2),
    "MASK": mask(0.5, 64, 48),
    "LATENT": node("EmptyLatentImage", width=64, height=64, batch_size=2),
    "AUDIO": node("EmptyAudio", duration=0.2, sample_rate=8000, channels=2),
}
FILES = {
    "LoadImage": "example.png",
    "LoadImageMask": "example.png",
    "LoadImageOutput": "example.png [input]",
    "LoadAudio": "sound.wav",
    "LoadVideo": "moving.gif",
    "LoadLatent": "a.latent",
}
LITERALS: dict[str, dict[str, Any]] = {
    "ComfyMathExpression": {"expression": "a * 2", "values.a": 3},
    "ManualSigmas": {"sigmas": "1.0, 0.5, 0"},
}
WANTED = {
    "SAMPLER": node("KSamplerSelect", sampler_name="euler"),
    "NOISE": node("RandomNoise", noise_seed=1),
}


def all_kinds(schema: Schema) -> set[str]:
    kinds: set[str] = set()
    for one in schema.values():
        for given in one.inputs:
            kinds |= given.types | (given.autogrow.input.types if given.autogrow else frozenset())
        kinds |= {output.type for output in one.outputs}
    return kinds


def value(given: InputSchema, prompt: Prompt) -> Any:
    """Something that an input takes."""
    if given.dynamic_options:
        return given.dynamic_options[0].key
    if given.choices is not None:
        return given.choices[0] if given.choices else "x.safetensors"
    if given.default is not MISSING and not isinstance(given.default, list):
        return given.default
    if given.is_widget:
        number = given.minimum or 1
        return {"INT": int(number), "FLOAT": float(number), "BOOLEAN": True}.get(given.type, "1")
    kind = min(given.types)
    if given.match_template:
        kind = given.match_types.split(",")[0].replace("*", "IMAGE")
    kind = "INT" if kind == "*" else kind
    prompt[kind] = SOURCES.get(kind) or WANTED.get(kind) or node(giver(kind))
    return [kind, 0]


def fill(one: NodeSchema, prompt: Prompt) -> dict[str, Any]:
    given: dict[str, Any] = dict(LITERALS.get(one.class_type, {}))
    for known in one.inputs:
        if known.name in given:
            continue
        if known.autogrow:
            for name in known.autogrow.names[: max(known.autogrow.minimum, 1)]:
                if f"{known.name}.{name}" not in given:
                    given[f"{known.name}.{name}"] = value(known.autogrow.input, prompt)
        elif known.required:
            given[known.name] = FILES.get(one.class_type) or value(known, prompt)
    for known in unfold_inputs(one.inputs, given):
        if known.required and known.name not in given:
            given[known.name] = value(known, prompt)
    return given


def test_every_core_class_can_be_executed() -> None:
    path = reference_schema()
    assert path is not None
    from comfyflow.schema import load_schema

    schema = load_schema(path)
    raw: dict[str, Any] = dict(schema.raw)
    kinds = all_kinds(schema) - SOURCES.keys()
    for kind in kinds:
        raw[giver(kind)] = {"input": {}, "output": [kind], "output_node": False}
    raw["Sink"] = {"input": {"required": {"x": ["*"]}}, "output": [], "output_node": True}
    done = 0
    with Simulator(Schema(raw, "0.27.0"), caption=False) as server:
        prepare_files(server)
        for kind in kinds:
            server.simulate(giver(kind), lambda context, kind=kind: make(kind, kind, context, {}))
        ids: dict[str, str] = {}
        for one in schema.values():
            prompt: Prompt = {}
            given = fill(one, prompt)
            if one.api_node or not (one.outputs or one.is_output_node):
                continue
            if "steps" in given:
                given["steps"] = 2
            prompt["n"] = node(one.class_type, **given)
            if not one.is_output_node:
                prompt["sink"] = node("Sink", x=["n", 0])
            answer = HTTP.post(f"{server.url}/prompt", json={"prompt": prompt})
            if answer.status_code == 200:  # some take values that only the editor makes
                ids[answer.json()["prompt_id"]] = one.class_type
        for prompt_id, class_type in ids.items():
            status = entry(server, prompt_id, 60)["status"]
            assert status["status_str"] == "success", (class_type, status["messages"][-1])
            done += 1
    assert done > 500


def prepare_files(server: Simulator) -> None:
    import wave

    folder = server.folders.of("input")
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 255)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    prompt = {
        "1": SOURCES["LATENT"],
        "2": node("SaveLatent", samples=["1", 0], filename_prefix="a"),
    }
    file_name = outputs(server, prompt)["2"]["latents"][0]["filename"]
    (server.folders.of("output") / file_name).rename(folder / "a.latent")


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


# Batches and lists


def test_batches(server: Simulator) -> None:
    prompt = {
        "1": empty(batch=2),
        "2": empty(16, 8, 0x00FF00),
        "x": node("BatchImagesNode", **{"images.image0": ["1", 0], "images.image1": ["2", 0]}),
    }
    found = images(server, prompt)
    assert [one.size for one in found] == [(8, 4)] * 3
    assert found[2].getpixel((0, 0)) == (0, 255, 0)
    last = node("ImageFromBatch", image=["b", 0], batch_index=-1, length=5)
    assert image(server, {**prompt, "b": prompt["x"], "x": last}).getpixel((0, 0)) == (0, 255, 0)
    twice = node("RepeatImageBatch", image=["b", 0], amount=2)
    assert len(images(server, {**prompt, "b": prompt["x"], "x": twice})) == 6


def test_lists_of_batches(server: Simulator) -> None:
    prompt = {"1": empty(batch=5), "x": node("RebatchImages", images=["1", 0], batch_size=2)}
    sizes = {**prompt, "b": prompt["x"], "x": node("GetImageSize", image=["b", 0])}
    shown = outputs(server, {**sizes, "shown": node("PreviewAny", source=["x", 2])})
    assert shown["shown"]["text"] == ["2", "2", "1"]


def test_tiles_and_back(server: Simulator) -> None:
    split = node("SplitImageToTileList", image=["1", 0], tile_width=64, tile_height=64, overlap=16)
    prompt = {"1": empty(100, 80), "x": split}
    assert [one.size for one in images(server, prompt)] == [(64, 64)] * 4
    merged = node("ImageMergeTileList", image_list=["t", 0], final_width=100, final_height=80, overlap=16)
    found = image(server, {**prompt, "t": split, "x": merged})
    assert (found.size, found.getpixel((99, 79))) == ((100, 80), (255, 0, 0))


def test_a_grid(server: Simulator) -> None:
    grid = node("ImageGrid", images=["1", 0], columns=2, cell_width=32, cell_height=32, padding=4)
    found = image(server, {"1": empty(batch=3), "x": grid})
    assert found.size == (68, 68)
    assert (found.getpixel((0, 0)), found.getpixel((60, 60))) == ((255, 0, 0), (0, 0, 0))


def test_stitching_with_a_gap(server: Simulator) -> None:
    stitched = node(
        "ImageStitch", image1=["1", 0], image2=["2", 0], direction="down", match_image_size=True,
        spacing_width=2, spacing_color="green",
    )  # fmt: skip
    found = image(server, {"1": empty(), "2": empty(16, 8, 0x0000FF), "x": stitched})
    assert found.size == (8, 10)
    pixels = [found.getpixel((0, row)) for row in (0, 4, 6)]
    assert pixels == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


# Texts, numbers, switches


@pytest.mark.parametrize(
    ("class_type", "inputs", "expected"),
    [
        ("StringConcatenate", {"string_a": "a", "string_b": "b", "delimiter": "-"}, "a-b"),
        ("StringSubstring", {"string": "abcdef", "start": 1, "end": -1}, "bcde"),
        ("StringLength", {"string": "abc"}, "3"),
        ("CaseConverter", {"string": "a bC", "mode": "Title Case"}, "A Bc"),
        ("StringTrim", {"string": " a ", "mode": "Left"}, "a "),
        ("StringReplace", {"string": "aba", "find": "a", "replace": "x"}, "xbx"),
        ("StringContains", {"string": "ABC", "substring": "b", "case_sensitive": False}, "True"),
        ("StringCompare", {"string_a": "abc", "string_b": "AB", "mode": "Starts With",
                           "case_sensitive": False}, "True"),
        ("RegexMatch", {"string": "abc", "regex_pattern": "(", "case_insensitive": True, "multiline": False,
                        "dotall": False}, "False"),
        ("RegexReplace", {"string": "a1b2", "regex_pattern": r"\d", "replace": "#"}, "a#b#"),
        ("JsonExtractString", {"json_string": '{"a": 5}', "key": "a"}, "5"),
        ("JsonExtractString", {"json_string": "[[", "key": "a"}, ""),
        ("PrimitiveFloat", {"value": 1.5}, "1.5"),
        ("ComfyNumberConvert", {"value": "12"}, "12.0"),
    ],
)  # fmt: skip
def test_texts_and_numbers(server: Simulator, class_type: str, inputs: dict[str, Any], expected: str) -> None:
    assert text(server, {"x": node(class_type, **inputs)}) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("First Match", "a1"), ("All Matches", "1\n2"), ("First Group", "1"), ("All Groups", "1\n2")],
)
def test_extracting(server: Simulator, mode: str, expected: str) -> None:
    extract = node(
        "RegexExtract", string="a1 a2", regex_pattern=r"a(\d)", mode=mode, case_insensitive=True,
        multiline=False, dotall=False, group_index=1,
    )  # fmt: skip
    assert text(server, {"x": extract}) == expected


def test_a_pattern_that_is_none_is_an_error(server: Simulator) -> None:
    prompt = {
        "1": node("RegexReplace", string="a", regex_pattern="(", replace="b"),
        "2": node("PreviewAny", source=["1", 0]),
    }
    assert "unterminated subpattern" in error(server, prompt)["exception_message"]


def test_formatting_by_letters(server: Simulator) -> None:
    prompt = {
        "1": node("PrimitiveFloat", value=1.23456),
        "x": node("StringFormat", f_string="{a:.2f} of {b}", **{"values.a": ["1", 0], "values.b": "ten"}),
    }
    assert text(server, prompt) == "1.23 of ten"
    prompt["x"] = node("StringFormat", f_string="{a.__class__}", **{"values.a": ["1", 0]})
    assert (
        error(server, {**prompt, "s": node("PreviewAny", source=["x", 0])})["exception_type"] == "ValueError"
    )


def test_formulas(server: Simulator) -> None:
    def work_out(expression: str, slot: int = 0) -> str:
        formula = node("ComfyMathExpression", expression=expression, **{"values.a": ["1", 0], "values.b": 3})
        return text(server, {"1": node("PrimitiveInt", value=7), "x": formula}, slot)

    assert work_out("a * b + 0.5") == "21.5"
    assert work_out("a // b", 1) == "2"
    assert work_out("a > b and not b == 3", 2) == "False"
    assert work_out("max(values) ** 2 if a else sqrt(b)") == "49.0"
    assert work_out("a << 2 | b", 1) == "31"
    for expression, why in (("a ** 4000", "finite number, got a number of"), ("nothing", "not defined")):
        formula = node("ComfyMathExpression", expression=expression, **{"values.a": 7})
        prompt = {"x": formula, "y": node("PreviewAny", source=["x", 0])}
        assert why in error(server, prompt)["exception_message"]


def test_switches_and_truths(server: Simulator) -> None:
    def chosen(which: bool) -> str:
        prompt = {
            "1": node("PrimitiveString", value="yes"),
            "2": node("PrimitiveString", value="no"),
            "x": node("ComfySwitchNode", switch=which, on_true=["1", 0], on_false=["2", 0]),
        }
        return text(server, prompt)

    assert (chosen(True), chosen(False)) == ("yes", "no")
    both = {"values.value0": True, "values.value1": 0}
    assert text(server, {"x": node("ComfyAndNode", **both)}) == "False"
    assert text(server, {"x": node("ComfyOrNode", **both)}) == "True"
    assert text(server, {"x": node("ComfyNotNode", value="")}) == "True"


def test_resolutions_and_colours(server: Simulator) -> None:
    selector = node("ResolutionSelector", aspect_ratio="16:9 (Widescreen)", megapixels=1.0, multiple=8)
    assert (text(server, {"x": selector}), text(server, {"x": selector}, 1)) == ("1368", "768")
    picker = node("ColorToRGBInt", color="#ff000080")
    assert (text(server, {"x": picker}), text(server, {"x": picker}, 1)) == (str(0xFF0000), "#ff0000")


# Sampling


def sampled(seed: int = 1, prompt: str = "a lighthouse", **changes: Any) -> Prompt:
    inputs = {
        "seed": seed, "steps": 2, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    return {
        "3": node("KSampler", **{**inputs, **changes}),
        "4": node("CheckpointLoaderSimple", ckpt_name="any.safetensors"),
        "5": node("EmptyLatentImage", width=128, height=64, batch_size=2),
        "6": node("CLIPTextEncode", text=prompt, clip=["4", 1]),
        "7": node("CLIPTextEncode", text="", clip=["4", 1]),
        "x": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
    }


def pixels(server: Simulator, prompt: Prompt) -> list[bytes]:
    return [one.tobytes() for one in images(server, prompt)]


def test_the_same_prompt_and_seed_give_the_same_picture(server: Simulator) -> None:
    first = pixels(server, sampled())
    assert len(first) == 2
    assert first[0] != first[1]
    with Simulator() as another:
        assert pixels(another, sampled()) == first


@pytest.mark.parametrize("change", [{"seed": 2}, {"steps": 3}, {"cfg": 1.0}, {"sampler_name": "heun"}])
def test_other_settings_give_another_picture(server: Simulator, change: dict[str, Any]) -> None:
    changed = pixels(server, sampled(**change))
    assert (changed == pixels(server, sampled())) is ("steps" in change)


def test_a_lora_gives_another_picture(server: Simulator) -> None:
    with_lora = sampled(model=["l", 0])
    with_lora["l"] = node(
        "LoraLoaderModelOnly", model=["4", 0], lora_name="x.safetensors", strength_model=0.5
    )
    assert pixels(server, with_lora) != pixels(server, sampled())
    with_lora["l"]["inputs"]["strength_model"] = 0.0
    assert pixels(server, with_lora) == pixels(server, sampled())


def test_another_picture_shows_through_at_a_low_denoise(server: Simulator) -> None:
    prompt = sampled(denoise=0.0)
    prompt |= {"i": empty(128, 64, 0x00FF00), "5": node("VAEEncode", pixels=["i", 0], vae=["4", 2])}
    found = image(server, prompt)
    assert found.getpixel((64, 10)) == (0, 255, 0)


def test_only_what_is_masked_is_painted_anew(server: Simulator) -> None:
    prompt = sampled()
    prompt |= {
        "i": empty(128, 64, 0x00FF00),
        "e": node("VAEEncode", pixels=["i", 0], vae=["4", 2]),
        "m": mask(0.0, 128, 64),
        "5": node("SetLatentNoiseMask", samples=["e", 0], mask=["m", 0]),
    }
    assert image(server, prompt).getpixel((64, 10)) == (0, 255, 0)


def test_custom_sampling_is_sampling(server: Simulator) -> None:
    prompt = sampled()
    prompt |= {
        "n": node("RandomNoise", noise_seed=1),
        "g": node("CFGGuider", model=["4", 0], positive=["6", 0], negative=["7", 0], cfg=7.0),
        "s": node("KSamplerSelect", sampler_name="euler"),
        "b": node("BasicScheduler", model=["4", 0], scheduler="normal", steps=4, denoise=1.0),
        "3": node(
            "SamplerCustomAdvanced", noise=["n", 0], guider=["g", 0], sampler=["s", 0], sigmas=["b", 0],
            latent_image=["5", 0],
        ),
    }  # fmt: skip
    assert len(pixels(server, prompt)) == 2


def test_some_of_the_steps(server: Simulator) -> None:
    first = sampled()["3"]["inputs"]
    common = {name: first[name] for name in first if name not in ("seed", "denoise")}
    advanced = {"add_noise": "enable", "noise_seed": 5, "return_with_leftover_noise": "disable", **common}
    prompt = sampled()
    prompt["3"] = node("KSamplerAdvanced", **{**advanced, "steps": 10, "start_at_step": 0, "end_at_step": 4})
    assert len(pixels(server, prompt)) == 2


def test_videos_are_one_scene(server: Simulator) -> None:
    prompt = sampled()
    prompt["5"] = node("EmptyHunyuanLatentVideo", width=128, height=64, length=9, batch_size=1)
    found = images(server, prompt)
    assert len(found) == 9
    assert found[0].tobytes() != found[8].tobytes()


def test_latents_of_a_batch(server: Simulator) -> None:
    prompt = sampled()
    second = {**prompt, "y": node("LatentFromBatch", samples=["3", 0], batch_index=1, length=1)}
    second["x"] = node("VAEDecode", samples=["y", 0], vae=["4", 2])
    assert pixels(server, second) == pixels(server, prompt)[1:]
    larger = {**prompt, "y": node("LatentUpscaleBy", samples=["3", 0], upscale_method="area", scale_by=2.0)}
    larger["x"] = node("VAEDecode", samples=["y", 0], vae=["4", 2])
    assert images(server, larger)[0].size == (256, 128)


def test_simulated_pictures_say_so_unless_told_not_to() -> None:
    found: list[list[bytes]] = []
    for caption in (True, False):
        with Simulator(caption=caption) as server:
            found.append(pixels(server, sampled()))
    assert found[0] != found[1]


# Files


def test_loading_a_picture_with_alpha(server: Simulator) -> None:
    Image.new("RGBA", (6, 3), (1, 2, 3, 51)).save(server.folders.of("input") / "alpha.png")
    prompt = {"x": node("LoadImage", image="alpha.png")}
    assert image(server, prompt).getpixel((0, 0)) == (1, 2, 3)
    assert mask_of(server, prompt, 1)[0, 0] == 204
    prompt = {"x": node("LoadImageMask", image="alpha.png", channel="green")}
    assert mask_of(server, prompt)[0, 0] == 2


def test_a_file_that_is_no_picture_is_an_error(server: Simulator) -> None:
    (server.folders.of("input") / "text.png").write_text("no picture")
    prompt = {"1": node("LoadImage", image="text.png"), "2": node("PreviewImage", images=["1", 0])}
    assert error(server, prompt)["exception_type"] == "PIL.UnidentifiedImageError"


def saved_file(server: Simulator, prompt: Prompt, key: str) -> Path:
    (file,) = outputs(server, prompt)["x"][key]
    return server.folders.of(file["type"]) / file["subfolder"] / file["filename"]


def test_saved_texts(server: Simulator) -> None:
    source = node("PrimitiveString", value='{"a":1}')
    prompt = {"1": source, "x": node("SaveText", text=["1", 0], filename_prefix="texts/a", format="json")}
    assert saved_file(server, prompt, "files").read_text() == '{\n  "a": 1\n}'


def test_compared_pictures(server: Simulator) -> None:
    prompt = {"1": empty(), "x": node("ImageCompare", image_a=["1", 0], compare_view={})}
    shown = outputs(server, prompt)["x"]
    assert len(shown["a_images"]) == 1
    assert shown["b_images"] == []


def test_previews_of_unfinished_work() -> None:
    with Simulator(previews=True) as server:
        seen: list[Any] = []

        def show(context: NodeContext, images: Any) -> None:
            seen.append(context.previews)

        server.simulate("PreviewImage", show)
        submit_and_wait(server, sampled())
    assert seen == [True]


def submit_and_wait(server: Simulator, prompt: Prompt) -> None:
    entry(server, submit(server, {**prompt, "s": node("PreviewImage", images=["x", 0])}))


def test_noise_schedules(server: Simulator) -> None:
    def values(**scheduler: Any) -> list[float]:
        prompt = {"1": node("KarrasScheduler", **scheduler), "x": node("FlipSigmas", sigmas=["1", 0])}
        shown = text(server, prompt)
        return [float(number) for number in shown.split("(", 2)[2].split(")")[0].split(",")]

    found = values(steps=4, sigma_max=10.0, sigma_min=0.1, rho=7.0)
    assert len(found) == 5
    assert found == sorted(found)
    assert math.isclose(found[-1], 10.0)


def test_workflow_of_a_saved_animation(server: Simulator) -> None:
    save = node(
        "SaveAnimatedWEBP", images=["1", 0], filename_prefix="moving", fps=6.0, lossless=True, quality=80,
        method="default",
    )  # fmt: skip
    path = saved_file(server, {"1": empty(batch=3), "x": save}, "images")
    with Image.open(io.BytesIO(path.read_bytes())) as found:
        assert found.format == "WEBP"
        prompt = json.loads(found.getexif()[0x0110].removeprefix("prompt:"))
    assert prompt["x"]["class_type"] == "SaveAnimatedWEBP"
