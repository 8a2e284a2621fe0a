"""The page of ``comfyflow serve`` in a real browser: what a user does with it.

Debian's Chromium, through playwright; skipped where one of them is missing.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from comfynodes import (
    CheckpointLoaderSimple,
    CLIPTextEncode,
    EmptyLatentImage,
    KSampler,
    PreviewAny,
    SaveImage,
    VAEDecode,
)
from PIL import Image
from pydantic import Field

from comfyflow.recipes import txt2img
from comfyflow.simulator import Simulator
from comfyflow.workflows import workflow

from .real_editor import OpenedPage, a_browser
from .serving import Served, greeting, inverted, plain, serving

pytestmark = pytest.mark.slow

LARGE = 2**64 - 1


@dataclass
class Box:
    width: int
    height: int = 4


@workflow
def noise(prompt: str, seed: int = 0, steps: int = 3) -> SaveImage:
    """A picture that takes a while.

    Args:
        prompt: What to show.
    """
    model, clip, vae = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    text = CLIPTextEncode(text=prompt, clip=clip)
    latent = KSampler(
        model=model, seed=seed, steps=steps, cfg=7.0, sampler_name="euler", scheduler="normal",
        positive=text, negative=text, latent_image=EmptyLatentImage(width=64, height=64),
    )  # fmt: skip
    return SaveImage(images=VAEDecode(samples=latent, vae=vae), filename_prefix="noise")


@workflow
def everything(
    name: str,
    note: Optional[str] = None,  # noqa: UP045  # as users write it
    count: Annotated[int, Field(ge=1, le=50), "How many."] = 3,
    share: Annotated[float, Field(ge=0, le=1)] = 0.5,
    bold: bool = False,
    sure: Optional[bool] = None,  # noqa: UP045
    mark: Literal["!", "?"] = "!",
    words: list[str] = [],  # noqa: B006
    size: tuple[int, int] = (8, 4),
    box: Optional[Box] = None,  # noqa: UP045
    either: Union[int, str] = 1,  # noqa: UP007
    table: dict[str, int] = {},  # noqa: B006
) -> PreviewAny:
    """All kinds of parameters."""
    values = [name, note, count, share, bold, sure, mark, words, size, box and box.width, either, table]
    return PreviewAny(source=json.dumps(values))


class Opened(OpenedPage):
    """The page, once the jobs are there."""

    def __init__(self, browser: Any, served: Served, name: str = "", **options: Any) -> None:
        self.base = str(served.http.base_url)
        super().__init__(browser, f"{self.base}#/{name}", **options)
        self.page.set_default_timeout(60_000)
        self.page.wait_for_selector("#key:not([hidden]), #form form")
        self.page.wait_for_selector("#key:not([hidden]), #list .card, #none:not([hidden])")

    def field(self, title: str) -> Any:
        return self.page.get_by_label(title, exact=False).first

    def run(self) -> Any:
        """Send the form, and give the newest card."""
        cards = self.page.locator(".card").count()
        self.page.click("#form button.main")
        self.page.wait_for_function("count => document.querySelectorAll('.card').length > count", arg=cards)
        return self.page.locator(".card").first

    def done(self, state: str = "completed") -> Any:
        """The newest card, once its job has ended."""
        card = self.page.locator(f".card:first-child[data-state={state}]")
        card.wait_for()
        return card

    def of_parameters(self) -> dict[str, str]:
        """The parameters of the newest job, as its card shows them."""
        lines: list[tuple[str, str]] = (
            self.page.locator(".card")
            .first.locator("table tr")
            .evaluate_all("all => all.map(line => [...line.cells].map(cell => cell.textContent))")
        )
        return dict(lines)

    def check(self, *expected: str) -> None:
        """Nothing went wrong but what was expected, and no request has left the page."""
        assert [each for each in self.troubles if not any(word in each for word in expected)] == []
        elsewhere = [url for url in self.requests if not url.startswith((self.base, "data:", "blob:"))]
        assert elsewhere == []
        assert self.page.evaluate("window.wasHacked") is None


REFUSED = "the server responded with a status of 422"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as started:
        yield started


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(previews=True, step_seconds=0.02) as made:
        yield made


@pytest.fixture(scope="module")
def served(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    out = tmp_path_factory.mktemp("out")
    functions = [noise, everything, plain, greeting, inverted]
    with serving(out, simulator, functions=functions, depth=1) as made:
        yield made


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
