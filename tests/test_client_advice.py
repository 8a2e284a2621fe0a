"""A server that cannot be reached, or does not let us in: each error says what to do."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from comfyflow import load_schema
from comfyflow.client import Limits
from comfyflow.errors import ClientError, SchemaError, ServerError, ServerUnreachable
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected
from tests.command import Command
from tests.test_client_secure import ReverseProxy, certificate, server
from tests.test_client_seed_faults import prompt

__all__ = ["certificate", "server"]

ONCE = Limits(retries=0)


@contextmanager
def answering(reply: Callable[[bytes], bytes]) -> Iterator[int]:
    """A port that reads once from each connection, and says what `reply` says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(reply(connection.recv(65536)))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@contextmanager
def behind_tls(server: Simulator, certificate: Path) -> Iterator[int]:
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(certificate)
    with ReverseProxy(server.url, "", shown) as proxy:
        yield proxy.port


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", [str, Path], ids=["text", "path"])
def test_a_file_with_a_certificate_is_trusted_by_the_socket_too(
    kind: str, path: Callable[[str], object], server: Simulator, certificate: Path
) -> None:
    with (
        behind_tls(server, certificate) as port,
        connected(kind, f"https://127.0.0.1:{port}", verify=path(f"{certificate}.crt")) as client,
    ):
        assert client.run(prompt("SaveImageWebsocket"), timeout=20).files
        assert client.connected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_a_certificate(kind: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    why = "cannot trust the certificates in .*ca.pem: (No such file|it contains no certificate)"
    with pytest.raises(ClientError, match=why), connected(kind, "https://127.0.0.1:9", verify=path):
        pass


def test_the_certificate_of_the_command_line_and_of_the_environment(
    command: Command, server: Simulator, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with behind_tls(server, certificate) as port:
        url = f"https://127.0.0.1:{port}"
        assert command("status", "--server", url, "--ca", f"{certificate}.crt").code == 0
        refused = command("status", "--server", url)
        assert refused.code == 2
        assert "--ca ca.pem or COMFYFLOW_CA" in refused.err
        monkeypatch.setenv("COMFYFLOW_CA", f"{certificate}.crt")
        assert command("nodes", "KSampler", "--server", url).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_nobody_trusts(kind: str, server: Simulator, certificate: Path) -> None:
    with (
        behind_tls(server, certificate) as port,
        connected(kind, f"https://127.0.0.1:{port}", limits=ONCE) as client,
        pytest.raises(ServerUnreachable, match=r'verify="ca.pem", --ca ca.pem or COMFYFLOW_CA'),
    ):
        client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_for_another_name(kind: str, server: Simulator, certificate: Path) -> None:
    with (
        behind_tls(server, certificate) as port,
        connected(kind, f"https://localhost:{port}", verify=f"{certificate}.crt", limits=ONCE) as client,
        pytest.raises(ServerUnreachable, match="its certificate is for another name"),
    ):
        client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_http_to_a_port_that_speaks_tls(kind: str, server: Simulator, certificate: Path) -> None:
    with (
        behind_tls(server, certificate) as port,
        connected(kind, f"http://127.0.0.1:{port}", limits=ONCE) as client,
        pytest.raises(ServerUnreachable, match=rf"speaks TLS.* write https://127.0.0.1:{port}"),
    ):
        client.system_stats()


ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
TOLD = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Length: 48\r\n\r\nThe plain HTTP request was sent to an HTTPS port"
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reply", [ALERT, TOLD], ids=["an alert", "a page of a reverse proxy"])
def test_what_other_servers_answer_to_http_on_such_a_port(kind: str, reply: bytes) -> None:
    with (
        answering(lambda _: reply) as port,
        connected(kind, f"http://127.0.0.1:{port}", limits=ONCE) as client,
        pytest.raises(ClientError, match=rf"it speaks TLS[:,] write https://127.0.0.1:{port}"),
    ):
        client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_https_to_a_port_that_speaks_http(kind: str, server: Simulator) -> None:
    url = server.url.replace("http:", "https:")
    with (
        connected(kind, url, limits=ONCE) as client,
        pytest.raises(ServerUnreachable, match=f"it does not speak TLS: write {server.url}"),
    ):
        client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_was_forgotten(kind: str, server: Simulator, command: Command) -> None:
    with ReverseProxy(server.url, "/comfy") as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        with (
            connected(kind, url) as client,
            pytest.raises(ServerError, match=rf"below a path there, include it: {url}/comfy"),
        ):
            client.system_stats()
        for words in (["status"], ["nodes", "KSampler"]):
            assert f"include it: {url}/comfy" in command(*words, "--server", url).err
        with pytest.raises(SchemaError, match="include it"):
            load_schema(url)


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_that_takes_no_prompts(kind: str) -> None:
    """Servers of files say so of every POST."""
    reply = b"HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with answering(lambda _: reply) as port:
        url = f"http://127.0.0.1:{port}"
        with connected(kind, url, limits=ONCE) as client, pytest.raises(ServerError, match="include it"):
            client.run(prompt(), websocket=False)


def test_a_web_page_in_the_place_of_a_server(command: Command) -> None:
    page = b"<html>hello</html>"
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
    with answering(lambda _: reply) as port:
        url = f"http://127.0.0.1:{port}"
        with connected("Client", url) as client, pytest.raises(ServerError, match="include it"):
            client.system_stats()
        assert "include it" in command("status", "--server", url).err


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_is_not_there(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://ada:hunter-2200@127.0.0.1:{port}")
    monkeypatch.setenv("http_proxy", f"http://ada:hunter-2200@127.0.0.1:{port}")
    with connected(kind, "http://comfy.example", limits=ONCE) as client:
        with pytest.raises(ServerUnreachable) as caught:
            client.system_stats()
        said = str(caught.value)
    assert f"the proxy http://127.0.0.1:{port}" in said
    assert "NO_PROXY=comfy.example" in said
    assert "hunter-2200" not in said


def test_no_proxy_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from comfyflow.client.connection import ConnectionOptions, make_core
    from comfyflow.client_options import ClientSettings

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    core = make_core("http://comfy.example", threading.Event, ClientSettings())
    assert ConnectionOptions(core, ClientSettings()).proxy == "http://127.0.0.1:9"
    assert ConnectionOptions(core, ClientSettings(proxy="")).proxy is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("headers", "options", "why"),
    [
        ({"WWW-Authenticate": "Basic realm=x"}, {}, "requires credentials: a name and a password, as basic="),
        ({"WWW-Authenticate": "Bearer"}, {}, "requires credentials: a token, as bearer="),
        ({"WWW-Authenticate": "Bearer"}, {"bearer": "b-12345"}, "rejects the credentials"),
        ({}, {}, "several users needs to know which one: Client"),
    ],
)
def test_a_server_that_does_not_know_us(
    kind: str, headers: dict[str, str], options: dict[str, str], why: str
) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(401, headers=headers))
    with (
        connected(kind, "http://host", transport=transport, **options) as client,
        pytest.raises(ServerError, match=why),
    ):
        client.settings()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("http://127.0.0.1:9", r"start ComfyUI there, or .*: comfyflow simulate --port 9\)"),
        ("https://127.0.0.1:9", r"\(start ComfyUI there\)"),
        ("http://0.0.0.0:9", "only if it was started with --listen"),
    ],
)
def test_where_nothing_listens_it_is_said_what_to_start(kind: str, url: str, advice: str) -> None:
    with connected(kind, url, limits=ONCE) as client, pytest.raises(ServerUnreachable, match=advice):
        client.run(prompt())


