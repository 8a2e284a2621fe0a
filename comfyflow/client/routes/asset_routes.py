"""Routes about assets: the files that a server lists, with tags and hashes.

Off by default up to at least 0.33 (``--enable-assets``); ``client.features()`` has ``assets``. If off, every
route answers 503. ComfyUI calls the routes unstable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ...errors import ClientError, ServerError
from ...input_file import asset_hash
from ...json_types import (
    array_or_empty,
    is_number,
    is_object,
    object_or_empty,
    text_of,
    text_or_empty,
    texts_in,
)
from ...option import read_texts
from ...validate.rules import ServerRules
from ..core import Core, ask, error_of, fetch_json
from ..flow import Flow, Part, Request, json_body, segment
from .server_routes import find_object, system_stats
from .upload_routes import UploadSource, upload_content

AssetOrder: TypeAlias = Literal["name", "created_at", "updated_at", "size", "last_access_time"]


@dataclass(frozen=True)
class Asset:
    """A file that a server has listed.

    Attributes:
        id: The id of this entry; one file may have several.
        name: Its name when it was uploaded, or its file's name.
        hash: ``blake3:…``; None if the server has not computed it.
        loader_path: How an input that loads this kind of file names it: below the folder of its kind, or
            below input, output or temp. None if nothing can load it.
        display_name: The name to show to users.
        size: In bytes.
        mime_type: Its MIME type.
        tags: ``input``, ``output``, ``models``, ``model_type:loras``, …, and custom ones.
        preview_url: The path of its preview picture, below the server's address.
        job_id: The prompt that made it.
        user_metadata: What the user has stored with it.
        metadata: What the server knows about its content.
        created_at: When it was listed, in ISO 8601.
        updated_at: When the entry was changed.
        created_new: Whether `Client.upload_asset` sent content that was new to the server.
        raw: The server's own object.
    """

    id: str
    name: str
    hash: str | None = None
    loader_path: str | None = None
    display_name: str | None = None
    size: int | None = None
    mime_type: str | None = None
    tags: tuple[str, ...] = ()
    preview_url: str | None = None
    job_id: str | None = None
    user_metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_at: str | None = None
    updated_at: str | None = None
    created_new: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)


@dataclass(frozen=True)
class AssetPage:
    """Some of a server's assets.

    Attributes:
        assets: This page of them.
        total: How many there are in all.
        has_more: Whether more follow.
        next_cursor: The ``after`` of the next page; None if there is none, or if the server supports only
            ``offset``.
    """

    assets: tuple[Asset, ...]
    total: int
    has_more: bool
    next_cursor: str | None = None

    def __iter__(self) -> Iterator[Asset]:
        return iter(self.assets)

    def __len__(self) -> int:
        return len(self.assets)


def assets(
    core: Core,
    *,
    tags_all: Sequence[str] = (),
    tags_any: Sequence[str] = (),
    tags_none: Sequence[str] = (),
    name_contains: str | None = None,
    sort: AssetOrder | None = None,
    order: Literal["asc", "desc"] | None = None,
    limit: int | None = None,
    offset: int | None = None,
    after: str | None = None,
) -> Flow[AssetPage]:
    """The files that the server has listed, by default the newest first.

    Args:
        tags_all: Only those with all of these tags, at most 100.
        tags_any: Only those with one of these tags (0.33 and later).
        tags_none: Only those with none of these tags.
        name_contains: Only those whose name contains this.
        sort: The property to sort by.
        order: ``asc`` or ``desc``.
        limit: How many, at most 500; 20 by default.
        offset: How many to skip.
        after: The ``next_cursor`` of the previous page; `offset` is ignored then.

    Raises:
        TypeError: Tags are one string.
        ServerError: Assets are off (503), or an argument is wrong (400).
        ClientError: The server does not know ``tags_any``.
    """
    query = yield from _tag_query(core, tags_all, tags_any, tags_none)
    asked: tuple[tuple[str, object], ...] = (
        ("name_contains", name_contains),
        ("sort", sort),
        ("order", order),
        ("limit", limit),
        ("offset", offset),
        ("after", after),
    )
    query += tuple((name, str(value)) for name, value in asked if value is not None)
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/assets", query))))
    found = (read_asset(entry) for entry in array_or_empty(said.get("assets")))
    total = said.get("total")
    return AssetPage(
        tuple(entry for entry in found if entry is not None),
        int(total) if is_number(total) else 0,
        said.get("has_more") is True,
        text_of(said, "next_cursor"),
    )


def asset(core: Core, asset_id: str) -> Flow[Asset | None]:
    """One asset; None if there is none with that id.

    Args:
        asset_id: Its id.

    Raises:
        ServerError: Assets are off (503).
    """
    return read_asset((yield from find_object(core, Request("GET", f"/api/assets/{segment(asset_id)}"))))


def asset_tags(
    core: Core,
    *,
    tags_all: Sequence[str] = (),
    tags_any: Sequence[str] = (),
    tags_none: Sequence[str] = (),
    name_contains: str | None = None,
    limit: int | None = None,
) -> Flow[dict[str, int]]:
    """The tags of the assets that `assets` would list, and how many have each.

    Args:
        tags_all: See `assets`.
        tags_any: See `assets`.
        tags_none: See `assets`.
        name_contains: See `assets`.
        limit: How many tags, at most 1000; 100 by default.

    Raises:
        TypeError: Tags are one string.
        ServerError: Assets are off (503), or an argument is wrong (400).
        ClientError: The server does not know ``tags_any``.
    """
    query = yield from _tag_query(core, tags_all, tags_any, tags_none)
    asked = (("name_contains", name_contains), ("limit", limit))
    query += tuple((name, str(value)) for name, value in asked if value is not None)
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/assets/tags/refine", query))))
    counts = object_or_empty(said.get("tag_counts"))
    return {tag: int(count) for tag, count in counts.items() if is_number(count)}


def has_asset(core: Core, hash: str) -> Flow[bool]:  # noqa: A002  # the server's name for it
    """Whether the server has a file with this content among its assets.

    Args:
        hash: ``blake3:`` and 64 digits.

    Raises:
        ServerError: Assets are off (503), or it is not a hash (400).
    """
    asked = Request("HEAD", f"/api/assets/hash/{segment(hash)}")
    answer = yield from ask(core, asked)
    if answer.status not in (200, 404):
        raise error_of(core, asked, answer)
    return answer.status == 200


def upload_asset(
    core: Core, source: UploadSource, *, tags: Sequence[str] = ("input",), name: str | None = None
) -> Flow[Asset]:
    """Upload a file as an asset. A file that the server already has is not sent again.

    That needs the file's hash, which needs the package ``blake3``; without it the file is sent anyway, and
    the server compares. A file that the server has is listed a second time, and that entry has no
    `Asset.loader_path`: give a picture that a prompt should load to the node itself, or to
    `Client.upload_image`.

    Args:
        source: A file, its bytes, or a Pillow or NumPy picture, which is sent as PNG.
        tags: One of ``input``, ``output`` and ``models`` says where it goes; ``models`` needs another one,
            such as ``model_type:loras``. Others are up to you.
        name: Its name; by default the file's own name.

    Raises:
        TypeError: `tags` is one string.
        ClientError: The file cannot be read.
        ServerError: Assets are off (503), or the server refuses it.
    """
    tags = read_texts(tags, "tags")
    content, own_name = upload_content(source)
    called = name or own_name
    digest = _hash(content)
    if digest is not None and (yield from has_asset(core, digest)):
        body = json_body({"hash": digest, "name": called, "tags": tags})
        request = Request("POST", "/api/assets/from-hash", content=body, repeatable=False)
    else:
        fields = {"tags": ",".join(tags), "name": called}
        request = Request(
            "POST", "/api/assets", fields=fields, parts=(Part("file", own_name, content),), repeatable=False
        )
    found = read_asset((yield from fetch_json(core, request)))
    if found is None:
        raise ServerError(f"{request.label} of {core.address} did not return an asset", 200)
    return found


def read_asset(entry: object) -> Asset | None:
    """Parse an asset as a server sends it; None if it is not one."""
    if not is_object(entry) or not isinstance(entry.get("id"), str):
        return None
    size = entry.get("size")
    return Asset(
        entry["id"],
        text_or_empty(entry.get("name")),
        text_of(entry, "hash") or text_of(entry, "asset_hash"),
        text_of(entry, "loader_path"),
        text_of(entry, "display_name"),
        int(size) if is_number(size) and 0 <= size < 1 << 63 else None,
        text_of(entry, "mime_type"),
        texts_in(entry.get("tags")),
        text_of(entry, "preview_url"),
        text_of(entry, "job_id") or text_of(entry, "prompt_id"),
        object_or_empty(entry.get("user_metadata")),
        object_or_empty(entry.get("metadata")),
        text_of(entry, "created_at"),
        text_of(entry, "updated_at"),
        entry.get("created_new") is True,
        entry,
    )


def _tag_query(
    core: Core, tags_all: Sequence[str], tags_any: Sequence[str], tags_none: Sequence[str]
) -> Flow[tuple[tuple[str, str], ...]]:
    """Tags in the server's form."""
    wanted = {"tags_all": tags_all, "tags_any": tags_any, "tags_none": tags_none}
    lists = [read_texts(tags, name) for name, tags in wanted.items()]
    if not any(lists):
        return ()
    stats = yield from system_stats(core)
    version = stats.version
    names = ("tags_all", "tags_any", "tags_none")
    if version is not None and not ServerRules(version).filters_tags:
        if tags_any:
            raise ClientError(
                f"ComfyUI {version} at {core.address} does not support tags_any; 0.33 and later do"
            )
        names = ("include_tags", "", "exclude_tags")
    return tuple((name, ",".join(tags)) for name, tags in zip(names, lists, strict=True) if tags)


def _hash(content: bytes | Path) -> str | None:
    try:
        return asset_hash(content)
    except OSError as error:
        raise ClientError(f"cannot read {error.filename}: {error.strerror}") from None
