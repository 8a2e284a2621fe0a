"""Input files that the command takes, uploads and names."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from comfyflow.simulator import Simulator
from tests.command import Command
from tests.test_input_files import folder, picture, prompt, server, unused, uploads

__all__ = ["folder", "server"]


FLOW = """
from comfyflow import workflow
from comfynodes import LoadImage, SaveImage

@workflow
def flow(image: str = "example.png") -> SaveImage:
    return SaveImage(images=LoadImage(image=image).IMAGE)
"""


def run_width(command: Command, out: Path, *words: str) -> tuple[int, str]:
    """The width of the picture that a run of the command gives, and what it says beside."""
    run = command("run", *words, "--out", str(out), "-q")
    assert run.code == 0, run.err
    with Image.open(run.out.strip()) as image:
        return image.width, run.err


def test_a_picture_that_was_uploaded_by_the_command_runs(
    command: Command, server: Simulator, folder: Path
) -> None:
    name = picture(unused(), 81).name
    Path("flow.py").write_text(FLOW)
    Path("prompt.json").write_text(json.dumps(prompt("example.png")))
    where = ("--server", server.url)
    assert command("upload", name, *where).code == 0
    Path(name).unlink()
    assert run_width(command, folder / "out", "flow.py", *where, "--image", name) == (81, "")
    assert (
        run_width(command, folder / "out", "prompt.json", *where, "--set", f"LoadImage.image={name}")[0] == 81
    )


def test_the_command_uploads_what_prompts_and_options_name(
    command: Command, server: Simulator, folder: Path
) -> None:
    name = picture(unused(), 82).name
    Path("prompt.json").write_text(json.dumps(prompt(name)))
    Path("flow.py").write_text(FLOW)
    where = ("--server", server.url)
    width, said = run_width(command, folder / "out", "prompt.json", *where)
    assert (width, said.strip()) == (82, f"uploaded {name} as {name}")
    picture(name, 83)
    width, said = run_width(command, folder / "out", "prompt.json", *where)
    assert width == 83
    assert "the server has another file" in said
    other = picture(folder.parent / unused(), 84)
    assert run_width(command, folder / "out", "flow.py", *where, "--image", str(other))[0] == 84
    assert run_width(command, folder / "out", "prompt.json", *where, "--set", f"1.image={other}")[0] == 84
    run = command("run", "prompt.json", *where, "--json", "--set", "1.image=example.png", "--out", "out")
    assert "upload" not in {json.loads(line)["event"] for line in run.out.splitlines()}
    picture("example.png", 85)
    run = command("run", "prompt.json", *where, "--json", "--set", "1.image=example.png", "--out", "out")
    told = [line for line in map(json.loads, run.out.splitlines()) if line["event"] == "upload"]
    assert [(line["node"], line["input"], line["file"]) for line in told] == [("1", "image", "example.png")]
    assert told[0]["name"] != "example.png"
    assert "another file" in told[0]["note"]


def test_the_servers_file_is_named_as_the_server_names_it(
    command: Command, server: Simulator, folder: Path
) -> None:
    Path("flow.py").write_text(FLOW)
    other = folder / "deep"
    other.mkdir()
    picture("deep/example.png", 86)
    run = command("run", "flow.py", "--server", server.url, "--image", "deep/example.png", "--out", "out")
    assert "(write 'example.png [input]' for the server's)" in run.err
    again = ["--image", "example.png [input]"]
    assert run_width(command, folder / "out", "flow.py", "--server", server.url, *again)[0] == 512


def test_a_report_on_files_names_no_schema_that_nobody_read(
    command: Command, server: Simulator, folder: Path
) -> None:
    Path("prompt.json").write_text(json.dumps(prompt("nothing.png")))
    run = command("run", "prompt.json", "--server", server.url)
    assert run.code == 1
    assert "there is no file" in run.err
    assert run.err.splitlines()[-1] == "schema: the server's own, from its response"


def test_the_command_wants_the_users_word_for_a_strangers_path(
    command: Command, server: Simulator, folder: Path
) -> None:
    secret = picture(folder.parent / unused(), 86)
    before = uploads(server)
    Path("prompt.json").write_text(json.dumps(prompt(str(secret))))
    editor = {
        "nodes": [
            {"id": 1, "type": "LoadImage", "mode": 0, "inputs": [], "properties": {},
             "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}, {"name": "MASK", "type": "MASK"}],
             "widgets_values": [str(secret), "image"]},
            {"id": 2, "type": "SaveImage", "mode": 0, "outputs": [], "properties": {},
             "inputs": [{"name": "images", "type": "IMAGE", "link": 1}], "widgets_values": ["x"]},
        ],
        "links": [[1, 1, 0, 2, 0, "IMAGE"]],
        "version": 0.4,
    }  # fmt: skip
    Path("editor.json").write_text(json.dumps(editor))
    for file in ("prompt.json", "editor.json"):
        run = command("run", file, "--server", server.url)
        assert run.code == 1
        assert "--allow-upload" in run.err
        assert uploads(server) == before
    for file in ("prompt.json", "editor.json"):
        words = (file, "--server", server.url, "--allow-upload")
        assert run_width(command, folder / "out", *words)[0] == 86


def test_the_simulator_of_the_command_takes_local_pictures(command: Command, folder: Path) -> None:
    name = picture(unused(), 87).name
    Path("prompt.json").write_text(json.dumps(prompt(name)))
    assert run_width(command, folder / "out", "prompt.json", "--simulate")[0] == 87
    run = command("run", "prompt.json", "--simulate", "--set", "1.image=no such.png")
    assert run.code == 1
    assert str(folder / "no such.png") in run.err


def test_set_leaves_the_nodes_of_a_program_as_they_are(
    command: Command, server: Simulator, folder: Path
) -> None:
    Path("made.py").write_text(
        "from comfyflow import Workflow\nfrom comfynodes import EmptyImage, SaveImage\n"
        "image = EmptyImage(width=16, height=8)\nmade = Workflow(SaveImage(images=image))\n"
    )
    words = ("made.py:made", "--server", server.url)
    assert run_width(command, folder / "out", *words, "--set", "EmptyImage.width=32")[0] == 32
    assert run_width(command, folder / "out", *words)[0] == 16
