from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from comfyflow.errors import LockError
from comfyflow.lock import make_lock, read_lock
from comfyflow.lock.lock_file import written
from comfyflow.schema import Schema
from tests.command import Command

CLASSES: dict[str, Any] = {
    "Loader": {
        "input": {
            "required": {
                "ckpt_name": [["a.safetensors", "b.safetensors", "c.safetensors"], {"tooltip": "prose"}],
                "mode": [["fast", "exact"], {"default": "fast", "advanced": True}],
            },
            "hidden": {"prompt": "PROMPT"},
        },
        "output": ["MODEL", "CLIP"],
        "output_name": ["MODEL", "CLIP"],
        "output_is_list": [False, False],
        "output_node": False,
        "description": "prose",
        "python_module": "nodes",
    },
    "Sampler": {
        "input": {
            "required": {
                "model": ["MODEL", {"tooltip": "prose"}],
                "steps": ["INT", {"default": 20, "min": 1, "max": 100, "display": "slider"}],
                "kind": [
                    "COMFY_DYNAMICCOMBO_V3",
                    {
                        "options": [
                            {
                                "key": "plain",
                                "inputs": {
                                    "required": {"cfg": ["FLOAT", {"default": 8.0, "tooltip": "prose"}]}
                                },
                            },
                            {
                                "key": "lora",
                                "inputs": {
                                    "required": {"lora_name": ["COMBO", {"options": ["x.pt", "y.pt"]}]}
                                },
                            },
                        ]
                    },
                ],
                "images": [
                    "COMFY_AUTOGROW_V3",
                    {
                        "template": {
                            "input": {"required": {"image": ["IMAGE", {"tooltip": "prose"}]}},
                            "prefix": "image",
                            "min": 0,
                            "max": 3,
                        }
                    },
                ],
            },
            "optional": {"note": ["STRING", {"multiline": True, "default": ""}]},
        },
        "output": ["LATENT"],
        "output_name": ["LATENT"],
        "output_is_list": [True],
        "output_node": False,
        "python_module": "comfy_extras.nodes_sampler",
    },
    "Save": {
        "input": {"required": {"latent": ["LATENT"]}},
        "output": [],
        "output_name": [],
        "output_is_list": [],
        "output_node": True,
        "api_node": True,
        "python_module": "nodes",
    },
    "Unused": {"input": {"required": {"x": ["INT"]}}, "output": [], "output_node": True},
}

PROMPT: dict[str, Any] = {
    "1": {"class_type": "Loader", "inputs": {"ckpt_name": "b.safetensors", "mode": "fast"}},
    "2": {
        "class_type": "Sampler",
        "inputs": {"model": ["1", 0], "steps": 20, "kind": "lora", "kind.lora_name": "x.pt"},
        "_meta": {"title": "The sampler"},
    },
    "3": {"class_type": "Save", "inputs": {"latent": ["2", 0]}},
}

TEXT = """\
{
  "comfyflow_lock": 1,
  "comfyui_version": "0.27.0",
  "workflows": ["a.json", "b.json"],
  "nodes": {
    "Loader": {
      "python_module": "nodes",
      "input": {
        "required": {
          "ckpt_name": [["b.safetensors"], {"comfyflow_files": true}],
          "mode": [["fast", "exact"], {"default": "fast"}]
        }
      },
      "output": ["MODEL", "CLIP"],
      "output_name": ["MODEL", "CLIP"]
    },
    "Sampler": {
      "python_module": "comfy_extras.nodes_sampler",
      "input": {
        "required": {
          "model": ["MODEL"],
          "steps": ["INT", {"default": 20, "max": 100, "min": 1}],
          "kind": [
            "COMFY_DYNAMICCOMBO_V3",
            {
              "options": [
                {"key": "plain", "inputs": {"required": {"cfg": ["FLOAT", {"default": 8.0}]}}},
                {
                  "key": "lora",
                  "inputs": {
                    "required": {"lora_name": ["COMBO", {"comfyflow_files": true, "options": ["x.pt"]}]}
                  }
                }
              ]
            }
          ],
          "images": [
            "COMFY_AUTOGROW_V3",
            {"template": {"input": {"required": {"image": ["IMAGE"]}}, "prefix": "image", "min": 0, "max": 3}}
          ]
        },
        "optional": {"note": ["STRING", {"default": ""}]}
      },
      "output": ["LATENT"],
      "output_name": ["LATENT"],
      "output_is_list": [true]
    },
    "Save": {
      "python_module": "nodes",
      "input": {"required": {"latent": ["LATENT"]}},
      "output": [],
      "output_name": [],
      "output_node": true,
      "api_node": true
    }
  }
}
"""


