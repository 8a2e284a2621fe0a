"""Model files that a file's workflow lists by hash, compared with the server's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow import Client, Schema
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ModelFileError
from comfyflow.input_file import asset_hash
from comfyflow.reproduction import reproduce
from comfyflow.reproduction.model_check import CheckedModel, check_models
from comfyflow.schema.package import reference_schema
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.test_reproduction import MADE
from tests.test_reproduction_comparison import png

NAME = "sub/mine.safetensors"
CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLAKE3 = "ab" * 32
PROMPT: dict[str, Any] = {
    **MADE,
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": NAME}},
}


def lists(**entry: Any) -> dict[str, Any]:
    """The editor's workflow of a file whose loader lists a model."""
    listed = {"name": "mine.safetensors", "directory": "checkpoints", **entry}
    loader = {
        "id": 4,
        "type": "CheckpointLoaderSimple",
        "widgets_values": [NAME],
        "properties": {"models": [listed]},
    }
    return {"nodes": [loader], "links": [], "version": 0.4}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def client(server: Simulator) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    """A ComfyUI folder that has the model."""
    file = tmp_path / "comfyui" / "models" / "checkpoints" / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    return tmp_path / "comfyui"


def checked(client: Client, editor: Mapping[str, Any] | None, comfyui: Path | None = None) -> CheckedModel:
    classes = Schema({"CheckpointLoaderSimple": reference_schema().raw["CheckpointLoaderSimple"]})
    (found,) = check_models(PROMPT, editor, classes, client, comfyui)
    assert (found.name, found.path, found.node_ids) == (NAME, f"checkpoints/{NAME}", ("4",))
    return found


# In a folder


@pytest.mark.parametrize("kind", [None, "SHA256", "sha-256"])
def test_a_file_with_the_listed_hash_is_checked(kind: str | None, client: Client, comfyui: Path) -> None:
    found = checked(client, lists(hash=SHA256.upper(), hash_type=kind), comfyui)
    assert found.same is True
    assert str(found) == f"checkpoints/{NAME}: hash checked (sha256)"


def test_a_file_with_another_hash_differs(client: Client, comfyui: Path) -> None:
    (comfyui / "models" / "checkpoints" / NAME).write_bytes(b"other weights")
    found = checked(client, lists(hash=SHA256, hash_type="SHA256"), comfyui)
    assert found.same is False
    assert f"hash differs: the workflow lists the sha256 {SHA256}, and the server's file has" in str(found)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({}, "the file's workflow lists none"),
        ({"hash": "abc", "hash_type": "SHA256"}, "which is not a valid SHA256"),
        ({"hash": SHA256[:8], "hash_type": "AutoV2"}, "which is not a valid AutoV2"),
        ({"hash": SHA256, "directory": "../checkpoints"}, "outside the models folder"),
    ],
)
def test_a_hash_that_cannot_be_compared_is_not_known(
    entry: dict[str, Any], says: str, client: Client, comfyui: Path
) -> None:
    classes = Schema({"CheckpointLoaderSimple": reference_schema().raw["CheckpointLoaderSimple"]})
    (found,) = check_models(PROMPT, lists(**entry), classes, client, comfyui)
    assert found.same is None
    assert "hash not known: " in str(found)
    assert says in str(found)


def test_what_is_not_there_is_not_known(client: Client, comfyui: Path) -> None:
    editor = lists(hash=SHA256, hash_type="SHA256")
    assert "--comfyui FOLDER" in str(checked(client, editor))
    assert checked(client, None, comfyui).same is None
    (comfyui / "models" / "checkpoints" / NAME).unlink()
    found = checked(client, editor, comfyui)
    assert found.same is None
    assert "does not exist" in found.unknown
    with pytest.raises(ModelFileError, match="has no models folder"):
        checked(client, editor, comfyui / "models" / "checkpoints")


def test_a_blake3_is_compared_too(client: Client, comfyui: Path) -> None:
    pytest.importorskip("blake3")
    digest = asset_hash(CONTENT)
    assert checked(client, lists(hash=digest, hash_type="BLAKE3"), comfyui).same is True
    assert checked(client, lists(hash=BLAKE3, hash_type="BLAKE3"), comfyui).same is False


