"""Routes about the server itself: what it is, what it can do, what it has installed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..errors import ServerError
from ..json_types import array_or_empty, is_object, object_or_empty, text_or_empty
from ..schema import Schema, Version
from ..schema.load import parse_object_info
from .core import Core, ask, call, fetch_json, parse_json
from .flow import Answer, Flow, Part, Request, json_body
from .route import segment
from .schema_cache import SchemaCache
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
    """Send any request to the server, for routes that have no method of their own.

    Args:
        method: ``GET``, ``POST``, ….
        path: Below the server's base path: ``/api/…`` or ``/my_nodes/…``.
        query: Names and values.
        json: The body, as JSON.
        content: The body, as it is.
        headers: Further headers.
        files: Files of a multipart body: name and bytes, by field.
        timeout: Seconds to wait for the answer.

    Returns:
        The answer, whatever its status.

    Raises:
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
        timeout=timeout,
        repeatable=method.upper() in ("GET", "HEAD"),
    )
    return (yield from ask(core, asked))


def system_stats(core: Core) -> Flow[SystemStats]:
    """The server's version, system, memory and devices."""
    return SystemStats((yield from _object(core, "/api/system_stats")))


def features(core: Core) -> Flow[dict[str, Any]]:
    """What the server can do, by name."""
    return (yield from _object(core, "/api/features"))


def object_info(core: Core, class_type: str | None = None) -> Flow[dict[str, Any]]:
    """The node classes of the server, as it describes them.

    Args:
        class_type: Only this class; the answer is empty where there is none. None gives all.
    """
    path = "/api/object_info" if class_type is None else f"/api/object_info/{segment(class_type)}"
    return (yield from _object(core, path))


def schema(core: Core, *, max_age: float = 0.0, folder: str | os.PathLike[str] | None = None) -> Flow[Schema]:
    """The node classes of the server, for validation.

    Args:
        max_age: Seconds for which one that was fetched before is taken again, while the server's
            version is the same. A file that is put into a models folder is not seen before.
        folder: Where to keep it on disk as well, for other clients and later programs.

    Raises:
        ServerError: The server gives an error.
        SchemaError: What it gives is no /object_info.
    """
    stats = yield from system_stats(core)
    version = stats.system.comfyui_version or None
    cache = SchemaCache(core, version, max_age, folder)
    found = cache.find()
    if found is None:
        found = cache.keep((yield from object_info(core)))
    found.editor = stats.editor
    return found


def whole_schema(core: Core, version: Version | None) -> Flow[Schema]:
    """The node classes of a server of which nothing need be known, for `load_schema`.

    Args:
        version: What it is known to be; None asks it, where it answers that.

    Raises:
        ServerError: The server gives an error.
        SchemaError: What it gives is no /object_info.
    """
    found = yield from _first_of(core, "/api/object_info", "/object_info")
    raw = parse_object_info(found.content, f"/object_info of {core.address}", core.bounds)
    editor = None
    if version is None:
        try:
            stats = yield from _first_of(core, "/api/system_stats", "/system_stats")
            said = parse_json(core, Request("GET", "/api/system_stats"), stats)
        except ServerError:
            said = None  # something that has only saved answers of a server
        told = SystemStats(object_or_empty(said))
        version, editor = told.version, told.editor
    return Schema(raw, version, core.address.url, editor=editor)