def schema(**changed: Any) -> Schema:
    return Schema({**copy.deepcopy(CLASSES), **changed}, "0.27.0")


def test_a_lock_has_what_is_used_and_nothing_else() -> None:
    lock = make_lock({"b.json": PROMPT, "a.json": PROMPT}, schema())
    assert lock.to_text() == TEXT
    assert json.loads(TEXT)["nodes"] == lock.nodes
    assert lock.schema["Sampler"].by_name["steps"].maximum == 100


def test_a_lock_is_the_same_for_the_same_server(tmp_path: Path) -> None:
    """Whatever is installed besides, and in whatever order it answers."""
    other = dict(reversed(copy.deepcopy(CLASSES).items()))
    other["Loader"]["input"]["required"]["ckpt_name"][0] = ["z.safetensors", "b.safetensors"]
    other["Loader"]["description"] = "other prose"
    assert make_lock({"a.json": PROMPT, "b.json": PROMPT}, Schema(other, "0.27.0")).to_text() == TEXT
    (tmp_path / "x.lock").write_text(TEXT)
    read = read_lock(tmp_path / "x.lock")
    assert read.to_text() == TEXT
    assert read.workflows == ("a.json", "b.json")
    assert str(read.version) == "0.27.0"


def test_files_of_several_workflows_are_kept_together() -> None:
    other = copy.deepcopy(PROMPT)
    other["1"]["inputs"]["ckpt_name"] = "a.safetensors"
    other["2"]["inputs"]["kind.lora_name"] = "not installed.pt"
    nodes = make_lock({"a": PROMPT, "b": other}, schema()).nodes
    assert nodes["Loader"]["input"]["required"]["ckpt_name"][0] == ["a.safetensors", "b.safetensors"]
    lora = nodes["Sampler"]["input"]["required"]["kind"][1]["options"][1]["inputs"]["required"]["lora_name"]
    assert lora[1]["options"] == ["x.pt"]
    unknown = make_lock({"b": other}, Schema(CLASSES, "0.27.0", files_known=False)).nodes
    lora = unknown["Sampler"]["input"]["required"]["kind"][1]["options"][1]["inputs"]["required"]["lora_name"]
    assert lora[1]["options"] == ["not installed.pt"]


def test_a_class_that_the_server_lacks_cannot_be_locked() -> None:
    prompt = {**PROMPT, "9": {"class_type": "Gone", "inputs": {}}, "10": "no node"}
    with pytest.raises(
        LockError, match=r"has no node class Gone \(in a\.json\); for a node without a class_type"
    ):
        make_lock({"a.json": prompt}, schema())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "not a lock file"),
        ('{"KSampler": {}}', "not a lock file"),
        ('{"comfyflow_lock": 2}', "another format"),
        ('{"comfyflow_lock": 1}', "damaged"),
        ('{"comfyflow_lock": 1, "comfyui_version": 3, "nodes": {}}', "damaged"),
        ('{"comfyflow_lock": 1, "comfyui_version": "0.27.0", "nodes": []}', "damaged"),
    ],
)
def test_what_is_no_lock_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "x.lock"
    path.write_text(text)
    with pytest.raises(LockError, match=why):
        read_lock(path)
    with pytest.raises(LockError, match="cannot read"):
        read_lock(tmp_path / "nothing.lock")


def test_a_server_cannot_bury_a_lock() -> None:
    """Definitions nested deeper than anything real, and lone surrogates, which no file can hold."""
    deep: Any = "end"
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(LockError, match="nested too deep"):
        make_lock({"a": {"1": PROMPT["1"]}}, schema(Loader=_with_default(deep))).to_text()
    with pytest.raises(LockError, match="nested too deep"):
        make_lock({"a": {"1": PROMPT["1"]}}, schema(Loader=_with_options(300))).to_text()
    assert make_lock({"a": {"1": PROMPT["1"]}}, schema(Loader=_with_options(10))).to_text()
    text = make_lock({"a": {"1": PROMPT["1"]}}, schema(Loader=_with_default("\ud800 ü"))).to_text()
    assert (
        json.loads(text.encode())["nodes"]["Loader"]["input"]["required"]["mode"][1]["default"] == "\ud800 ü"
    )


