"""Assets: files with tags and hashes, as servers with ``--enable-assets`` list them."""

from __future__ import annotations

import base64
import binascii
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from aiohttp import web

from ...input_file import asset_hash
from ...json_types import object_or_empty, text_or_empty, texts_in
from ..assets import HASH, StoredAsset
from ..instance import simulator_of

ROUTES = web.RouteTableDef()
"""Written with the prefix on real servers: there is no ``/assets``."""

MAX_TAGS: Final = 100
_SORTS: Final[Mapping[str, Callable[[StoredAsset], Any]]] = {
    "created_at": lambda asset: asset.created,
    "updated_at": lambda asset: asset.created,
    "last_access_time": lambda asset: asset.created,
    "name": lambda asset: asset.name,
    "size": lambda asset: asset.size,
}
_LEGACY: Final = {"tags_all": "include_tags", "tags_none": "exclude_tags"}

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


class RefusedError(ValueError):
    """A request that is answered with an error; never leaves this module."""

    def __init__(self, code: str, message: str, status: int = 400, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.details = details


def _enabled(handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.Response:
        try:
            if simulator_of(request).assets is None:
                raise RefusedError(
                    "SERVICE_DISABLED",
                    "Assets system is disabled. Start the server with --enable-assets to use this feature.",
                    503,
                )
            return await handler(request)
        except RefusedError as error:
            told = {"code": error.code, "message": str(error), "details": error.details}
            return web.json_response({"error": told}, status=error.status)

    return answer


@ROUTES.get("/api/assets")
@_enabled
async def get_assets(request: web.Request) -> web.Response:
    """A page of all assets."""
    query = request.query
    found = _chosen(request)
    sort, order = query.get("sort", "created_at"), query.get("order", "desc")
    if sort not in _SORTS or order not in ("asc", "desc"):
        raise RefusedError("INVALID_QUERY", "Validation failed.")
    found.sort(key=lambda asset: (_SORTS[sort](asset), asset.id), reverse=order == "desc")
    limit = _number(query, "limit", 20, 1, 500)
    offset = _read_cursor(query["after"]) if "after" in query else _number(query, "offset", 0, 0, None)
    page, behind = found[offset : offset + limit], offset + limit
    told: dict[str, Any] = {
        "assets": [asset.to_json(simulator_of(request).folders) for asset in page],
        "total": len(found),
        "has_more": behind < len(found),
    }
    if behind < len(found):
        told["next_cursor"] = base64.urlsafe_b64encode(str(behind).encode()).decode()
    return web.json_response(told)


@ROUTES.get("/api/assets/tags/refine")
@_enabled
async def get_refined_tags(request: web.Request) -> web.Response:
    """How many assets have each tag, of those that are asked for."""
    limit = _number(request.query, "limit", 100, 1, 1000)
    counts = Counter(tag for asset in _chosen(request) for tag in asset.tags)
    return web.json_response({"tag_counts": dict(counts.most_common(limit))})


@ROUTES.get("/api/tags")
@_enabled
async def get_tags(request: web.Request) -> web.Response:
    """All tags."""
    counts = Counter(tag for asset in _assets(request) for tag in asset.tags)
    tags = [{"name": name, "count": count} for name, count in counts.most_common()]
    return web.json_response({"tags": tags, "total": len(tags), "has_more": False})


@ROUTES.head("/api/assets/hash/{hash}")
@_enabled
async def head_hash(request: web.Request) -> web.Response:
    """Whether a content is there."""
    digest = request.match_info["hash"].strip().lower()
    if not HASH.fullmatch(digest):
        raise RefusedError("INVALID_HASH", "hash must be like 'blake3:<hex>'")
    return web.Response(status=200 if simulator_of(request).assets_of().has(digest) else 404)


@ROUTES.get("/api/assets/{id}")
@_enabled
async def get_asset(request: web.Request) -> web.Response:
    """One asset."""
    wanted = request.match_info["id"].lower()
    for asset in _assets(request):
        if asset.id == wanted:
            return web.json_response(asset.to_json(simulator_of(request).folders))
    raise RefusedError("ASSET_NOT_FOUND", f"AssetReference {wanted} not found", 404, id=wanted)


@ROUTES.post("/api/assets/from-hash")
@_enabled
async def post_from_hash(request: web.Request) -> web.Response:
    """List content that is there once more."""
    body = object_or_empty(await request.json())
    digest = text_or_empty(body.get("hash"))
    if not HASH.fullmatch(digest):
        raise RefusedError("INVALID_BODY", "Validation failed.")
    tags = [*texts_in(body.get("tags"))]
    made = simulator_of(request).assets_of().add(digest, text_or_empty(body.get("name")) or digest[7:], tags)
    if made is None:
        raise RefusedError("ASSET_NOT_FOUND", f"Asset content {digest} does not exist", 404)
    return _created(request, made, False, 201)


@ROUTES.post("/api/assets")
@_enabled
async def post_asset(request: web.Request) -> web.Response:
    """Take a file."""
    form: Mapping[str, Any] = await request.post()
    file = form.get("file")
    if not isinstance(file, web.FileField):
        raise RefusedError("MISSING_FILE", "Form must include a 'file' part or a known 'hash'.")
    data = file.file.read()
    digest = asset_hash(data)
    if digest is None:
        raise RefusedError("DEPENDENCY_MISSING", "blake3 is not installed", 503)
    assets = simulator_of(request).assets_of()
    tags = [tag.strip() for tag in str(form.get("tags", "")).split(",") if tag.strip()]
    name = str(form.get("name") or file.filename)
    known = assets.add(digest, name, tags)
    if known is not None:
        return _created(request, known, False, 200)
    try:
        return _created(request, assets.store(data, digest, name, file.filename, tags), True, 201)
    except ValueError as error:
        raise RefusedError("INVALID_BODY", str(error)) from None


def _assets(request: web.Request) -> list[StoredAsset]:
    return list(simulator_of(request).assets_of())


def _created(request: web.Request, asset: StoredAsset, new: bool, status: int) -> web.Response:
    told = {**asset.to_json(simulator_of(request).folders), "created_new": new}
    return web.json_response(told, status=status)


def _chosen(request: web.Request) -> list[StoredAsset]:
    """The assets that a query asks for, by tags and name."""
    wanted = _tag_filters(request)
    part = request.query.get("name_contains", "").lower()
    return [
        asset
        for asset in _assets(request)
        if wanted["tags_all"] <= {*asset.tags}
        and not wanted["tags_none"] & {*asset.tags}
        and (not wanted["tags_any"] or wanted["tags_any"] & {*asset.tags})
        and part in asset.name.lower()
    ]


def _tag_filters(request: web.Request) -> dict[str, set[str]]:
    query, new = request.query, simulator_of(request).profile.tag_filters
    given = {name: _tags(query, name) for name in ("tags_all", "tags_any", "tags_none") if new}
    legacy = {name: _tags(query, old) for name, old in _LEGACY.items()}
    for name, tags in [*given.items(), *((_LEGACY[name], tags) for name, tags in legacy.items())]:
        if new and len(tags) > MAX_TAGS:
            said = f"'{name}' lists {len(tags)} tags; the maximum is {MAX_TAGS}."
            raise RefusedError("INVALID_TAG_FILTER", said, parameter=name, count=len(tags), max=MAX_TAGS)
    if not any(given.values()):
        return {"tags_any": set(), **legacy}
    for name, old in _LEGACY.items():
        if given[name] and legacy[name]:
            said = f"Cannot combine '{old}' with '{name}'; use '{name}'."
            raise RefusedError("INVALID_TAG_FILTER", said, parameters=[old, name])
    chosen = {name: given[name] or legacy.get(name, set()) for name in given}
    both = sorted(chosen["tags_all"] & chosen["tags_none"])
    if both:
        names = [name if given[name] else _LEGACY[name] for name in _LEGACY]
        listed = ", ".join(map(repr, both))
        said = f"Query can never match: {listed} required by '{names[0]}' but rejected by '{names[1]}'."
        raise RefusedError("INVALID_TAG_FILTER", said, conflicting_tags=both, parameters=names)
    return chosen


def _tags(query: Any, name: str) -> set[str]:
    return {tag.strip() for value in query.getall(name, ()) for tag in value.split(",") if tag.strip()}


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    try:
        value = int(query.get(name, default))
    except ValueError:
        raise RefusedError("INVALID_QUERY", "Validation failed.") from None
    if value < least or (most is not None and value > most):
        raise RefusedError("INVALID_QUERY", "Validation failed.")
    return value


def _read_cursor(text: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(text.encode()))
    except (ValueError, binascii.Error):
        raise RefusedError("INVALID_CURSOR", "not a cursor of this list") from None
