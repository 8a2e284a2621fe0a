"""What `comfyflow run` makes of what a prompt gave, and of what it did not give."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.client import Client
from comfyflow.simulator import Blocked, NodeResult, Simulator
from tests.command import Command

BLEND = """
from comfyflow import workflow
from comfynodes import EmptyImage, ImageBlend, SaveImage

@workflow
def blend():
    image = EmptyImage(width=8, height=8)
    return SaveImage(images=ImageBlend(image1=image, image2=image, blend_factor=0.5, blend_mode="normal"))
"""


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def empty(color: int = 0) -> dict[str, Any]:
    inputs = {"width": 8, "height": 8, "batch_size": 1, "color": color}
    return {"class_type": "EmptyImage", "inputs": inputs}


def save(prefix: str = "a", source: str = "1") -> dict[str, Any]:
    return {"class_type": "SaveImage", "inputs": {"images": [source, 0], "filename_prefix": prefix}}


def written(path: Path, prompt: dict[str, Any]) -> str:
    path.write_text(json.dumps(prompt))
    return str(path)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def gone(server: Simulator) -> None:
    """PreviewAny gives a file that is not there, and one that is."""
    (server.folders.of("output") / "there.png").write_bytes(b"\x89PNG")
    files = [{"filename": f"{name}.png", "subfolder": "", "type": "output"} for name in ("gone", "there")]
    server.simulate("PreviewAny", lambda **_: NodeResult(ui={"images": files}))


@pytest.mark.parametrize("as_json", [False, True])
def test_one_file_that_cannot_be_had_costs_no_other(
    command: Command, server: Simulator, tmp_path: Path, as_json: bool
) -> None:
    gone(server)
    prompt = {"1": empty(), "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}, "3": save()}
    out = tmp_path / "out"
    words = ("--server", server.url, "--out", str(out), *(["--json"] if as_json else ()))
    run = command("run", written(tmp_path / "p.json", prompt), *words)
    assert run.code == 2
    assert {path.name for path in out.iterdir()} == {"there.png", "a_00001_.png"}
    if as_json:
        (missing,) = [line for line in lines(run.out) if line["event"] == "missing"]
        assert (missing["node"], missing["file"]) == ("2", "gone.png [output]")
        assert "the server has gone.png [output] no more" in missing["message"]
        assert [len(line["files"]) for line in lines(run.out) if line["event"] == "files"] == [1, 1]
    else:
        assert "the server has gone.png [output] no more" in run.err
        assert len(run.out.splitlines()) == 2


def test_download_too(command: Command, server: Simulator, tmp_path: Path) -> None:
    gone(server)
    prompt = {"1": empty(), "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}}, "3": save()}
    with Client(server.url) as client:
        prompt_id = client.run(prompt).prompt_id
    run = command("download", prompt_id, "--server", server.url, "--out", str(tmp_path))
    assert run.code == 2
    assert "gone.png" in run.err
    assert {path.name for path in tmp_path.iterdir()} == {"there.png", "a_00001_.png"}


def test_an_output_that_the_server_drops_is_told(command: Command, server: Simulator, tmp_path: Path) -> None:
    prompt = {
        "1": empty(),
        "2": save(),
        "77": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}},
    }
    file = written(tmp_path / "p.json", prompt)
    run = command("run", file, "--server", server.url, "--out", str(tmp_path / "out"), "--json")
    assert run.code == 1
    events = lines(run.out)
    (dropped,) = [line for line in events if line["event"] == "dropped"]
    assert (dropped["node"], dropped["class_type"]) == ("77", "SaveImage")
    assert [(problem["node_id"], problem["type"]) for problem in dropped["problems"]] == [
        ("77", "required_input_missing")
    ]
    assert [line["node"] for line in events if line["event"] == "files"] == ["2"]
    assert events.index(dropped) < [line["event"] for line in events].index("done")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_node_that_is_blocked_is_told_and_why(
    command: Command, server: Simulator, tmp_path: Path, as_json: bool
) -> None:
    server.simulate("ImageInvert", lambda **_: NodeResult((Blocked("no face was found"),)))
    prompt = {
        "1": empty(),
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": save("a", "2"),
    }
    file = written(tmp_path / "p.json", prompt)
    words = ("--server", server.url, "--out", str(tmp_path / "out"), *(["--json"] if as_json else ()))
    run = command("run", file, *words)
    assert run.code == 0, run.err
    if as_json:
        (blocked,) = [line for line in lines(run.out) if line["event"] == "blocked"]
        assert blocked["node"] == "3"
        assert "no face was found" in blocked["message"]
    else:
        assert "SaveImage #3 is blocked and does not run: no face was found" in run.err
        assert "it ran but produced no files: node #3 was blocked" in run.err


SEEDED = """
from comfyflow import workflow
from comfynodes import EmptyImage, SaveImage

@workflow
def seeded(seed: int = 0):
    return SaveImage(images=EmptyImage(width=8, height=8, color=seed))
