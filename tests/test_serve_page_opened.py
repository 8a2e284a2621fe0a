"""The page of ``comfyflow serve`` in a real browser: what a user does with it.

Debian's Chromium, through playwright; skipped where one of them is missing.
"""

from __future__ import annotations

import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow.recipes import txt2img
from comfyflow.simulator import Simulator

from .served_page import Opened, browser, noise, served, simulator
from .serving import Outage, Served, greeting, plain, serving

__all__ = ["browser", "served", "simulator"]

pytestmark = pytest.mark.slow

LARGE = 2**64 - 1
REFUSED = "the server responded with a status of 422"


def png(color: str = "red") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (4, 2), color).save(made, "PNG")
    return made.getvalue()


def test_a_picture_is_made_with_progress_and_preview(browser: Any, served: Served, tmp_path: Path) -> None:
    opened = Opened(browser, served, "noise")
    page = opened.page
    page.evaluate(
        """() => {
            window.told = new Set();
            const all = { subtree: true, childList: true, characterData: true, attributes: true };
            new MutationObserver(() => {
                for (const live of document.querySelectorAll(".live, #said")) told.add(live.textContent);
                if (document.querySelector(".preview:not([hidden])")?.naturalWidth) told.add("preview");
            }).observe(document.body, all);
        }"""
    )
    opened.field("Prompt").fill("a lighthouse")
    opened.field("Steps").fill("60")
    opened.run()
    card = opened.done()
    told = page.evaluate("[...window.told]")
    assert any(re.fullmatch(r"Running KSampler \d+ %", each) for each in told), told
    assert "preview" in told
    assert {"noise: Running KSampler", "noise: done"} <= set(told)
    page.wait_for_function("() => document.querySelector('.card .picture img').naturalWidth === 64")
    assert opened.of_parameters() == {"prompt": "a lighthouse", "seed": "0", "steps": "60"}
    with page.expect_download() as caught:
        card.get_by_text("Download").click()
    caught.value.save_as(tmp_path / "x.png")
    assert Image.open(io.BytesIO((tmp_path / "x.png").read_bytes())).size == (64, 64)
    with page.expect_download() as caught:
        card.get_by_role("button", name="Workflow file").click()
    assert caught.value.suggested_filename == "noise.json"
    caught.value.save_as(tmp_path / "noise.json")
    nodes = json.loads((tmp_path / "noise.json").read_text(encoding="utf-8"))["nodes"]
    assert "KSampler" in {node["type"] for node in nodes}
    opened.check()


def test_a_job_is_opened_in_the_editor(browser: Any, simulator: Simulator, tmp_path: Path) -> None:
    with serving(tmp_path / "out", simulator, functions=[plain], editor=True) as served:
        opened = Opened(browser, served, "plain")
        opened.run()
        opened.done().get_by_role("button", name="Open in the editor").click()
        name = f"plain {served.http.get('/jobs').json()['jobs'][0]['id'][:8]}"
        text = f"The editor has it: open {simulator.url}, and “{name}” in the sidebar's workflows."
        opened.page.get_by_text(text).wait_for()
        link = opened.page.get_by_role("link", name=simulator.url)
        assert (link.get_attribute("rel"), link.get_attribute("target")) == ("noopener noreferrer", "_blank")
        opened.check()


def test_a_mistake_is_shown_at_its_field(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "noise")
    page = opened.page
    opened.field("Steps").fill("0")
    page.click("#form button.main")
    page.wait_for_selector(".field.wrong")
    told = page.eval_on_selector_all(".field.wrong .problem", "all => all.map(each => each.textContent)")
    assert told == [
        "prompt is missing; it expects a string",
        "steps expects an integer, at least 1, at most 10000, not 0",
    ]
    assert page.evaluate("document.activeElement === document.querySelector('.field.wrong textarea')")
    assert opened.field("Steps").get_attribute("aria-invalid") == "true"
    described = opened.field("Steps").get_attribute("aria-describedby").split()
    assert told[1] in [page.text_content(f"#{each}") for each in described]
    opened.field("Steps").fill("2")
    assert opened.field("Steps").get_attribute("aria-invalid") is None
    opened.field("Prompt").fill("x")
    opened.run()
    opened.done()
    opened.check(REFUSED)