def _first_of(core: Core, path: str, older: str) -> Flow[Answer]:
    """The answer of a route, or of the name that it had before servers knew ``/api``."""
    try:
        return (yield from call(core, Request("GET", path)))
    except ServerError as error:
        if error.status != 404:
            raise
        first = error
    try:
        return (yield from call(core, Request("GET", older)))
    except ServerError as error:
        raise (first if error.status == 404 else error) from None


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
        ServerError: There is no such folder (404).
    """
    return (yield from _texts(core, f"/api/models/{segment(folder)}"))


def model_files(core: Core, folder: str) -> Flow[list[ModelFile]]:
    """The files in one of the model folders, with their size and times.

    Args:
        folder: Its kind.
    """
    path = f"/api/experiment/models/{segment(folder)}"
    said = yield from fetch_json(core, Request("GET", path))
    return [ModelFile(entry) for entry in array_or_empty(said) if is_object(entry)]


def model_metadata(core: Core, folder: str, filename: str) -> Flow[dict[str, Any] | None]:
    """The metadata in a safetensors file; None where it has none.

    Args:
        folder: Its kind.
        filename: The file.
    """
    path = f"/api/view_metadata/{segment(folder)}"
    return (yield from find_object(core, Request("GET", path, (("filename", filename),))))


def samplers(core: Core) -> Flow[list[str]]:
    """The samplers that ``KSampler`` takes."""
    return (yield from _choices(core, "KSampler", "sampler_name"))


def schedulers(core: Core) -> Flow[list[str]]:
    """The schedulers that ``KSampler`` takes."""
    return (yield from _choices(core, "KSampler", "scheduler"))


def checkpoints(core: Core) -> Flow[list[str]]:
    """The checkpoints that are installed."""
    return (yield from _choices(core, "CheckpointLoaderSimple", "ckpt_name"))


def loras(core: Core) -> Flow[list[str]]:
    """The LoRAs that are installed."""
    return (yield from _choices(core, "LoraLoader", "lora_name"))


def vaes(core: Core) -> Flow[list[str]]:
    """The VAEs that are installed."""
    return (yield from _choices(core, "VAELoader", "vae_name"))


def controlnets(core: Core) -> Flow[list[str]]:
    """The ControlNets that are installed."""
    return (yield from _choices(core, "ControlNetLoader", "control_net_name"))


def upscale_models(core: Core) -> Flow[list[str]]:
    """The upscale models that are installed."""
    return (yield from _choices(core, "UpscaleModelLoader", "model_name"))


def hypernetworks(core: Core) -> Flow[list[str]]:
    """The hypernetworks that are installed."""
    return (yield from _choices(core, "HypernetworkLoader", "hypernetwork_name"))


def free(core: Core, *, unload_models: bool = True, free_memory: bool = False) -> Flow[None]:
    """Have the server give memory back.

    Args:
        unload_models: Whether models leave the graphics memory.
        free_memory: Whether cached results go too.
    """
    body = json_body({"unload_models": unload_models, "free_memory": free_memory})
    yield from call(core, Request("POST", "/api/free", content=body))


def logs(core: Core) -> Flow[str]:
    """The server's log."""
    said = yield from fetch_json(core, Request("GET", "/internal/logs"))
    return text_or_empty(said)


def log_entries(core: Core) -> Flow[list[LogEntry]]:
    """The server's log, each piece with its time."""
    said = yield from _object(core, "/internal/logs/raw")
    return [LogEntry(entry) for entry in array_or_empty(said.get("entries")) if is_object(entry)]


def subscribe_logs(core: Core, *, enabled: bool = True) -> Flow[None]:
    """Have the log sent over the socket, as `LogEntries` events.

    Args:
        enabled: False ends it.
    """
    body = json_body({"clientId": core.client_id, "enabled": enabled})
    yield from call(core, Request("PATCH", "/internal/logs/subscribe", content=body))


def workflow_templates(core: Core) -> Flow[dict[str, list[str]]]:
    """The workflow templates of custom node packs: names, by pack."""
    said = yield from _object(core, "/api/workflow_templates")
    return {pack: _listed_texts(names) for pack, names in said.items()}


def translations(core: Core) -> Flow[dict[str, Any]]:
    """The translations of custom node packs."""
    return (yield from _object(core, "/api/i18n"))


def node_replacements(core: Core) -> Flow[dict[str, Any]]:
    """Which classes the server takes in place of old ones (0.14 and later; else empty)."""
    return (yield from find_object(core, Request("GET", "/api/node_replacements"))) or {}


def global_subgraphs(core: Core) -> Flow[dict[str, Any]]:
    """The subgraphs that the server offers (0.3.67 and later; else empty)."""
    return (yield from find_object(core, Request("GET", "/api/global_subgraphs"))) or {}


def _object(core: Core, path: str) -> Flow[dict[str, Any]]:
    asked = Request("GET", path)
    said = yield from fetch_json(core, asked)
    if not is_object(said):
        raise ServerError(f"{asked.label} of {core.address} gave no object; is that a ComfyUI server?", 200)
    return dict(said)


def _texts(core: Core, path: str) -> Flow[list[str]]:
    return _listed_texts((yield from fetch_json(core, Request("GET", path))))


def _listed_texts(said: object) -> list[str]:
    return [text for text in array_or_empty(said) if isinstance(text, str)]


def find_object(core: Core, asked: Request) -> Flow[dict[str, Any] | None]:
    """The object of an answer; None where the server has none (404)."""
    try:
        said = yield from fetch_json(core, asked)
    except ServerError as error:
        if error.status == 404:
            return None
        raise
    return dict(said) if is_object(said) else None


def _choices(core: Core, class_type: str, name: str) -> Flow[list[str]]:
    """The choices of a combo, in the V1 and the V3 form; none where the class is not there."""
    found = Schema((yield from object_info(core, class_type))).get(class_type)
    entry = found.by_name.get(name) if found is not None else None
    return [
        choice for choice in (entry.choices if entry is not None else None) or () if isinstance(choice, str)
    ]
