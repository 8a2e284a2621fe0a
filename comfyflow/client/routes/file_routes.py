"""Files on the server: viewing, uploading and downloading them."""

from __future__ import annotations

import functools
import mimetypes
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from typing_extensions import ParamSpec

from ...errors import ClientError, DownloadError, ServerError, ServerUnreachable
from ...output_file import NodeOutput, OutputFile
from ...saved_file import SavedFile, clean_name, local_errors, numbered
from ..core import Core, about, ask, call_for, error_of, retry_after
from ..flow import Answer, Flow, Gather, Request
from ..result import Result

P = ParamSpec("P")


T = TypeVar("T")


IDENTITY: Final = {"Accept-Encoding": "identity"}
"""A compressed answer could not be resumed, nor its length checked."""


def _of_prompt(flow: Callable[P, Flow[T]]) -> Callable[P, Flow[T]]:
    """Carry out a flow about a file; its errors name the prompt that wrote the file."""

    @functools.wraps(flow)
    def named(*args: P.args, **kwargs: P.kwargs) -> Flow[T]:
        given: tuple[Any, ...] = (*args, kwargs.get("file"))
        core, file = given[:2]
        made = flow(*args, **kwargs)
        return (yield from (about(core, file.prompt_id, made) if file.prompt_id else made))

    return named


def view_request(
    filename: str,
    subfolder: str = "",
    type: str = "output",  # noqa: A002  # the server's name for it
    preview: str | None = None,
    channel: str | None = None,
) -> Request:
    """The request for a file of the server."""
    query = [("filename", filename), ("type", type)]
    given = (("subfolder", subfolder), ("preview", preview), ("channel", channel))
    query += [(name, value) for name, value in given if value]
    return Request("GET", "/api/view", tuple(query), IDENTITY)


def view_url(
    core: Core,
    filename: str,
    subfolder: str,
    type: str,  # noqa: A002  # the server's name for it
    preview: str | None,
    channel: str | None,
) -> str:
    """The address of a file of the server, without credentials."""
    request = view_request(filename, subfolder, type, preview, channel)
    return core.address.url_of(request.path, request.query)


def view(
    core: Core,
    filename: str,
    *,
    subfolder: str = "",
    type: str = "output",  # noqa: A002  # the server's name for it
    preview: str | None = None,
    channel: str | None = None,
) -> Flow[bytes]:
    """The bytes of a file of the server.

    Args:
        filename: Its name.
        subfolder: The folder below `type`.
        type: ``output``, ``input`` or ``temp``.
        preview: ``webp`` or ``jpeg``, with ``;`` and a quality: a smaller picture.
        channel: ``rgb``, ``rgba`` or ``a``: only these channels, as PNG.

    Raises:
        ServerError: The file does not exist (404), or the server refuses the name.
    """
    return (yield from _file_of(core, view_request(filename, subfolder, type, preview, channel), filename))


def _file_of(core: Core, request: Request, filename: str) -> Flow[bytes]:
    """The file in the answer to a request.

    Raises:
        ServerError: The answer is an error, or not a file.
    """

    def read(answer: Answer) -> bytes:
        if _is_other(answer, filename):
            raise ServerError(
                f"{request.label} of {core.address} did not return a file, but {_OTHER}", answer.status
            )
        return answer.content

    return (yield from call_for(core, request, read))


@_of_prompt
def read(core: Core, file: OutputFile) -> Flow[bytes]:
    """The bytes of an output file.

    Args:
        file: A file of a result.

    Raises:
        DownloadError: The server no longer has it.
    """
    if file.loaded:
        return file.bytes()
    for folder in _folders(file):
        found = yield from _viewed(core, file, folder)
        if not isinstance(found, ServerError):
            return found
        if found.status != 404:
            raise _missing(file, found)
    raise _gone(file)


def _viewed(core: Core, file: OutputFile, folder: str) -> Flow[bytes | ServerError]:
    try:
        request = core.recognition.likely.file_request(core, file, folder)
        return (yield from _file_of(core, request, file.name))
    except ServerError as error:
        return error


