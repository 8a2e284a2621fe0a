"""Credentials go to the origin that they were given for, and are shown nowhere."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from aiohttp import web
from multidict import CIMultiDict
from typing_extensions import Self

from comfyflow import AsyncClient, Client
from comfyflow.client import Limits
from comfyflow.client.address import DEFAULT_SERVER, read_address
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import ClientError, ServerError, ServerUnreachable
from comfyflow.simulator.instance import listening
from tests.clients import KINDS, connected
from tests.loop_thread import opened_in_thread
from tests.test_client_seed_faults import until

SECRETS = {"token": "tok-3f9a7c", "bearer": "bear-77aa12", "api_key": "key-901bbc"}
PASSWORD = "pass word+1"


class Recorder:
    """A server that notes what it is asked, and answers as its routes say."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, CIMultiDict[str], dict[str, str]]] = []
        self.redirect = ""
        self.socket_redirect = ""
        self.cookie = ""
        self._thread = ExitStack()

    def __enter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        serving = opened_in_thread(lambda: listening(app, "127.0.0.1"), "recorder")
        self.port, _ = self._thread.enter_context(serving)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, CIMultiDict(request.headers), dict(request.query)))
        if request.path.endswith("/ws"):
            if self.socket_redirect:
                raise web.HTTPFound(self.socket_redirect)
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_json(
                {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}}
            )
            async for _ in socket:
                pass
            return socket
        if request.path.endswith("/view") and self.redirect:
            raise web.HTTPFound(self.redirect)
        if self.cookie:
            return web.json_response({"system": {}}, headers={"Set-Cookie": f"{self.cookie}; Path=/"})
        if request.path.endswith("/features"):
            # A server that repeats what it was sent.
            said = f"no {request.headers.get('Authorization')} {request.query_string}"
            return web.json_response({"error": {"message": said}}, status=403)
        if request.path.endswith("/system_stats"):
            return web.json_response({"system": {}})
        return web.Response(body=b"file")


@pytest.fixture
def here() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


@pytest.fixture
def elsewhere() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


def hear(client: Any) -> None:
    """Have the socket open and greeted."""
    assert next(iter(client.events(20))) is not None


def sent(request: object) -> str:
    return repr(request)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_sent(kind: str, here: Recorder) -> None:
    url = f"http://127.0.0.1:{here.port}"
    options: dict[str, Any] = {**SECRETS, "user": "ada", "headers": {"X-Pass": "through-me"}}
    with connected(kind, url, **options) as client:
        client.system_stats()
        hear(client)
    for path, headers, query in (here.requests[0], here.requests[-1]):
        assert path in ("/api/system_stats", "/ws")
        assert headers["Authorization"] == "Bearer bear-77aa12"
        assert headers["X-API-Key"] == "key-901bbc"
        assert headers["Comfy-User"] == "ada"
        assert headers["X-Pass"] == "through-me"
        assert query["token"] == "tok-3f9a7c"
    assert {path for path, _, _ in here.requests} == {"/api/system_stats", "/ws"}
    assert here.requests[-1][2]["clientId"]
    for _, headers, _ in here.requests:
        assert "Origin" not in headers, "a server refuses a foreign origin"


@pytest.mark.parametrize("kind", KINDS)
def test_names_and_passwords(kind: str, here: Recorder) -> None:
    with connected(kind, f"http://ada:pass%20word%2B1@127.0.0.1:{here.port}/") as client:
        client.system_stats()
        assert PASSWORD not in repr(client)
        assert client.url == f"http://127.0.0.1:{here.port}"
    with connected(kind, f"http://127.0.0.1:{here.port}", basic=("ada", PASSWORD)) as client:
        client.system_stats()
    assert here.requests[0][1]["Authorization"] == here.requests[1][1]["Authorization"]
    assert here.requests[0][1]["Authorization"].startswith("Basic ")


