"""A real browser for the tests, and ComfyUI's real editor in it: Debian's Chromium through playwright.

Releases of the editor stand in ``editors/VERSION`` of the virtual environment, where ``python -m
tools.editors`` puts them; COMFYFLOW_EDITORS names another folder.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from comfyflow.simulator import Simulator
from tools.editors import FOLDER

CHROMIUM = os.environ.get("COMFYFLOW_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
MILLISECONDS = 300_000

_LOAD_AND_SEND = """async text => {
    try {
        const here = app.extensionManager.workflow.activeWorkflow;
        await app.loadGraphData(JSON.parse(text), true, false, here);
        const prompt = (await app.graphToPrompt()).output;
        return [JSON.stringify(prompt, (_, value) => value === undefined ? null : value), null];
    } catch (error) {
        return [null, String(error)];
    }
}"""
# Each workflow goes into the tab that is open: the editor takes ever longer to open one more. Text is
# handed over because Playwright takes long for objects; what is undefined must be seen in it.


class Editor:
    """The editor in a page, with what it asked for elsewhere and all that went wrong."""

    def __init__(self, browser: Any, server: Simulator) -> None:
        self.server = server
        self.outside: list[tuple[str, str]] = []
        self.troubles: list[str] = []
        self.page = browser.new_page(viewport={"width": 1600, "height": 900})
        self.page.set_default_timeout(MILLISECONDS)
        self.page.route("**/*", self._only_here)
        self.page.on("dialog", lambda dialog: dialog.dismiss())
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("response", self._look_at)
        self.page.goto(server.url, wait_until="domcontentloaded")
        self.page.wait_for_function("window.app?.vueAppReady && !!LiteGraph.registered_node_types.KSampler")

    def stop_drawing(self) -> None:
        """Show nothing any more: who only wants prompts need not wait for pictures."""
        self.page.set_viewport_size({"width": 300, "height": 200})
        self.page.evaluate("() => { app.canvas.pause_rendering = true; }")
        self.page.add_style_tag(content="html { display: none !important; }")

    def prompt_of(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """The prompt that the editor makes of a workflow.

        Raises:
            RuntimeError: It cannot load it, or cannot make a prompt of it.
        """
        text, error = self.page.evaluate(_LOAD_AND_SEND, json.dumps(workflow))
        if error is not None:
            raise RuntimeError(error)
        prompt = json.loads(text)
        assert isinstance(prompt, dict)
        return prompt

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


class OpenedPage:
    """A page of ours, with all that it asked for and all that went wrong on it.

    Args:
        browser: The browser.
        url: Its address.
        options: Of Playwright's ``new_page``, other than the usual.
    """

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1200, "height": 800}, **options})
        self.requests: list[str] = []
        self.troubles: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.add_init_script("window.hacked = () => { window.wasHacked = true; };")
        self.page.goto(url)

    def tap(self, selector: str, expected: str) -> None:
        """Tap as people do, again if nothing comes: on a slow machine a tap may last, and is none then.

        Args:
            selector: What is tapped.
            expected: What comes of it, in JavaScript: an expression that is true then.
        """
        waits = f"""async () => {{
            for (let turn = 0; turn < 60 && !({expected}); turn++)
                await new Promise(resolve => setTimeout(resolve, 100));
            return Boolean({expected});
        }}"""
        for _ in range(10):
            self.page.locator(selector).first.tap()
            if self.page.evaluate(waits):
                return
        pytest.fail(f"{selector} was tapped ten times: not {expected}")


@contextmanager
def a_browser() -> Generator[Any, None, None]:
    """Chromium without a window; the test is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no browser: install chromium, or name one in COMFYFLOW_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def release(version: str) -> Path:
    """The files of a release of the editor; the test is skipped where it is not installed."""
    folder = (
        Path(os.environ.get("COMFYFLOW_EDITORS", FOLDER)) / version / "comfyui_frontend_package" / "static"
    )
    if not (folder / "index.html").is_file():
        pytest.skip(f"editor {version} is not installed: python -m tools.editors {version}")
    return folder