# On a server with assets


def asset(**more: Any) -> dict[str, Any]:
    tags = ["models", "model_type:checkpoints"]
    return {"id": "1", "name": "mine.safetensors", "tags": tags, "loader_path": NAME, **more}


@pytest.mark.parametrize(
    ("assets", "same", "says"),
    [
        ([asset(hash=f"blake3:{BLAKE3}")], True, ""),
        ([asset(hash=f"blake3:{BLAKE3}"), asset(id="2", hash=f"blake3:{BLAKE3}")], True, ""),
        (
            [{"id": "1", "name": "mine.safetensors", "tags": ["models", "checkpoints"], "hash": BLAKE3}],
            True,
            "",
        ),
        ([asset(hash="blake3:" + "cd" * 32)], False, ""),
        ([asset()], None, "has not computed it"),
        ([asset(hash=BLAKE3), asset(id="2", hash="cd" * 32)], None, "2 different files of that name"),
        ([], None, "does not list it"),
        ([asset(hash=BLAKE3, loader_path="other/mine.safetensors")], None, "does not list it"),
        ([asset(hash=BLAKE3, tags=["models", "model_type:loras"])], None, "does not list it"),
    ],
)
def test_a_server_with_assets_says_the_hash(
    assets: list[dict[str, Any]], same: bool | None, says: str, server: Simulator
) -> None:
    asked: list[dict[str, str]] = []

    def listed(request: Request, forward: Forward) -> Flow[Answer]:
        if request.path != "/api/assets":
            return (yield from forward(request))
        asked.append(dict(request.query))
        body = {"assets": assets, "total": len(assets), "has_more": False}
        return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())

    with Client(server.url, middleware=[listed]) as client:
        found = checked(client, lists(hash=BLAKE3, hash_type="BLAKE3"))
    assert (found.same, says in found.unknown) == (same, True)
    assert [query["name_contains"] for query in asked] == ["mine.safetensors"]


def test_a_server_without_assets_does_not_say_it(client: Client) -> None:
    found = checked(client, lists(hash=BLAKE3, hash_type="BLAKE3"))
    assert (found.same, "lists no assets" in found.unknown) == (None, True)


# In the report


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.png"
    editor = lists(hash=SHA256, hash_type="SHA256")
    path.write_bytes(png(Image.new("RGB", (16, 8), (0, 0, 255)), prompt=PROMPT, workflow=editor))
    return path


def test_a_report_names_models_and_a_different_one_is_a_reason(
    client: Client, file: Path, comfyui: Path
) -> None:
    found = reproduce(client, file, comfyui=comfyui)
    assert found.reproduced, str(found)
    assert f"  checkpoints/{NAME}: hash checked (sha256)" in str(found).splitlines()
    (comfyui / "models" / "checkpoints" / NAME).write_bytes(b"other weights")
    other = Image.new("RGB", (16, 8), (0, 255, 0))
    file.write_bytes(png(other, prompt=PROMPT, workflow=lists(hash=SHA256)))
    found = reproduce(client, file, comfyui=comfyui)
    codes = {reason.code: reason for reason in found.reasons}
    assert codes["model_changed"].node_ids == ("4",)
    assert "model_unknown" not in codes
    assert "model_unknown" in {reason.code for reason in reproduce(client, file).reasons}


def test_the_command_takes_the_folder_and_prints_the_hashes(
    command: Command, server: Simulator, file: Path, comfyui: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    words = ("reproduce", str(file), "--server", server.url, "--json")
    (model,) = json.loads(command(*words, "--comfyui", str(comfyui)).out)["models"]
    assert (model["hash"], model["listed"], model["found"]) == ("checked", SHA256, SHA256)
    (model,) = json.loads(command(*words).out)["models"]
    assert (model["hash"], model["found"]) == ("not known", None)
    run = command(*words, "--comfyui", str(file))
    assert run.code == 2
    assert "has no models folder" in run.err
