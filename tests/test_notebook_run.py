"""A notebook that builds, draws, runs and shows results, executed by Jupyter's own machinery.

Skipped where nbclient or ipykernel is missing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

ROOT = Path(__file__).parents[1]
CELLS = f"""
import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "stubs")!r}]
from comfyflow import Client, Workflow
from comfyflow.diff import diff
from comfyflow.simulator import Simulator
from comfynodes import EmptyImage, ImageInvert, SaveImage
made = SaveImage(images=ImageInvert(image=EmptyImage(width=32, height=32)), filename_prefix="x")

Workflow(made)

Workflow(made).graph

Workflow(made).validate()

import asyncio
asyncio.get_running_loop().is_running()

server = Simulator().start()
client = Client(server.url)
result = client.run(made)
result

result.output.images[0]

diff(Workflow(made).graph, Workflow(SaveImage(images=EmptyImage(), filename_prefix="x")).graph)

from comfyflow import AsyncClient
awaited = AsyncClient(server.url)
await awaited.run(made)

(await awaited.run(made)).files[0]

await awaited.close()
client.close()
server.stop()
""".strip().split("\n\n")


def test_a_notebook_shows_what_it_builds_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    run = nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    run.create_kernel_manager().kernel_cmd = [
        sys.executable,
        *("-m", "ipykernel_launcher", "-f", "{connection_file}"),
    ]
    run.execute()
    shown: list[dict[str, Any]] = []
    for cell in book.cells:
        results = [output for output in cell.outputs if output.output_type == "execute_result"]
        shown.append(results[0].data if results else {})
    _, picture, graph, report, running, result, image, difference, awaited, again, _ = shown
    assert picture["image/svg+xml"].startswith("<svg")
    assert "Invert Image" in picture["image/svg+xml"]
    assert graph["image/svg+xml"].startswith("<svg")
    assert "<pre>" in report["text/html"]
    assert running["text/plain"] == "True"
    assert "data:image/png;base64," in result["text/html"]
    assert "data:image/png;base64," in image["text/html"]
    assert "data:image/png;base64," in awaited["text/html"]
    assert "data:image/png;base64," in again["text/html"]
    bars = [
        output.data["text/html"] for output in book.cells[5].outputs if output.output_type == "display_data"
    ]
    assert ["success" in bar for bar in bars] == [True]
    assert "cf-removed" in difference["text/html"]
