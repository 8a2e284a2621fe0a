"""What failing assertions say. Each message is a golden in tests/goldens/testing: read it when it
changes. ``pytest tests/test_testing_messages.py --comfy-update-goldens`` writes them anew.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyImage,
    KSampler,
    LoraLoader,
    SaveImage,
    VAEDecode,
)
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from comfyflow import Schema, Workflow, raw_node, titled
from comfyflow.output_file import ImageFile, ImageOutput, NodeOutput, OutputFile, TextOutput
from comfyflow.testing import (
    assert_connected,
    assert_count,
    assert_every,
    assert_files,
    assert_image_matches,
    assert_images,
    assert_metadata,
    assert_prompt_matches,
    assert_text,
    assert_valid,
    at_most,
    find,
    linked,
    matching,
    one_of,
    satisfying,
)
from comfyflow.testing.session import SESSIONS, Session, stubs_schema
from tests.testing_workflow import two_passes

GOLDENS = Path(__file__).parent / "goldens" / "testing"


def wrong_workflow() -> Workflow[Any]:
    ckpt = titled(CheckpointLoaderSimple(ckpt_name="a.safetensors"), "Base model")
    sampler = KSampler(
        model=ckpt.MODEL,
        steps=0,
        sampler_name="eular",  # type: ignore[arg-type]
        scheduler="normal",
        positive=CLIPTextEncode(text="x", clip=ckpt.VAE),  # type: ignore[arg-type]
        negative=raw_node("CLIPTextEncode", {"text": "y"})[0],
        latent_image=raw_node("EmptyLatentImage", {"width": 8.5, "height": 64, "batch_size": 1})[0],
    )
    return Workflow(SaveImage(images=VAEDecode(samples=sampler, vae=ckpt.VAE)))


def with_models(*names: str) -> Schema:
    """The schema of a server that has these checkpoints."""
    raw = dict(stubs_schema("comfynodes").raw)
    loader = json.loads(json.dumps(raw["CheckpointLoaderSimple"]))
    loader["input"]["required"]["ckpt_name"] = [list(names), {}]
    return Schema({**raw, "CheckpointLoaderSimple": loader}, "0.33.0", "http://127.0.0.1:8188")


def picture(color: int = 0, size: tuple[int, int] = (64, 32), **texts: str) -> Image.Image:
    made = Image.linear_gradient("L").resize(size).convert("RGB")
    made.paste((color, color, color), (0, 0, size[0] // 2, size[1]))
    made.info.update(texts)
    return made


def file(name: str, made: Image.Image | None = None, kind: type[OutputFile] = ImageFile) -> OutputFile:
    stream = io.BytesIO()
    info = PngInfo()
    if made is not None:
        for key, text in made.info.items():
            info.add_text(key, text)
        made.save(stream, "PNG", pnginfo=info)
    return kind(name, node_id="9", data=stream.getvalue())


IMAGES = [file("ComfyUI_00001_.png", picture()), file("ComfyUI_00002_.png", picture(size=(32, 32)))]


def in_session(function: Callable[[], None], golden: bytes, tmp_path: Path, suffix: str) -> None:
    """Run an assertion as in a test whose golden has this content."""
    (tmp_path / "goldens").mkdir()
    (tmp_path / "goldens" / f"test_look.test_dusk{suffix}").write_bytes(golden)
    SESSIONS.append(Session(root=tmp_path, folder=tmp_path / "differences"))
    try:
        function()
    finally:
        SESSIONS.pop()


def golden_prompt() -> bytes:
    prompt = two_passes(steps=25).to_prompt()
    ids = {node_id: str(10 * int(node_id)) for node_id in prompt}
    for node in prompt.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list):
                node["inputs"][name] = [ids[value[0]], value[1]]
    changed: dict[str, Any] = {ids[node_id]: node for node_id, node in prompt.items()}
    refiner = next(node for node in changed.values() if node["_meta"]["title"] == "Refiner")
    refiner["_meta"]["title"] = "Second pass"
    refiner["inputs"]["negative"] = next(
        node["inputs"]["negative"] for node in changed.values() if node["_meta"]["title"] == "KSampler"
    )
    changed["99"] = {
        "class_type": "ImageInvert",
        "inputs": {"image": [ids["8"], 0]},
        "_meta": {"title": "Invert Image"},
    }
    save = next(node for node in changed.values() if node["class_type"] == "SaveImage")
    save["inputs"]["images"] = ["99", 0]
    return json.dumps(changed).encode()


def png(made: Image.Image) -> bytes:
    return file("golden.png", made).bytes()


FAILING: dict[str, Callable[[], object]] = {
    "valid": lambda: assert_valid(wrong_workflow()),
    "valid_unknown_class": lambda: assert_valid(
        Workflow(SaveImage(images=titled(raw_node("ImageInvertt", {"image": EmptyImage()}), "Turn over")[0]))
    ),
    "valid_prompt": lambda: assert_valid(
        {"1": {"class_type": "EmptyImage", "inputs": {"width": 5}}}, stubs_schema("comfynodes")
    ),
    "valid_refusal": lambda: assert_valid(
        {
            "1": {
                "class_type": "EmptyImage",
                "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0},
            },
            "2": {
                "class_type": "SaveImage",
                "inputs": {"images": ["1", 0], "filename_prefix": "x", "more": ["9", 0]},
            },
        },
        stubs_schema("comfynodes"),
    ),
    "valid_warnings": lambda: assert_valid(
        Workflow(
            SaveImage(
                images=raw_node("EmptyImage", {"width": 64.7, "height": 64, "batch_size": 1, "color": 0})[0]
            )
        ),
        warnings=False,
    ),
    "valid_files": lambda: assert_valid(two_passes(), with_models("sd_xl_base_1.0.ckpt")),
    "find_none": lambda: find(two_passes(), LoraLoader),
    "find_none_with_input": lambda: find(two_passes(), KSampler, cfg=at_most(3), steps=5),
    "find_none_by_name": lambda: find(two_passes(), "KSamplerr"),
    "find_none_by_title": lambda: find(two_passes().to_prompt(), title="Upscaler"),
    "find_several": lambda: find(two_passes(), KSampler),
    "find_several_in_prompt": lambda: find(two_passes().to_prompt(), KSampler),
    "count": lambda: assert_count(two_passes(), KSampler, 1),
    "count_with_input": lambda: assert_count(two_passes(), KSampler, 1, sampler_name=one_of("euler", "ddim")),
    "count_none": lambda: assert_count(two_passes(refine=False), LoraLoader, 2),
    "every": lambda: assert_every(two_passes(), KSampler, cfg=at_most(8)),
    "every_several": lambda: assert_every(
        two_passes(cfg=9.0),
        KSampler,
        cfg=at_most(8),
        negative=linked(CLIPTextEncode),
        latent_image=linked(KSampler),
        sampler_name=satisfying(str.isupper),
        where={"strength": 1},
    ),
    "every_none": lambda: assert_every(two_passes(), LoraLoader, strength_model=1),
    "connected": lambda: assert_connected(two_passes(), VAEDecode, KSampler),
    "connected_through": lambda: assert_connected(
        two_passes(refine=False), CheckpointLoaderSimple, SaveImage, through=LoraLoader
    ),
    "connected_nodes": lambda: assert_connected(
        two_passes(), find(two_passes(), title="Refiner"), find(two_passes(), KSampler, steps=20, denoise=1.0)
    ),
    "connected_missing": lambda: assert_connected(two_passes(), LoraLoader, SaveImage),
    "images_count": lambda: assert_images(IMAGES, 3),
    "images_none": lambda: assert_images(TextOutput({"text": ["words"]})),
    "images_none_but_files": lambda: assert_images(
        [OutputFile("ComfyUI_00001_.mp4", "video", key="images", node_id="4")], 1
    ),
    "images_properties": lambda: assert_images(IMAGES, 2, size=(64, 32), mode="RGBA", format="PNG"),
    "files": lambda: assert_files(ImageOutput(extra=tuple(IMAGES)), 1, media_type="video/"),
    "text": lambda: assert_text(TextOutput({"text": ["a lighthouse"]}), "a light house"),
    "text_long": lambda: assert_text(
        "a lighthouse at dusk, " * 6, "a lighthouse at dusk, " * 4 + "a lighthouse at dawn"
    ),
    "text_condition": lambda: assert_text("a lighthouse", matching("dusk$")),
    "text_none": lambda: assert_text(NodeOutput(), "a lighthouse"),
    "metadata_missing": lambda: assert_metadata(png(picture()), parameters="x"),
    "metadata_value": lambda: assert_metadata(
        png(picture(parameters='{"steps": 20}')), parameters={"steps": 21}
    ),
    "metadata_no_prompt": lambda: assert_metadata(png(picture(note="x")), two_passes()),
    "metadata_prompt": lambda: assert_metadata(
        png(picture(prompt=golden_prompt().decode())), two_passes(steps=25)
    ),
    "picture_unreadable": lambda: assert_image_matches(b"not an image", picture()),
}

IN_SESSION: dict[str, tuple[Callable[[], None], Callable[[], bytes], str]] = {
    "golden_prompt": (lambda: assert_prompt_matches(two_passes()), golden_prompt, ".json"),
    "golden_missing": (lambda: assert_prompt_matches(two_passes()), lambda: b"", ".txt"),
    "golden_picture": (lambda: assert_image_matches(picture(255)), lambda: png(picture(0)), ".png"),
    "golden_picture_size": (
        lambda: assert_image_matches(picture()),
        lambda: png(picture(size=(8, 8))),
        ".png",
    ),
}


@pytest.mark.parametrize("name", FAILING)
def test_failing_assertions_read_well(name: str, pytestconfig: pytest.Config) -> None:
    with pytest.raises(AssertionError) as caught:
        FAILING[name]()
    compare(name, str(caught.value), pytestconfig)


@pytest.mark.parametrize("name", IN_SESSION)
def test_failing_goldens_read_well(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    function, golden, suffix = IN_SESSION[name]
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_look.py::test_dusk (call)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError) as caught:
        in_session(function, golden(), tmp_path, suffix)
    compare(name, str(caught.value), pytestconfig)


def compare(name: str, message: str, config: pytest.Config) -> None:
    message = re.sub(r"(?<=[ (])[^\s(]*?(?=tests/|stubs/comfynodes)", "", message).rstrip() + "\n"
    path = GOLDENS / f"{name}.txt"
    if config.getoption("--comfy-update-goldens", default=False):
        path.write_text(message, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == message


def test_every_golden_has_its_assertion() -> None:
    assert {path.stem for path in GOLDENS.glob("*.txt")} == {*FAILING, *IN_SESSION}
