from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from comfyflow.batch import contact_sheet
from comfyflow.batch.record import Completed, SavedOutput
from comfyflow.batch.sheet import content as content_module
from comfyflow.batch.sheet.content import script_json
from comfyflow.batch.sheet.thumbnail import SIDE
from comfyflow.errors import LedgerError, MissingExtraError, PictureError, SaveError

from .command import Command
from .contact_sheets import Batch, document, grid, picture
from .test_picture import HOSTILE


def test_a_page_has_every_row_and_a_thumbnail_of_every_picture(tmp_path: Path) -> None:
    folder = grid(tmp_path / "sweep", 3, 2, lambda number: picture(number, 900)).write()
    made = contact_sheet(folder, tmp_path / "sheet.html")
    assert (made.rows, made.thumbnails, made.made, made.folder, made.unreadable) == (6, 6, 6, None, ())
    page = document(made.path)
    assert page["title"] == "sweep"
    assert [column["name"] for column in page["columns"]] == ["prompt", "steps", "sampler"]
    assert (page["x"], page["y"]) == (1, 2)
    files = [row["files"][0] for row in page["rows"]]
    assert [each["url"] for each in files] == [f"./sweep/{number}_00000000_0.png" for number in range(6)]
    small = Image.open(io.BytesIO(base64.b64decode(page["pictures"][files[4]["thumbnail"]])))
    assert (small.format, small.size) == ("WEBP", (SIDE, SIDE))
    seen = small.convert("RGB").getpixel((9, 9))
    assert isinstance(seen, tuple)
    assert all(abs(one - other) < 8 for one, other in zip(seen, (212, 148, 4), strict=True))


def test_a_second_sheet_makes_only_what_is_new(tmp_path: Path) -> None:
    batch = grid(tmp_path, 2, 1)
    folder = batch.write()
    contact_sheet(folder, tmp_path / "sheet.html")
    kept = {each: each.stat().st_mtime_ns for each in (tmp_path / "thumbnails").iterdir()}
    batch.done({"steps": 30}, ("2_0_0.png", picture(7)))
    batch.done({"steps": 40}, ("3_0_0.png", picture(0)))  # the same bytes as the first row's
    made = contact_sheet(batch.write() / "ledger.sqlite", tmp_path / "sheet.html")
    assert (made.rows, made.thumbnails, made.made) == (4, 3, 1)
    assert {each: each.stat().st_mtime_ns for each in kept} == kept
    assert len(list((tmp_path / "thumbnails").iterdir())) == 3


def test_many_thumbnails_stand_in_a_folder_beside_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comfyflow.batch.sheet.sheet.SHEET_INLINE", 3)
    folder = grid(tmp_path / "sweep", 2, 2).write()
    made = contact_sheet(folder, tmp_path / "a sheet.html")
    assert made.folder == tmp_path / "a sheet_files"
    page = document(made.path)
    assert page["folder"] == "a%20sheet_files/"
    assert "pictures" not in page
    names = {row["files"][0]["thumbnail"] for row in page["rows"]}
    assert {each.name for each in made.folder.iterdir()} == names
    assert contact_sheet(folder, made.path).made == 0


@pytest.mark.parametrize(
    ("rows", "axes"),
    [
        ([{"a": 1, "b": x, "c": y} for x in (1, 2) for y in (1, 2, 3)], (1, 2)),
        ([{"a": x, "b": x} for x in range(5)], (None, None)),  # a diagonal
        ([{"a": x} for x in range(5)], (None, None)),
        ([{"a": x, "b": y, "c": z} for x in (1, 2) for y in (1, 2) for z in (1, 2)], (None, None)),
        ([{"a": 1}, {"a": 2}, {"a": 1, "b": 5}, {"a": 2, "b": 5}], (0, 1)),  # a default beside a value
        ([], (None, None)),
    ],
)
def test_a_grid_chooses_itself_where_two_parameters_vary(
    tmp_path: Path, rows: list[dict[str, int]], axes: tuple[int | None, int | None]
) -> None:
    batch = Batch(tmp_path)
    for each in rows:
        batch.done(each)
    page = document(contact_sheet(batch.write(), tmp_path / "sheet.html").path)
    assert (page["x"], page["y"]) == axes


