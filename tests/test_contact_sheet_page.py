"""Contact sheets in a real browser: what a reader does with one, and that nothing on it runs.

Debian's Chromium, through playwright; skipped where one of them is missing.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow.batch import Rows, contact_sheet

from .contact_sheets import Batch, grid, picture
from .real_editor import OpenedPage, a_browser
from .test_contact_sheet_live import served
from .test_picture import HOSTILE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with a_browser() as started:
        yield started


class Opened(OpenedPage):
    """A sheet."""

    def tiles(self) -> list[str]:
        """The rows in sight, as a reader reads them."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll(".tile")]
                .map(tile => [parseFloat(tile.style.top), parseFloat(tile.style.left), tile.dataset.key])
                .sort((one, other) => one[0] - other[0] || one[1] - other[1]).map(each => each[2])"""
        )
        return found

    def places(self) -> dict[str, tuple[float, float]]:
        found: dict[str, tuple[float, float]] = self.page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll(".tile")]
                .map(tile =>
                    [tile.dataset.key, [parseFloat(tile.style.left), parseFloat(tile.style.top)]]))"""
        )
        return {key: (left, top) for key, (left, top) in found.items()}

    def loaded(self) -> None:
        """Wait until each picture in sight is there."""
        self.page.wait_for_function(
            "() => { const all = [...document.querySelectorAll('.tile img')];"
            " return all.length && all.every(each => each.complete && each.naturalWidth > 0); }"
        )


def opened_sheet(browser: Any, folder: Path, **options: Any) -> Opened:
    file = contact_sheet(folder, folder / "sheet.html", **options).path
    return Opened(browser, file.as_uri())


def test_a_grid_has_its_values_along_its_edges(browser: Any, tmp_path: Path) -> None:
    batch = grid(tmp_path, 3, 2)
    batch.failed({"prompt": "a lighthouse", "steps": 5, "sampler": "sampler 1"}, "out of luck")
    opened = opened_sheet(browser, batch.write())
    opened.loaded()
    assert opened.page.eval_on_selector_all("#across .head", "all => all.map(e => e.textContent)") == [
        "5", "10", "20", "30",
    ]  # fmt: skip
    assert opened.page.eval_on_selector_all("#down .head", "all => all.map(e => e.textContent)") == [
        "sampler 0", "sampler 1",
    ]  # fmt: skip
    places = opened.places()
    assert [key for key, _ in sorted(places.items(), key=lambda each: each[1][::-1])] == [
        "0/0", "1/0", "2/0", "6/0", "3/0", "4/0", "5/0",
    ]  # fmt: skip
    assert opened.page.text_content('[data-key="6/0"] .error') == "node_error: out of luck"
    assert opened.page.text_content("#told") == "7 of 7 rows, 1 failed"
    opened.page.select_option("#x", "")
    opened.page.select_option("#y", "")
    assert opened.tiles() == [f"{number}/0" for number in range(7)]
    assert opened.troubles == []


def test_a_reader_filters_sorts_and_searches(browser: Any, tmp_path: Path) -> None:
    batch = Batch(tmp_path)
    for number, (steps, name) in enumerate([(30, "dpm"), (4, "euler"), (200, "dpm"), (4, "ddim")]):
        batch.done({"steps": steps, "sampler": name}, (f"{number}.png", picture(number)))
    batch.failed({"steps": 9, "sampler": "dpm"}, "no room")
    opened = opened_sheet(browser, batch.write())
    page = opened.page
    page.select_option("#x", "")
    page.select_option("#y", "")
    page.select_option("#sort", label="steps")
    assert opened.tiles() == ["1/0", "3/0", "4/0", "0/0", "2/0"]
    page.click("#order")
    assert opened.tiles() == ["2/0", "0/0", "4/0", "1/0", "3/0"]
    page.select_option("#state", "failed")
    assert opened.tiles() == ["4/0"]
    page.select_option("#state", "")
    page.locator("#filters label", has_text="sampler").locator("select").select_option(label="dpm")
    assert opened.tiles() == ["2/0", "0/0", "4/0"]
    page.keyboard.press("/")
    page.fill("#search", "sampler=dpm no room")
    assert opened.tiles() == ["4/0"]
    page.keyboard.press("Escape")
    assert opened.tiles() == ["2/0", "0/0", "4/0"]
    assert opened.troubles == []


