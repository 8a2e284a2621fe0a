"""Downloads that break off, are resumed, lie about their length, or want to be written elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from comfyflow.client import AsyncClient, Client, Limits
from comfyflow.errors import DownloadError, ServerError
from comfyflow.output_file import ImageFile, OutputFile
from tests.clients import KINDS, connected
from tests.test_client_seed_faults import until
from tests.web_server import web_server

DATA = bytes(range(256)) * 400
FILE = OutputFile("a.bin", "sub")
SOON = Limits(retries=3, backoff=0.001)


class Piece(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, and perhaps breaks off."""

    def __init__(self, data: bytes, broken: bool = False) -> None:
        self._data = data
        self._broken = broken

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), 1000):
            yield self._data[start : start + 1000]
        if self._broken:
            raise httpx.ReadError("cut")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Shelf:
    """A server of one file, whose connections break after so many bytes.

    Args:
        breaks: After how many bytes each answer breaks off; then none does.
        ranges: Whether it honours ``Range``.
        tags: The ETag of each answer.
        careless: Whether it does so whatever ``If-Range`` says, as ComfyUI does.
    """

    def __init__(
        self,
        breaks: list[int],
        ranges: bool = True,
        tags: tuple[str, ...] = ('"1"',) * 20,
        careless: bool = False,
    ) -> None:
        self.careless = careless
        self.breaks = iter(breaks)
        self.ranges = ranges
        self.tags = iter(tags)
        self.asked: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        wanted = request.headers.get("Range")
        tag = next(self.tags)
        self.asked.append(wanted)
        assert request.headers["Accept-Encoding"] == "identity"
        start, status = 0, 200
        if wanted and self.ranges and (self.careless or request.headers["If-Range"] == tag):
            start, status = int(re.findall(r"bytes=(\d+)-", wanted)[0]), 206
        rest = DATA[start:]
        headers = {"Content-Length": str(len(rest))}
        if tag:
            headers["ETag"] = tag
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        cut = next(self.breaks, None)
        body = Piece(rest) if cut is None else Piece(rest[:cut], broken=True)
        return httpx.Response(status, headers=headers, stream=body)


@pytest.fixture(params=KINDS)
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    def save(handler: Callable[[httpx.Request], httpx.Response], file: OutputFile = FILE) -> Path:
        transport = httpx.MockTransport(handler)
        with connected(request.param, "http://host", transport=transport, limits=SOON) as client:
            return client.save(file, tmp_path / "out.bin")

    return save


def test_a_file_that_comes_whole(saved: Callable[..., Path]) -> None:
    shelf = Shelf([])
    assert saved(shelf).read_bytes() == DATA
    assert shelf.asked == [None]


def test_a_download_goes_on_where_it_stopped(saved: Callable[..., Path]) -> None:
    shelf = Shelf([30_000, 20_000, 5_000])
    assert saved(shelf).read_bytes() == DATA
    assert shelf.asked == [None, "bytes=30000-", "bytes=50000-", "bytes=55000-"]


def test_more_breaks_than_tries_while_there_is_progress(saved: Callable[..., Path]) -> None:
    assert saved(Shelf([10_000] * 10)).read_bytes() == DATA


def test_a_server_without_ranges(saved: Callable[..., Path]) -> None:
    assert saved(Shelf([30_000, 40_000], ranges=False)).read_bytes() == DATA


def test_a_file_that_has_changed_begins_again(saved: Callable[..., Path]) -> None:
    shelf = Shelf([30_000], tags=('"1"', '"2"', '"2"'))
    assert saved(shelf).read_bytes() == DATA
    assert shelf.asked == [None, "bytes=30000-"]


def test_the_rest_of_another_file_is_not_put_to_what_has_come(saved: Callable[..., Path]) -> None:
    shelf = Shelf([30_000], tags=('"1"', '"2"', '"2"'), careless=True)
    assert saved(shelf).read_bytes() == DATA
    assert shelf.asked == [None, "bytes=30000-", None]


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_strong_tag_nothing_is_put_together(saved: Callable[..., Path], tag: str) -> None:
    """Two parts may be of two different files."""
    shelf = Shelf([30_000], tags=(tag,) * 5)
    assert saved(shelf).read_bytes() == DATA
    assert shelf.asked == [None, None]