def test_axes_are_chosen_by_name(tmp_path: Path) -> None:
    folder = grid(tmp_path, 2, 2).write()
    page = document(contact_sheet(folder, tmp_path / "sheet.html", x="sampler", title="Mine").path)
    assert (page["x"], page["y"], page["title"]) == (2, None, "Mine")
    with pytest.raises(PictureError, match=r"no parameter 'stpes'; did you mean 'steps'\?"):
        contact_sheet(folder, tmp_path / "sheet.html", y="stpes")


def test_rows_without_pictures_say_why(tmp_path: Path) -> None:
    batch = Batch(tmp_path)
    batch.failed({"steps": 1}, "KSampler: out of luck")
    batch.done({"steps": 2}, texts={"7": ["hello", "you"], "8": {"a": 1}})
    batch.add({"steps": 3})
    batch.done({"steps": 4}, ("3_0_0.png", b"not an image"), ("3_0_1.png", picture(1)[:60]))
    batch.done({"steps": 5}, ("4_0_0.png", picture(2)), ("4_0_1.wav", b"RIFF"), ("4_0_2.svg", b"<svg/>"))
    folder = batch.write()
    (folder / "4_0_0.png").unlink()
    made = contact_sheet(folder, tmp_path / "sheet.html")
    page = document(made.path)
    failed, texts, running, damaged, gone = page["rows"]
    assert failed["error"] == "node_error: KSampler: out of luck"
    assert texts["texts"] == ["hello\nyou", '{"a": 1}']
    assert page["states"][running["state"]] == "in_progress"
    troubles = [page["troubles"][each["thumbnail"]] for each in damaged["files"]]
    assert troubles[0] == "it cannot be shown: the first bytes say that it is not an image"
    assert troubles[1].startswith("it cannot be shown: ")
    assert page["troubles"][gone["files"][0]["thumbnail"]] == "the file does not exist"
    assert [each["kind"] for each in gone["files"]] == ["picture", "sound", "file"]
    assert ["url" in each for each in gone["files"]] == [True, True, False]  # an SVG could run scripts
    assert [line.partition(":")[0] for line in made.unreadable] == ["3_0_0.png", "3_0_1.png", "4_0_0.png"]


