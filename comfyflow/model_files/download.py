"""Fetching model files: large, from untrusted addresses, over lines that break.

The bytes go to a hidden file beside the final one and get its name when they are whole and have the hash
that they must have. A fetch that broke off continues where it ended, if the server still has the same file:
it shows that by its ``ETag`` (RFC 9110, ``If-Range``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from ..bounds import MODEL_REDIRECTS, Bounds, exceeded, readable
from ..errors import ModelFileError
from ..input_file import content_digest
from ..json_types import object_or_empty
from ..saved_file import SavedFile, local_errors
from .address import checked_address, guarded_transport
from .wanted import WantedModel, place, refused

Progress = Callable[[int, "int | None"], None]
"""Called with how many bytes have arrived, and how many there will be, if known."""

_TRIES: Final = 5
"""How often a fetch is begun again without a byte of progress."""
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_STRONG: Final = re.compile(r'"[\x21\x23-\x7e]{1,500}"')
_STATE_BYTES: Final = 64 * 1024
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_LINKED: Final = "comfyflow_sha256"
"""Where an answer keeps the SHA-256 of the file that it leads to. Hugging Face says it in the redirect's
``X-Linked-ETag``: https://github.com/huggingface/huggingface_hub, ``get_hf_file_metadata``.
"""


class _Broken(Exception):
    """A fetch that broke off, and may be begun again. Never leaves this module."""


@dataclass(frozen=True)
class Fetched:
    """A file that arrived.

    Attributes:
        path: Where it is.
        size: Its size in bytes.
        checked: Whether its hash was compared.
    """

    path: Path
    size: int
    checked: bool


@dataclass(frozen=True)
class Downloads:
    """Fetches model files into the models folder of a ComfyUI.

    Attributes:
        models: That folder; nothing is written outside it.
        hosts: Hosts that the user has named: they may be of this machine or network, and need no TLS.
        bounds: How large a file may be, and how slow its server.
        pause: Seconds before a fetch is begun again; twice as many before each next time.
    """

    models: Path
    hosts: frozenset[str] = frozenset()
    bounds: Bounds = field(default_factory=Bounds.from_environment)
    pause: float = 1.0

    def refusal(self, file: WantedModel) -> str | None:
        """Why a file is not fetched, without asking anybody; None if it may be.

        Args:
            file: The file.
        """
        if file.url is None:
            return "its URL is not known"
        try:
            checked_address(file.url, self.hosts)
        except ModelFileError as error:
            return str(error)
        return refused(file) or self._hash_refusal(file)

    def size(self, file: WantedModel) -> int | None:
        """How large a file is, as its server says; None if it does not say.

        Args:
            file: The file, with an address.

        Raises:
            ModelFileError: It is refused, or its server does not answer or does not have it.
        """
        with contextlib.suppress(_Broken), self._opened("HEAD", file, {}) as answer:
            if answer.status_code == 200:
                return _length(answer)
        try:  # there are servers that have no HEAD
            with self._opened("GET", file, {}) as answer:
                if answer.status_code == 200:
                    return _length(answer)
                raise _failed(file, answer)
        except _Broken as error:
            raise ModelFileError(f"{file.path}: {error}") from None

    def fetch(self, file: WantedModel, progress: Progress = lambda _done, _size: None) -> Fetched:
        """Fetch a file, or the rest of it.

        Args:
            file: The file, with an address.
            progress: A callback for progress.

        Raises:
            ModelFileError: It is refused, is there already, does not arrive, or has another hash.
            SaveError: It cannot be written.
        """
        reason = self.refusal(file)
        path = place(self.models, file)
        if reason is not None or path is None or file.url is None:
            raise ModelFileError(f"{file.path} was not downloaded: {reason}")
        partial = _Partial(path, file.url)
        with local_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with partial.held():
            if os.path.lexists(path):
                raise ModelFileError(f"{path} already exists and was not changed")
            with SavedFile(path, overwrite=False, renamed=False) as saved:
                self._whole(file, partial, progress)
                checked = self._check(file, partial)
                size = partial.path.stat().st_size
                with local_errors(path):
                    partial.path.replace(saved.partial)
            partial.forget()
        return Fetched(path, size, checked)

    def _whole(self, file: WantedModel, partial: _Partial, progress: Progress) -> None:
        tries, pause = 0, self.pause
        while True:
            before = partial.size
            try:
                self._more(file, partial, progress)
            except _Broken as error:
                tries = 0 if partial.size > before else tries + 1
                if tries >= _TRIES:
                    there = f"; {readable(partial.size)} are kept; the next download resumes there"
                    raise ModelFileError(
                        f"{file.path} could not be downloaded: {error}{there if partial.size else ''}"
                    ) from None
                time.sleep(pause)
                pause = min(pause * 2, 30.0)
            else:
                return

    def _more(self, file: WantedModel, partial: _Partial, progress: Progress) -> None:
        """Fetch what is missing.

        Raises:
            _Broken: It broke off.
            ModelFileError: It is not available.
        """
        start, tag = partial.start()
        headers = {"Range": f"bytes={start}-", "If-Range": tag} if start and tag else {}
        with self._opened("GET", file, headers) as answer:
            partial.linked = answer.extensions.get(_LINKED)
            if answer.status_code == 416:
                if answer.headers.get("content-range") == f"bytes */{start}":
                    return  # it was whole, and was not given its name
                partial.forget()
                raise _Broken("the server cannot send the missing part")
            size = _length(answer)
            if answer.status_code == 206 and headers:
                start, size = _continued(answer, start, partial)
            elif answer.status_code == 200:
                start = 0
            else:
                raise _failed(file, answer)
            if answer.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
                raise ModelFileError(
                    f"{file.path}: {answer.url.host} answered with a web page: you may have to log in or "
                    f"accept a licence there; open {file.url} in a browser"
                )
            self._check_room(file, size, start)
            partial.begin(size, answer.headers.get("etag", ""), start)
            self._received(file, answer, partial, start, size, progress)

    def _received(
        self,
        file: WantedModel,
        answer: httpx.Response,
        partial: _Partial,
        start: int,
        size: int | None,
        progress: Progress,
    ) -> None:
        done, began = start, time.monotonic()
        most = size if size is not None else self.bounds.file
        try:
            with local_errors(partial.path), partial.path.open("r+b") as out:
                out.truncate(start)
                out.seek(start)
                progress(done, size)
                # With our own chunk size, data would be lost if it breaks off.
                for piece in answer.iter_raw():
                    done += len(piece)
                    if done > most:
                        raise ModelFileError(_too_much(file, size, self.bounds))
                    out.write(piece)
                    progress(done, size)
                    spent = time.monotonic() - began
                    if spent > self.bounds.grace and (done - start) / spent < self.bounds.rate:
                        raise _Broken(f"it arrives at less than {self.bounds.rate} bytes a second")
        except httpx.HTTPError as error:
            raise _Broken(_said(error)) from None
        if size is not None and done < size:
            raise _Broken(f"it ended after {readable(done)} of {readable(size)}")

    @contextlib.contextmanager
    def _opened(
        self, method: str, file: WantedModel, headers: dict[str, str]
    ) -> Generator[httpx.Response, None, None]:
        """An answer whose body is not read yet; redirects are followed, each looked at like the first one.

        Raises:
            _Broken: There is none.
            ModelFileError: An address is refused.
        """
        url = checked_address(file.url or "", self.hosts)
        linked: str | None = None
        for _ in range(MODEL_REDIRECTS + 1):
            with contextlib.ExitStack() as stack:
                try:
                    client = stack.enter_context(
                        httpx.Client(transport=guarded_transport(url, self.hosts), timeout=_TIMEOUT)
                    )
                    sent = {"Accept-Encoding": "identity", **headers}
                    answer = stack.enter_context(client.stream(method, url, headers=sent))
                except httpx.HTTPError as error:
                    raise _Broken(_said(error)) from None
                if answer.status_code in _AGAIN:
                    raise _Broken(f"{url.host} answered {answer.status_code}")
                said = _SHA256.fullmatch(answer.headers.get("x-linked-etag", "").strip('"'))
                linked = said[0] if said is not None else linked
                location = answer.headers.get("location")
                if answer.status_code not in _MOVED or location is None:
                    answer.extensions[_LINKED] = linked
                    yield answer
                    return
            following = checked_address(_joined(url, location), self.hosts)
            if following.scheme != url.scheme:
                raise ModelFileError(
                    f"{file.path}: {url.host} redirects from {url.scheme} to {following.scheme}, "
                    "which is not allowed"
                )
            url = following
        raise ModelFileError(f"{file.path}: {url.host} redirects more than {MODEL_REDIRECTS} times")

    def _check_room(self, file: WantedModel, size: int | None, start: int) -> None:
        if size is None:
            return
        if size > self.bounds.file:
            raise ModelFileError(exceeded("file", self.bounds, f"{file.path} with {readable(size)}"))
        free = shutil.disk_usage(self.models).free
        if size - start > free:
            raise ModelFileError(
                f"{file.path} needs {readable(size - start)} more, but {self.models} has {readable(free)} "
                "free"
            )

    def _hash_refusal(self, file: WantedModel) -> str | None:
        if file.hash is None or file.hash_name is None or file.hash_is_valid:
            return None
        return f"its hash {file.hash!r:.140} is not a valid {file.hash_type or 'SHA256'}"

    def _check(self, file: WantedModel, partial: _Partial) -> bool:
        """Whether the hash could be compared; a file with another one is removed."""
        name, wanted, who = file.hash_name, file.hash, "the workflow"
        if wanted is None or name is None or name not in hashlib.algorithms_available:
            name, wanted, who = "sha256", partial.linked, "its server"
        if wanted is None:
            return False
        with local_errors(partial.path):
            digest = content_digest(partial.path, hashlib.new(name, usedforsecurity=False))
        if digest != wanted.lower():
            partial.forget()
            raise ModelFileError(
                f"{file.path} arrived with the {name} {digest}, and {who} says "
                f"{wanted.lower()}; it was removed"
            )
        return True


class _Partial:
    """What is there of a file, and of which version of it."""

    def __init__(self, path: Path, url: str) -> None:
        key = hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:12]
        self.final = path
        self.path = path.with_name(f".{path.name[:80]}.{key}.part")
        self._state = self.path.with_suffix(".json")
        self.linked: str | None = None
        """The SHA-256 that the server reports for the whole file."""

    @contextlib.contextmanager
    def held(self) -> Generator[None, None, None]:
        """Keep other processes from it: by a lock of SQLite's on an empty file, which ends with the process.

        Raises:
            ModelFileError: Another process has it.
        """
        lock = self.path.with_suffix(".lock")
        with contextlib.ExitStack() as stack:
            try:
                connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
                stack.callback(connection.close)
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                raise ModelFileError(
                    f"{self.final} cannot be locked ({error}); is another command downloading it?"
                ) from None
            try:
                yield
            finally:
                connection.close()
                with contextlib.suppress(OSError):  # Windows keeps what another process has open
                    lock.unlink()

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def start(self) -> tuple[int, str]:
        """From which byte to continue, and with which ETag; 0 where from the start."""
        tag = self._said().get("etag")
        if not isinstance(tag, str) or not _STRONG.fullmatch(tag):
            return 0, ""
        return self.size, tag

    @property
    def expected(self) -> int | None:
        """How large the whole file was said to be."""
        size = self._said().get("size")
        return size if type(size) is int else None

    def _said(self) -> Mapping[str, Any]:
        try:
            with self._state.open("rb") as opened:
                return object_or_empty(json.loads(opened.read(_STATE_BYTES)))
        except (OSError, ValueError, RecursionError):
            return {}

    def begin(self, size: int | None, etag: str, start: int) -> None:
        """Note of which version the bytes are that come now."""
        with local_errors(self.path):
            if start == 0:
                tag = etag if _STRONG.fullmatch(etag) else None
                self._state.write_text(json.dumps({"etag": tag, "size": size}), encoding="utf-8")
            self.path.touch()

    def forget(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)


_TIMEOUT: Final = httpx.Timeout(60.0, connect=20.0)


def _joined(url: httpx.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except httpx.InvalidURL:
        return location


def _length(answer: httpx.Response) -> int | None:
    """How many bytes an answer has; None if it does not say or packs them."""
    said = answer.headers.get("content-length", "")
    packed = answer.headers.get("content-encoding", "identity").lower() != "identity"
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 and not packed else None


def _continued(answer: httpx.Response, start: int, partial: _Partial) -> tuple[int, int]:
    """Where a part begins, and how large the whole is.

    Raises:
        _Broken: It is another part than the one that was asked for.
    """
    match = _RANGE.fullmatch(answer.headers.get("content-range", "")[:100])
    expected = partial.expected
    if match is None or int(match[1]) != start or match[3] == "*" or expected not in (None, int(match[3])):
        partial.forget()
        raise _Broken("the server sent a different part than the missing one")
    return start, int(match[3])


def _failed(file: WantedModel, answer: httpx.Response) -> ModelFileError:
    said = f"{file.path}: {answer.url.host} answered {answer.status_code}"
    if answer.status_code in (401, 403):
        return ModelFileError(
            f"{said}: you must log in or accept a licence there; open {file.url} in a browser, and put "
            "the file into its folder yourself"
        )
    if answer.status_code in (404, 410):
        return ModelFileError(f"{said}: file not found ({file.url})")
    return ModelFileError(f"{said} ({file.url})")


def _too_much(file: WantedModel, size: int | None, bounds: Bounds) -> str:
    if size is None:
        return exceeded("file", bounds, file.path)
    return f"{file.path} is larger than the {readable(size)} that its server announced"


def _said(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
