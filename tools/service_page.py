"""The picture of the page of ``comfyflow serve`` in docs/serve.md: python -m tools.service_page [FILE].

It serves examples/txt2img.py on the simulator, sends jobs, and takes the page while the last one runs.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from PIL import Image

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "serve-page.png"
SIZE = {"width": 1200, "height": 860}
DONE = [("a lighthouse at dusk", 7), ("a lighthouse at dusk", 8)]


def main() -> None:
    from playwright.sync_api import sync_playwright

    from tests.real_editor import CHROMIUM, FLAGS

    file = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [
            "serve",
            "examples/txt2img.py",
            "--simulate",
            "--port",
            "0",
            "--depth",
            "1",
            "--out",
            folder,
        ]
        service = subprocess.Popen(
            [sys.executable, "-m", "comfyflow", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        try:
            assert service.stdout is not None
            url = service.stdout.readline().split()[0]
            send(url)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport=SIZE, locale="en-GB", color_scheme="light")
            page.goto(url)
            page.get_by_label("Prompt").fill("a harbour in the morning")
            page.get_by_label("Width").fill("768")
            page.get_by_label("Height").fill("512")
            page.get_by_label("Steps").fill("120")
            page.get_by_role("button", name="Run").click()
            page.wait_for_function(
                """() => {
                    const [bar, preview, picture] = ["progress", ".preview", ".picture img"].map(
                        each => document.querySelector(`.card ${each}`));
                    return bar.value >= 0.7 * bar.max && preview.naturalWidth > 0 && picture.naturalWidth > 0;
                }"""
            )
            page.evaluate("() => document.activeElement.blur()")
            shot = page.screenshot()
            browser.close()
        finally:
            service.terminate()
            service.wait(30)
    with Image.open(io.BytesIO(shot)) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size:,} bytes")


def send(url: str) -> None:
    """Jobs that have ended, for the list."""
    with httpx.Client(base_url=url, timeout=60) as http:
        for prompt, seed in DONE:
            values = {"prompt": prompt, "seed": seed, "steps": 4, "width": 768, "height": 512}
            job = http.post("/workflows/txt2img/jobs", json=values, headers={"Prefer": "wait=60"}).json()
            assert job["state"] == "completed", job


if __name__ == "__main__":
    main()
