from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow import Client, Schema
from comfyflow.errors import ReproductionError, WorkflowFileError
from comfyflow.input_file import UploadedFile
from comfyflow.lock import make_lock
from comfyflow.reproduction import read_original, reproduce
from comfyflow.reproduction.comparison import Comparison
from comfyflow.simulator import Simulator
from tests.simulated import node_class
from tests.test_reproduction_comparison import picture, png

Prompt = dict[str, Any]


# What a file says of itself


MADE: Prompt = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 8, "batch_size": 1, "color": 255}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "made"}},
}


def test_a_file_says_its_versions_and_what_it_has_read(tmp_path: Path) -> None:
    digest = "ab" * 32
    nodes = [
        {"id": 1, "type": "LoadImage", "properties": {"cnr_id": "comfy-core", "ver": "0.3.10"}},
        {"id": 2, "type": "KSampler", "widgets_values": [7, "randomize", 20],
         "properties": {"cnr_id": "comfy-core", "ver": "0.3.9"}},
        {"id": 3, "type": "Blur", "properties": {"cnr_id": "essentials", "ver": "1.1.0"}},
        {"id": 4, "type": "Old", "properties": {"ver": 3}},
    ]  # fmt: skip
    prompt = {"1": {"class_type": "LoadImage", "inputs": {}, "is_changed": [digest]}, "2": MADE["2"]}
    path = tmp_path / "a.png"
    path.write_bytes(png(picture(), prompt=prompt, workflow={"nodes": nodes, "links": []}))
    original = read_original(path)
    assert (original.kind, original.converted) == ("PNG", False)
    assert original.versions == {"comfy-core": ["0.3.9", "0.3.10"], "essentials": ["1.1.0"]}
    assert [str(version) for version in original.core_versions] == ["0.3.9", "0.3.10"]
    assert original.seed_controls == ["2"]
    assert (original.digest_of("1"), original.digest_of("2"), original.digest_of("9")) == (digest, None, None)


@pytest.mark.parametrize(
    "mark", [None, [], ["x"], ["ab" * 32, "cd" * 32], float("nan"), [["ab" * 32]], "ab" * 32]
)
def test_marks_of_other_kinds_are_no_digest(mark: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    prompt = {"1": {"class_type": "LoadImage", "inputs": {}, "is_changed": mark}}
    path.write_bytes(png(picture(), prompt=prompt))
    assert read_original(path).digest_of("1") is None


def test_what_was_not_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prompt.json").write_text(json.dumps(MADE))
    (tmp_path / "plain.png").write_bytes(png(picture()))
    with pytest.raises(ReproductionError, match=r"is JSON, not an output of ComfyUI.*`comfyflow run"):
        read_original(tmp_path / "prompt.json")
    with pytest.raises(WorkflowFileError, match="holds no workflow"):
        read_original(tmp_path / "plain.png")
    with pytest.raises(WorkflowFileError, match="cannot read"):
        read_original(tmp_path / "none.png")


@pytest.mark.parametrize("reference", ["a.png", "sub/a b.png", "a.png [output]", "x/y/a.png [temp]"])
def test_a_reference_names_a_file_and_is_named_by_it(reference: str) -> None:
    assert UploadedFile.named(reference).reference == reference


# Making it again


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def client(server: Simulator) -> Iterator[Client]:
    with Client(server.url) as client:
        client.free(free_memory=True)
        yield client


def made(client: Client, prompt: Prompt, folder: Path) -> Path:
    """The first file of a prompt, as it was saved."""
    return client.run(prompt).files[0].save(folder, overwrite=True)


def codes(found: Any) -> list[str]:
    return [reason.code for reason in found.reasons]


def test_a_picture_is_made_again(client: Client, tmp_path: Path) -> None:
    path = made(client, MADE, tmp_path)
    client.free(free_memory=True)
    found = reproduce(client, path)
    assert found.reproduced
    assert found.comparison == Comparison("bytes", "picture")
    assert (found.server, found.version, found.converted) == (client.url, "0.33.0", False)
    assert found.file is not None
    assert found.file.node_id == "2"
    assert "not reproduced" not in str(found)


def test_results_that_were_not_made_again_are_told(client: Client, tmp_path: Path) -> None:
    path = made(client, MADE, tmp_path)
    found = reproduce(client, path)
    assert found.reproduced
    assert [reason.code for reason in found.reasons] == ["cached"]
    assert "nothing was run" in str(found)


@pytest.mark.parametrize(
    ("prompt", "medium"),
    [
        (
            {
                "1": {"class_type": "EmptyAudio",
                      "inputs": {"duration": 0.5, "sample_rate": 44100, "channels": 1}},
                "2": {"class_type": "SaveAudio", "inputs": {"audio": ["1", 0], "filename_prefix": "made"}},
            },
            "sound",
        ),
        (
            {
                "1": {"class_type": "EmptyImage",
                      "inputs": {"width": 32, "height": 32, "batch_size": 2, "color": 255}},
                "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8.0}},
                "3": {"class_type": "SaveVideo", "inputs": {
                    "video": ["2", 0], "filename_prefix": "made", "format": "auto", "codec": "auto"}},
            },
            "video",
        ),
    ],
)  # fmt: skip
def test_sounds_and_videos_are_made_again(
    prompt: Prompt, medium: str, client: Client, tmp_path: Path
) -> None:
    path = made(client, prompt, tmp_path)
    client.free(free_memory=True)
    found = reproduce(client, path)
    assert found.comparison is not None
    assert (found.reproduced, found.comparison.medium) == (True, medium), str(found)


def test_the_nearest_of_a_batch_is_taken(client: Client, tmp_path: Path) -> None:
    prompt = {
        "0": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 8, "batch_size": 1, "color": 99}},
        "1": {"class_type": "SaveImage", "inputs": {"images": ["0", 0], "filename_prefix": "other"}},
        "5": MADE["1"],
        "6": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "made"}},
    }
    path = client.run(prompt)["6"].files[0].save(tmp_path)
    found = reproduce(client, path)
    assert found.file is not None
    assert (found.file.node_id, found.others, found.reproduced) == ("6", 1, True)