"""


@pytest.mark.parametrize("text", ["8", "random"])
def test_the_seed_is_told_wherever_it_goes(
    command: Command, server: Simulator, tmp_path: Path, text: str
) -> None:
    script = tmp_path / "seeded.py"
    script.write_text(SEEDED.replace("color=seed", "color=seed % 100"))
    words = ("--server", server.url, "--out", str(tmp_path / "out"), "--seed", text)
    told = lines(command("run", str(script), *words, "--json").out)[0]
    assert told["event"] == "submitted"
    assert server.prompts[-1].prompt["1"]["inputs"]["color"] == told["seed"] % 100
    assert told["seed"] == 8 or text == "random"
    assert re.search(r"^seed \d+$", command("run", str(script), *words).err, re.MULTILINE)


def test_a_text_that_a_server_reads_as_no_number_is_warned_of(
    command: Command, server: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "blend.py").write_text(BLEND)
    file, out = str(tmp_path / "blend.py"), str(tmp_path / "out")
    run = command("run", file, "--out", out, "--server", server.url, "--set", "ImageBlend.blend_factor=NaN")
    assert "ImageBlend #2 ('Blend Images'), input 'blend_factor': is 'NaN'" in run.err
    assert "[not_finite]" in run.err


def test_names_that_no_server_shows_are_warned_of(
    command: Command, server: Simulator, tmp_path: Path
) -> None:
    file = written(tmp_path / "p.json", {"1": empty(), "2": save("sub/take1..")})
    run = command("run", file, "--server", server.url, "--out", str(tmp_path / "out"))
    warning, _, _, failure = run.err.splitlines()
    assert "SaveImage #2, input 'filename_prefix': is 'sub/take1..'" in warning
    assert "'sub/take1' can" in warning
    assert "the server does not serve files with '..' in their names" in failure
    assert run.code == 2
    assert "[file_not_shown]" in command("validate", file).out


@pytest.mark.parametrize("word", ["NaN", "-Infinity"])
def test_what_is_no_json_is_told_with_node_and_input(
    command: Command, server: Simulator, tmp_path: Path, word: str
) -> None:
    prompt = {"1": empty(), "2": save()}
    file = tmp_path / "p.json"
    file.write_text(json.dumps(prompt).replace('"color": 0', f'"color": {word}'))
    run = command("run", str(file), "--server", server.url, "--json")
    assert run.code == 1
    (said,) = lines(run.out)
    assert (said["event"], said["exit_code"]) == ("error", 1)
    assert "EmptyImage #1, input 'color'" in said["message"]
    assert not server.prompts


def test_a_file_of_the_server_replaces_none_here(
    command: Command, server: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (server.folders.of("output") / "notes.txt").write_text("theirs")
    (tmp_path / "notes.txt").write_text("mine")
    run = command("view", "notes.txt", "--server", server.url)
    assert run.out == "notes (1).txt\n"
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert command("view", "notes.txt", "--server", server.url, "-o", "notes.txt").code == 0
    assert (tmp_path / "notes.txt").read_text() == "theirs"


def test_bars_count_nodes(server: Simulator, tmp_path: Path) -> None:
    """On a terminal; the bar of all nodes has an end, and it is reached."""
    file = written(tmp_path / "p.json", {"1": empty(), "2": save(), "3": save("b")})
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from comfyflow.cli import main; main()", "run", file]
    with subprocess.Popen(
        [*command, "--server", server.url, "--out", str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "COLUMNS": "120"},
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        shown = b"".join(_until_end(ours))
    os.close(ours)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "/?" not in text
    assert "3/3" in text


def _until_end(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other side is closed
            return
        if not data:
            return
        yield data


def test_a_simulator_may_have_the_classes_of_a_file(command: Command, tmp_path: Path) -> None:
    own = {
        "input": {"required": {"size": ["INT", {"default": 4}]}},
        "output": ["IMAGE"],
        "python_module": "nodes",
    }
    save = {
        "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {}]}},
        "output": [],
        "output_node": True,
    }
    info, saved = tmp_path / "info.json", tmp_path / "saved.json"
    info.write_text(json.dumps({"Own": own, "SaveImage": save}))
    nodes = [
        {
            "id": 1,
            "type": "Own",
            "widgets_values": [7],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
        },
        {
            "id": 2,
            "type": "SaveImage",
            "widgets_values": ["x"],
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
        },
    ]
    saved.write_text(json.dumps({"version": 0.4, "nodes": nodes, "links": [[1, 1, 0, 2, 0, "IMAGE"]]}))
    words = ("run", str(saved), "--out", str(tmp_path / "out"), "-q")
    done = command(*words, "--simulate", "--object-info", str(info))
    assert (done.code, len(list((tmp_path / "out").iterdir()))) == (0, 1), done.err
    assert command(*words, "--simulate").code == 1
    refused = command(*words, "--object-info", str(info))
    assert (refused.code, "--object-info needs --simulate" in refused.err) == (2, True)