def test_a_part_that_is_not_the_one_that_was_asked_for(saved: Callable[..., Path]) -> None:
    shelf = Shelf([30_000])

    def wrong(request: httpx.Request) -> httpx.Response:
        answer = shelf(request)
        if len(shelf.asked) == 2:
            answer.headers["Content-Range"] = f"bytes 0-{len(DATA) - 1}/{len(DATA)}"
        return answer

    assert saved(wrong).read_bytes() == DATA
    assert shelf.asked == [None, "bytes=30000-", None]


def test_nothing_is_left_of_a_download_that_fails(saved: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="did not arrive in full"):
        saved(Shelf([0] * 20))
    assert not list(tmp_path.iterdir())


def test_a_length_that_is_not_kept(saved: Callable[..., Path], tmp_path: Path) -> None:
    def short(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "9"}, stream=Piece(b"12345"))

    with pytest.raises(DownloadError, match="5 of 9 bytes"):
        saved(short)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_longer_than_was_said(saved: Callable[..., Path], tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def long(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        headers = {"Content-Length": "3", "ETag": '"1"'}
        if wanted := request.headers.get("Range"):
            start = int(re.findall(r"bytes=(\d+)-", wanted)[0])
            headers["Content-Range"] = f"bytes {start}-{start + 2}/100"
        return httpx.Response(206 if wanted else 200, headers=headers, stream=Piece(b"12345"))

    with pytest.raises(DownloadError, match="not what the server said: 5 of 3 bytes"):
        saved(long)
    assert len(asked) == 1
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_busy(saved: Callable[..., Path]) -> None:
    answers = iter([httpx.Response(503, headers={"Retry-After": "0"}), httpx.Response(200, content=b"x")])
    assert saved(lambda _: next(answers)).read_bytes() == b"x"


PNG = ImageFile("a.png", prompt_id="the-prompt")
WRONG: dict[str, tuple[int, dict[str, Any]]] = {
    "500": (500, {}),
    "502": (502, {"html": "<html>"}),
    "page": (200, {"html": "<html>Starting</html>"}),
    "words": (200, {"json": {"error": "asleep"}}),
}


def wrong_answer(name: str) -> httpx.Response:
    status, content = WRONG[name]
    return httpx.Response(status, **content)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_no_file_is_asked_for_again(kind: str, wrong: str, tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return wrong_answer(wrong) if len(asked) % 3 else httpx.Response(200, content=b"png")

    transport = httpx.MockTransport(answer)
    with connected(kind, "http://host", transport=transport, limits=SOON) as client:
        assert client.read(file=PNG) == b"png"
        assert client.save(PNG, tmp_path / "a.png").read_bytes() == b"png"


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_never_a_file_is_an_error(kind: str, wrong: str, tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return wrong_answer(wrong)

    with connected(kind, "http://host", transport=httpx.MockTransport(answer), limits=SOON) as client:
        with pytest.raises(ServerError, match="/api/view") as caught:
            client.read(PNG)
        assert len(asked) == SOON.retries + 1
        with pytest.raises(
            DownloadError, match=r"did not arrive in full: .* \(prompt the-prompt\)"
        ) as broken:
            client.save(PNG, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
    assert (caught.value.prompt_id, broken.value.prompt_id) == ("the-prompt", "the-prompt")
    assert caught.value.status == WRONG[wrong][0]


def test_pages_and_data_can_be_files(saved: Callable[..., Path]) -> None:
    """ComfyUI sends a page as bytes, and JSON as JSON."""
    page = httpx.Response(200, content=b"<p>", headers={"Content-Type": "application/octet-stream"})
    assert saved(lambda _: page, OutputFile("a.html")).read_bytes() == b"<p>"
    assert saved(lambda _: httpx.Response(200, json={}), OutputFile("a.json")).read_bytes() == b"{}"


def test_errors_of_the_server(saved: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no more"):
        saved(lambda _: httpx.Response(404))
    with pytest.raises(ServerError, match="403"):
        saved(lambda _: httpx.Response(403))
    assert not list(tmp_path.iterdir())


def test_an_empty_file(saved: Callable[..., Path]) -> None:
    assert saved(lambda _: httpx.Response(200, headers={"Content-Length": "0"})).read_bytes() == b""


def test_a_file_over_the_socket_is_written_without_asking(saved: Callable[..., Path]) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request)

    assert saved(refuse, ImageFile("1_00001.png", type="websocket", data=b"png")).read_bytes() == b"png"


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_the_server_stay_in_the_folder(kind: str, tmp_path: Path) -> None:
    names = [
        "../../evil.png",
        "/etc/passwd",
        "C:\\x\\y.png",
        "..",
        "",
        "a/../../b.png",
        "con.png",
        "a\0b\n.png",
        "\ud800.png",
    ]
    folder = tmp_path / "out"
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b"x"))
    with connected(kind, "http://host", transport=transport) as client:
        written = client.download([OutputFile(name, "../\udc80") for name in names], folder)
    assert [path.name for path in written] == [
        "evil.png",
        "passwd",
        "y.png",
        "file",
        "file (1)",
        "b.png",
        "_con.png",
        "a_b_.png",
        "_.png",
    ]
    assert {path.parent for path in written} == {folder}
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(written)


@pytest.mark.parametrize("kind", KINDS)
def test_no_more_than_so_many_at_once(kind: str, tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def slow(_: httpx.Request) -> httpx.Response:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return httpx.Response(200, content=b"x")

    with connected(kind, "http://host", transport=httpx.MockTransport(slow)) as client:
        files = [OutputFile(f"{number}.bin") for number in range(12)]
        assert len(client.download(files, tmp_path, parallel=3)) == 12
    assert most[0] <= 3


@pytest.mark.parametrize("kind", KINDS)
def test_one_failure_does_not_stop_the_others(kind: str, tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404 if "filename=2" in str(request.url) else 200, content=b"x")

    files = [OutputFile(f"{number}.bin") for number in range(4)]
    with (
        connected(kind, "http://host", transport=httpx.MockTransport(answer), limits=SOON) as client,
        pytest.raises(DownloadError, match=r"2\.bin"),
    ):
        client.download(files, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.bin", "1.bin", "3.bin"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_is_repeated_with_the_whole_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(DATA)
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        if len(bodies) == 1:
            raise httpx.ReadError("cut")
        return httpx.Response(200, json={"name": "a.png", "subfolder": "", "type": "input"})

    transport = httpx.MockTransport(answer)
    with connected(kind, "http://host", transport=transport, limits=SOON) as client:
        assert client.upload_image(path).reference == "a.png"
    assert all(DATA in body for body in bodies)
    assert len(bodies) == 2


@pytest.mark.skipif(os.name == "nt", reason="a signal for one thread")
@pytest.mark.parametrize("still", [False, True], ids=["a piece now and then", "at a standstill"])
def test_ctrl_c_ends_downloads_at_once_and_leaves_nothing(tmp_path: Path, still: bool) -> None:
    begun, over = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(b"x")
                begun.set()
                while not over.wait(0.05):
                    self.wfile.write(b"" if still else b"x")

    def interrupt() -> None:
        begun.wait(20)
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with web_server(Slow) as url:
        threading.Thread(target=interrupt, daemon=True).start()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        moment = time.monotonic()
        try:
            with Client(url) as client, pytest.raises(KeyboardInterrupt):
                client.download([OutputFile(f"{number}.bin") for number in range(6)], tmp_path)
        finally:
            signal.signal(signal.SIGINT, before)
            over.set()
    assert time.monotonic() - moment < 15
    # It waits for them two seconds; on a busy machine one may need longer to see that it is over.
    until(lambda: "comfyflow-gather" not in {thread.name for thread in threading.enumerate()})
    assert not list(tmp_path.iterdir())


def test_a_download_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    begun = asyncio.Event()

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                begun.set()
                await asyncio.sleep(0.01)

    async def work() -> set[asyncio.Task[Any]]:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
        async with AsyncClient("http://host", transport=transport) as client:
            files = [OutputFile(f"{number}.bin") for number in range(6)]
            task = asyncio.create_task(client.download(files, tmp_path))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert not asyncio.run(work())
    assert not list(tmp_path.iterdir())
