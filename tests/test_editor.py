"""ComfyUI's real editor on the simulator, in a real browser: it opens what we write, and runs it.

Debian's Chromium, through playwright, and the package comfyui-frontend-package; skipped where one is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from comfyflow import to_workflow
from comfyflow.graph import read_prompt
from comfyflow.schema.package import reference_schema
from comfyflow.simulator import Simulator

from .real_editor import Editor, a_browser
from .test_examples import EXAMPLES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    if find_spec("comfyui_frontend_package") is None:
        pytest.skip("the package comfyui-frontend-package is not installed")
    with a_browser() as browser, Simulator(frontend=True) as server:
        yield Editor(browser, server)


def test_the_editor_has_every_class_of_the_simulator(editor: Editor) -> None:
    known: list[str] = editor.page.evaluate("Object.keys(LiteGraph.registered_node_types)")
    assert not set(editor.server.schema.raw) - set(known)


def test_what_we_write_is_opened_and_run_in_the_editor(editor: Editor) -> None:
    prompt = json.loads((EXAMPLES / "txt2img.prompt.json").read_text(encoding="utf-8"))
    workflow = to_workflow(read_prompt(prompt), reference_schema())
    page = editor.page
    assert editor.prompt_of(workflow) == prompt

    page.evaluate("app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    assert page.evaluate("app.queuePrompt(0, 1)")
    page.wait_for_function("app.graph.nodes.some(node => node.imgs?.[0]?.naturalWidth)")
    shown = page.evaluate(
        "app.graph.nodes.filter(node => node.imgs).map("
        "node => [node.type, node.imgs[0].naturalWidth, node.imgs[0].naturalHeight])"
    )
    assert shown == [["SaveImage", 1024, 1024]]
    (received,) = editor.server.prompts
    assert received.prompt == prompt
    embedded = received.body["extra_data"]["extra_pnginfo"]["workflow"]["nodes"]
    assert {node["type"] for node in embedded} == {node["class_type"] for node in prompt.values()}
    assert [file.name for file in editor.server.folders.of("output").iterdir()] == ["txt2img_00001_.png"]
    # Some editors ask for the size of the models of their first workflow; nothing is told to anybody.
    told = [(method, url) for method, url in editor.outside if method not in {"GET", "HEAD"} or "?" in url]
    assert (told, editor.troubles) == ([], [])
