"""What the core nodes do in the simulator: every class, texts, numbers, batches and files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow.schema import InputSchema, NodeSchema, Schema, unfold_inputs
from comfyflow.schema.input_schema import MISSING
from comfyflow.simulator import Simulator
from comfyflow.simulator.live_schema import reference_file
from comfyflow.simulator.node_result import make
from tests.simulated import HTTP, Prompt, entry, error, outputs
from tests.simulated_nodes import empty, image, images, mask, mask_of, node, text


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


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
    path = reference_file()
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


# Files


def test_loading_a_picture_with_alpha(server: Simulator) -> None:
    Image.new("RGBA", (6, 3), (1, 2, 3, 51)).save(server.folders.of("input") / "alpha.png")
    prompt = {"x": node("LoadImage", image="alpha.png")}
    assert image(server, prompt).getpixel((0, 0)) == (1, 2, 3)
    assert mask_of(server, prompt, 1)[0, 0] == 204
    prompt = {"x": node("LoadImageMask", image="alpha.png", channel="green")}
    assert mask_of(server, prompt)[0, 0] == 2


def test_a_file_that_is_no_picture_is_an_error(server: Simulator) -> None:
    (server.folders.of("input") / "text.png").write_text("not an image")
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
