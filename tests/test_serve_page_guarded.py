"""The page of ``comfyflow serve`` in a real browser: who may see it, who can use it, and that no text runs.

Debian's Chromium, through playwright; skipped where one of them is missing.
"""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from comfyflow.serve.access import ApiKey
from comfyflow.simulator import Simulator

from .served_page import Opened, browser, noise, served, simulator
from .serving import Served, serving
from .test_picture import HOSTILE

__all__ = ["browser", "served", "simulator"]

pytestmark = pytest.mark.slow

KEY = "a long enough key"
UNAUTHORIZED = "the server responded with a status of 401"


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 2))
def test_no_value_of_a_stranger_runs(browser: Any, served: Served, start: int) -> None:
    words = [each.encode("utf-8", "replace").decode() for each in HOSTILE[start : start + 2]]
    opened = Opened(browser, served, "greeting")
    page = opened.page
    for word in words:
        opened.field("Name").fill(word)
        opened.run()
        opened.done()
    page.locator(".card summary").first.click()
    page.locator(".card").first.get_by_role("button", name="Use these values again").click()
    page.wait_for_function("() => document.querySelector('#form input').value !== ''")
    assert page.evaluate("document.querySelectorAll('script').length") == 1
    assert (
        page.evaluate(
            "document.querySelectorAll('iframe, svg, object, embed, .card img:not(.preview)').length"
        )
        == 0
    )
    opened.check()


def hostile_answers(word: str, base: str) -> dict[str, Any]:
    """What a service would answer in which every text is a stranger's."""
    entry = {"title": word, "description": word, "default": word, "type": "string", "x-upload": word}
    choice = {"title": word, "enum": [word, 1], "default": word}
    names = {
        f"{word}1": entry,
        f"{word}2": choice,
        "__proto__": {"type": "object", "properties": {word: entry}},
    }
    failure = {"kind": word, "message": word}
    file = {"n": 0, "url": "/jobs/x/outputs/0", "name": word, "size": 1, "sha256": word}
    job = {
        "id": word, "workflow": word, "state": "failed", "created": 1.0, "sent": 1.0, "ended": 2.0,
        "parameters": {word: word, "__proto__": {word: [word]}}, "failure": failure, "progress": None,
        "outputs": [{**file, "media_type": kind} for kind in ("image/png", "video/mp4", "audio/ogg", word)],
        "texts": {word: [word]}, "url": "/jobs/x", "events": "/jobs/x/events",
        "workflow_url": "/jobs/x/workflow",
    }  # fmt: skip
    runs = {
        **job, "id": f"{word}2", "state": "in_progress", "failure": None, "outputs": [],
        "progress": {"phase": "running", "title": word, "class_type": word, "value": 1, "maximum": 2},
    }  # fmt: skip
    workflows = [
        {"name": name, "description": word, "jobs": "/workflows/x/jobs", "schema_url": "/workflows/x/schema"}
        for name in (word, f"{word}2")
    ]
    preview = {"node": word, "image": f'data:image/svg+xml,<svg xmlns="x" onload="hacked()">{word}'}
    return {
        "/workflows": {"workflows": workflows},
        "/workflows/x/schema": {"properties": names, "required": [*names], "type": "object"},
        "/jobs": {"jobs": [runs, job], "next": f"{base}jobs?before=1"},
        "/jobs/x": job,
        "/jobs/x/events": f"event: preview\ndata: {json.dumps(preview)}\n\n: {word!a}\n\n",
        "/jobs/x/outputs/0": word,
        "/workflows/x/jobs": {
            "detail": word,
            "problems": [{"parameter": name, "message": word} for name in (f"{word}1", word)],
        },
    }


@pytest.mark.parametrize("word", [each for each in HOSTILE if each.isprintable()])
def test_no_text_of_a_service_or_a_workflow_runs(browser: Any, served: Served, word: str) -> None:
    answers = hostile_answers(word, str(served.http.base_url))
    page = browser.new_page()
    troubles: list[str] = []
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.add_init_script("window.hacked = () => { window.wasHacked = true; };")

    def answer(route: Any) -> None:
        path = route.request.url.partition("//")[2].partition("/")[2].partition("?")[0]
        found = answers.get(f"/{path}")
        if found is None:
            route.continue_()
            return
        body = found if isinstance(found, str) else json.dumps(found)
        kind = "text/event-stream" if path.endswith("events") else "application/json"
        status = 422 if route.request.method == "POST" else 200
        route.fulfill(status=status, body=body, content_type=kind)

    page.route("**/*", answer)
    page.goto(str(served.http.base_url))
    page.wait_for_selector(".card")
    assert page.locator(".card").count() == 2
    page.locator(".card summary").first.click()
    page.click("#form button.main")
    page.wait_for_selector(".problem:not(:empty)")
    page.get_by_role("button", name="Use these values again").last.click()
    page.locator("#workflows a").last.click()
    page.locator("button.picture").first.click()
    page.keyboard.press("Escape")
    assert page.evaluate("window.wasHacked") is None
    assert page.evaluate("({}).width") is None
    assert page.evaluate("document.querySelectorAll('script').length") == 1
    assert (
        page.evaluate("document.querySelectorAll('iframe, svg, object, embed, [onload], [onerror]').length")
        == 0
    )
    assert not page.evaluate("[...document.links].some(each => /^(javascript|data):/.test(each.href))")
    assert troubles == []
    page.close()