def fetch(core: Core, file: OutputFile, path: Path) -> Flow[Path]:
    """Write an output file to exactly this path.

    Args:
        file: A file of a result.
        path: The file to write.

    Raises:
        DownloadError: It did not arrive in full, or the server no longer has it.
    """
    if file.loaded:
        path.write_bytes(file.bytes())
        return path
    with path.open("xb") as opened:
        yield from fetch_into(core, file, opened)
    return path


def save(
    core: Core, file: OutputFile, path: str | os.PathLike[str], *, overwrite: bool | None = None
) -> Flow[Path]:
    """Save an output file; an interrupted download resumes where it stopped.

    Args:
        file: A file of a result.
        path: The file to write, or a folder, in which it keeps its own name. A path is a folder if it exists
            as one, or ends with ``/``. Missing parent folders are created.
        overwrite: Whether to replace an existing file. By default a file that you name is replaced; in a
            folder it is not, and the new file gets a number: ``a (1).png``.

    Returns:
        The file that was written.

    Raises:
        DownloadError: It did not arrive in full, or the server no longer has it; or `overwrite` is False and
            the file exists.
        SaveError: It cannot be written; also an `OSError`.
    """
    with SavedFile.at(path, file.name, overwrite) as saved:
        yield from fetch(core, file, saved.partial)
    return saved.path


def download(
    core: Core,
    files: OutputFile | NodeOutput | Result[Any] | Iterable[OutputFile],
    folder: str | os.PathLike[str],
    *,
    parallel: int = 4,
    overwrite: bool = False,
) -> Flow[list[Path]]:
    """Save files into a folder, several at once.

    Args:
        files: Files, a node's output, or a whole result.
        folder: The target folder; created if missing. No name from the server can leave it.
        parallel: How many at once.
        overwrite: Whether to replace a file of the same name; otherwise the new one gets a number. Files of
            one call never replace each other.

    Returns:
        The files that were written, in the order of `files`.

    Raises:
        DownloadError: One did not arrive in full. The others are still written.
    """
    tried = yield from download_each(core, files, folder, parallel=parallel, overwrite=overwrite)
    for path in tried:
        if isinstance(path, ClientError):
            raise path
    return [path for path in tried if isinstance(path, Path)]


def download_each(
    core: Core,
    files: OutputFile | NodeOutput | Result[Any] | Iterable[OutputFile],
    folder: str | os.PathLike[str],
    *,
    parallel: int = 4,
    overwrite: bool = False,
) -> Flow[list[Path | ClientError]]:
    """Like `download`, but an error of one file is its result instead of being raised."""
    root = Path(folder)
    with local_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    taken: set[Path] = set()
    flows: list[Flow[Path | ClientError]] = []
    for file in _listed(files):
        target = _free(root / clean_name(file.name), taken, overwrite)
        taken.add(target)
        flows.append(_tried(core, file, SavedFile(target, overwrite=overwrite, renamed=True)))
    tried: list[Path | ClientError] = yield Gather(flows, max(parallel, 1))
    return tried


def _tried(core: Core, file: OutputFile, target: SavedFile) -> Flow[Path | ClientError]:
    try:
        with target as saved:
            yield from fetch(core, file, saved.partial)
    except ClientError as error:
        return error
    return target.path


def _listed(files: OutputFile | NodeOutput | Result[Any] | Iterable[OutputFile]) -> Sequence[OutputFile]:
    if isinstance(files, OutputFile):
        return (files,)
    if isinstance(files, (NodeOutput, Result)):
        return files.files
    return tuple(files)


def _free(target: Path, taken: set[Path], overwrite: bool) -> Path:
    """A path that neither another file of this download nor a file on disk has."""
    return next(
        path for path in numbered(target) if path not in taken and (overwrite or not os.path.lexists(path))
    )


_OTHER: Final = "an error page of a proxy"


def _is_other(answer: Answer, filename: str) -> bool:
    """Whether a successful answer is not the file, but a proxy's page.

    ComfyUI (0.3.64, 0.27.0) never sends a file as a web page, nor as JSON without a JSON file name.
    """
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    named = mimetypes.guess_type(filename)[0]
    return answer.ok and (
        kind == "text/html" or (kind == "application/json" and named not in (None, "application/json"))
    )