def test_a_video_has_a_poster(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        frame = av.VideoFrame.from_image(Image.new("RGB", (64, 32), (200, 30, 30)))
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    batch = Batch(tmp_path)
    batch.done({}, ("0_0_0.mp4", written.getvalue()))
    page = document(contact_sheet(batch.write(), tmp_path / "sheet.html").path)
    (poster,) = page["pictures"].values()
    image = Image.open(io.BytesIO(base64.b64decode(poster))).convert("RGB")
    assert image.size == (64, 32)
    seen = image.getpixel((5, 5))
    assert isinstance(seen, tuple)
    assert seen[0] > 150 > 90 > seen[1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I", "I;16", "F"])
def test_pictures_of_every_mode_have_thumbnails(tmp_path: Path, mode: str) -> None:
    written = io.BytesIO()
    form = "TIFF" if mode in ("CMYK", "I", "F") else "PNG"
    base = "RGBA" if mode == "LA" else mode
    made = Image.new("I", (40, 20), 900) if mode in ("I", "I;16") else Image.new(base, (40, 20))
    made.convert(mode).save(written, form)
    batch = Batch(tmp_path)
    batch.done({}, (f"0_0_0.{form.lower()}", written.getvalue()))
    sheet = contact_sheet(batch.write(), tmp_path / "sheet.html")
    assert (sheet.thumbnails, sheet.unreadable) == (1, ())


@pytest.mark.parametrize("name", ["../secret.png", "a/b.png", "..", "", "/etc/x.png", "C:x.png", "a\0.png"])
def test_nothing_outside_the_folder_is_shown(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(picture(1))
    batch = Batch(tmp_path / "sweep")
    number, prompt = batch.add({})
    batch.changes.append(Completed(number, prompt, 2.0, (SavedOutput(name, "9", 1, "00"),)))
    made = contact_sheet(batch.write(), tmp_path / "sheet.html")
    (file,) = document(made.path)["rows"][0]["files"]
    assert file.keys() == {"name", "kind"}
    assert not (tmp_path / "sweep" / "thumbnails").exists()


class Page(HTMLParser):
    """The elements of a page and what scripts are in it."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=20) | st.sampled_from(HOSTILE), min_size=3, max_size=3))
def test_no_text_of_a_stranger_is_markup(tmp_path: Path, words: list[str]) -> None:
    safe = [word.encode("utf-8", "replace").decode() for word in words]  # what SQLite holds
    folder = tmp_path / os.urandom(4).hex()
    batch = Batch(folder)
    batch.done({safe[0]: safe[1], safe[1]: {safe[2]: [safe[0]]}}, texts={"1": safe[2]})
    batch.failed({safe[2]: safe[0]}, safe[1])
    text = contact_sheet(batch.write(), folder / "sheet.html", title=words[2]).path.read_text("utf-8")
    page = Page()
    page.feed(text)
    plain = Page()
    plain.feed(contact_sheet(Batch(folder / "empty").write(), folder / "empty.html").path.read_text("utf-8"))
    assert page.elements == plain.elements
    assert page.attributes[6:] == plain.attributes[6:]
    assert not {"\u2028", "\u2029", "\u202e"} & set(text)


@settings(max_examples=30)
@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_in_a_page_is_the_same_json(value: object) -> None:
    text = script_json(value)
    assert text.isascii()
    assert not set("<>&\n") & set(text)
    assert json.loads(text) == value


def test_the_policy_allows_only_the_pages_own_script_and_pictures_of_its_place(tmp_path: Path) -> None:
    text = contact_sheet(Batch(tmp_path).write(), tmp_path / "sheet.html").path.read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'; "
        r"img-src 'self' file: data:; media-src 'self' file:; base-uri 'none'; form-action 'none'",
        policy[1],
    )


def test_too_much_for_a_page_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = grid(tmp_path, 3, 1).write()
    monkeypatch.setattr(content_module, "SHEET_ROWS", 2)
    with pytest.raises(PictureError, match=r"more than 2 rows.*--rows or --state"):
        contact_sheet(folder, tmp_path / "sheet.html")
    assert contact_sheet(folder, tmp_path / "sheet.html", rows=[0, 2]).rows == 2
    assert contact_sheet(folder, tmp_path / "sheet.html", states=["failed"]).rows == 0
    monkeypatch.setattr(content_module, "SHEET_SIZE", 10)
    with pytest.raises(PictureError, match="larger than 10 bytes"):
        contact_sheet(folder, tmp_path / "sheet.html", rows=[0])


def test_what_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="ledger not found"):
        contact_sheet(tmp_path / "nothing", tmp_path / "sheet.html")
    folder = grid(tmp_path / "sweep", 1, 1).write()
    with pytest.raises(PictureError, match=r"name it sheet\.html"):
        contact_sheet(folder, tmp_path / "sheet.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError):
        contact_sheet(folder, tmp_path / "file" / "sheet.html")


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = grid(tmp_path / "sweep", 1, 1).write()
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'comfyflow-dsl\[images\]'"):
        contact_sheet(folder, tmp_path / "x.html")
    text = Batch(tmp_path / "texts")
    text.done({}, texts={"1": "none needs it"})
    assert contact_sheet(text.write(), tmp_path / "x.html").rows == 1


def test_the_command_says_what_it_wrote(tmp_path: Path, command: Command) -> None:
    batch = grid(tmp_path / "sweep", 2, 1)
    batch.done({"steps": 1}, ("x.png", b"?"))
    folder = batch.write()
    done = command("contact-sheet", str(folder), "-o", str(tmp_path / "sheet.html"), "--x", "steps")
    assert done.code == 0, done.err
    assert "3 rows, 2 thumbnails, 2 of them new" in done.err
    assert "without a thumbnail: x.png: it cannot be shown" in done.err
    assert document(tmp_path / "sheet.html")["x"] == 1
    only = command("contact-sheet", str(folder), "-o", str(tmp_path / "few.html"), "--rows", "0-1")
    assert "2 rows, 2 thumbnails, 0 of them new" in only.err
    none = command("contact-sheet", str(folder))
    assert none.code == 2
    assert "-o sheet.html" in none.err