def test_what_is_put_into_the_page_does_not_run_nor_ask(browser: Any, served: Served) -> None:
    opened = Opened(browser, served)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        refused = opened.page.evaluate(
            """async port => {
                const [script, picture, link] = ["script", "img", "a"].map(
                    tag => document.createElement(tag));
                for (const act of [
                    () => { script.textContent = "hacked()"; },
                    () => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=hacked()>"),
                    () => link.setAttribute("onclick", "hacked()"),
                ]) {
                    try { act(); } catch (error) { if (!(error instanceof TypeError)) throw error; }
                }
                picture.src = `http://127.0.0.1:${port}/leak.png`;
                document.body.append(script, picture, link);
                link.click();
                await new Promise(done => { picture.onerror = picture.onload = done; });
                try { await fetch(`http://127.0.0.1:${port}/leak`); return false; } catch { return true; }
            }""",
            port,
        )
        assert refused
        assert opened.page.evaluate("window.wasHacked") is None
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert any("Content Security Policy" in trouble for trouble in opened.troubles)


def test_a_key_is_asked_for_and_kept_for_the_tab(browser: Any, simulator: Simulator, tmp_path: Path) -> None:
    keys = [ApiKey("ada", hashlib.sha256(KEY.encode()).digest())]
    with serving(tmp_path / "out", simulator, functions=[noise], keys=keys) as served:
        opened = Opened(browser, served, "noise")
        page = opened.page
        assert page.is_hidden("#main")
        assert page.evaluate("document.activeElement.id") == "key-text"
        page.keyboard.type("a wrong key")
        page.keyboard.press("Enter")
        page.get_by_text("An API key has no spaces").wait_for()
        page.fill("#key-text", "another-wrong-key")
        page.keyboard.press("Enter")
        page.get_by_text("The service does not know this API key.").wait_for()
        page.close()
    keys = [ApiKey("ada", hashlib.sha256(b"a-long-enough-key").digest())]
    with serving(tmp_path / "out", simulator, functions=[noise], keys=keys) as served:
        opened = Opened(browser, served, "noise")
        page = opened.page
        page.fill("#key-text", "a-long-enough-key")
        page.keyboard.press("Enter")
        opened.field("Prompt").fill("x")
        opened.field("Steps").fill("30")
        opened.run()
        card = opened.done()
        page.wait_for_function("() => document.querySelector('.card .picture img').naturalWidth === 64")
        assert card.locator(".picture img").get_attribute("src").startswith("blob:")
        with page.expect_download() as caught:
            card.get_by_text("Download").click()
        assert caught.value.suggested_filename.endswith(".png")
        with page.expect_download() as caught:
            card.get_by_role("button", name="Workflow file").click()
        assert caught.value.suggested_filename == "noise.json"
        page.reload()
        opened.done()
        assert page.evaluate("JSON.stringify(localStorage)") == "{}"
        assert page.evaluate("document.cookie") == ""
        assert all("a-long-enough-key" not in url for url in opened.requests)
        other = Opened(browser, served)
        assert other.page.is_visible("#key")
        other.page.close()
        page.get_by_role("button", name="Forget the API key").click()
        page.wait_for_selector("#key:not([hidden])")
        assert page.evaluate("sessionStorage.length") == 0
        opened.check(UNAUTHORIZED)


@pytest.mark.parametrize("name", ["noise", "everything", "inverted"])
def test_nothing_stands_out_on_a_phone(browser: Any, served: Served, name: str) -> None:
    size = {"width": 360, "height": 740}
    served.done("greeting", {"name": "x" * 3000})
    served.done("plain", {"width": 2000, "height": 20})
    opened = Opened(browser, served, name, viewport=size, has_touch=True, is_mobile=True)
    page = opened.page
    page.wait_for_selector(".card")
    for each in page.locator("summary").all()[:3]:
        each.tap()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    small = page.evaluate(
        """() => [...document.querySelectorAll("#form button, #form select, #form input, .buttons button")]
            .filter(each => each.offsetHeight && each.type !== "checkbox" && each.offsetHeight < 40)
            .map(each => each.outerHTML.slice(0, 80))"""
    )
    assert small == []
    if name == "noise":
        opened.field("Prompt").fill("a lighthouse")
        opened.tap("#form button.main", "scrollY > 0")
        opened.done()
        page.wait_for_function("() => document.querySelector('.card .picture img').naturalWidth > 0")
        opened.tap(".card button.picture", "document.querySelector('#viewer[open]') !== null")
        opened.tap("#viewer-close", "document.querySelector('#viewer[open]') === null")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    opened.check()


