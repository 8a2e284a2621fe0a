"""Routes about the server itself: its system, its features, and what it has installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ClientError, ServerError
from ...json_types import array_or_empty, is_object, text_or_empty, texts_in
from ...nearest import did_you_mean
from ...number import read_seconds
from ..core import Core, ask, fetch_json, tell
from ..flow import Answer, Flow, Part, Request, json_body, segment
from .server_info import LogEntry, ModelFile, SystemStats


def request(
    core: Core,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    json: object = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, bytes]] | None = None,
    timeout: float | None = None,
) -> Flow[Answer]:
    """Send any request to the server, for routes without their own method.

    Args:
        method: ``GET``, ``POST``, ….
        path: Below the server's base path: ``/api/…`` or ``/my_nodes/…``.
        query: Names and values.
        json: The body, as JSON.
        content: The body, as it is.
        headers: Additional headers.
        files: Files of a multipart body: name and bytes, by field.
        timeout: Seconds to wait for the answer; None for ``Limits.answer``.

    Returns:
        The answer, whatever its status.

    Raises:
        TypeError: `timeout` is not a number.
        ValueError: `timeout` is not more than 0, or more than a million.
        ServerUnreachable: No answer came. A request that may have done something is not
            repeated.
    """
    body = json_body(json) if json is not None else content
    parts = tuple(Part(name, *file) for name, file in (files or {}).items())
    asked = Request(
        method.upper(),
        path if path.startswith("/") else f"/{path}",
        tuple((query or {}).items()),
        headers or {},
        body,
        parts=parts,
        timeout=None if timeout is None else read_seconds(timeout, "timeout", zero=False),
        repeatable=method.upper() in ("GET", "HEAD"),
    )
    return (yield from ask(core, asked))


def system_stats(core: Core) -> Flow[SystemStats]:
    """The server's version, system, memory and devices."""
    return SystemStats((yield from _object(core, "/api/system_stats")))


def features(core: Core) -> Flow[dict[str, Any]]:
    """The server's features, by name."""
    return (yield from _object(core, "/api/features"))


def embeddings(core: Core) -> Flow[list[str]]:
    """The textual inversions, by name without suffix."""
    return (yield from _texts(core, "/api/embeddings"))


def extensions(core: Core) -> Flow[list[str]]:
    """The addresses of the editor's extensions."""
    return (yield from _texts(core, "/api/extensions"))


def model_folders(core: Core) -> Flow[list[str]]:
    """The kinds of models: ``checkpoints``, ``loras``, …."""
    return (yield from _texts(core, "/api/models"))


def models(core: Core, folder: str) -> Flow[list[str]]:
    """The files in one of the model folders.

    Args:
        folder: Its kind.

    Raises:
        ServerError: The folder does not exist (404).
    """
    asked = Request("GET", f"/api/models/{segment(folder)}")
    return [*texts_in((yield from _of_folder(core, asked, folder)))]


def model_files(core: Core, folder: str) -> Flow[list[ModelFile]]:
    """The files in one of the model folders, with their size and times.

    Args:
        folder: Its kind.

    Raises:
        ServerError: The folder does not exist, or the server is older and lacks the route (404).
    """
    asked = Request("GET", f"/api/experiment/models/{segment(folder)}")
    said = yield from _of_folder(core, asked, folder)
    return [ModelFile(entry) for entry in array_or_empty(said) if is_object(entry)]


def model_metadata(core: Core, folder: str, filename: str) -> Flow[dict[str, Any] | None]:
    """The metadata in a safetensors file; None if it has none.

    Args:
        folder: Its kind.
        filename: The file.
    """
    path = f"/api/view_metadata/{segment(folder)}"
    return (yield from find_object(core, Request("GET", path, (("filename", filename),))))


def free(core: Core, *, unload_models: bool = True, free_memory: bool = False) -> Flow[None]:
    """Make the server free memory.

    Args:
        unload_models: Whether to unload models from graphics memory.
        free_memory: Whether to drop cached results too.
    """
    body = json_body({"unload_models": unload_models, "free_memory": free_memory})
    yield from tell(core, Request("POST", "/api/free", content=body))


def logs(core: Core) -> Flow[str]:
    """The server's log."""
    said = yield from fetch_json(core, Request("GET", "/internal/logs"))
    return text_or_empty(said)


def log_entries(core: Core) -> Flow[list[LogEntry]]:
    """The server's log, each piece with its time."""
    said = yield from _object(core, "/internal/logs/raw")
    return [LogEntry(entry) for entry in array_or_empty(said.get("entries")) if is_object(entry)]


def subscribe_logs(core: Core, *, enabled: bool = True) -> Flow[None]:
    """Receive the log over the socket, as `LogEntries` events.

    Args:
        enabled: False stops it.
    """
    body = json_body({"clientId": core.client_id, "enabled": enabled})
    yield from tell(core, Request("PATCH", "/internal/logs/subscribe", content=body))


def workflow_templates(core: Core) -> Flow[dict[str, list[str]]]:
    """The workflow templates of custom node packs: names, by pack."""
    said = yield from _object(core, "/api/workflow_templates")
    return {pack: [*texts_in(names)] for pack, names in said.items()}


def translations(core: Core) -> Flow[dict[str, Any]]:
    """The translations of custom node packs."""
    return (yield from _object(core, "/api/i18n"))


def node_replacements(core: Core) -> Flow[dict[str, Any]]:
    """The classes that the server uses in place of old ones (0.14 and later; else empty)."""
    return (yield from find_object(core, Request("GET", "/api/node_replacements"))) or {}


def global_subgraphs(core: Core) -> Flow[dict[str, Any]]:
    """The subgraphs that the server offers (0.3.67 and later; else empty)."""
    return (yield from find_object(core, Request("GET", "/api/global_subgraphs"))) or {}


def _object(core: Core, path: str) -> Flow[dict[str, Any]]:
    asked = Request("GET", path)
    said = yield from fetch_json(core, asked)
    if not is_object(said):
        raise ServerError(
            f"{asked.label} of {core.address} did not return an object; is that a ComfyUI server?", 200
        )
    return dict(said)


def _texts(core: Core, path: str) -> Flow[list[str]]:
    return [*texts_in((yield from fetch_json(core, Request("GET", path))))]


def _of_folder(core: Core, asked: Request, folder: str) -> Flow[Any]:
    """What a server says about a model folder.

    Raises:
        ServerError: It has no such folder; then the error names the nearest one.
    """
    try:
        return (yield from fetch_json(core, asked))
    except ServerError as error:
        if error.status != 404:
            raise
        missing = error
    try:
        folders = yield from model_folders(core)
    except ClientError:
        raise missing from None
    if not folders or folder in folders:
        raise missing
    hint = did_you_mean(folder, folders, f"available: {', '.join(folders)}")
    raise ServerError(f"{core.address} has no model folder {folder!r}; {hint}", 404, missing.body)


def find_object(core: Core, asked: Request) -> Flow[dict[str, Any] | None]:
    """The object of an answer; None if the server has none (404)."""
    try:
        said = yield from fetch_json(core, asked)
    except ServerError as error:
        if error.status == 404:
            return None
        raise
    return dict(said) if is_object(said) else None
