"""Assets, where a server has them on; and what a server says that has them off."""

from __future__ import annotations

import importlib.util
import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from comfyflow.client import Asset, Limits
from comfyflow.errors import ClientError, ServerError
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected

from .conftest import PROFILES, URL
from .session import Server

ON = [URL] if URL else [name for name in PROFILES if name != "0.3.64"]
HASHED = importlib.util.find_spec("blake3") is not None


@pytest.fixture(scope="module", params=ON, ids=lambda name: name.replace("http://", ""))
def assets_on(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param in PROFILES:
        with (
            Simulator(profile=request.param, assets=True) as simulator,
            httpx.Client(base_url=simulator.url, timeout=60) as http,
        ):
            yield Server(simulator.url, http)
        return
    with httpx.Client(base_url=request.param, timeout=60) as http:
        if not http.get("/features").json().get("assets"):
            pytest.skip("the server was started without --enable-assets")
        yield Server(request.param, http)


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, assets_on: Server) -> Iterator[Any]:
    with connected(request.param, assets_on.url) as client:
        yield client


@pytest.fixture
def uploaded(client: Any) -> str:
    name = f"{uuid.uuid4().hex}.png"
    client.upload_image(Image.new("RGB", (8, 8), (uuid.uuid4().int % 256, 3, 4)), name=name)
    return name


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_features_say_whether_they_are_on(client: Any) -> None:
    assert client.features()["assets"] is True


def test_an_upload_is_listed(client: Any, uploaded: str) -> None:
    page = client.assets(tags_all=["input"], name_contains=uploaded)
    assert (page.total, page.has_more, len(page)) == (1, False, 1)
    (asset,) = page
    assert isinstance(asset, Asset)
    assert (asset.name, asset.loader_path, asset.mime_type) == (uploaded, uploaded, "image/png")
    assert "input" in asset.tags
    assert asset.size is not None
    assert asset.size > 60
    assert client.asset(asset.id).loader_path == uploaded
    assert client.asset(str(uuid.uuid4())) is None
    assert client.assets(tags_none=["input"], name_contains=uploaded).total == 0
    assert client.assets(tags_all=["input", "nothing has this"]).total == 0


def test_any_of_some_tags(client: Any, assets_on: Server, uploaded: str) -> None:
    if not assets_on.since(0, 33):
        for asked in (client.assets, client.asset_tags):
            with pytest.raises(ClientError, match=re.escape("does not support tags_any; 0.33 and later do")):
                asked(tags_any=["input"])
        return
    assert client.assets(tags_any=["input", "output"], name_contains=uploaded).total == 1
    assert client.assets(tags_any=["output"], name_contains=uploaded).total == 0


def test_how_many_have_a_tag(client: Any, uploaded: str) -> None:
    assert client.asset_tags(tags_all=["input"], name_contains=uploaded)["input"] == 1
    assert client.asset_tags(tags_none=["input"], name_contains=uploaded) == {}


def test_pages(client: Any) -> None:
    mark = uuid.uuid4().hex
    for index in range(3):
        client.upload_image(Image.new("RGB", (8, 8), (index, 1, 2)), name=f"{mark}-{index}.png")
    found = client.assets(name_contains=mark, sort="name", order="asc", limit=2)
    assert ([asset.name[-5] for asset in found], found.total, found.has_more) == (["0", "1"], 3, True)
    rest = client.assets(name_contains=mark, sort="name", order="asc", limit=2, after=found.next_cursor)
    assert ([asset.name[-5] for asset in rest], rest.has_more) == (["2"], False)
    skipped = client.assets(name_contains=mark, sort="name", order="desc", limit=1, offset=1)
    assert [asset.name[-5] for asset in skipped] == ["1"]


def test_queries_that_are_refused(client: Any, assets_on: Server) -> None:
    http = assets_on.http
    assert error(http.get("/api/assets", params={"limit": 0})) == (400, "INVALID_QUERY")
    assert error(http.get("/api/assets", params={"after": "!"})) == (400, "INVALID_CURSOR")
    assert http.head("/api/assets/hash/none").status_code == 400
    assert http.head(f"/api/assets/hash/blake3:{'0' * 64}").status_code == 404
    if not assets_on.since(0, 33):
        return
    many = [f"tag{index}" for index in range(101)]
    for name in ("tags_all", "tags_any", "tags_none"):
        for path in ("/api/assets", "/api/assets/tags/refine"):
            assert error(http.get(path, params={name: ",".join(many)})) == (400, "INVALID_TAG_FILTER")
        assert http.get("/api/assets", params={name: ",".join(many[:100])}).status_code == 200
    for query in ({"tags_all": "a", "tags_none": "a"}, {"tags_all": "a", "include_tags": "b"}):
        assert error(http.get("/api/assets", params=query)) == (400, "INVALID_TAG_FILTER")
    with pytest.raises(ServerError, match="the maximum is 100") as caught:
        client.assets(tags_none=many)
    assert caught.value.status == 400


def test_a_file_is_uploaded_once(client: Any, assets_on: Server) -> None:
    picture = Image.new("RGB", (9, 9), (uuid.uuid4().int % 256, uuid.uuid4().int % 256, 4))
    if not URL and not HASHED:  # the simulator hashes with this package, as real servers do
        with pytest.raises(ServerError, match="blake3 is not installed") as refused:
            client.upload_asset(picture)
        assert refused.value.status == 503
        return
    first = client.upload_asset(picture, tags=["input", "conformance"], name="first.png")
    assert first.created_new
    assert first.loader_path == f"{first.hash.partition(':')[2]}.png"
    assert "conformance" in first.tags
    assert client.has_asset(first.hash)
    second = client.upload_asset(picture, name="second.png")
    assert (second.created_new, second.hash, second.name) == (False, first.hash, "second.png")
    assert second.loader_path is None
    shown = client.view(first.loader_path, type="input")
    assert shown.startswith(b"\x89PNG")


def test_a_server_that_has_them_off(server: Server) -> None:
    features = server.http.get("/features").json()
    if features.get("assets"):
        pytest.skip("the server has them on")
    with connected("Client", server.url, limits=Limits(retries=0)) as client:
        for asked in (client.assets, client.asset_tags):
            with pytest.raises(ServerError) as caught:
                asked()
            assert caught.value.status == (503 if server.is_new else 404)
        digest = f"blake3:{'0' * 64}"
        if not server.is_new:
            assert client.has_asset(digest) is False
            return
        with pytest.raises(ServerError) as caught:
            client.has_asset(digest)
        assert caught.value.status == 503