def edited(path: Path, change: Any) -> Path:
    """The same file with other pixels, and what it carries."""
    with Image.open(path) as opened:
        texts = {
            key: json.loads(value) for key, value in opened.info.items() if key in ("prompt", "workflow")
        }
        picture = change(opened.convert("RGB"))
    path.write_bytes(png(picture, **texts))
    return path


def test_what_is_not_the_same_is_told_with_reasons(client: Client, tmp_path: Path) -> None:
    path = edited(made(client, MADE, tmp_path), lambda image: image.point(lambda level: 255 - level))
    found = reproduce(client, path)
    assert not found.reproduced
    assert found.comparison is not None
    assert found.comparison.mean == pytest.approx(1.0)
    assert {"simulated", "cached"} <= set(codes(found))
    resized = edited(path, lambda image: image.resize((8, 4)))
    assert "other_size" in codes(reproduce(client, resized))


def test_a_tolerance_is_a_mean_difference(client: Client, tmp_path: Path) -> None:
    path = edited(made(client, MADE, tmp_path), lambda image: image.point(lambda level: max(level - 5, 0)))
    assert not reproduce(client, path).reproduced
    assert not reproduce(client, path, tolerance=0.001).reproduced
    assert reproduce(client, path, tolerance=0.02).reproduced


def test_a_file_encoded_anew_has_the_same_pixels(client: Client, tmp_path: Path) -> None:
    path = edited(made(client, MADE, tmp_path), lambda image: image)
    found = reproduce(client, path)
    assert (found.reproduced, found.comparison) == (True, Comparison("content", "picture"))
    assert "encoder" in codes(found)
    assert not reproduce(client, path, tolerance="bytes").reproduced


LOADS: Prompt = {
    "1": {"class_type": "LoadImage", "inputs": {"image": "reproduced-input.png"}},
    "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "inverted"}},
}


