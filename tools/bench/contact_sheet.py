"""A contact sheet of 10,000 pictures: CPU time and bytes of thumbnails and page, and how fast it opens.

It opens in Chromium, where playwright and a browser are there (COMFYFLOW_CHROMIUM names one).
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from comfyflow.batch import ContactSheet, contact_sheet
from comfyflow.batch.ledger import LEDGER_NAME, Ledger
from comfyflow.batch.record import Added, Attempt, Completed, SavedOutput, Sent
from comfyflow.bounds import readable

ROWS = 10_000
SIDE = 512
SOURCES = 20
_IN_SIGHT = """() => { const all = [...document.querySelectorAll(".tile img")];
    return all.length > 0 && all.every(each => each.complete && each.naturalWidth > 0); }"""


def main() -> None:
    for count in (500, ROWS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _fill(folder, count)
            measure(folder, count)


def measure(folder: Path, count: int) -> None:
    """What a first and a second sheet cost, and what they take."""
    first, made = _timed(folder)
    again, _ = _timed(folder)
    thumbnails = sum(each.stat().st_size for each in (folder / "thumbnails").iterdir())
    where = "in the page" if made.folder is None else "in a folder beside it"
    print(
        f"  {count:,} pictures of {SIDE} x {SIDE}: {first:.1f} s of CPU ({first / count * 1000:.1f} ms "
        f"each), again {again:.2f} s; page {readable(made.path.stat().st_size)}, thumbnails "
        f"{readable(thumbnails)} {where}"
    )
    try:
        from playwright.sync_api import sync_playwright

        from tests.real_editor import CHROMIUM, FLAGS
    except ImportError:
        print("    no browser: playwright is not installed")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        seconds: list[float] = []
        for _ in range(5):
            page = browser.new_page()
            started = time.perf_counter()
            page.goto(made.path.as_uri())
            page.wait_for_function(_IN_SIGHT)
            seconds.append(time.perf_counter() - started)
            heap = page.evaluate("performance.memory.usedJSHeapSize")
            tiles = page.evaluate("document.querySelectorAll('.tile').length")
            page.close()
        browser.close()
    print(
        f"    opens in {sorted(seconds)[2]:.2f} s (median of five, until all in sight is drawn); {tiles} "
        f"tiles drawn, {readable(heap)} of script memory"
    )


def _timed(folder: Path) -> tuple[float, ContactSheet]:
    started = time.process_time()
    made = contact_sheet(folder, folder / "sheet.html")
    return time.process_time() - started, made


def _fill(folder: Path, count: int) -> None:
    """A batch of as many pictures. The ledger tells them apart, though the disk has each many times."""
    pictures = [folder / f"source{number}" for number in range(SOURCES)]
    for number, path in enumerate(pictures):
        path.write_bytes(_picture(number))
    with Ledger(folder / LEDGER_NAME, create=True) as ledger:
        ledger.write(_changes(folder, count, pictures))


def _changes(folder: Path, count: int, pictures: list[Path]) -> Iterable[Added | Sent | Completed]:
    for number in range(count):
        source = pictures[number % SOURCES]
        name = f"{number}_00000000_0.png"
        os.link(source, folder / name)
        attempt = Attempt(number, "http://127.0.0.1:8188", str(number), f"{number:064x}")
        yield Added(
            number, {"prompt": "a lighthouse on a cliff", "steps": number % 100, "seed": number // 100}
        )
        yield Sent(attempt, 0.0)
        file = SavedOutput(name, "9", source.stat().st_size, f"{number:064x}")
        yield Completed(number, attempt.prompt_id, 1.0, (file,))


def _picture(number: int) -> bytes:
    """Soft shapes and a little noise, as pictures of models have."""
    soft = Image.effect_noise((16, 16), 120).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    fine = Image.effect_noise((SIDE, SIDE), 12)
    made = Image.merge("RGB", (soft, Image.blend(soft, fine, 0.3), soft.rotate(90 + number)))
    written = io.BytesIO()
    made.save(written, "PNG", compress_level=1)
    return written.getvalue()


if __name__ == "__main__":
    main()