def test_what_the_workflow_itself_refuses_is_told_below_the_form(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "greeting")
    opened.field("Name").fill("Ada")
    opened.field("Times").fill("4")
    opened.page.click("#form button.main")
    opened.page.get_by_text("so often nobody is greeted").wait_for()
    opened.field("Times").fill("2")
    opened.run()
    assert opened.done().locator("pre").text_content() == "Ada!!"
    opened.check(REFUSED)


def test_every_kind_of_parameter_has_a_field_that_gives_it(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "everything")
    page = opened.page
    opened.field("Name").fill("Ada")
    opened.run()
    (text,) = opened.done().locator("pre").all_text_contents()
    assert json.loads(text) == ["Ada", None, 3, 0.5, False, None, "!", [], [8, 4], None, 1, {}]
    opened.field("Note").fill("a note")
    opened.field("Count").fill("7")
    assert page.locator(".field", has_text="Count").locator("[type=range]").input_value() == "7"
    opened.field("Share").fill("0.25")
    opened.field("Bold").check()
    opened.field("Sure").select_option(label="no")
    opened.field("Mark").select_option(label="?")
    for word in ("one", "two"):
        page.get_by_role("button", name="Add a value to Words").click()
        page.keyboard.type(word)
    page.get_by_label("Size 2").fill("9")
    page.locator(".object").get_by_label("Width").fill("5")
    opened.field("Either").fill("12 apples")
    opened.field("Table").fill('{"a": 1')
    page.click("#form button.main")
    page.get_by_text("table is not JSON").wait_for()
    opened.field("Table").fill('{"a": 1}')
    opened.run()
    (text,) = opened.done().locator("pre").all_text_contents()
    values = ["Ada", "a note", 7, 0.25, True, False, "?", ["one", "two"], [8, 9], 5, "12 apples", {"a": 1}]
    assert json.loads(text) == values
    page.get_by_role("button", name="Reset").click()
    assert opened.field("Count").input_value() == "3"
    page.locator(".card").first.get_by_role("button", name="Use these values again").click()
    opened.run()
    (text,) = opened.done().locator("pre").all_text_contents()
    assert json.loads(text) == values
    opened.check()


def test_the_files_of_the_server_are_offered(browser: Any, tmp_path: Path) -> None:
    models = {"checkpoints": ["a.safetensors", "<b>.safetensors"], "loras": ["c.safetensors"]}
    with (
        Simulator(models=models) as simulator,
        serving(tmp_path / "out", simulator, functions=[txt2img]) as served,
    ):
        opened = Opened(browser, served)
        opened.page.wait_for_selector("datalist", state="attached")
        names = opened.field("Checkpoint").evaluate("each => [...each.list.options].map(e => e.value)")
        assert names == sorted(models["checkpoints"])
        opened.check()


def test_seeds_stay_what_they_are(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "noise")
    page = opened.page
    opened.field("Prompt").fill("x")
    opened.field("Seed").fill(str(LARGE))
    opened.run()
    opened.done()
    assert served.http.get("/jobs?limit=1").json()["jobs"][0]["parameters"]["seed"] == LARGE
    assert opened.of_parameters()["seed"] == str(LARGE)
    page.reload()
    opened.done()
    page.locator(".card").first.get_by_role("button", name="Use these values again").click()
    page.wait_for_function(
        f"() => [...document.querySelectorAll('#form input')].some(e => e.value === '{LARGE}')"
    )
    opened.run()
    opened.done()
    assert served.http.get("/jobs?limit=1").json()["jobs"][0]["parameters"]["seed"] == LARGE
    page.get_by_role("button", name="New seed").click()
    drawn = opened.field("Seed").input_value()
    assert drawn != str(LARGE)
    assert 0 <= int(drawn) <= LARGE
    page.get_by_label("a new one for each job").check()
    opened.run()
    opened.done()
    assert opened.of_parameters()["seed"] == opened.field("Seed").input_value() != drawn
    opened.check()


