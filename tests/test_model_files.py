"""`comfyflow models --missing`: what a workflow wants, and what a server has of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow import load_schema
from comfyflow.bounds import MODEL_FILES
from comfyflow.errors import ModelFileError
from comfyflow.model_files.folder import folder_of
from comfyflow.model_files.wanted import WantedModel, models_folder, on_server, place, refused, wanted_files
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.parity.data import DATA, needs_data, recorded_schema

SCHEMA = load_schema(Path(__file__).parents[1] / "stubs" / "comfynodes" / "schema.json")
HASH = "ab" * 32


def entry(name: str, directory: str = "checkpoints", **more: Any) -> dict[str, Any]:
    return {"name": name, "url": f"https://example.com/{name}", "directory": directory, **more}


def loader(
    number: int, name: str, *models: object, kind: str = "CheckpointLoaderSimple", mode: int = 0
) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "mode": mode,
        "inputs": [],
        "outputs": [{"name": "MODEL", "type": "MODEL", "links": []}],
        "properties": {"models": list(models)},
        "widgets_values": [name],
    }


def prompt(**inputs: str) -> dict[str, Any]:
    kinds = {"ckpt_name": "CheckpointLoaderSimple", "vae_name": "VAELoader", "lora_name": "LoraLoader"}
    return {
        str(number): {"class_type": kinds.get(name, "Pack"), "inputs": {name: value}}
        for number, (name, value) in enumerate(inputs.items(), 1)
    }


def paths(files: list[WantedModel]) -> list[str]:
    return [file.path for file in files]


def test_a_prompt_names_files_and_their_folders() -> None:
    files = wanted_files(
        prompt(
            ckpt_name="sub\\b.safetensors", vae_name="pixel_space", lora_name="a.safetensors", model="x.gguf"
        ),
        None,
        SCHEMA,
    )
    assert paths(files) == ["?/x.gguf", "checkpoints/sub/b.safetensors", "loras/a.safetensors"]
    assert [str(use) for use in files[1].uses] == ["#1 CheckpointLoaderSimple.ckpt_name"]
    assert all(file.url is None for file in files)


def test_the_editors_file_says_more_of_them() -> None:
    editor = {"nodes": [loader(1, "a.safetensors", entry("a.safetensors", hash=HASH, hash_type="SHA256"))]}
    (file,) = wanted_files(prompt(ckpt_name="a.safetensors"), editor, SCHEMA)
    assert (file.url, file.hash, file.hash_type) == ("https://example.com/a.safetensors", HASH, "SHA256")


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://example.com/x/a.safetensors?download=true", None),
        ("https://example.com/base%20a.safetensors", "base a.safetensors"),
        ("https://example.com/api/download/models/7", None),
        ("https://[", None),
        (None, None),
    ],
)
def test_an_address_of_another_file_is_told(url: str | None, other: str | None) -> None:
    assert WantedModel("sub/a.safetensors", "loras", url).other_name == other


@pytest.mark.parametrize("where", ["canvas", "subgraph", "nested", "group", "file"])
def test_wherever_it_is_said(where: str) -> None:
    nodes = [loader(7, "a.safetensors", entry("a.safetensors", "odd"))]
    inner = {"id": "x", "nodes": nodes}
    editor: dict[str, Any] = {
        "canvas": {"nodes": nodes},
        "subgraph": {"nodes": [], "definitions": {"subgraphs": [inner]}},
        "nested": {"definitions": {"subgraphs": [{"nodes": [], "definitions": {"subgraphs": [inner]}}]}},
        "group": {"nodes": [], "extra": {"groupNodes": {"both": {"nodes": nodes}}}},
        "file": {"nodes": [], "models": [entry("a.safetensors", "odd")]},
    }[where]
    (file,) = wanted_files(prompt(ckpt_name="deep/a.safetensors"), editor, SCHEMA)
    assert file.path == "odd/deep/a.safetensors"
    assert file.url == "https://example.com/a.safetensors"


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        (loader(1, "a.safetensors", entry("a.safetensors"), kind="Pack"), True),
        (loader(1, "a.safetensors", entry("a.safetensors"), kind="Pack", mode=2), False),
        (loader(1, "a.safetensors", entry("a.safetensors"), kind="Pack", mode=4), False),
        (loader(1, "other.safetensors", entry("a.safetensors"), kind="Pack"), False),
        (
            {**loader(1, "", entry("a.safetensors"), kind="Pack"), "widgets_values": {"x": "a.safetensors"}},
            True,
        ),
        (loader(1, "a.safetensors", entry("a.safetensors")), False),
    ],
)
def test_what_no_node_loads_is_not_wanted(node: dict[str, Any], wanted: bool) -> None:
    assert bool(wanted_files({}, {"nodes": [node]}, SCHEMA)) == wanted


def test_a_value_that_went_astray_in_a_subgraph_is_read_from_the_widget() -> None:
    editor = {"nodes": [loader(1, "a.safetensors", entry("a.safetensors"))]}
    given = {"1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": 4096}}}
    assert paths(wanted_files(given, editor, SCHEMA)) == ["checkpoints/a.safetensors"]


@pytest.mark.parametrize(
    "raw", [3, [], None, {"name": 3}, {"name": ""}, {"url": "https://x"}, {"name": "a.safetensors", "url": 3}]
)
def test_what_is_no_entry_is_passed_over(raw: object) -> None:
    editor = {
        "nodes": [loader(1, "a.safetensors", raw), 3, {"properties": 3}],
        "models": 7,
        "definitions": [],
    }
    (file,) = wanted_files(prompt(ckpt_name="a.safetensors"), editor, SCHEMA)
    assert (file.path, file.url) == ("checkpoints/a.safetensors", None)


def test_there_is_a_bound() -> None:
    many = {
        str(number): {"class_type": "Pack", "inputs": {"x": f"{number}.safetensors"}}
        for number in range(MODEL_FILES + 1)
    }
    with pytest.raises(ModelFileError, match=f"more than {MODEL_FILES}"):
        wanted_files(many, None, SCHEMA)


def test_deep_definitions_end() -> None:
    scope: dict[str, Any] = {"nodes": []}
    for _ in range(5000):
        scope = {"definitions": {"subgraphs": [scope]}}
    assert wanted_files({}, scope, SCHEMA) == []


@pytest.mark.parametrize(
    ("class_type", "name", "folder"),
    [
        ("CLIPLoader", "clip_name", "text_encoders"),
        ("CLIPVisionLoader", "clip_name", "clip_vision"),
        ("TripleCLIPLoader", "clip_name3", "text_encoders"),
        ("SomePack", "lora_name_2", None),
        ("SomePack", "lora_name", "loras"),
        ("SomePack", "model_name", None),
        ("UpscaleModelLoader", "model_name", "upscale_models"),
    ],
)
def test_the_folder_of_an_input(class_type: str, name: str, folder: str | None) -> None:
    assert folder_of(class_type, name) == folder


@needs_data
def test_official_templates_say_of_every_file_where_it_is() -> None:
    schema = recorded_schema("0.33.0", models=False)
    path = DATA / "ui_to_api" / "0.33.0-frontend-1.58.1.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    files = [file for each in records for file in wanted_files(each["prompt"], each["workflow"], schema)]
    assert len(files) > 450
    assert [file for file in files if file.url is None or refused(file) is not None] == []


PACK = {
    "input": {"required": {"weights": [["a.safetensors", "none", "b.safetensors"]]}},
    "output": ["MODEL"],
    "python_module": "custom_nodes.pack",
}


def test_a_server_says_in_which_folder_it_looks() -> None:
    contents = {"odd": ["b.safetensors", "a.safetensors"], "loras": ["c.safetensors"], "empty": []}
    schema = load_schema({"Pack": PACK})
    given = {
        "1": {"class_type": "Pack", "inputs": {"weights": "a.safetensors"}},
        "2": {"class_type": "Pack", "inputs": {"weights": "z.safetensors"}},
        "3": {"class_type": "Unknown", "inputs": {"lora_name": "c.safetensors"}},
        "4": {"class_type": "Unknown", "inputs": {"x": "d.safetensors"}},
    }
    files = list(on_server(wanted_files(given, None, schema), schema, list(contents), contents.__getitem__))
    assert {file.path: file.installed for file in files} == {
        "odd/a.safetensors": True,
        "odd/z.safetensors": False,
        "loras/c.safetensors": True,
        "?/d.safetensors": None,
    }


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("..", "a.safetensors"),
        ("checkpoints/../..", "a.safetensors"),
        ("/etc", "a.safetensors"),
        ("C:", "a.safetensors"),
        ("C:\\x", "a.safetensors"),
        ("\\\\server\\share", "a.safetensors"),
        ("", "a.safetensors"),
        (".", "a.safetensors"),
        ("check\npoints", "a.safetensors"),
        (".hidden", "a.safetensors"),
        ("/".join("abcdefghij"), "a.safetensors"),
        ("checkpoints", "../a.safetensors"),
        ("checkpoints", "/a.safetensors"),
        ("checkpoints", "a.py"),
        ("checkpoints", "a.safetensors/"),
        ("checkpoints", ".safetensors"),
        ("checkpoints", "a\u202etensors.safetensors"),
        ("checkpoints", "con.safetensors"),
        ("checkpoints", f"{'a' * 300}.safetensors"),
        (None, "a.safetensors"),
    ],
)
def test_no_name_leads_out_of_the_folder_of_models(directory: str | None, name: str) -> None:
    file = WantedModel(name, directory, "https://example.com/x")
    assert refused(file)
    assert place(Path("models"), file) is None


def test_a_name_that_may_be_written() -> None:
    file = WantedModel("sub/a b-(1).v2.safetensors", "LLM/x")
    assert refused(file) is None
    assert place(Path("models"), file) == Path("models/LLM/x/sub/a b-(1).v2.safetensors")


def test_the_folder_of_a_comfyui(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="has no models folder"):
        models_folder(tmp_path)
    (tmp_path / "models").mkdir()
    assert models_folder(tmp_path) == tmp_path / "models"
    with pytest.raises(ModelFileError, match="pass the ComfyUI folder above it"):
        models_folder(tmp_path / "models")


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator(models={"checkpoints": ["there.safetensors"], "vae": []}) as simulator:
        yield simulator


@pytest.fixture
def target(tmp_path: Path) -> str:
    path = tmp_path / "workflow.json"
    nodes = [
        loader(1, "there.safetensors", entry("there.safetensors")),
        loader(2, "gone.safetensors", entry("gone.safetensors", hash=HASH)),
    ]
    for node in nodes:
        node["outputs"] = [{"name": "MODEL", "type": "MODEL", "links": [node["id"]]}]
    saved = {"id": 3, "type": "ModelMergeSimple", "mode": 0, "widgets_values": [1.0], "outputs": []}
    saved["inputs"] = [{"name": f"model{number}", "type": "MODEL", "link": number} for number in (1, 2)]
    links = [[1, 1, 0, 3, 0, "MODEL"], [2, 2, 0, 3, 1, "MODEL"]]
    path.write_text(json.dumps({"version": 0.4, "nodes": [*nodes, saved], "links": links}))
    return str(path)


def test_the_command_lists_what_is_missing(command: Command, server: Simulator, target: str) -> None:
    run = command("models", "--missing", target, "--server", server.url)
    assert (run.code, run.err) == (1, "")
    assert run.out.splitlines() == [
        "missing  checkpoints/gone.safetensors",
        "         https://example.com/gone.safetensors",
        f"         SHA256 {HASH}",
        "         used by #2 CheckpointLoaderSimple.ckpt_name",
        "present  checkpoints/there.safetensors",
        "1 of 2 model files are missing",
    ]
    shown = json.loads(command("models", "--missing", target, "--server", server.url, "--json").out)
    assert [(file["name"], file["installed"]) for file in shown] == [
        ("gone.safetensors", False),
        ("there.safetensors", True),
    ]


def test_without_a_server_all_that_is_wanted_is_listed(
    command: Command, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comfyflow.configuration.DEFAULT_SERVER", "http://127.0.0.1:9")
    monkeypatch.delenv("COMFYFLOW_SERVER", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    run = command("models", "--missing", target)
    assert run.code == 1
    assert "no server answered" in run.err
    assert run.out.startswith("unknown  checkpoints/gone.safetensors")
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    (tmp_path / "models" / "checkpoints" / "gone.safetensors").write_text("")
    run = command("models", "--missing", target, "--into", str(tmp_path))
    assert "present  checkpoints/gone.safetensors" in run.out
    assert command("models", "--missing", target, "--server", "127.0.0.1:9").code == 2


def test_a_python_workflow_takes_its_parameters(command: Command, server: Simulator, tmp_path: Path) -> None:
    path = tmp_path / "flow.py"
    path.write_text(
        "from comfyflow import raw_node, workflow\n"
        "@workflow\n"
        "def flow(model: str):\n"
        "    return raw_node('CheckpointLoaderSimple', {'ckpt_name': model})\n"
    )
    words = ("models", "--missing", str(path), "--server", server.url, "--")
    assert "missing  checkpoints/x.ckpt" in command(*words, "--model", "x.ckpt").out
    assert command(*words, "--model", "there.safetensors").code == 0
    assert "missing --model" in command(*words).err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("models --download", "need --missing TARGET"),
        ("models checkpoints --into x", "need --missing TARGET"),
        ("models a b", "pass one folder, not 2"),
        ("models --missing w.json --download", "name the ComfyUI folder to download into: --into DIR"),
        ("models --missing w.json --yes", "--yes and --allow-host need --download"),
        ("models --missing w.json --download --into . --json", "pass --download or --json"),
        ("models --missing w.json --download --into nowhere", "has no models folder"),
    ],
)
def test_options_that_do_not_go_together(command: Command, words: str, why: str) -> None:
    run = command(*words.split())
    assert (run.code, run.out) == (2, "")
    assert why in run.err
