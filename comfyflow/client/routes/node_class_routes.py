"""The server's node classes: all of them, cached on request, or those that one prompt uses."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from ...bounds import unpack_gzip
from ...errors import BoundsError, ClientError, SchemaError, ServerError
from ...json_types import is_object, object_or_empty
from ...schema import Schema, Version
from ...schema.catalogue import layered
from ...schema.object_info import parse_object_info
from ..core import Core, call, parse_json
from ..flow import Answer, Flow, Gather, Request, segment
from ..kept_answer import unless_kept
from .server_info import SystemStats
from .server_routes import _object, system_stats


class SchemaCache:
    """The node classes of one server in one version.

    Args:
        core: The client, which keeps one schema in memory.
        version: The server's version.
        max_age: Seconds that a schema is valid for.
        folder: Where to cache it on disk; None for nowhere.
    """

    def __init__(
        self, core: Core, version: str | None, max_age: float, folder: str | os.PathLike[str] | None
    ) -> None:
        self._core = core
        self._version = version
        self._max_age = max_age
        key = hashlib.sha256(f"{core.address.url} {version}".encode()).hexdigest()[:24]
        self._path = Path(folder) / f"object_info-{key}.json.gz" if folder is not None else None

    def find(self) -> Schema | None:
        """A valid schema from memory or disk."""
        kept = self._core.schemas.get(self._version)
        if kept is not None and self._core.clock() - kept[0] < self._max_age:
            return kept[1]
        return self._read() if self._path is not None else None

    def keep(self, raw: Mapping[str, Any]) -> Schema:
        """A new schema, which is cached."""
        if self._path is not None:
            self._write(self._path, raw)
        return self._remember(raw, self._core.clock())

    def _remember(self, raw: Mapping[str, Any], moment: float) -> Schema:
        schema = Schema(raw, self._version, self._core.address.url)
        self._core.schemas.clear()
        self._core.schemas[self._version] = (moment, schema)
        return schema

    def _read(self) -> Schema | None:
        """The schema on disk; None if there is none, or it is too old or damaged."""
        if self._path is None:
            return None
        try:
            age = max(time.time() - self._path.stat().st_mtime, 0.0)
            if age >= self._max_age:
                return None
            bounds = self._core.bounds
            data = unpack_gzip(self._path.read_bytes(), bounds, bounds.json, "json", str(self._path))
            raw = parse_object_info(data, str(self._path), bounds)
        except (OSError, EOFError, zlib.error, BoundsError, SchemaError):
            return None
        return self._remember(raw, self._core.clock() - age)

    def _write(self, path: Path, raw: Mapping[str, Any]) -> None:
        """A cache that cannot be written is skipped; the schema is available anyway."""
        partial = path.with_name(f"{path.name}.{self._core.random.getrandbits(32):08x}.part")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(gzip.compress(json.dumps(raw).encode(), 5))
            partial.replace(path)


_AT_ONCE: Final = 8


_SINGLY: Final = 100
"""Up to this many classes are requested one by one; for more, the whole catalogue is faster."""


def class_infos(
    core: Core, names: Iterable[str], *, anew: bool = False
) -> Flow[Mapping[str, Mapping[str, Any] | None]]:
    """Ask the server for node classes, several at once; earlier answers are reused.

    Args:
        core: The client.
        names: The classes.
        anew: Ask again: the file lists may have changed.

    Returns:
        The answer of ``GET /object_info/CLASS`` for each; None if the class is unknown, or there is no
            answer.
    """
    wanted = list(dict.fromkeys(names))
    asked = wanted if anew else [name for name in wanted if name not in core.node_classes]
    if asked:
        answers = yield Gather([_info(core, name) for name in asked], _AT_ONCE)
        core.node_classes.update(zip(asked, answers, strict=True))
    return {name: core.node_classes[name] for name in wanted}


def with_server_classes(core: Core, schema: Schema, names: Iterable[str]) -> Flow[Schema]:
    """A schema extended by the server's answers about classes that it lacks.

    Args:
        core: The client.
        schema: The schema known so far.
        names: The classes that are used.
    """
    missing = sorted({name for name in names if name not in schema.raw})
    if not missing:
        return schema
    try:
        infos = yield from class_infos(core, missing)
    except ClientError:
        return schema  # the step that needs the server will report that it does not answer
    found = {name: info for name, info in infos.items() if info is not None}
    if not found:
        return schema
    return Schema(layered(found, schema.raw), schema.version, schema.source, schema.files_known)


def of_server(core: Core, known: Schema, names: Iterable[str]) -> Flow[Schema]:
    """A schema with the server's answers about these classes, and the editor that it requires.

    The editor creates prompts from its own server's classes, which may differ from those in `known`
    under the same names: from another release, or from a pack.

    Args:
        core: The client.
        known: Supplies the classes that the server does not know or report.
        names: The classes that are used.
    """
    wanted = sorted(set(names))
    try:
        stats = yield from system_stats(core)
        found: Mapping[str, Any]
        if len(wanted) > _SINGLY:
            found = yield from whole_catalogue(core)
        else:
            infos = yield from class_infos(core, wanted)
            found = {name: info for name, info in infos.items() if info is not None}
    except ClientError:
        return known  # the step that needs the server will report that it does not answer
    return Schema(
        layered(found, known.raw),
        stats.version,
        core.address.url,
        known.files_known,
        stats.editor,
    )


def _info(core: Core, name: str) -> Flow[Mapping[str, Any] | None]:
    try:
        answer = yield from object_info(core, name)
    except ServerError:
        return None
    info = answer.get(name)
    return info if is_object(info) else None


def object_info(core: Core, class_type: str | None = None) -> Flow[dict[str, Any]]:
    """The node classes of the server, as it describes them.

    Args:
        class_type: Only this class; the answer is empty if it is unknown. None gives all.
    """
    path = "/api/object_info" if class_type is None else f"/api/object_info/{segment(class_type)}"
    return (yield from _object(core, path))


def schema(core: Core, *, max_age: float = 0.0, folder: str | os.PathLike[str] | None = None) -> Flow[Schema]:
    """The node classes of the server, for validation.

    Args:
        max_age: Seconds that an earlier answer is reused for, while the server's version is the same. Files
            added to a models folder are not seen before that.
        folder: Where to cache it on disk as well, for other clients and later programs.

    Raises:
        ServerError: The server answers with an error.
        SchemaError: The answer is not an /object_info.
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
    """The node classes of any server, for `load_schema`.

    Args:
        version: Its version, if known; None asks the server, if it supports that.

    Raises:
        ServerError: The server answers with an error.
        SchemaError: The answer is not an /object_info.
    """
    found = yield from object_info_answer(core)
    raw = parse_object_info(found.content, f"/object_info of {core.address}", core.bounds)
    editor = None
    if version is None:
        told = yield from server_told(core)
        version, editor = told.version, told.editor
    return Schema(raw, version, core.address.url, editor=editor)