UNANSWERED: list[Callable[[Any], Any]] = [
    lambda client: client.interrupt(),
    lambda client: client.free(),
    lambda client: client.clear_queue(),
    lambda client: client.delete_queued(["a"]),
    lambda client: client.clear_history(),
    lambda client: client.delete_history(["a"]),
    lambda client: client.store_settings({"a": 1}),
    lambda client: client.store_setting("a", 1),
    lambda client: client.delete_userdata("a.json"),
    lambda client: client.subscribe_logs(),
]
"""What ComfyUI does without saying anything."""


def saying(content: bytes, kind: str | None) -> httpx.MockTransport:
    headers = {} if kind is None else {"content-type": kind}
    return httpx.MockTransport(lambda _: httpx.Response(200, content=content, headers=headers))


@pytest.mark.parametrize("call", UNANSWERED)
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>Welcome</html>", "text/html"),
        (b"Hello", "Text/HTML; charset=utf-8"),
        (b"\n<!doctype html>", None),
    ],
)
def test_a_web_page_is_no_success(call: Callable[[Any], Any], content: bytes, kind: str | None) -> None:
    told = r"gave a web page; is that a ComfyUI server\? \(if ComfyUI is below a path there, include it: "
    with (
        connected("Client", "http://host", transport=saying(content, kind), limits=ONCE) as client,
        pytest.raises(ServerError, match=told),
    ):
        call(client)


@pytest.mark.parametrize("call", UNANSWERED)
@pytest.mark.parametrize(
    ("content", "kind"), [(b"", None), (b"", "text/html"), (b"OK", "text/plain"), (b"{}", "application/json")]
)
def test_any_other_answer_is_a_success(call: Callable[[Any], Any], content: bytes, kind: str | None) -> None:
    with connected("Client", "http://host", transport=saying(content, kind), limits=ONCE) as client:
        call(client)