def focused(page: Any) -> str:
    found: str = page.evaluate(
        """() => {
            const each = document.activeElement;
            const label = each.getAttribute("aria-label") || each.labels?.[0]?.textContent;
            return label || each.textContent || each.id;
        }"""
    )
    return found.strip()


def tab_to(page: Any, name: str, key: str = "Tab") -> None:
    """Press Tab until something has the focus, and see that each stop can be seen."""
    for _ in range(80):
        page.keyboard.press(key)
        if focused(page).startswith(name):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"Tab does not come to {name}")


def test_a_picture_is_made_and_looked_at_by_keyboard_alone(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "plain")
    page = opened.page
    tab_to(page, "noise")
    page.keyboard.press("Enter")
    page.wait_for_selector("#form textarea")
    tab_to(page, "Prompt")
    page.keyboard.type("a lighthouse")
    tab_to(page, "Steps")
    page.keyboard.press("Control+a")
    page.keyboard.type("5000")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Cancel this job of noise").first.wait_for()
    tab_to(page, "Cancel this job")
    page.keyboard.press("Enter")
    opened.done("cancelled")
    page.wait_for_function("() => document.activeElement.textContent === 'Use these values again'")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
    tab_to(page, "Steps")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    opened.done()
    tab_to(page, "Enlarge")
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[open]")
    assert focused(page) == "Close"
    page.keyboard.press("Escape")
    assert focused(page).startswith("Enlarge")
    opened.check()


def test_every_field_and_button_has_a_name(browser: Any, served: Served) -> None:
    served.done("plain", {})
    for name in ("noise", "everything", "inverted"):
        opened = Opened(browser, served, name)
        opened.page.wait_for_selector(".card")
        nameless = opened.page.evaluate(
            """() => [...document.querySelectorAll("main :is(input, select, textarea, button, progress, a)")]
                .filter(each => !each.getAttribute("aria-hidden"))
                .filter(each => !each.getAttribute("aria-label") && !each.labels?.length)
                .filter(each => !each.textContent.trim())
                .map(each => each.outerHTML)"""
        )
        assert nameless == []
        doubled = opened.page.evaluate(
            """() => { const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
                return ids.filter((id, at) => ids.indexOf(id) !== at); }"""
        )
        assert doubled == []
        unknown = opened.page.evaluate(
            """() => [...document.querySelectorAll("[aria-describedby], [aria-labelledby], [for]")]
                .flatMap(each => ["aria-describedby", "aria-labelledby", "for"].flatMap(
                    name => (each.getAttribute(name) || "").split(" ").filter(Boolean)))
                .filter(id => !document.getElementById(id))"""
        )
        assert unknown == []
        opened.page.close()


CONTRAST = """() => {
    const light = text => {
        const [red, green, blue] = text.match(/[\\d.]+/g).slice(0, 3).map(each => each / 255)
            .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = each => {
        for (; each; each = each.parentElement) {
            const color = getComputedStyle(each).backgroundColor;
            if (!/, 0\\)$|transparent/.test(color)) return color;
        }
        return "rgb(255, 255, 255)";
    };
    return [...document.querySelectorAll("body *")].filter(each => each.offsetHeight && !each.disabled
            && [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
        .map(each => {
            const both = [light(getComputedStyle(each).color), light(ground(each))];
            const [one, other] = both.sort((a, b) => b - a);
            return [(one + 0.05) / (other + 0.05), each.outerHTML.slice(0, 120)];
        }).filter(([ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_and_can_be_read(browser: Any, served: Served, scheme: str) -> None:
    served.done("greeting", {"name": "Ada"})
    served.http.delete(served.job("noise", {"prompt": "x", "steps": 5000}).json()["url"])
    served.done("inverted", {"image": "missing.png"})
    opened = Opened(browser, served, "noise", color_scheme=scheme)
    page = opened.page

    def is_light() -> bool:
        ground: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(ground[4:].partition(",")[0]) > 128

    page.wait_for_selector("[data-state=invalid]")
    page.click("#form button.main")
    page.wait_for_selector(".field.wrong")
    assert is_light() == (scheme == "light")
    assert page.evaluate(CONTRAST) == []
    page.click("#theme")
    assert is_light() == (scheme == "dark")
    assert page.evaluate(CONTRAST) == []
    page.reload()
    assert is_light() == (scheme == "dark")
