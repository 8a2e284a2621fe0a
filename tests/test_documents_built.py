"""The site as it is built: no warning, nothing asked of any network, a search that finds the right page."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from .real_editor import CHROMIUM, FLAGS, MILLISECONDS
from .web_server import web_server

ROOT: Final = Path(__file__).parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("mkdocstrings") is None, reason="it comes with the extra docs"
    ),
]

ASKED: Final = re.compile(r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>")
STYLE: Final = re.compile(
    r"<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preconnect|icon))[^>]*\bhref=[\"']?(?:https?:)?//"
)

QUESTIONS: Final = {
    "install": "start/five-minutes.html",
    "test without gpu": "start/five-minutes.html",
    "img2img": "how-to/pictures.html",
    "workflow to python": "guide/editor-in.html",
    "custom nodes": "packs.html",
    "upload image": "files.html",
    "missing models": "models.html",
    "progress": "how-to/projects.html",
    "reverse proxy": "how-to/servers.html",
    "api key": "how-to/servers.html",
    "many servers": "batch.html",
    "docker": "how-to/projects.html",
    "validate": "guide/errors.html",
}
"""What new users ask, and the page that must come first."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_pages_ask_nothing_of_any_network(site: Path) -> None:
    built = sorted(site.rglob("*.html"))
    assert len(built) > 60
    for page in built:
        text = page.read_text("utf-8")
        assert not ASKED.search(text), page
        assert not STYLE.search(text), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", style.read_text("utf-8")), style


def test_the_search_knows_every_kind_of_page(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = {each["location"].partition("#")[0] for each in index["docs"]}
    assert {"index.html", "events.html", "reference/commands.html", "reference/api/comfyflow.html"} <= found
    assert not [page for page in found if page.startswith("source/")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api: Any = pytest.importorskip("playwright.sync_api", reason="it comes with the extra slow")
    if CHROMIUM is None:
        pytest.skip("no browser: install chromium, or name one in COMFYFLOW_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


def test_questions_of_new_users_find_the_right_page_first(site: Path, browser: Any) -> None:
    class Pages(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(site))

    first: dict[str, str] = {}
    asked: list[str] = []
    with web_server(Pages) as address:
        page = browser.new_page()
        page.set_default_timeout(MILLISECONDS)
        page.on("request", lambda request: asked.append(request.url))
        for question in QUESTIONS:
            page.goto(f"{address}/index.html?q={quote(question)}")
            found = page.wait_for_selector(".md-search-result__item a")
            first[question] = found.get_attribute("href").partition("?")[0].removeprefix(f"{address}/")
        page.close()
    assert first == QUESTIONS
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