def test_favourites_are_written_as_rows_and_outlast_the_page(browser: Any, tmp_path: Path) -> None:
    batch = Batch(tmp_path)
    rows: list[dict[str, Any]] = [
        {"prompt": 'a "cat"\u2028\n</script>', "seed": 2**64 - 1, "__proto__": 1.5},
        {"prompt": "b", "seed": 2**63 + 1},
        {"prompt": "c", "seed": 3, "flags": [True, None, {"é": "\U0001f600"}]},
    ]
    for number, row in enumerate(rows):
        batch.done(row, (f"{number}.png", picture(number)))
    opened = opened_sheet(browser, batch.write())
    page = opened.page
    assert page.is_disabled("#export")
    page.click('[data-key="0/0"] .star')
    page.focus('[data-key="1/0"] .open')
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    assert page.text_content("#told") == "3 of 3 rows, 2 favourites"
    page.reload()
    page.check("#only")
    assert opened.tiles() == ["0/0", "2/0"]
    with page.expect_download() as caught:
        page.click("#export")
    caught.value.save_as(tmp_path / "favourites.jsonl")
    assert caught.value.suggested_filename == "favourites.jsonl"
    assert [dict(row.parameters) for row in Rows.jsonl(tmp_path / "favourites.jsonl")] == [rows[0], rows[2]]
    assert opened.troubles == []


def test_two_rows_are_compared_side_by_side(browser: Any, tmp_path: Path) -> None:
    opened = opened_sheet(browser, grid(tmp_path, 3, 2).write())
    page = opened.page
    page.focus('[data-key="0/0"] .open')
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    page.click("#compare")
    assert page.eval_on_selector_all(".side td.other", "all => all.map(e => e.textContent)") == [
        "sampler 0", "sampler 1",
    ]  # fmt: skip
    page.wait_for_function(
        "() => [...document.querySelectorAll('.stage img')].filter(e => e.naturalWidth === 64).length === 2"
    )
    page.keyboard.press("Escape")
    assert not page.evaluate("document.querySelector('#dialog').open")
    assert page.evaluate("document.activeElement.closest('.tile').dataset.key") == "3/0"
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.text_content(".side td") == "4, completed"
    page.click("#close button")
    assert opened.troubles == []
    assert {url.partition(":")[0] for url in opened.requests} <= {"file", "data"}


def test_a_sheet_without_the_files_still_shows_thumbnails(browser: Any, tmp_path: Path) -> None:
    folder = grid(tmp_path / "sweep", 2, 1).write()
    made = contact_sheet(folder, tmp_path / "sheet.html")
    alone = tmp_path / "elsewhere" / "sheet.html"
    alone.parent.mkdir()
    made.path.rename(alone)
    opened = Opened(browser, alone.as_uri())
    opened.loaded()
    opened.page.click('[data-key="1/0"] .open')
    opened.page.wait_for_function(
        "() => { const e = document.querySelector('.stage img');"
        " return e.src.startsWith('data:') && e.naturalWidth > 0; }"
    )


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 3))
def test_no_text_of_a_stranger_runs(browser: Any, tmp_path: Path, start: int) -> None:
    words = [(HOSTILE * 2)[start + each].encode("utf-8", "replace").decode() for each in range(3)]
    batch = Batch(tmp_path)
    for number in range(4):
        values = {words[0]: words[number % 2], words[1]: {words[2]: number}, "x": words[number % 3]}
        files = (f"{words[2]}{number}", b"x"), (f"{number}.png", words[0].encode())
        batch.done(values, *files, texts={"1": words[2]})
    batch.failed({words[0]: words[1]}, words[2])
    opened = opened_sheet(browser, batch.write(), title=words[1])
    page = opened.page
    page.select_option("#x", "0")
    page.select_option("#y", "2")
    first, second, *_ = opened.tiles()
    page.click(f'[data-key="{first}"] .open')
    seen = {page.text_content(".side td")}
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        seen.add(page.text_content(".side td"))
    assert seen == {"0, completed", "1, completed", "2, completed", "3, completed", "4, failed"}
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    page.click(f'[data-key="{first}"] .pair')
    page.click(f'[data-key="{second}"] .pair')
    page.click("#compare")
    page.keyboard.press("Escape")
    page.fill("#search", words[0])
    assert page.evaluate("window.wasHacked") is None
    assert page.evaluate("document.querySelectorAll('script:not(#data)').length") == 1
    assert page.evaluate("document.querySelectorAll('a, iframe, svg, object, embed').length") == 0
    assert opened.troubles == []
    assert {url.partition(":")[0] for url in opened.requests} <= {"file", "data"}
    assert all(Path(url[7:]).parent == tmp_path for url in opened.requests if url.startswith("file://"))


