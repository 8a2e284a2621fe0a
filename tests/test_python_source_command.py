from __future__ import annotations

import json
import re
import shlex
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

import comfyflow.python_source
from tests.command import Command
from tests.test_python_source import AS_PYTHON, TXT2IMG


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "first try.json"
    file.write_text(json.dumps(TXT2IMG))
    return file


def test_a_prompt_is_written_as_python_and_proven(prompt: Path, command: Command) -> None:
    out = prompt.parent / "first_try.py"
    run = command("to-python", str(prompt), "-o", str(out))
    assert (run.code, run.out) == (0, "")
    assert run.err == f"{out}: proven to build the same 7 nodes\n"
    assert out.read_text() == AS_PYTHON
    again = command("to-python", str(out))
    assert again.code == 0
    assert "Build the graph" in again.out


def test_the_function_is_called_as_the_file(prompt: Path, command: Command) -> None:
    """Dots and all: only the last ending is none of the name."""
    file = prompt.with_name("sd3.5_large.json")
    prompt.rename(file)
    assert "def sd3_5_large(" in command("to-python", str(file)).out


def test_without_a_file_the_source_goes_to_the_screen(prompt: Path, command: Command) -> None:
    assert command("to-python", str(prompt)).out == AS_PYTHON
    flat = command("to-python", str(prompt), "--flat", "--params", "seeds,3.cfg", "--name", "draw it").out
    assert "def draw_it(cfg: float = 7.5, seed: int = 18446744073709551615) -> SaveImage:" in flat
    assert "def first_try() -> SaveImage:" in command("to-python", str(prompt), "--params", "none").out


def test_a_schema_that_is_given_is_generated_for_the_proof(
    prompt: Path, tmp_path: Path, command: Command
) -> None:
    info: dict[str, Any] = {
        "SaveImage": {
            "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "x"}]}},
            "output": [],
            "output_node": True,
            "python_module": "nodes",
        }
    }
    schema = tmp_path / "info.json"
    schema.write_text(json.dumps(info))
    run = command("to-python", str(prompt), "--object-info", str(schema), "--package", "my.nodes")
    assert run.code == 0
    assert "from my.nodes import SaveImage\n" in run.out
    assert 'raw_node(\n        "KSampler",' in run.out


def test_a_difference_is_told_and_nothing_written(
    prompt: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        comfyflow.python_source, "to_python", lambda *_args, **_more: AS_PYTHON.replace("7.5", "8.0")
    )
    out = prompt.parent / "out.py"
    run = command("to-python", str(prompt), "-o", str(out))
    assert run.code == 1
    assert run.err.startswith("the Python does not build the same graph and was not written:\n")
    assert "cfg: 7.5 -> 8.0" in run.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--params", "none,seeds"], "--params none cannot be combined with others"),
        (["--params", "seed"], "unknown kind of parameter 'seed'"),
        (["--package", "no_such_package"], "node package 'no_such_package' not found"),
    ],
)
def test_what_cannot_be_done_is_one_line(prompt: Path, command: Command, words: list[str], told: str) -> None:
    run = command("to-python", str(prompt), *words)
    assert run.code == 2
    assert told in run.err
    assert run.err.count("\n") == 1


def test_a_workflow_of_the_editor_keeps_its_groups_notes_and_subgraphs(
    tmp_path: Path, command: Command
) -> None:
    file = tmp_path / "drawn.json"
    file.write_text(json.dumps(EDITOR))
    run = command("to-python", str(file))
    assert run.code == 0, run.err
    assert run.out == EDITOR_AS_PYTHON


def test_copies_of_a_subgraph_are_one_function(tmp_path: Path, command: Command) -> None:
    """The editor makes a definition of its own of each copy; what differs stays two functions."""
    copied = json.loads(json.dumps(EDITOR))
    first = copied["definitions"]["subgraphs"][0]
    copied["definitions"]["subgraphs"].append({**json.loads(json.dumps(first)), "id": "again"})
    copied["nodes"][2]["type"] = "again"
    file = tmp_path / "drawn.json"
    file.write_text(json.dumps(copied))
    run = command("to-python", str(file))
    assert run.code == 0, run.err
    assert run.out == EDITOR_AS_PYTHON
    other = copied["definitions"]["subgraphs"][1]
    other["nodes"][1]["widgets_values"] = [3, 1]
    other["name"] = "Blur more"
    file.write_text(json.dumps(copied))
    run = command("to-python", str(file))
    assert run.code == 0, run.err
    assert "def invert_and_blur(" in run.out
    assert "def blur_more(" in run.out


