"""A contact sheet of a running batch: a page on loopback that shows new rows as they come."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Collection, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import ComfyflowError, PictureError
from ..ledger import Ledger, batch_ledger
from ..record import STATES, State
from .content import SheetContent, sheet_id
from .page import sheet_page
from .sheet import THUMBNAILS
from .thumbnail import MEDIA_TYPES, SUFFIX, Thumbnails

HOST: Final = "127.0.0.1"
_IDLE: Final = 30.0
"""A connection is closed after this many seconds without a request."""


class LiveSheet:
    """A contact sheet that is served.

    It listens only on loopback, answers only requests for its own name, and serves only the page, thumbnails
    and files that the ledger lists.

    Args:
        ledger: The batch's ledger, or the folder that has it.
        port: The port to listen on; 0 for any free one.
        x: See `contact_sheet`.
        y: See `contact_sheet`.
        title: See `contact_sheet`.
        states: See `contact_sheet`.
        numbers: Only rows with these numbers.

    Raises:
        LedgerError: The ledger does not exist, or it cannot be read.
        PictureError: The port is in use, the parameter does not exist, or there is too much for a page.
    """

    def __init__(
        self,
        ledger: Path,
        port: int = 0,
        *,
        x: str | None = None,
        y: str | None = None,
        title: str | None = None,
        states: Sequence[State] = STATES,
        numbers: Collection[int] | None = None,
    ) -> None:
        path = batch_ledger(ledger)
        self.thumbnails: Final = Thumbnails(path.parent, path.parent / THUMBNAILS)
        self._title = title or path.resolve().parent.name
        self._id = sheet_id(path)
        self._states, self._numbers = states, numbers
        self._lock = threading.Lock()
        self._read: tuple[int, SheetContent] | None = None
        self._ledger = Ledger(path)
        try:
            self._axes = self._now()[1].axes(x, y)
            try:
                self._server = _SheetServer(self, port)
            except (OSError, OverflowError) as error:
                raise PictureError(
                    f"cannot listen on {HOST}:{port}: {error}; choose another --port"
                ) from None
        except BaseException:
            self._ledger.close()
            raise

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self._server.server_port}/"

    def serve(self) -> None:
        """Answer requests until `close` is called from another thread, or Ctrl-C."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop listening. A `serve` in another thread returns."""
        self._server.shutdown()
        self._end()

    def _end(self) -> None:
        self._server.server_close()
        self._ledger.close()

    def run(self) -> None:
        """Answer requests until Ctrl-C."""
        try:
            self.serve()
        finally:
            self._end()

    def _now(self) -> tuple[int, SheetContent]:
        """The ledger's current content, and its version.

        Raises:
            LedgerError: It cannot be read.
            PictureError: There is too much for a page.
        """
        with self._lock:
            version = self._ledger.version
            if self._read is None or version != self._read[0]:
                content = SheetContent(self._ledger, self.thumbnails, "file/", self._states, self._numbers)
                self._read = version, content
            return self._read

    def document(self) -> dict[str, Any]:
        """The page's current content."""
        version, content = self._now()
        across, down = self._axes
        more: dict[str, Any] = {"id": self._id, "x": across, "y": down, "troubles": {}, "live": True}
        return content.document(self._title, "thumbnail/", version=str(version), **more)

    def changed(self, since: str) -> bytes | None:
        """The page's current content, as JSON; None if it has not changed."""
        return None if str(self._now()[0]) == since else json.dumps(self.document()).encode("ascii")

    def thumbnail(self, name: str) -> Path | None:
        """A thumbnail, which is made if missing; None if there can be none."""
        file = self._now()[1].files.get(name)
        if file is None:
            return None
        path = self.thumbnails.folder / name
        return path if path.is_file() or not self.thumbnails.make([file])[1] else None

    def output(self, name: str) -> Path | None:
        """A file that the ledger lists, if it exists and browsers can show it."""
        path = self._now()[1].outputs.get(name)
        return path if path is not None and path.is_file() else None


class _SheetServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, sheet: LiveSheet, port: int) -> None:
        self.sheet: Final = sheet
        super().__init__((HOST, port), _SheetRequest)


class _SheetRequest(BaseHTTPRequestHandler):
    server: _SheetServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = _IDLE

    def do_GET(self) -> None:
        """Answer a request."""
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._say(HTTPStatus.FORBIDDEN)  # a site whose name was made to resolve here
            return
        asked = urlsplit(self.path)
        folder, _, name = unquote(asked.path, errors="surrogateescape").lstrip("/").partition("/")
        sheet = self.server.sheet
        try:
            if (folder, name) == ("", ""):
                self._send(
                    sheet_page(sheet.document(), live=True).encode("utf-8"), "text/html; charset=utf-8"
                )
            elif (folder, name) == ("rows", ""):
                found = sheet.changed(parse_qs(asked.query).get("since", [""])[0])
                if found is None:
                    self._say(HTTPStatus.NO_CONTENT)
                else:
                    self._send(found, "application/json")
            elif folder == "thumbnail":
                self._send_file(sheet.thumbnail(name), MEDIA_TYPES[SUFFIX], "max-age=86400, immutable")
            elif folder == "file":
                suffix = Path(name).suffix.lower()
                self._send_file(sheet.output(name), MEDIA_TYPES.get(suffix, ""), "no-cache")
            else:
                self._say(HTTPStatus.NOT_FOUND)
        except ComfyflowError as error:
            self._send(str(error).encode("utf-8", "replace"), "text/plain; charset=utf-8", 500)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the reader has gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named so in the base class
        """Do not log requests."""

    def _head(self, status: int, length: int, media_type: str = "", cached: str = "no-store") -> None:
        self.send_response(status)
        if media_type:
            self.send_header("Content-Type", media_type)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", cached)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()

    def _say(self, status: HTTPStatus) -> None:
        self._head(status, 0)

    def _send(self, data: bytes, media_type: str, status: int = 200) -> None:
        self._head(status, len(data), media_type)
        self.wfile.write(data)

    def _send_file(self, path: Path | None, media_type: str, cached: str) -> None:
        try:
            opened = path.open("rb") if path is not None else None
        except OSError:
            opened = None
        if opened is None or path is None:
            self._say(HTTPStatus.NOT_FOUND)
            return
        with opened:
            self._head(200, path.stat().st_size, media_type, cached)
            shutil.copyfileobj(opened, self.wfile)