@pytest.mark.parametrize("kind", KINDS)
def test_an_auth_class_of_httpx_signs_requests_and_the_socket(kind: str, here: Recorder) -> None:
    class Signed(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers["X-Signature"] = f"signed {request.url.path}"
            yield request

    with connected(kind, f"http://127.0.0.1:{here.port}", auth=Signed()) as client:
        client.system_stats()
        hear(client)
    assert here.requests[0][1]["X-Signature"] == "signed /api/system_stats"
    assert here.requests[-1][1]["X-Signature"] == "signed /ws"


@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_to_another_origin_gets_none(kind: str, here: Recorder, elsewhere: Recorder) -> None:
    """Comfy Cloud answers /view with the signed address of another host."""
    here.redirect = f"http://127.0.0.1:{elsewhere.port}/bucket/a.png?signature=abc"

    class Signed(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers["X-Signature"] = "sig-12345678"
            yield request

    options: dict[str, Any] = {
        **SECRETS,
        "user": "ada",
        "headers": {"X-Pass": "through-me"},
        "auth": Signed(),
    }
    with connected(kind, f"http://127.0.0.1:{here.port}", **options) as client:
        assert client.view("a.png") == b"file"
    (request,) = elsewhere.requests
    assert request[0] == "/bucket/a.png"
    assert request[2] == {"signature": "abc"}
    for secret in (*SECRETS.values(), "through-me", "sig-12345678", "ada-lovelace"):
        assert secret not in sent(request), secret
    assert "sig-12345678" in sent(here.requests[0])


@pytest.mark.parametrize("kind", KINDS)
def test_cookies_stay_with_their_port(kind: str, here: Recorder, elsewhere: Recorder) -> None:
    """Cookies do not know ports; an origin has one."""
    here.redirect = f"http://127.0.0.1:{elsewhere.port}/a.png"
    here.cookie, elsewhere.cookie = "session=cook-1a2b3c", "session=planted"
    with connected(kind, f"http://127.0.0.1:{here.port}") as client:
        client.system_stats()
        client.view("a.json")
        client.system_stats()
    assert [headers.get("Cookie") for _, headers, _ in elsewhere.requests] == [None]
    cookies = [headers.get("Cookie") for _, headers, _ in here.requests]
    assert cookies == [None, "session=cook-1a2b3c", "session=cook-1a2b3c"]


@pytest.mark.parametrize("kind", KINDS)
def test_headers_of_one_request_do_not_go_elsewhere(kind: str, here: Recorder, elsewhere: Recorder) -> None:
    here.redirect = f"http://127.0.0.1:{elsewhere.port}/a.png"
    secret = {"Authorization": "Bearer bear-77aa12", "Cookie": "a=cook-1a2b3c", "X-Own": "own-5e6f7a"}
    with connected(kind, f"http://127.0.0.1:{here.port}") as client:
        client.request("GET", "/api/view", headers={**secret, "Range": "bytes=1-"})
    assert here.requests[0][1]["X-Own"] == "own-5e6f7a"
    ((_, headers, _),) = elsewhere.requests
    assert headers["Range"] == "bytes=1-"
    for value in secret.values():
        assert value not in sent(headers)


@pytest.mark.parametrize("kind", KINDS)
def test_a_socket_is_not_redirected_to_another_origin(kind: str, here: Recorder, elsewhere: Recorder) -> None:
    here.socket_redirect = f"ws://127.0.0.1:{elsewhere.port}/ws"
    with connected(kind, f"http://127.0.0.1:{here.port}", **SECRETS) as client:
        list(client.events(0.05))
        until(lambda: client._core.hub.failure)
    assert here.requests
    assert not elsewhere.requests


@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_within_the_origin_keeps_them(kind: str, here: Recorder) -> None:
    here.redirect = "/moved/a.png"
    with connected(kind, f"http://127.0.0.1:{here.port}", **SECRETS) as client:
        assert client.view("a.png") == b"file"
    path, headers, query = here.requests[-1]
    assert (path, headers["X-API-Key"], query["token"]) == ("/moved/a.png", "key-901bbc", "tok-3f9a7c")


def test_a_redirected_prompt_is_not_sent_elsewhere(here: Recorder) -> None:
    """Only reading follows redirects; of a POST the error says where it points."""
    transport = httpx.MockTransport(lambda _: httpx.Response(307, headers={"Location": "https://other/api"}))
    url = f"http://127.0.0.1:{here.port}"
    with (
        connected("Client", url, transport=transport) as client,
        pytest.raises(ServerError, match="redirects elsewhere"),
    ):
        client.free()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_shows_a_secret(kind: str, here: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    everything = {**SECRETS, "headers": {"X-Pass": "through-me"}}
    shown: list[str] = []
    with connected(kind, f"http://127.0.0.1:{here.port}/?token=in-the-url", **everything) as client:
        hear(client)
        client.system_stats()
        shown += [repr(client), str(client), client.url, client.view_url("a.png")]
        with pytest.raises(ServerError) as caught:
            client.features()
        shown += ["".join(traceback.format_exception(caught.value)), caught.value.body, repr(caught.value)]
    gone = "http://127.0.0.1:9/?token=in-the-url"
    with connected(kind, gone, **everything, limits=Limits(retries=0)) as client:
        with pytest.raises(ServerUnreachable) as away:
            client.system_stats()
        shown += ["".join(traceback.format_exception(away.value)), repr(away.value)]
        list(client.events(0.2))
    shown += [record.getMessage() for record in caplog.records]
    assert any("HTTP Request" in line for line in shown), "httpx does log requests"
    for secret in (*SECRETS.values(), "in-the-url", "through-me"):
        for line in shown:
            assert secret not in line, line


@pytest.mark.parametrize(
    "options",
    [
        {"bearer": "tok-3f9a7c\n"},
        {"api_key": "tok-3f9a7c\r\nX-Other: 1"},
        {"user": " tok-3f9a7c"},
        {"headers": {"X-Pass": "tök-tok-3f9a7c"}},
        {"headers": {"X Pass": "tok-3f9a7c"}},
    ],
    ids=["end of a line", "another header", "a space", "not ASCII", "no name"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_no_header_can_hold_is_refused_unseen(kind: str, options: dict[str, Any]) -> None:
    """httpx and h11 would show it: ``Illegal header value b'Bearer …``."""
    with (
        pytest.raises(ClientError, match="header") as caught,
        connected(kind, "http://host", **options),
    ):
        pass
    assert "tok-3f9a7c" not in "".join(traceback.format_exception(caught.value))


def test_a_header_that_only_looks_like_basic_auth() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(400, text="no Basic x!!x"))
    with (
        connected(
            "Client", "http://host", headers={"Authorization": "Basic x!!x"}, transport=transport
        ) as client,
        pytest.raises(ServerError, match=r"gave 400: no \*\*\*"),
    ):
        client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["http://[bad/", "file:///etc/passwd", "ftp://host/a", "", "/again"])
def test_a_redirect_that_leads_nowhere_is_an_error_of_the_server(kind: str, target: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"Location": target})

    with (
        connected(kind, "http://host", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(ServerError, match="gave 302; it redirects elsewhere"),
    ):
        client.view("a.png")
    assert len(asked) == (6 if target == "/again" else 1)
    assert all(url.startswith("http://host/") for url in asked)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("weird://ada:tok-3f9a7c@host", "not a proxy address"),
        ("nonsense", "not a proxy address"),
        ("socks5://ada:tok-3f9a7c@host:1", "needs more packages"),
    ],
)
def test_a_proxy_that_cannot_be_used(
    kind: str, proxy: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ClientError, match=words) as caught, connected(kind, "https://host", proxy=proxy):
        pass
    assert "tok-3f9a7c" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_in_a_prompt_is_not_shown_to_who_looks_at_requests(kind: str) -> None:
    shown: list[str] = []

    def look(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        shown.append(f"{request!r} {answer!r}")
        return answer

    def server(request: httpx.Request) -> httpx.Response:
        repeated = [[1, "p", {}, {"api_key_comfy_org": "key-901bbc"}, []]]
        return httpx.Response(200, json={"prompt_id": "p", "queue_running": repeated})

    options: dict[str, Any] = {"middleware": [look], "websocket": False, "backend": "comfyui"}
    with connected(kind, "http://host", transport=httpx.MockTransport(server), **options) as client:
        handle = client.submit({"1": {"class_type": "X", "inputs": {}}}, partner_api_key="key-901bbc")
        assert "key-901bbc" not in f"{client.queue()!r} {handle!r}"
    assert len(shown) == 2
    assert not [line for line in shown if "key-901bbc" in line]


def test_event_hooks_see_requests_without_them(here: Recorder) -> None:
    seen: list[httpx.Request] = []
    url = f"http://127.0.0.1:{here.port}"
    with connected("Client", url, **SECRETS, event_hooks={"request": [seen.append]}) as client:
        client.system_stats()
    assert str(seen[0].url) == f"{url}/api/system_stats"
    assert not any(secret in repr(dict(seen[0].headers)) for secret in SECRETS.values())
    assert here.requests[0][1]["X-API-Key"] == SECRETS["api_key"]


def test_the_partner_key_is_only_in_the_prompt_itself() -> None:
    from comfyflow.client.routes.queue_routes import _entry

    entry = _entry([1, "id", {}, {"api_key_comfy_org": "k", "auth_token_comfy_org": "t", "x": 1}, ["9"]])
    assert entry is not None
    assert entry.extra_data == {"x": 1}, "0.3.64 shows other people's keys in its queue"


# Addresses


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("127.0.0.1:8188/", "http://127.0.0.1:8188"),
        ("localhost", "http://localhost"),
        ("https://Host.example:443", "https://host.example"),
        ("https://host.example/comfy/", "https://host.example/comfy"),
        ("https://host.example/comfy/api", "https://host.example/comfy"),
        ("wss://host.example/ws-base", "https://host.example/ws-base"),
        ("http://[::1]:8188", "http://[::1]:8188"),
        ("http://u:p@host:1?token=x", "http://host:1"),
        ("http:8188", "http://http:8188"),
        ("http:word@host:1", "http://host:1"),
        ("http/comfy", "http://http/comfy"),
        ("https.example", "http://https.example"),
        ("http://host:1/my path", "http://host:1/my%20path"),
    ],
)
def test_addresses(given: str, url: str) -> None:
    assert read_address(given)[0].url == url


