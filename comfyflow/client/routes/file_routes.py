"""Files on the server: looking at them, uploading them, downloading them."""

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
"""A compressed answer could neither be resumed nor be checked for its length."""


def _of_prompt(flow: Callable[P, Flow[T]]) -> Callable[P, Flow[T]]:
    """What is done with a file, its errors about the prompt that has written it."""

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
    type: str = "output",  # noqa: A002  # the server's word
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
    type: str,  # noqa: A002  # the server's word
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
    type: str = "output",  # noqa: A002  # the server's word
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
        ServerError: There is no such file (404), or the server refuses the name.
    """
    return (yield from _file_of(core, view_request(filename, subfolder, type, preview, channel), filename))


def _file_of(core: Core, request: Request, filename: str) -> Flow[bytes]:
    """The file that is answered to a request.

    Raises:
        ServerError: The answer is an error, or no file.
    """

    def read(answer: Answer) -> bytes:
        if _is_other(answer, filename):
            raise ServerError(f"{request.label} of {core.address} gave no file, but {_OTHER}", answer.status)
        return answer.content

    return (yield from call_for(core, request, read))


@_of_prompt
def read(core: Core, file: OutputFile) -> Flow[bytes]:
    """The bytes of an output file.

    Args:
        file: A file of a result.

    Raises:
        DownloadError: The server has it no more.
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
        DownloadError: It did not arrive whole, or the server has it no more.
    """
    if file.loaded:
        path.write_bytes(file.bytes())
        return path
    with path.open("xb") as opened:
        yield from _fetch(core, file, opened)
    return path


def save(
    core: Core, file: OutputFile, path: str | os.PathLike[str], *, overwrite: bool | None = None
) -> Flow[Path]:
    """Write an output file; a download that breaks off goes on where it stopped.

    Args:
        file: A file of a result.
        path: The file to write, or a folder, in which it gets its own name. A folder is one that
            exists, or that ends with a ``/``. Folders above the file are made.
        overwrite: Whether a file of that name is replaced. By default one that you name is; in a
            folder it is not, and the new file gets a number: ``a (1).png``.

    Returns:
        The file that was written.

    Raises:
        DownloadError: It did not arrive whole, or the server has it no more; or `overwrite` is
            False and there is a file.
        SaveError: It cannot be written here; an `OSError` too.
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
    """Write files into a folder, several at once.

    Args:
        files: Files, what a node gave, or a whole result.
        folder: Where to; it is made if it is not there. No name of the server leaves it.
        parallel: How many at once.
        overwrite: Whether a file of the same name is replaced; otherwise the new one gets a
            number. Files of one call never replace each other.

    Returns:
        The files that were written, in the order of `files`.

    Raises:
        DownloadError: One did not arrive whole. The others are written all the same.
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
    """As `download`, but what went wrong with one file is its result, and is not raised."""
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
    """A path that no other file of this download has, and no file on disk."""
    return next(
        path for path in numbered(target) if path not in taken and (overwrite or not os.path.lexists(path))
    )


_OTHER: Final = "the words of something in between"


def _is_other(answer: Answer, filename: str) -> bool:
    """Whether a good answer is not the file, but the words of something in between.

    ComfyUI (0.3.64, 0.27.0) never sends a file as a web page; as JSON none whose name says something
    else.
    """
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    named = mimetypes.guess_type(filename)[0]
    return answer.ok and (
        kind == "text/html" or (kind == "application/json" and named not in (None, "application/json"))
    )


class _PartialFile:
    """Takes a file as it arrives, and what is left of it after a break.

    Args:
        opened: Where it is written.
        name: What the server calls it.
    """

    def __init__(self, opened: IO[bytes], name: str) -> None:
        self._opened = opened
        self._name = name
        self.received = 0
        self.expected: int | None = None
        self.tag = ""

    def headers(self) -> dict[str, str]:
        """What asks for the rest."""
        if not self.received or not self.tag:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self.tag}

    def start(self, answer: Answer) -> bool:
        """Takes the body of a file, whole or the rest.

        The rest counts only where it says that it is of the same file: ComfyUI (0.3.64, 0.27.0)
        looks at ``If-Range`` only where it is a date, and so gives the rest of a file that has
        changed since.
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
        """Takes the next bytes."""
        self._opened.write(chunk)
        self.received += len(chunk)


def _continues(answer: Answer, received: int) -> bool:
    return answer.headers.get("content-range", "").startswith(f"bytes {received}-")


@_of_prompt
def _fetch(core: Core, file: OutputFile, opened: IO[bytes]) -> Flow[None]:
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
            reason = f"{partial.received} of {partial.expected} bytes came"
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
            raise DownloadError(f"{file.annotated_name} did not arrive whole: {reason}")
        yield from core.pause(max(core.jitter(attempt), pause))


def _folders(file: OutputFile) -> list[str]:
    """The server's folders in which a file may be; several where the server gives a bare name."""
    others = ("output", "temp", "input") if file.key == "result" else ()
    return [file.type, *(folder for folder in others if folder != file.type)]


def _missing(file: OutputFile, error: ServerError) -> ClientError:
    if error.status == 400 and ".." in file.name:
        return DownloadError(
            f"{file.annotated_name} is in the server's {file.type} folder, but the server shows no file "
            "with '..' in its name: give another filename_prefix"
        )
    return _gone(file) if error.status == 404 else error


def _gone(file: OutputFile) -> DownloadError:
    return DownloadError(
        f"the server has {file.annotated_name} no more; a cached result may name a file that was deleted"
    )
