"""The page of a picture in a real browser: what a reader does with it, and that nothing on it runs.

Debian's Chromium, through playwright; skipped where one of them is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.diff import diff
from comfyflow.graph import read_prompt
from comfyflow.output_file import NodeOutput, OutputFile
from comfyflow.picture import Picture
from comfyflow.schema.package import reference_schema
from comfyflow.validate import validate_prompt

from .real_editor import OpenedPage, a_browser
from .test_examples import EXAMPLES
from .test_picture import HOSTILE, hostile_graph, hostile_picture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as started:
        yield started


class Opened(OpenedPage):
    """The page of a picture."""

    def view(self) -> list[float]:
        text: str = self.page.eval_on_selector("#picture > svg", "svg => svg.getAttribute('viewBox')")
        return [float(number) for number in text.split()]

    def faint(self) -> set[str]:
        """The titles of the nodes that are not lit."""
        found: list[str] = self.page.eval_on_selector_all(
            ".cf-node.cf-faint .cf-title", "all => all.map(each => each.textContent)"
        )
        return set(found)


def test_a_reader_searches_zooms_and_follows_links(browser: Any, tmp_path: Path) -> None:
    graph = read_prompt(json.loads((EXAMPLES / "txt2img.prompt.json").read_text(encoding="utf-8")))
    file = Picture(graph, reference_schema()).save(tmp_path / "x.html")
    opened = Opened(browser, file.as_uri())
    page = opened.page
    whole = opened.view()
    page.click("#in")
    assert opened.view()[2] < whole[2]
    page.click("#out")
    assert opened.view() == pytest.approx(whole)
    page.mouse.move(600, 700)
    page.mouse.wheel(0, -300)
    page.wait_for_function(
        "width => document.querySelector('#picture > svg').viewBox.baseVal.width < width", arg=whole[2]
    )
    page.click("#fit")
    page.mouse.move(600, 780)
    page.mouse.down()
    page.mouse.move(700, 780)
    page.mouse.up()
    assert opened.view()[0] < whole[0]
    page.click("#fit")
    assert opened.view() == pytest.approx(whole)
    page.fill("#search", "ksampler")
    assert page.text_content("#found") == "1 of 1"
    assert opened.view()[2] < whole[2]
    assert "KSampler" not in opened.faint()
    assert "VAE Decode" in opened.faint()
    page.keyboard.press("Escape")
    assert opened.faint() == set()
    page.click("#fit")
    latent = next(key for key, node in graph.items() if node.class_type == "EmptyLatentImage")
    number = list(graph).index(latent)
    page.click(f'[data-node="{number}"] .cf-title')
    assert opened.faint() == {"Load Checkpoint", "CLIP Text Encode (Prompt)"}
    before = page.eval_on_selector(".cf-ground", "each => getComputedStyle(each).fill")
    page.click("#theme")
    assert page.eval_on_selector(".cf-ground", "each => getComputedStyle(each).fill") != before
    assert opened.troubles == []
    assert opened.requests == [file.as_uri()]


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 3))
def test_no_text_of_a_stranger_runs(browser: Any, tmp_path: Path, start: int) -> None:
    words = (HOSTILE * 2)[start : start + 3]
    for suffix in (".html", ".svg"):
        file = hostile_picture(words).save(tmp_path / f"x{suffix}")
        opened = Opened(browser, file.as_uri())
        assert opened.page.evaluate("window.wasHacked") is None
        assert opened.page.evaluate("document.querySelectorAll('script').length") == (suffix == ".html")
        assert opened.troubles == []
        assert opened.requests == [file.as_uri()]
    page = opened.page
    assert words[0][:3] in page.evaluate("document.documentElement.textContent") or not words[0].isprintable()


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 3))
def test_nothing_runs_in_a_notebook(browser: Any, tmp_path: Path, start: int) -> None:
    words = (HOSTILE * 2)[start : start + 3]
    graph = hostile_graph(words)
    wrong = {"7": {"class_type": words[0], "inputs": {words[1]: words[2]}, "_meta": {"title": words[2]}}}
    files = tuple(OutputFile(f"{word}.png", subfolder=word, data=b"x") for word in words)
    shown = [
        hostile_picture(words).svg,
        validate_prompt(wrong, reference_schema())._repr_html_(),
        diff(graph, read_prompt(wrong))._repr_html_(),
        NodeOutput({"text": words}, extra=files)._repr_html_(),
        OutputFile(words[0])._repr_html_(),
    ]
    file = tmp_path / "cells.html"
    text = "<!doctype html><meta charset=utf-8>" + "".join(f"<div>{each}</div>" for each in shown)
    file.write_text(text, encoding="utf-8", errors="replace")
    opened = Opened(browser, file.as_uri())
    assert opened.page.evaluate("window.wasHacked") is None
    assert opened.page.evaluate("document.querySelectorAll('script, [onload], [onerror]').length") == 0
    assert opened.page.evaluate("document.querySelectorAll('body > div').length") == len(shown)
    assert opened.troubles == []
    assert {url.partition(":")[0] for url in opened.requests} <= {"file", "data"}
