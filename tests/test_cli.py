from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import Command

WORKFLOW = """
from comfyflow import raw_node, workflow

@workflow
def picture(width: int = 8, *, color: int = 0):
    return raw_node("SaveImage", {"images": raw_node("EmptyImage", {"width": width, "color": color})[0]})
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "picture.py"
    path.write_text(WORKFLOW)
    return path


def test_compile_writes_the_prompt(command: Command, script: Path, tmp_path: Path) -> None:
    run = command("compile", str(script), "--width", "16", "--color=255")
    assert run.code == 0
    prompt = json.loads(run.out)
    assert prompt["1"]["inputs"] == {"width": 16, "color": 255}
    out = tmp_path / "prompt.json"
    assert command("compile", f"{script}:picture", "-o", str(out), "--compact").code == 0
    assert json.loads(out.read_text())["1"]["inputs"]["width"] == 8
    assert out.read_text().count("\n") == 1


def test_compile_reads_prompts_too(command: Command, script: Path, tmp_path: Path) -> None:
    prompt = json.loads(command("compile", str(script)).out)
    for name, value in (("bare.json", prompt), ("wrapped.json", {"prompt": prompt})):
        (tmp_path / name).write_text(json.dumps(value))
        assert json.loads(command("compile", str(tmp_path / name)).out) == prompt


@pytest.mark.parametrize(
    ("source", "words", "why"),
    [
        ("x = ", (), "x.py:1: SyntaxError"),
        ("import nothing_of_the_kind", (), "x.py:1: ModuleNotFoundError"),
        ("\n1 / 0", (), "x.py:2: ZeroDivisionError"),
        ("raise SystemExit('no')", (), "x.py:1: SystemExit: no"),
        (
            "from comfyflow.errors import ServerUnreachable\nraise ServerUnreachable('nobody')",
            (),
            "x.py:2: ServerUnreachable: nobody; what runs when the file is loaded belongs below `if __name__",
        ),
        ("a = 1", (), "has no workflows; mark a function with @workflow"),
        (WORKFLOW + WORKFLOW.replace("picture", "other"), (), "has 2 workflows; choose one"),
        (WORKFLOW, ("--widht", "3"), "did you mean --width"),
        (WORKFLOW, ("--width", "wide"), "--width expects an integer"),
        (WORKFLOW.replace("return", "1 / 0 #"), (), "x.py:6: ZeroDivisionError"),
        (
            WORKFLOW.replace("width,", "float('nan'),"),
            (),
            "x.py:6: input 'width' of EmptyImage: nan",
        ),
    ],
)
def test_bad_python_is_one_line_and_exit_code_2(
    command: Command, tmp_path: Path, source: str, words: tuple[str, ...], why: str
) -> None:
    path = tmp_path / "x.py"
    path.write_text(source)
    run = command("compile", str(path), *words)
    assert run.code == 2
    assert why in run.err
    assert run.err.count("\n") == 1
    assert run.out == ""


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("none.json", None, "No such file"),
        ("page.json", b"<html>", "is a web page"),
        ("broken.json", b"{", "not valid JSON"),
        ("deep.json", b"[" * 200_000, "not valid JSON"),
        ("binary.json", b"\xff\xfe\x00", "JSON"),
    ],
)
def test_bad_files_are_one_line_and_exit_code_2(
    command: Command, tmp_path: Path, name: str, data: bytes | None, why: str
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    for words in (("compile", str(path)), ("nodes", "--object-info", str(path))):
        run = command(*words)
        assert run.code == 2
        assert why in run.err
        assert "Traceback" not in run.err


def test_a_missing_script_or_name(command: Command, script: Path) -> None:
    assert "file not found" in command("compile", "none.py").err
    run = command("compile", f"{script}:pictures")
    assert run.code == 2
    assert "has no workflow 'pictures'; it has: picture" in run.err


def test_files_of_one_name_in_two_folders_are_two(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        Path("same_name.py").write_text(
            "from comfyflow import Workflow, raw_node\n"
            f"made = Workflow(raw_node('Show', {{'x': {folder!r}}}))\n"
        )
        compiled = json.loads(command("compile", "same_name.py").out)
        assert [node["inputs"]["x"] for node in compiled.values()] == [folder]


def test_help_behind_a_workflow_lists_its_parameters(command: Command, script: Path) -> None:
    for words in (("compile", str(script), "--help"), ("run", f"{script}:picture", "--help")):
        run = command(*words)
        assert run.code == 0
        told = " ".join(run.out.split())
        assert f"Parameters of {words[1]}: --width INT [default: 8] --color INT [default: 0]" in told
    run = command("run", "none.py", "--help")
    assert (run.code, run.err) == (0, "")
    assert "Parameters of" not in run.out


def test_no_server(command: Command) -> None:
    run = command("nodes", "--server", "127.0.0.1:9")
    assert run.code == 2
    assert "no ComfyUI server answers at http://127.0.0.1:9" in run.err


def test_both_sources_at_once(command: Command) -> None:
    run = command("nodes", "--server", "x", "--object-info", "y")
    assert run.code == 2
    assert "not both" in run.err


OBJECT_INFO = {
    "EmptyImage": {
        "input": {
            "required": {
                "width": ["INT", {"default": 512, "min": 1, "max": 16384}],
                "mode": [["a", "b"]],
                "images": [
                    "COMFY_AUTOGROW_V3",
                    {
                        "template": {
                            "input": {"required": {"i": ["IMAGE", {}]}},
                            "prefix": "i",
                            "min": 1,
                            "max": 9,
                        }
                    },
                ],
                "model": [
                    "COMFY_DYNAMICCOMBO_V3",
                    {"options": [{"key": "pro", "inputs": {"required": {"seconds": ["INT", {}]}}}]},
                ],
            }
        },
        "output": ["IMAGE"],
        "display_name": "Empty Picture",
        "category": "image",
        "description": "Nothing to see.",
        "experimental": True,
    },
    "SaveImage": {"output": [], "output_node": True, "search_aliases": ["write"], "category": "image"},
}


@pytest.fixture
def object_info(tmp_path: Path) -> str:
    path = tmp_path / "object_info.json"
    path.write_text(json.dumps(OBJECT_INFO))
    return str(path)


def test_nodes_searches_names_titles_categories_and_aliases(command: Command, object_info: str) -> None:
    for words, found in (
        (("image",), ["EmptyImage", "SaveImage"]),
        (("WRITE",), ["SaveImage"]),
        (("empty", "picture"), ["EmptyImage"]),
        ((), ["EmptyImage", "SaveImage"]),
    ):
        run = command("nodes", *words, "--object-info", object_info)
        assert [line.split()[0] for line in run.out.splitlines()] == found
    run = command("nodes", "SaveImagee", "--object-info", object_info)
    assert run.code == 1
    assert "did you mean SaveImage" in run.err


def test_nodes_shows_one(command: Command, object_info: str) -> None:
    run = command("nodes", "EmptyImage", "--object-info", object_info)
    assert run.out.splitlines() == [
        "EmptyImage: Empty Picture (image) [experimental]",
        "  from nodes",
        "  Nothing to see.",
        "inputs:",
        "  width: INT, default 512, 1 to 16384",
        '  mode: COMBO, one of "a", "b"',
        "  images: COMFY_AUTOGROW_V3",
        "    1 to 9 of i0, i1, …: IMAGE",
        "  model: COMFY_DYNAMICCOMBO_V3",
        "    'pro':",
        "      seconds: INT",
        "outputs:",
        "  0  IMAGE: IMAGE",
        "in Python: EmptyImage, in the package that comfyflow gen-stubs writes",
    ]


def test_nodes_shows_the_line_that_imports_one(command: Command) -> None:
    shown = command("nodes", "ModelMergeAuraflow", "--stubs", "comfynodes").out.splitlines()
    assert "in Python: from comfynodes import ModelMergeAuraflow" in shown
    assert "  input init_x_linear. is init_x_linear" in shown


def test_version_and_help(command: Command) -> None:
    assert command("--version").out.startswith("comfyflow ")
    listed = command("--help").out
    assert "compile" in listed
    assert "..." not in listed.partition("Commands:")[2], "a line of the list of commands is cut"
    run = command("compil")
    assert run.code == 2
    assert "compile" in run.err


def editor_workflow() -> dict[str, Any]:
    """A picture, saved, as the editor writes it."""
    return {
        "version": 0.4,
        "last_node_id": 2,
        "last_link_id": 1,
        "nodes": [
            {
                "id": 1,
                "type": "EmptyImage",
                "mode": 0,
                "inputs": [],
                "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
                "widgets_values": [64, 32, 1, 255],
            },
            {
                "id": 2,
                "type": "SaveImage",
                "mode": 0,
                "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
                "outputs": [],
                "widgets_values": ["made"],
            },
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    }


def test_convert_writes_the_editors_prompt(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(editor_workflow()))
    run = command("convert", str(path))
    assert run.code == 0, run.err
    prompt = json.loads(run.out)
    assert prompt["1"]["inputs"] == {"width": 64, "height": 32, "batch_size": 1, "color": 255}
    assert prompt["2"]["inputs"] == {"filename_prefix": "made", "images": ["1", 0]}
    for words in (("compile",), ("validate", "--format", "json")):
        assert command(*words, str(path)).code == 0
    told = command("convert", str(path), "--explain").out
    assert "#1 EmptyImage" in told
    assert "  width: 64: saved value" in told
    path.write_text(run.out)
    again = command("convert", str(path))
    assert again.code == 2
    assert "comfyflow compile prints it" in again.err


def test_every_command_takes_media_files(command: Command, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    plugin = pytest.importorskip("PIL.PngImagePlugin")
    info = plugin.PngInfo()
    info.add_text("workflow", json.dumps(editor_workflow()))
    path = tmp_path / "made.png"
    image.new("RGB", (4, 4)).save(path, pnginfo=info)
    assert json.loads(command("convert", str(path)).out) == json.loads(command("compile", str(path)).out)
    assert command("validate", str(path)).code == 0


def test_validate_fails_where_an_output_would_be_left_out(command: Command, tmp_path: Path) -> None:
    picture = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0}}
    saved = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}
    path = tmp_path / "prompt.json"
    for more, code in (({}, 0), ({"3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}}, 1)):
        path.write_text(json.dumps({"1": picture, "2": saved, **more}))
        run = command("validate", str(path))
        assert run.code == code
        assert "valid" in run.out
    assert "is left out for its own errors" in run.out


@pytest.mark.parametrize(
    ("values", "said", "codes"),
    [
        ({"width": 64.5}, "warning", (0, 1)),
        ({"width": "64"}, "note", (0, 0)),
        ({"width": 64}, None, (0, 0)),
    ],
)
def test_validate_is_strict_about_warnings_and_never_about_notes(
    command: Command, tmp_path: Path, values: dict[str, Any], said: str | None, codes: tuple[int, int]
) -> None:
    picture = {"height": 64, "batch_size": 1, "color": 0, **values}
    path = tmp_path / "prompt.json"
    saved = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}
    path.write_text(json.dumps({"1": {"class_type": "EmptyImage", "inputs": picture}, "2": saved}))
    lax, strict = (command("validate", str(path), *words) for words in ((), ("--strict",)))
    assert (lax.code, strict.code) == codes
    assert (said or "valid") in strict.out
    report = json.loads(command("validate", str(path), "--format", "json").out)
    assert [len(report[f"{kind}s"]) for kind in ("warning", "note")] == [said == "warning", said == "note"]
