from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from comfyflow.batch.sheet.live import LiveSheet
from comfyflow.errors import PictureError

from .command import Command
from .contact_sheets import Batch, grid, picture


@contextmanager
def served(folder: Path) -> Iterator[LiveSheet]:
    sheet = LiveSheet(folder)
    thread = threading.Thread(target=sheet.serve)
    thread.start()
    try:
        yield sheet
    finally:
        sheet.close()
        thread.join()


def test_new_rows_and_their_thumbnails_are_there_when_they_are_asked_for(tmp_path: Path) -> None:
    batch = grid(tmp_path, 2, 1)
    with served(batch.write()) as sheet, httpx.Client(base_url=sheet.url, trust_env=False) as client:
        first = client.get("rows").json()
        assert len(first["rows"]) == 2
        assert client.get("rows", params={"since": first["version"]}).status_code == 204
        batch.done({"steps": 7}, ("2.png", picture(3)))
        batch.write()
        second = client.get("rows", params={"since": first["version"]}).json()
        assert len(second["rows"]) == 3
        (file,) = second["rows"][2]["files"]
        thumbnail = client.get(second["folder"] + file["thumbnail"])
        assert thumbnail.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(thumbnail.content)).size == (64, 64)
        assert client.get(file["url"]).content == picture(3)
        page = client.get("/")
        assert "connect-src 'self'" in page.text
        assert page.headers["cache-control"] == "no-store"


def test_nothing_but_what_the_ledger_lists_is_given_out(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(picture(1))
    batch = Batch(tmp_path / "sweep")
    batch.done({}, ("0.png", picture(1)), ("1.svg", b"<svg onload='alert(1)'/>"), ("2.png", b"none"))
    batch.done({}, ("../secret.png", b""))
    with served(batch.write()) as sheet, httpx.Client(base_url=sheet.url, trust_env=False) as client:
        assert client.get("file/0.png").status_code == 200
        names = ["../secret.png", "ledger.sqlite", "1.svg", "", "/etc/passwd", "3.png"]
        for name in names:
            assert client.get(f"file/{quote(name, safe='')}").status_code == 404, name
            assert client.get(f"thumbnail/{quote(name, safe='')}").status_code == 404, name
        broken = client.get("rows").json()["rows"][0]["files"][2]["thumbnail"]
        assert client.get(f"thumbnail/{broken}").status_code == 404
        assert client.get("nothing").status_code == 404
        assert client.post("/").status_code == 501


def test_a_site_whose_name_leads_here_is_refused(tmp_path: Path) -> None:
    with served(grid(tmp_path, 1, 1).write()) as sheet, httpx.Client(trust_env=False) as client:
        answers = [
            client.get(f"{sheet.url}{path}", headers={"Host": "evil.example"}) for path in ("", "rows")
        ]
        assert [(each.status_code, each.content) for each in answers] == [(403, b"")] * 2
        own = client.get(sheet.url.replace("127.0.0.1", "localhost"))
        assert own.status_code == 200
        assert own.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, command: Command) -> None:
    folder = grid(tmp_path, 1, 1).write()
    with served(folder) as sheet:
        port = int(sheet.url.rpartition(":")[2].strip("/"))
        with pytest.raises(PictureError, match="choose another --port"):
            LiveSheet(folder, port)
        refused = command("contact-sheet", str(folder), "--watch", "--port", str(port))
    assert refused.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in refused.err
    both = command("contact-sheet", str(folder), "--watch", "-o", "x.html")
    assert "give -o or --watch, not both" in both.err