def chosen(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def test_files_are_chosen_and_dropped(browser: Any, served: Served, tmp_path: Path) -> None:
    opened = Opened(browser, served, "inverted")
    page = opened.page
    field = page.locator(".file").first
    field.locator("[type=file]").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"<html>"}
    )
    page.click("#form button.main")
    page.get_by_text("image got a file that is not a picture").wait_for()
    field.get_by_role("button", name="Remove x.png").click()
    field.locator("[type=file]").set_input_files(chosen("y.png", png()))
    opened.run()
    opened.done()
    reference = opened.of_parameters()["image"]
    assert reference.startswith("upload:")
    data = page.evaluate_handle(
        """bytes => {
            const made = new DataTransfer(), name = "<img src=x onerror=hacked()>.png";
            made.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
            return made;
        }""",
        [*png("blue")],
    )
    field.dispatch_event("drop", {"dataTransfer": data})
    assert "<img src=x onerror=hacked()>.png" in field.text_content()
    opened.run()
    opened.done()
    assert opened.of_parameters()["image"] not in ("", reference)
    page.wait_for_function("() => document.querySelector('.card .picture img').naturalWidth === 4")
    page.locator(".card").nth(1).get_by_role("button", name="Use these values again").click()
    opened.run()
    opened.done()
    assert opened.of_parameters()["image"] == reference
    opened.check(REFUSED)


def test_jobs_that_run_and_that_wait_are_cancelled(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "noise")
    page = opened.page
    opened.field("Prompt").fill("x")
    opened.field("Steps").fill("5000")
    first = opened.run()
    page.get_by_text(re.compile(r"Running KSampler \d+ %")).wait_for()
    second = opened.run()
    assert second.get_attribute("data-state") in ("pending", "in_progress")
    for _ in range(2):
        page.get_by_role("button", name="Cancel this job of noise").first.click()
        opened.page.wait_for_function(
            "() => !document.querySelector('.card').querySelector('button:disabled')"
        )
    page.wait_for_function("() => document.querySelectorAll('.card[data-state=cancelled]').length >= 2")
    assert page.get_by_role("button", name="Cancel this job of noise").count() == 0
    del first
    opened.check()


def test_the_list_outlives_a_reload_and_a_restart(browser: Any, simulator: Simulator, tmp_path: Path) -> None:
    with serving(tmp_path / "out", simulator, functions=[greeting, plain]) as served:
        jobs = [served.done("greeting", {"name": f"number {n}"}) for n in range(25)]
        opened = Opened(browser, served)
        page = opened.page
        page.wait_for_function("() => document.querySelectorAll('.card').length === 20")
        page.get_by_role("button", name="Show older jobs").click()
        page.wait_for_function("() => document.querySelectorAll('.card').length === 25")
        assert page.locator(".card pre").all_text_contents() == [f"number {n}!" for n in reversed(range(25))]
        assert page.get_by_role("button", name="Show older jobs").is_hidden()
        page.select_option("#of", "plain")
        page.get_by_text("There are no jobs here yet.").wait_for()
        page.close()
    with serving(tmp_path / "out", simulator, functions=[plain]) as served:
        opened = Opened(browser, served)
        opened.page.wait_for_selector(".card")
        assert opened.page.locator(".card pre").first.text_content() == "number 24!"
        opened.page.get_by_role("button", name="Use these values again").first.click()
        opened.page.get_by_text("greeting is no longer served.").wait_for()
        opened.check()
    assert len(jobs) == 25


class Held:
    """The answer to the next request for an address, as the service gives it now, until it is let go."""

    def __init__(self, page: Any, address: str) -> None:
        self._page = page
        self._routes: list[tuple[Any, Any]] = []
        page.route(address, self._hold, times=1)

    def _hold(self, route: Any) -> None:
        self._routes.append((route, route.fetch()))

    def wait(self) -> None:
        """Wait until the service has answered."""
        for _ in range(6000):
            if self._routes:
                return
            self._page.wait_for_timeout(10)
        raise AssertionError("there is no such request")

    def let_go(self) -> None:
        ((route, answer),) = self._routes
        route.fulfill(response=answer)


def test_a_list_that_comes_late_is_put_below_the_job_that_was_sent_meanwhile(
    browser: Any, simulator: Simulator, tmp_path: Path
) -> None:
    with serving(tmp_path / "out", simulator, functions=[greeting]) as served:
        for n in range(21):
            served.done("greeting", {"name": f"number {n}"})
        opened = Opened(browser, served)
        page = opened.page
        held = Held(page, "**/jobs?*")
        page.select_option("#of", "greeting")
        held.wait()
        opened.field("Name").fill("the last")
        opened.run()
        opened.done()
        assert page.locator(".card").count() == 1
        held.let_go()
        page.wait_for_function("() => document.querySelectorAll('.card').length > 1")
        shown = page.locator(".card pre").all_text_contents()
        assert shown == ["the last!", *(f"number {n}!" for n in reversed(range(1, 21)))]
        page.get_by_role("button", name="Show older jobs").click()
        page.wait_for_function("() => document.querySelectorAll('.card').length === 22")
        opened.check()