def object_info_answer(core: Core) -> Flow[Answer]:
    """A server's answer about all its classes, unparsed.

    Raises:
        ServerError: The server answers with an error.
    """
    return (yield from _first_of(core, "/api/object_info", "/object_info"))


def whole_catalogue(core: Core) -> Flow[Mapping[str, Any]]:
    """A server's answer about all its classes; if there are many, each is decoded on access.

    Raises:
        ServerError: The server answers with an error, or not with an /object_info.
    """
    answer = yield from object_info_answer(core)
    try:
        return parse_object_info(answer.content, f"/object_info of {core.address}", core.bounds)
    except SchemaError as error:
        raise ServerError(str(error), answer.status) from None


def server_told(core: Core) -> Flow[SystemStats]:
    """What a server reports about itself; nothing if it only serves saved answers."""
    try:
        stats = yield from _first_of(core, "/api/system_stats", "/system_stats")
        said = parse_json(core, Request("GET", "/api/system_stats"), stats)
    except ServerError:
        said = None
    return SystemStats(object_or_empty(said))


def _first_of(core: Core, path: str, older: str) -> Flow[Answer]:
    """The answer of a route, or of its name from before servers knew ``/api``."""
    try:
        return (yield from unless_kept(core, Request("GET", path), partial(call, core)))
    except ServerError as error:
        if error.status != 404:
            raise
        first = error
    try:
        return (yield from unless_kept(core, Request("GET", older), partial(call, core)))
    except ServerError as error:
        raise (first if error.status == 404 else error) from None


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


def _choices(core: Core, class_type: str, name: str) -> Flow[list[str]]:
    """The choices of a combo, in the V1 and V3 forms; empty if the class is missing."""
    found = Schema((yield from object_info(core, class_type))).get(class_type)
    entry = found.by_name.get(name) if found is not None else None
    return [
        choice for choice in (entry.choices if entry is not None else None) or () if isinstance(choice, str)
    ]