def test_a_script_that_is_put_into_the_page_does_not_run_nor_ask(browser: Any, tmp_path: Path) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    opened = opened_sheet(browser, grid(tmp_path, 1, 1).write())
    opened.page.evaluate(
        """port => {
            const script = document.createElement("script");
            script.textContent = "hacked()";
            const picture = new Image();
            picture.src = `http://127.0.0.1:${port}/leak.png`;
            const link = document.createElement("a");
            link.setAttribute("onclick", "hacked()");
            document.body.append(script, picture, link);
            link.click();
            return new Promise(done => { picture.onerror = picture.onload = done; })
                .then(() => fetch(`http://127.0.0.1:${port}/leak`)).catch(() => 0);
        }""",
        port,
    )
    assert opened.page.evaluate("window.wasHacked") is None
    listening.setblocking(False)
    with listening, pytest.raises(BlockingIOError):
        listening.accept()
    assert any("Content Security Policy" in trouble for trouble in opened.troubles)


def test_ten_thousand_pictures_are_drawn_as_they_come_into_sight(browser: Any, tmp_path: Path) -> None:
    kept = [picture(number, 8) for number in range(200)]
    folder = grid(tmp_path, 100, 100, lambda number: kept[number % 200]).write()
    opened = opened_sheet(browser, folder)
    opened.loaded()
    page = opened.page
    assert page.evaluate("document.querySelectorAll('.tile').length") < 120
    assert page.text_content("#told") == "10,000 of 10,000 rows"
    page.focus('[data-key="0/0"] .open')
    page.keyboard.press("End")
    page.wait_for_selector('[data-key="9999/0"]')
    opened.loaded()
    assert page.evaluate("document.querySelectorAll('.tile').length") < 120
    assert page.evaluate("document.activeElement.closest('.tile').dataset.key") == "9999/0"
    assert opened.troubles == []
    assert len(set(opened.requests)) < 200


def test_a_phone_shows_two_tiles_a_line_or_more_and_nothing_stands_out(browser: Any, tmp_path: Path) -> None:
    folder = grid(tmp_path, 4, 10).write()
    file = contact_sheet(folder, tmp_path / "sheet.html").path
    opened = Opened(
        browser, file.as_uri(), viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = opened.page
    page.tap("summary")
    page.select_option("#x", "")
    page.select_option("#y", "")
    page.tap("summary")
    opened.loaded()
    assert len({left for left, _ in opened.places().values()}) == 3
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    star, cell = """document.querySelector('[data-key="1/0"] .star')""", "document.querySelector('.side td')"
    opened.tap('[data-key="1/0"] .star', f"{star}.getAttribute('aria-pressed') === 'true'")
    opened.tap('[data-key="2/0"] .open', f"{cell}?.textContent === '2, completed'")
    opened.tap('#dialog [aria-label="Next"]', f"{cell}.textContent === '3, completed'")
    page.tap("#close button")
    assert opened.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_reader_is(browser: Any, tmp_path: Path, scheme: str) -> None:
    folder = grid(tmp_path, 2, 1).write()
    opened = Opened(browser, contact_sheet(folder, tmp_path / "x.html").path.as_uri(), color_scheme=scheme)

    def ground() -> int:
        found: str = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(json.loads(f"[{found[4:-1]}]")[0])

    assert (ground() > 128) == (scheme == "light")
    opened.page.click("#theme")
    assert (ground() > 128) == (scheme == "dark")


def test_rows_of_a_batch_that_runs_appear(browser: Any, tmp_path: Path) -> None:
    batch = grid(tmp_path, 2, 1)
    with served(batch.write()) as sheet:
        opened = Opened(browser, sheet.url)
        opened.loaded()
        opened.page.focus('[data-key="1/0"] .open')
        batch.done({"prompt": "a lighthouse", "steps": 30, "sampler": "other"}, ("2.png", picture(2)))
        batch.write()
        opened.page.wait_for_selector('[data-key="2/0"] img')
        opened.loaded()
        assert opened.page.evaluate("document.activeElement.closest('.tile').dataset.key") == "1/0"
        opened.page.click('[data-key="2/0"] .open')
        opened.page.wait_for_function("() => document.querySelector('.stage img').naturalWidth === 64")
        assert opened.troubles == []
        assert all(url.startswith(sheet.url) for url in opened.requests)
        opened.page.close()