def test_an_answer_that_comes_late_does_not_undo_what_was_heard_since(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "greeting")
    page = opened.page
    page.evaluate(
        """() => {
            window.states = [];
            new MutationObserver(changes => {
                for (const { target } of changes) if (target.dataset.state) states.push(target.dataset.state);
            }).observe(document.body, { subtree: true, attributeFilter: ["data-state"] });
        }"""
    )
    held = Held(page, "**/workflows/greeting/jobs")
    opened.field("Name").fill("late")
    page.click("#form button.main")
    held.wait()
    served.done("greeting", {"name": "later"})
    page.select_option("#of", "greeting")
    page.locator(".card[data-state=completed] pre", has_text="later!").wait_for()
    page.locator(".card[data-state=completed] pre", has_text="late!").wait_for()
    before = page.evaluate("states.length")
    held.let_go()
    page.locator("#said", has_text="greeting: sent").wait_for(state="attached")
    assert page.evaluate("states")[before:] == []
    opened.check()


def test_a_job_of_somebody_else_is_followed_too(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "noise")
    job = served.job("noise", {"prompt": "x", "steps": 5000}).json()
    waits = [served.job("greeting", {"name": f"{n}"}).json() for n in range(4)]
    opened.page.reload()
    opened.page.locator(".card[data-state=in_progress]").wait_for()
    served.http.delete(job["url"])
    for each in waits:
        opened.page.locator(
            ".card[data-state=completed] pre", has_text=f"{each['parameters']['name']}!"
        ).wait_for()
    opened.page.wait_for_function(
        "() => !document.querySelector('[data-state=pending], [data-state=in_progress]')"
    )
    opened.check()


def test_a_job_whose_events_are_refused_is_asked_for(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "noise")
    opened.page.route("**/events", lambda route: route.fulfill(status=403, json={"detail": "not here"}))
    opened.field("Prompt").fill("x")
    opened.run()
    opened.done()
    opened.check("the server responded with a status of 403")


def test_a_job_that_the_service_no_longer_has_leaves_the_list(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "noise")
    page = opened.page
    page.route("**/events", lambda route: route.fulfill(status=404, json={"detail": "unknown job"}))
    opened.field("Prompt").fill("gone")
    opened.field("Steps").fill("5000")
    opened.run()
    card = page.locator(".card", has_text="gone")
    page.locator(".card[data-state=in_progress]", has_text="gone").wait_for()
    page.route("**/jobs?*", lambda route: route.fulfill(json={"jobs": [], "next": None}))
    page.route("**/jobs/*", lambda route: route.fulfill(status=404, json={"detail": "unknown job"}))
    card.wait_for(state="detached")
    served.http.delete(served.http.get("/jobs?limit=1").json()["jobs"][0]["url"])
    opened.check("the server responded with a status of 404")


def test_a_server_that_does_not_answer_is_shown(browser: Any, simulator: Simulator, tmp_path: Path) -> None:
    outage = Outage()
    with serving(tmp_path / "out", simulator, functions=[noise], outage=outage) as served:
        opened = Opened(browser, served, "noise")
        page = opened.page
        opened.field("Prompt").fill("x")
        opened.field("Steps").fill("5000")
        opened.run()
        runs = page.locator(".live", has_text="Running KSampler")
        is_away = page.locator(".live", has_text="The server does not respond; the job may still run there")
        runs.wait_for()
        with simulator.silent_sockets():
            outage.is_on.set()
            is_away.wait_for()
            page.reload()
            is_away.wait_for()
            outage.is_on.clear()
            runs.wait_for()
        page.get_by_role("button", name="Cancel this job of noise").click()
        opened.done("cancelled")
        opened.check()


def test_a_large_picture_is_shown_small_and_enlarged_as_it_is(browser: Any, served: Served) -> None:
    opened = Opened(browser, served, "inverted")
    page = opened.page
    content = io.BytesIO()
    Image.frombytes("RGB", (700, 100), random.Random(1).randbytes(3 * 700 * 100)).save(content, "PNG")
    page.locator(".file [type=file]").first.set_input_files(chosen("x.png", content.getvalue()))
    opened.run()
    opened.done()
    page.wait_for_function("() => document.querySelector('.card .picture img').naturalWidth === 640")
    page.locator(".card .picture").first.click()
    page.wait_for_function("() => document.querySelector('#viewer-picture').naturalWidth === 700")
    opened.check()