def test_outputs_that_follow_their_inputs_still_do() -> None:
    switch = {
        "input": {
            "required": {
                "on": ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "T", "allowed_types": "*"}}]
            }
        },
        "output": ["COMFY_MATCHTYPE_V3"],
        "output_matchtypes": ["T"],
    }
    prompt = {"1": {"class_type": "Switch", "inputs": {}}}
    locked = make_lock({"a": prompt}, schema(Switch=switch)).schema["Switch"]
    assert locked.outputs[0].match_template == locked.by_name["on"].match_template == "T"


def _with_options(depth: int) -> dict[str, Any]:
    nested: Any = ["INT", {}]
    for _ in range(depth):
        nested = ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "a", "inputs": {"required": {"x": nested}}}]}]
    loader = copy.deepcopy(CLASSES["Loader"])
    loader["input"]["required"]["x"] = nested
    return loader


def _with_default(value: Any) -> dict[str, Any]:
    loader = copy.deepcopy(CLASSES["Loader"])
    loader["input"]["required"]["mode"][1]["default"] = value
    return loader


def test_written_is_json_whatever_its_width() -> None:
    value = {"short": [1, 2], "long": [["x" * 60, {"y" * 60: None}], [], {}], "z": {"a": "b" * 200}}
    assert json.loads(written(value)) == value
    assert max(map(len, written({"a": ["x" * 10] * 40}).splitlines())) < 30


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "info.json").write_text(json.dumps({"comfyui_version": "0.27.0", "nodes": CLASSES}))
    (tmp_path / "a.json").write_text(json.dumps(PROMPT))
    return tmp_path


def test_command_lock(command: Command, files: Path) -> None:
    run = command("lock", "a.json", "--object-info", "info.json")
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines() == [
        "locked in comfyflow.lock: 3 node classes of ComfyUI 0.27.0, for 1 workflow",
        "schema: 4 node classes of ComfyUI 0.27.0, from info.json",
    ]
    assert (files / "comfyflow.lock").read_text() == TEXT.replace('["a.json", "b.json"]', '["a.json"]')
    assert command("lock", "a.json", "--object-info", "info.json", "--check").code == 0
    changed = json.loads(json.dumps(PROMPT).replace("b.safetensors", "c.safetensors"))
    (files / "a.json").write_text(json.dumps(changed))
    run = command("lock", "a.json", "--object-info", "info.json", "--check")
    assert (run.code, run.out.splitlines()[0]) == (1, "comfyflow.lock is stale")
    assert command("lock", "a.json", "--object-info", "info.json", "-o", "other.lock").code == 0
    assert "c.safetensors" in (files / "other.lock").read_text()


def test_command_lock_prints_a_lock(command: Command, files: Path) -> None:
    run = command("lock", "a.json", "--object-info", "info.json", "-o", "-")
    assert (run.code, run.out) == (0, TEXT.replace('["a.json", "b.json"]', '["a.json"]'))
    assert run.err.startswith("locked: 3 node classes of ComfyUI 0.27.0, for 1 workflow\n")
    assert not (files / "-").exists()
    run = command("lock", "a.json", "--object-info", "info.json", "-o", "-", "--check")
    assert (run.code, run.err) == (
        2,
        "comfyflow: --check compares with a lock file, and -o - is standard output\n",
    )


def test_command_lock_in_trouble(command: Command, files: Path) -> None:
    (files / "a.json").write_text('{"1": {"class_type": "Gone", "inputs": {}}}')
    run = command("lock", "a.json", "--object-info", "info.json")
    assert (run.code, run.out) == (2, "")
    assert "info.json has no node class Gone (in a.json)" in run.err
    assert not (files / "comfyflow.lock").exists()


def test_command_lock_of_python(command: Command, files: Path) -> None:
    """Without a server, the node package that the workflow is written with says what to lock."""
    (files / "made.py").write_text(
        "from comfyflow import workflow\nfrom comfynodes import EmptyImage, SaveImage\n\n@workflow\n"
        "def made(width: int = 8):\n    return SaveImage(images=EmptyImage(width=width))\n"
    )
    run = command("lock", "made.py")
    assert run.code == 0, run.err
    assert sorted(json.loads((files / "comfyflow.lock").read_text())["nodes"]) == ["EmptyImage", "SaveImage"]
    run = command("check", "made.py", "--lock", "comfyflow.lock")
    assert run.out == "made.py: would run\nschema: 2 node classes of ComfyUI 0.33.0, from comfyflow.lock\n"
