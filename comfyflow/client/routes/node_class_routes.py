"""The server's node classes: all of them, kept where that is wanted, or those that one prompt uses."""

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
        core: The client; it keeps one schema in memory.
        version: The server's version.
        max_age: Seconds for which a schema is good.
        folder: Where it is kept on disk; None for nowhere.
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
        """One that is good, from memory or from disk."""
        kept = self._core.schemas.get(self._version)
        if kept is not None and self._core.clock() - kept[0] < self._max_age:
            return kept[1]
        return self._read() if self._path is not None else None

    def keep(self, raw: Mapping[str, Any]) -> Schema:
        """A new one, kept for later."""
        if self._path is not None:
            self._write(self._path, raw)
        return self._remember(raw, self._core.clock())

    def _remember(self, raw: Mapping[str, Any], moment: float) -> Schema:
        schema = Schema(raw, self._version, self._core.address.url)
        self._core.schemas.clear()
        self._core.schemas[self._version] = (moment, schema)
        return schema

    def _read(self) -> Schema | None:
        """What is on disk; None where there is none, or it is too old or damaged."""
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
        """A cache that cannot be written is none; the schema is here all the same."""
        partial = path.with_name(f"{path.name}.{self._core.random.getrandbits(32):08x}.part")
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(gzip.compress(json.dumps(raw).encode(), 5))
            partial.replace(path)


_AT_ONCE: Final = 8


_SINGLY: Final = 100
"""Classes that are asked for one by one; for more, the whole catalogue comes faster."""


def class_infos(
    core: Core, names: Iterable[str], *, anew: bool = False
) -> Flow[Mapping[str, Mapping[str, Any] | None]]:
    """Ask the server for node classes, several at once; what it said before is taken again.

    Args:
        core: The client.
        names: The classes.
        anew: Ask again: the lists of files may be others by now.

    Returns:
        What ``GET /object_info/CLASS`` says of each; None where it does not know it, or does not
        say.
    """
    wanted = list(dict.fromkeys(names))
    asked = wanted if anew else [name for name in wanted if name not in core.node_classes]
    if asked:
        answers = yield Gather([_info(core, name) for name in asked], _AT_ONCE)
        core.node_classes.update(zip(asked, answers, strict=True))
    return {name: core.node_classes[name] for name in wanted}


def with_server_classes(core: Core, schema: Schema, names: Iterable[str]) -> Flow[Schema]:
    """A schema with what the server says of classes that are missing in it.

    Args:
        core: The client.
        schema: What is known already.
        names: The classes that are used.
    """
    missing = sorted({name for name in names if name not in schema.raw})
    if not missing:
        return schema
    try:
        infos = yield from class_infos(core, missing)
    except ClientError:
        return schema  # whoever needs the server will say that it does not answer
    found = {name: info for name, info in infos.items() if info is not None}
    if not found:
        return schema
    return Schema(layered(found, schema.raw), schema.version, schema.source, schema.files_known)


def of_server(core: Core, known: Schema, names: Iterable[str]) -> Flow[Schema]:
    """A schema with what the server says of these classes, and the editor that it requires.

    The editor makes prompts of the classes of the server that it runs on, which may have others than
    `known` under the same names: of another release, or a pack's.

    Args:
        core: The client.
        known: Has the classes that the server does not know, or does not tell of.
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
        return known  # whoever needs the server will say that it does not answer
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
    found = yield from object_info_answer(core)
    raw = parse_object_info(found.content, f"/object_info of {core.address}", core.bounds)
    editor = None
    if version is None:
        told = yield from server_told(core)
        version, editor = told.version, told.editor
    return Schema(raw, version, core.address.url, editor=editor)


def object_info_answer(core: Core) -> Flow[Answer]:
    """What a server says of all its classes, unread.

    Raises:
        ServerError: The server gives an error.
    """
    return (yield from _first_of(core, "/api/object_info", "/object_info"))


def whole_catalogue(core: Core) -> Flow[Mapping[str, Any]]:
    """What a server says of all its classes; of many, each is decoded when it is looked at.

    Raises:
        ServerError: The server gives an error, or no /object_info.
    """
    answer = yield from object_info_answer(core)
    try:
        return parse_object_info(answer.content, f"/object_info of {core.address}", core.bounds)
    except SchemaError as error:
        raise ServerError(str(error), answer.status) from None


def server_told(core: Core) -> Flow[SystemStats]:
    """What a server says of itself; nothing where it is something that has only saved answers of one."""
    try:
        stats = yield from _first_of(core, "/api/system_stats", "/system_stats")
        said = parse_json(core, Request("GET", "/api/system_stats"), stats)
    except ServerError:
        said = None
    return SystemStats(object_or_empty(said))


def _first_of(core: Core, path: str, older: str) -> Flow[Answer]:
    """The answer of a route, or of the name that it had before servers knew ``/api``."""
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
    """The choices of a combo, in the V1 and the V3 form; none where the class is not there."""
    found = Schema((yield from object_info(core, class_type))).get(class_type)
    entry = found.by_name.get(name) if found is not None else None
    return [
        choice for choice in (entry.choices if entry is not None else None) or () if isinstance(choice, str)
    ]