def node(id_: int, type_: str, pos: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": type_, "pos": list(pos), "size": [100, 50], "mode": 0, "inputs": [], **more}


def socket(name: str, link: int | None) -> dict[str, Any]:
    return {"name": name, "type": "IMAGE", "link": link}


EDITOR: dict[str, Any] = {
    "version": 0.4,
    "last_node_id": 9,
    "last_link_id": 9,
    "nodes": [
        node(1, "EmptyImage", (10, 10), outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
             widgets_values=[64, 32, 1, 0]),
        node(2, "twice", (200, 10), inputs=[socket("picture", 1)],
             outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [2]}]),
        node(3, "twice", (400, 10), inputs=[socket("picture", 2)],
             outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [3]}]),
        node(4, "SaveImage", (600, 10), inputs=[socket("images", 3)], widgets_values=["a"]),
        node(5, "Note", (15, 15), title="Hint", widgets_values=["# Look\nx = 1 # noqa"]),
        node(6, "MarkdownNote", (0, 900), widgets_values=["Free."]),
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "IMAGE"], [3, 3, 0, 4, 0, "IMAGE"]],
    "groups": [
        {"title": "Step 1 - Make", "bounding": [0, 0, 150, 100]},
        {"title": "Rest # type: ignore", "bounding": [150, 0, 900, 100]},
    ],
    "definitions": {
        "subgraphs": [
            {
                "id": "twice",
                "name": "Invert and blur",
                "nodes": [
                    node(7, "ImageInvert", (0, 0), inputs=[socket("image", 11)],
                         outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [12]}]),
                    node(8, "ImageBlur", (200, 0), inputs=[socket("image", 12)], widgets_values=[2, 1],
                         outputs=[{"name": "IMAGE", "type": "IMAGE", "links": [13]}]),
                ],
                "links": [
                    {"id": 11, "origin_id": -10, "origin_slot": 0, "target_id": 7, "target_slot": 0},
                    {"id": 12, "origin_id": 7, "origin_slot": 0, "target_id": 8, "target_slot": 0},
                    {"id": 13, "origin_id": 8, "origin_slot": 0, "target_id": -20, "target_slot": 0},
                ],
                "inputs": [{"name": "picture", "type": "IMAGE", "linkIds": [11]}],
                "outputs": [{"name": "IMAGE", "type": "IMAGE", "linkIds": [13]}],
                "groups": [],
            }
        ]
    },
}  # fmt: skip

EDITOR_AS_PYTHON = '''"""The workflow drawn, from ComfyUI."""

from comfyflow import Output, workflow

# isort: split
from comfynodes import EmptyImage, ImageBlur, ImageInvert, SaveImage
from comfynodes.sockets import IMAGE


def invert_and_blur(picture: Output[IMAGE]) -> Output[IMAGE]:
    """The subgraph Invert and blur."""
    inverted = ImageInvert(image=picture)
    return ImageBlur(image=inverted, blur_radius=2)


# > Free.
@workflow
def drawn(width: int = 64, height: int = 32) -> SaveImage:
    """Build the graph; the defaults are the saved values."""
    # --- Step 1 - Make ---
    #
    # --- Note: Hint ---
    # > Look
    # > x = 1 (#) noqa
    picture = EmptyImage(width=width, height=height)

    # --- Rest (#) type: ignore ---
    picture_2 = invert_and_blur(picture=picture)
    blurred = invert_and_blur(picture=picture_2)
    return SaveImage(images=blurred, filename_prefix="a")
'''


def test_a_package_in_the_current_folder_is_found(
    prompt: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfyflow.codegen import Options, generate
    from comfyflow.schema import Schema

    info = {"EmptyImage": {"input": {"required": {"width": ["INT", {"default": 3}]}}, "output": ["IMAGE"]}}
    generate(Schema(info), Options(docs=False)).write(tmp_path / "nodes_of_mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    prompt.write_text(json.dumps({"1": {"class_type": "EmptyImage", "inputs": {"width": 3}}}))
    run = command("to-python", str(prompt), "--package", "nodes_of_mine")
    assert run.code == 0, run.err
    assert "from nodes_of_mine import EmptyImage\n" in run.out
    assert "return EmptyImage(width=width)\n" in run.out


PLAIN: dict[str, Any] = {
    "Plain": {"input": {"required": {"words": ["STRING", {}]}}, "output": [], "output_node": True}
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a prompt of a class that the installed package lacks."""
    monkeypatch.chdir(tmp_path)
    Path("info.json").write_text(json.dumps(PLAIN))
    Path("plain.json").write_text(json.dumps({"1": {"class_type": "Plain", "inputs": {"words": "x"}}}))
    return tmp_path


def test_classes_come_from_the_package_that_was_named(folder: Path, command: Command) -> None:
    name = f"plain_nodes_{uuid.uuid4().hex[:8]}"
    assert command("gen-stubs", "--object-info", "info.json", "--out", name).code == 0
    run = command("to-python", "plain.json", "--stubs", name, "-o", "plain_flow.py")
    assert run.err == "plain_flow.py: proven to build the same 1 nodes\n"
    assert f"from {name} import Plain\n" in Path("plain_flow.py").read_text()
    assert command("hash", "plain.json").out[:64] == command("hash", "plain_flow.py").out[:64]


def test_a_package_of_an_older_comfyflow_is_told_and_how_to_renew_it(folder: Path, command: Command) -> None:
    """Its classes lack an argument, though the schema beside them asks for it."""
    name = f"older_nodes_{uuid.uuid4().hex[:8]}"
    assert command("gen-stubs", "--object-info", "info.json", "--out", name).code == 0
    module = Path(name, "nodes.py")
    module.write_text(module.read_text().replace("words: str", "text: str").replace(": words", ": text"))
    run = command("to-python", "plain.json", "--stubs", name, "-o", "plain_flow.py")
    assert run.code == 2
    assert f"the package {name} was generated by an older comfyflow" in run.err
    assert "unexpected keyword argument 'words'" in run.err
    (words,) = re.findall(r"`comfyflow (gen-stubs .*?)`", run.err)
    assert not Path("plain_flow.py").exists()
    assert command(*shlex.split(words)).code == 0
    assert command("to-python", "plain.json", "--stubs", name, "-o", "plain_flow.py").code == 0


def test_classes_that_the_package_here_lacks_are_told(folder: Path, command: Command) -> None:
    run = command("to-python", "plain.json", "--object-info", "info.json", "-o", "plain_flow.py")
    assert run.code == 0
    assert "the package comfynodes here has no Plain: `comfyflow gen-stubs --out comfynodes`" in run.err