@pytest.mark.parametrize(
    "given", ["", "http://", "ftp://host", "http://host:x", "http://host:99999", "http://[::1"]
)
def test_no_addresses(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientError, match="not a server address"):
        read_address(given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http:/localhost:8188", "http://localhost:8188"),
        ("https:/comfy.example", "https://comfy.example"),
        ("http:localhost:8188", "http://localhost:8188"),
        ("HTTP:127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("https//comfy.example/base", "https://comfy.example/base"),
        ("http:///127.0.0.1", "http://127.0.0.1"),
        ("http:// 127.0.0.1", "http://127.0.0.1"),
        ("http:\\\\host:8188", "http://host:8188"),
        ("wss:/host", "wss://host"),
        ("http:/ada:hunter22@host:1?token=hunter22", "http://host:1"),
        ("http://local host:8188", "http://localhost:8188"),
        ("local host:8188", "http://localhost:8188"),
        ("https://ada:hunter22@my host/base", "https://myhost/base"),
    ],
)
def test_an_address_that_is_misspelt_is_told_what_was_meant(given: str, meant: str) -> None:
    with pytest.raises(ClientError, match=rf"not a server address; did you mean {meant}\?$") as caught:
        read_address(given)
    assert "hunter22" not in str(caught.value)
    read_address(meant)


