"""ComfyUI's real editor on the simulator, in a real browser: it opens what we write, and runs it.

Debian's Chromium, through playwright, and the package comfyui-frontend-package; skipped where one is missing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from comfyflow import to_workflow
from comfyflow.graph import read_prompt
from comfyflow.simulator import Simulator
from comfyflow.source import reference_schema

from .test_examples import EXAMPLES

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
MILLISECONDS = 90_000


class Editor:
    """The editor in a page, with what it asked for elsewhere and all that went wrong."""

    def __init__(self, browser: Any, server: Simulator) -> None:
        self.server = server
        self.outside: list[tuple[str, str]] = []
        self.troubles: list[str] = []
        self.page = browser.new_page(viewport={"width": 1600, "height": 900})
        self.page.set_default_timeout(MILLISECONDS)
        self.page.route("**/*", self._only_here)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("response", self._look_at)
        self.page.goto(server.url, wait_until="domcontentloaded")
        self.page.wait_for_function("window.app?.vueAppReady && !!LiteGraph.registered_node_types.KSampler")

    def _only_here(self, route: Any) -> None:
        url: str = route.request.url
        if url.startswith((f"{self.server.url}/", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append((route.request.method, url))
            route.abort()

    def _look_at(self, response: Any) -> None:
        # Files of a user who has none yet are not found, on real servers too.
        if response.status >= 400 and not (response.status == 404 and "user" in response.url):
            self.troubles.append(f"{response.status} {response.url}")


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    if find_spec("comfyui_frontend_package") is None:
        pytest.skip("the package comfyui-frontend-package is not installed")
    with Simulator(frontend=True) as server, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Editor(browser, server)
        browser.close()


def test_the_editor_has_every_class_of_the_simulator(editor: Editor) -> None:
    known: list[str] = editor.page.evaluate("Object.keys(LiteGraph.registered_node_types)")
    assert not set(editor.server.schema.raw) - set(known)


def test_what_we_write_is_opened_and_run_in_the_editor(editor: Editor) -> None:
    prompt = json.loads((EXAMPLES / "txt2img.prompt.json").read_text(encoding="utf-8"))
    workflow = to_workflow(read_prompt(prompt), reference_schema())
    page = editor.page
    page.evaluate("workflow => app.loadGraphData(workflow, true, false)", json.loads(json.dumps(workflow)))
    assert page.evaluate("app.graphToPrompt().then(made => made.output)") == prompt

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
