"""What people look at, in a real browser: chromium without a window, where it is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from comfyflow import Client
from comfyflow.simulator import Simulator
from tests.real_editor import CHROMIUM

ORANGE = 0xFF8000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no browser: install chromium, or name one in COMFYFLOW_CHROMIUM"
    ),
]


def browse(url: str, folder: Path, *options: str) -> str:
    """Open a page, and return what the browser prints."""
    assert CHROMIUM is not None
    words = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", f"--user-data-dir={folder / 'profile'}", *options, url,
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=folder, check=True)
    return done.stdout


def picture(color: int, text: str = "") -> dict[str, object]:
    """A prompt of one picture of one colour."""
    size = {"width": 64, "height": 64, "batch_size": 1, "color": color}
    return {
        "1": {"class_type": "EmptyImage", "inputs": size},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": text or "a"}},
    }


def test_the_simulator_s_page_shows_the_pictures_of_its_runs(tmp_path: Path) -> None:
    with Simulator() as server, Client(server.url) as client:
        assert "No pictures yet" in browse(server.url, tmp_path, "--dump-dom")
        client.run(picture(ORANGE))
        assert browse(server.url, tmp_path, "--dump-dom").count("<img ") == 1
        browse(server.url, tmp_path, "--screenshot=page.png", "--window-size=600,400")
    with Image.open(tmp_path / "page.png") as shown:
        colors = shown.convert("RGB").getcolors(600 * 400) or []
    count = next((count for count, color in colors if color == (0xFF, 0x80, 0x00)), 0)
    assert count >= 60 * 60, "the browser has read the picture and painted it"


def test_names_of_files_are_no_code_in_that_page(tmp_path: Path) -> None:
    named = "x\"onerror=\"document.title='ran'\" <script>document.title='ran'</script>"
    with Simulator() as server, Client(server.url) as client:
        saved = client.run(picture(ORANGE, named.replace("/", "")))
        assert "<script>" in saved.files[0].name
        page = browse(server.url, tmp_path, "--dump-dom")
    assert "<title>comfyflow simulator</title>" in page
    assert page.count("<img ") == 1
