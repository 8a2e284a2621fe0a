"""The commands diff and hash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from comfyflow.client import Client
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.test_diff import EDITED, PROMPT, TOLD, edited


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(PROMPT))
    after.write_text(json.dumps(EDITED))
    return str(before), str(after)


def test_command_diff(command: Command, files: tuple[str, str], tmp_path: Path) -> None:
    run = command("diff", *files)
    assert (run.code, run.out) == (1, TOLD + "\n")
    run = command("diff", *files, "--json")
    assert run.code == 1
    assert json.loads(run.out)["same"] is False
    assert command("diff", files[0], files[0]) == type(run)(0, "", "")
    renamed = {f"1{key}": value for key, value in json.loads(json.dumps(PROMPT).replace('["', '["1')).items()}
    (tmp_path / "renamed.json").write_text(json.dumps(renamed))
    run = command("diff", files[0], str(tmp_path / "renamed.json"))
    assert (run.code, run.out) == (0, "the same, but 7 nodes have another id\n")


@pytest.mark.parametrize("text", ["{", "[]", '{"1": 5}', "<html>"])
def test_command_diff_in_trouble(command: Command, files: tuple[str, str], tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    run = command("diff", files[0], str(tmp_path / "bad.json"))
    assert run.code == 2
    assert run.err.startswith("comfyflow: ")
    assert run.err.count("\n") == 1


def test_command_diff_shows_lines_of_python(command: Command, tmp_path: Path) -> None:
    script = tmp_path / "made.py"
    script.write_text(
        "from comfyflow import raw_node, workflow\n\n@workflow\ndef made(width: int = 8):\n"
        "    image = raw_node('EmptyImage', {'width': width})\n"
        "    return raw_node('SaveImage', {'images': image[0]})\n"
    )
    prompt = json.loads(command("compile", str(script), "--width", "9").out)
    (tmp_path / "made.json").write_text(json.dumps(prompt))
    run = command("diff", str(script), str(tmp_path / "made.json"))
    assert run.code == 1
    assert run.out.splitlines() == [f"~ EmptyImage #1 at {script}:5", "    width: 8 -> 9"]


def test_command_diff_reads_the_history(command: Command, files: tuple[str, str], tmp_path: Path) -> None:
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    (tmp_path / "sent.json").write_text(json.dumps(prompt))
    with Simulator() as simulator:
        with Client(simulator.url) as client:
            result = client.run(prompt)
        ran = f"history:{result.prompt_id}"
        assert command("diff", ran, str(tmp_path / "sent.json"), "--server", simulator.url).code == 0
        run = command("diff", ran, files[0], "--server", simulator.url)
        assert run.code == 1
        assert "- EmptyImage #1" in run.out
        run = command("diff", "history:nobody", files[0], "--server", simulator.url)
        assert run.code == 2
        assert "has no prompt nobody" in run.err


def test_command_diff_of_deep_values(command: Command, tmp_path: Path) -> None:
    (tmp_path / "flat.json").write_text('{"1": {"class_type": "A", "inputs": {"x": 1}}}')
    deep = "[" * 700 + "]" * 700
    (tmp_path / "deep.json").write_text('{"1": {"class_type": "A", "inputs": {"x": ' + deep + "}}}")
    run = command("diff", str(tmp_path / "flat.json"), str(tmp_path / "deep.json"), "--json")
    assert run.code in (1, 2)
    assert "Traceback" not in run.err


def test_command_hash(command: Command, files: tuple[str, str], tmp_path: Path) -> None:
    unused = edited(n20={"class_type": "EmptyLatentImage", "inputs": {}}, n3={"cfg": 8})
    unused["9"]["_meta"] = {"title": "The end"}
    (tmp_path / "unused.json").write_text(json.dumps(unused))
    run = command("hash", *files, str(tmp_path / "unused.json"))
    assert run.code == 0
    digests = [line.split("  ") for line in run.out.splitlines()]
    assert [name for _, name in digests] == [*files, str(tmp_path / "unused.json")]
    assert digests[0][0] == digests[2][0] != digests[1][0]
    assert all(len(digest) == 64 for digest, _ in digests)