def test_no_password_is_told_as_an_address() -> None:
    for given in ("http://hunter 22?x@host", "http:/hunter22?x@host"):
        with pytest.raises(ClientError, match="not a server address; write it like") as caught:
            read_address(given)
        assert "hunter" not in str(caught.value)


def test_nothing_listens_on_port_0() -> None:
    with pytest.raises(
        ClientError, match=r"'http://h:0' is not a server address; nothing listens on port 0: "
    ):
        read_address("http://h:0")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "host", ["256.1.1.1", "xn--", "a..b", f"{'a' * 64}.example", f"{chr(0x2603)}.example"]
)
def test_a_name_that_cannot_be_looked_up_is_no_address(kind: type[Client | AsyncClient], host: str) -> None:
    with pytest.raises(ClientError, match="not a server address") as caught:
        kind(f"http://ada:hunter22@{host}:8188", websocket=False)
    assert host in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_the_password_of_a_wrong_address_is_not_shown() -> None:
    with pytest.raises(ClientError) as caught:
        read_address("ftp://ada:hunter22@host/?token=abcdef")
    assert "hunter22" not in str(caught.value)
    assert "abcdef" not in str(caught.value)


def test_the_default_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYFLOW_SERVER", raising=False)
    assert read_address()[0].url == DEFAULT_SERVER
    monkeypatch.setenv("COMFYFLOW_SERVER", "http://elsewhere:1")
    assert read_address()[0].url == "http://elsewhere:1"


def test_routes_below_a_base_path() -> None:
    address, _ = read_address("https://host/comfy")
    assert address.url_of("/api/view", (("filename", "a b&c.png"),)) == (
        "https://host/comfy/api/view?filename=a%20b%26c.png"
    )
    assert address.socket_url("id/1") == "wss://host/comfy/ws?clientId=id%2F1"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://host/other", True),
        ("https://host:443/", True),
        ("wss://host/ws", True),
        ("http://host/", False),
        ("https://host:8443/", False),
        ("https://host.evil/", False),
        ("https://host@evil/", False),
        ("https://evil/https://host", False),
        ("https://host:99999/", False),
        ("//host/", False),
    ],
)
def test_what_is_of_the_same_origin(url: str, own: bool) -> None:
    assert read_address("https://host")[0].owns(url) is own