class _PartialFile:
    """Takes a file as it arrives, and the rest of it after an interruption.

    Args:
        opened: Where it is written.
        name: Its name on the server.
    """

    def __init__(self, opened: IO[bytes], name: str) -> None:
        self._opened = opened
        self._name = name
        self.received = 0
        self.expected: int | None = None
        self.tag = ""

    def headers(self) -> dict[str, str]:
        """The headers that request the rest."""
        if not self.received or not self.tag:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self.tag}

    def start(self, answer: Answer) -> bool:
        """Take the body of a file, complete or the rest.

        The rest is used only if it is marked as part of the same file: ComfyUI (0.3.64, 0.27.0) honours
        ``If-Range`` only if it is a date, and so sends the rest of a file that has changed since.
        """
        if answer.status not in (200, 206) or _is_other(answer, self._name):
            return False
        tag = answer.headers.get("etag", "")
        if answer.status == 200 or tag != self.tag or not _continues(answer, self.received):
            self._opened.seek(0)
            self._opened.truncate()
            self.received = 0
            if answer.status == 206:
                self.tag, self.expected = "", -1
                return False
        self.tag = "" if tag.startswith("W/") else tag
        length = answer.headers.get("content-length", "")
        known = length.isascii() and length.isdecimal()
        self.expected = self.received + int(length) if known else None
        return True

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._opened.write(chunk)
        self.received += len(chunk)


def _continues(answer: Answer, received: int) -> bool:
    return answer.headers.get("content-range", "").startswith(f"bytes {received}-")


@_of_prompt
def fetch_into(core: Core, file: OutputFile, opened: IO[bytes]) -> Flow[None]:
    """Write an output file, which is not here yet, into an open file.

    Args:
        core: The client.
        file: A file of a result.
        opened: The open file, which is empty.

    Raises:
        DownloadError: It did not arrive in full, or the server no longer has it.
    """
    partial = _PartialFile(opened, file.name)
    folders = _folders(file)
    attempt = 0
    while True:
        request = core.recognition.likely.file_request(core, file, folders[0])
        request = replace(request, headers={**request.headers, **partial.headers()})
        before = partial.received
        pause = 0.0
        try:
            answer = yield from ask(core, request, partial)
            if _is_other(answer, file.name):
                raise ServerUnreachable(f"the answer was {_OTHER}")
            if answer.status in (200, 206) and partial.expected in (None, partial.received):
                return
            reason = f"{partial.received} of {partial.expected} bytes arrived"
            if partial.expected is not None and 0 <= partial.expected < partial.received:
                raise DownloadError(f"{file.annotated_name} is not what the server said: {reason}")
            if answer.status not in (200, 206):
                error = error_of(core, request, answer)
                if answer.status == 404 and folders[1:]:
                    del folders[0]
                    continue
                if answer.status < 500 and answer.status not in (408, 416, 425, 429):
                    raise _missing(file, error)
                reason, pause = str(error), retry_after(answer)
        except ServerUnreachable as error:
            reason = str(error)
        attempt = 0 if partial.received > before else attempt + 1
        if attempt > core.limits.retries:
            raise DownloadError(f"{file.annotated_name} did not arrive in full: {reason}")
        yield from core.pause(max(core.jitter(attempt), pause))


def _folders(file: OutputFile) -> list[str]:
    """The server's folders that a file may be in; several if the server gives a bare name."""
    others = ("output", "temp", "input") if file.key == "result" else ()
    return [file.type, *(folder for folder in others if folder != file.type)]


def _missing(file: OutputFile, error: ServerError) -> ClientError:
    if error.status == 400 and ".." in file.name:
        return DownloadError(
            f"{file.annotated_name} is in the server's {file.type} folder, but the server does not serve "
            "files "
            "with '..' in their names: use another filename_prefix"
        )
    return _gone(file) if error.status == 404 else error


def _gone(file: OutputFile) -> DownloadError:
    return DownloadError(
        f"the server has {file.annotated_name} no more; a cached result may name a deleted file"
    )
