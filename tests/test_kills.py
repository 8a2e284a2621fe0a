"""Commands that are killed in the midst of their work: what they leave is whole, and the next run works."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from comfyflow.simulator import Simulator

pytestmark = pytest.mark.slow

SCRIPT = """
from comfyflow import workflow
from comfynodes import EmptyImage, SaveImage

@workflow
def many(count: int = 6):
    return [
        SaveImage(images=EmptyImage(width=256, height=256, color=color), filename_prefix=f"picture{color}")
        for color in range(count)
    ]
"""
EVENTS = 12
"""So many lines the command prints at least, before it ends."""


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def start(server: Simulator, folder: Path) -> subprocess.Popen[str]:
    script = folder / "many.py"
    script.write_text(SCRIPT)
    words = [sys.executable, "-m", "comfyflow", "run", str(script), "--server", server.url]
    words += ["--out", str(folder / "out"), "--json"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)


def pictures(folder: Path) -> list[Path]:
    """The pictures in a folder, each read as a whole."""
    found = sorted((folder / "out").glob("[!.]*"))
    for path in found:
        with Image.open(path) as image:
            image.load()
    return found


@pytest.mark.parametrize("lines", [1, 3, 6, 9, EVENTS])
def test_a_killed_run_leaves_no_half_picture(server: Simulator, tmp_path: Path, lines: int) -> None:
    process = start(server, tmp_path)
    assert process.stdout is not None
    with process.stdout:
        for _ in range(lines):
            assert json.loads(process.stdout.readline())
        process.kill()
        process.wait(60)
    left = pictures(tmp_path)
    again = start(server, tmp_path)
    out, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    events = [json.loads(line) for line in out.splitlines()]
    written = [name for event in events if event["event"] == "files" for name in event["files"]]
    assert len(written) == 6
    assert len(pictures(tmp_path)) == len(left) + 6, "what was there stays as it is"


def test_a_run_prints_as_many_lines_as_it_is_killed_at(server: Simulator, tmp_path: Path) -> None:
    process = start(server, tmp_path)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert len(out.splitlines()) > EVENTS