@pytest.fixture
def loaded(client: Client, server: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture made of another one, which nobody has any more."""
    stored = client.upload_image(png(picture(3)), name="reproduced-input.png", overwrite=True)
    path = made(client, LOADS, tmp_path)
    server.folders.annotated(stored.name).unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return path


def test_missing_input_files_are_told(client: Client, loaded: Path) -> None:
    with pytest.raises(
        ReproductionError, match=r"does not have.*reproduced-input.png \(of #1 LoadImage.image\)"
    ):
        reproduce(client, loaded)
    with pytest.raises(ReproductionError, match=r"no input file 'other.png'; it has: reproduced-input.png"):
        reproduce(client, loaded, input_files={"other.png": loaded})


def test_input_files_are_given_under_the_name_that_the_prompt_has(client: Client, loaded: Path) -> None:
    given = loaded.with_name("mine.png")
    given.write_bytes(png(picture(3)))
    found = reproduce(client, loaded, input_files={"reproduced-input.png": given})
    assert found.reproduced, str(found)
    assert found.comparison == Comparison("bytes", "picture")


def test_an_input_file_below_the_current_folder_is_uploaded(client: Client, loaded: Path) -> None:
    Path("reproduced-input.png").write_bytes(png(picture(3)))
    assert reproduce(client, loaded).reproduced


def test_another_input_file_of_that_name_is_told(client: Client, loaded: Path) -> None:
    client.upload_image(png(picture(4)), name="reproduced-input.png", overwrite=True)
    Path("reproduced-input.png").write_bytes(png(picture(3)))
    found = reproduce(client, loaded)  # the server's is read, as when the file was made
    assert not found.reproduced
    assert "input_changed" in codes(found)
    assert "its SHA-256 is not" in str(found)


def with_classes(**more: Any) -> Simulator:
    """A simulator that has these classes besides."""
    from comfyflow.schema.package import reference_schema

    known = reference_schema()
    return Simulator(
        Schema({**{name: known.raw[name] for name in ("EmptyImage", "SaveImage")}, **more}, "0.33.0")
    )


def test_paid_nodes_are_not_run_unasked(tmp_path: Path) -> None:
    paid = node_class(
        {"image": ["IMAGE", {}]}, ["IMAGE"], api_node=True, python_module="comfy_api_nodes.nodes_x"
    )
    prompt = {
        **MADE,
        "5": {"class_type": "Paid", "inputs": {"image": ["1", 0]}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "made"}},
    }
    with with_classes(Paid=paid) as server, Client(server.url) as client:
        path = made(client, prompt, tmp_path)
        with pytest.raises(ReproductionError, match="paid services: #5 Paid; nothing was run"):
            reproduce(client, path)
        edited(path, lambda image: image.point(lambda level: 255 - level))
        assert "partner_node" in codes(reproduce(client, path, allow_paid=True))


def test_nodes_of_packs_are_a_reason(tmp_path: Path) -> None:
    blur = node_class({"image": ["IMAGE", {}]}, ["IMAGE"], python_module="custom_nodes.blurring")
    prompt = {
        **MADE,
        "5": {"class_type": "Blur", "inputs": {"image": ["1", 0]}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["5", 0], "filename_prefix": "made"}},
    }
    with with_classes(Blur=blur) as server, Client(server.url) as client:
        path = edited(made(client, prompt, tmp_path), lambda image: image.point(lambda level: 255 - level))
        found = reproduce(client, path)
    (told,) = [reason for reason in found.reasons if reason.code == "custom_node"]
    assert told.node_ids == ("5",)
    assert "of the pack blurring" in told.message


def test_a_lock_says_what_is_different(client: Client, tmp_path: Path) -> None:
    raw = {name: dict(client.schema().raw[name]) for name in ("EmptyImage", "SaveImage")}
    definition = json.loads(json.dumps(raw["EmptyImage"]))
    definition["input"]["required"]["gone"] = ["INT", {"default": 1}]
    lock = make_lock({"made": MADE}, Schema({**raw, "EmptyImage": definition}, "0.27.0"))
    path = made(client, MADE, tmp_path)
    assert "other_version" not in codes(reproduce(client, path, lock=lock)), "it is the same file"
    edited(path, lambda image: image.point(lambda level: 255 - level))
    found = reproduce(client, path, lock=lock)
    assert "the server is ComfyUI 0.33.0, but the lock is for 0.27.0" in str(found)


def test_a_file_with_only_a_workflow_is_converted(client: Client, tmp_path: Path) -> None:
    from tests.test_documents import EDITOR

    path = tmp_path / "a.png"
    path.write_bytes(png(Image.new("RGB", (64, 64), (0x20, 0x30, 0x40)), workflow=EDITOR))
    found = reproduce(client, path)
    assert found.converted
    assert found.comparison is not None
    assert found.comparison.closeness == "content", str(found)


def test_it_is_plain_json(client: Client, tmp_path: Path) -> None:
    path = edited(made(client, MADE, tmp_path), lambda image: image.point(lambda level: 255 - level))
    found = json.loads(json.dumps(reproduce(client, path).to_json()))
    assert (found["file"], found["reproduced"], found["node"]) == (str(path), False, "2")
    assert found["comparison"]["closeness"] == "alike"
    assert all({"code", "message", "node_ids"} == set(reason) for reason in found["reasons"])
