"""``comfyflow serve``: webhooks, and what is counted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from comfyflow.errors import ConfigurationError
from comfyflow.serve.refusal import Refusal
from comfyflow.serve.webhook import WebhookOptions, Webhooks
from comfyflow.simulator import Simulator
from tests.serving import Served, greeting, serving
from tests.test_client_seed_faults import until

SECRET = b"a secret of many letters"


class Receiver:
    """Takes messages, and answers them with one status after another; the last one stays."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = [*statuses]
        self.messages: list[tuple[dict[str, str], bytes, str]] = []
        self.url = ""


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(*statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.messages.append(({k.lower(): v for k, v in self.headers.items()}, body, self.path))
            left = receiver.statuses
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(20)


@contextmanager
def told(
    out: Path, *, allow_private: bool = True, pauses: tuple[float, ...] = (0.05, 0.05)
) -> Iterator[Served]:
    with (
        Simulator() as simulator,
        serving(
            out, simulator, functions=[greeting], webhooks=WebhookOptions(SECRET, allow_private=allow_private)
        ) as served,
    ):
        served.service.webhooks._pauses = pauses
        yield served


def test_the_end_of_a_job_is_told_and_signed(tmp_path: Path) -> None:
    with receiving(204) as receiver, told(tmp_path) as served:
        job = served.done("greeting", {"name": "Ada"}, Webhook_URL=receiver.url)
        until(lambda: receiver.messages, 60)
        ((headers, body, path),) = receiver.messages
        assert path == "/hook?x=1"
        assert headers["host"] == receiver.url.split("/")[2]
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{digest}"
        said = json.loads(body)
        assert (said["type"], said["data"]["id"], said["data"]["texts"]) == (
            "job.completed", job["id"], job["texts"],
        )  # fmt: skip


def test_a_message_is_sent_until_it_is_taken(tmp_path: Path) -> None:
    with receiving(500, 302, 200) as receiver, told(tmp_path) as served:
        served.done("greeting", {"name": "Ada"}, Webhook_URL=receiver.url)
        until(lambda: len(receiver.messages) == 3, 60)
        assert len({headers["webhook-id"] for headers, _, _ in receiver.messages}) == 1
        assert {path for _, _, path in receiver.messages} == {"/hook?x=1"}  # no redirect was followed
        until(lambda: deliveries(served) == [(3, None, "200")])


def test_a_message_that_nobody_takes_is_given_up(tmp_path: Path) -> None:
    with receiving(500) as receiver, told(tmp_path) as served:
        served.done("greeting", {"name": "Ada"}, Webhook_URL=receiver.url)
        until(lambda: deliveries(served) == [(3, None, "500")])
        assert len(receiver.messages) == 3


def test_who_is_gone_is_told_no_more(tmp_path: Path) -> None:
    with receiving(410) as receiver, told(tmp_path) as served:
        served.done("greeting", {"name": "Ada"}, Webhook_URL=receiver.url)
        until(lambda: deliveries(served) == [(1, None, "410")])


def test_a_restart_loses_no_message(tmp_path: Path) -> None:
    with receiving(500, 200) as receiver:
        with told(tmp_path, pauses=(1e6,)) as served:
            job = served.done("greeting", {"name": "Ada"}, Webhook_URL=receiver.url)
            until(lambda: [each[0] for each in deliveries(served)] == [1])
            execute(served, "UPDATE delivery SET due = 0")
        with told(tmp_path) as served:
            until(lambda: len(receiver.messages) == 2, 60)
            assert json.loads(receiver.messages[1][1])["data"]["id"] == job["id"]


def test_a_job_that_is_cancelled_is_told(tmp_path: Path) -> None:
    with receiving(200) as receiver, told(tmp_path) as served:
        sent = served.job("greeting", {"name": "Ada"}, Webhook_URL=receiver.url).json()
        state = served.http.delete(sent["url"]).json()["state"]
        until(lambda: receiver.messages, 60)
        assert json.loads(receiver.messages[0][1])["type"] == f"job.{state}"


def deliveries(served: Served) -> list[tuple[Any, ...]]:
    return execute(served, "SELECT attempts, due, answer FROM delivery")


def execute(served: Served, order: str) -> list[tuple[Any, ...]]:
    """Do something with the database, in the thread that has it."""

    async def ask() -> list[tuple[Any, ...]]:
        return await served.service.ask(lambda ledger: ledger._database.execute(order).fetchall())

    return asyncio.run_coroutine_threadsafe(ask(), served.loop).result(20)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0.0.0.0/",
        "http://0177.0.0.1/",
        "http://224.0.0.1/",
        "https://192.168.0.7/",
        "https://100.64.0.1/",
        "https://[fe80::1%25eth0]/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "http:///x",
        "http://user:pass@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com:99999/",
        "http://example.com:x/",
        "example.com",
        "//example.com/",
        "x" * 3000,
    ],
)
def test_addresses_that_are_not_told(
    tmp_path_factory: pytest.TempPathFactory, private: Served, url: str
) -> None:
    answer = private.job("greeting", {"name": "Ada"}, Webhook_URL=url)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("bad_webhook", "private_webhook", "bad_header")


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with told(tmp_path_factory.mktemp("out"), allow_private=False) as served:
        yield served


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1"])
def test_names_and_numbers_that_lead_here_are_not_told(private: Served, host: str) -> None:
    with receiving(200) as receiver:
        port = receiver.url.split(":")[2].partition("/")[0]
        private.done("greeting", {"name": host}, Webhook_URL=f"http://{host}:{port}/")
        until(lambda: any("not a public address" in each[2] for each in deliveries(private) if each[2]))
        assert receiver.messages == []
        execute(private, "DELETE FROM delivery")


def test_a_name_that_leads_elsewhere_in_the_next_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was looked at, and the name is asked for once."""
    asked: list[str] = []
    options = WebhookOptions(SECRET)
    monkeypatch.setattr("comfyflow.serve.webhook.is_public", lambda address: str(address) == "127.0.0.1")

    async def tell(url: str, *answers: str) -> str:
        async def lookup(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        return await Webhooks(options, None, None).send(url, "msg_1", {})  # type: ignore[arg-type]

    with receiving(200) as receiver:
        url = receiver.url.replace("127.0.0.1", "rebind.example")
        assert asyncio.run(tell(url, "127.0.0.1")) == "200"
        assert asked == ["rebind.example"]
        ((headers, _, _),) = receiver.messages
        assert headers["host"].startswith("rebind.example:")
        with pytest.raises(Refusal, match="not a public address"):
            asyncio.run(tell(url, "127.0.0.1", "10.0.0.1"))
        assert len(receiver.messages) == 1


def test_without_a_secret_there_are_no_webhooks(tmp_path: Path) -> None:
    with Simulator() as simulator, serving(tmp_path, simulator, functions=[greeting]) as served:
        answer = served.job("greeting", {"name": "x"}, Webhook_URL="https://example.com/")
        assert answer.json()["code"] == "no_webhooks"


def test_secrets_as_people_write_them() -> None:
    assert (
        WebhookOptions.of("whsec_" + base64.b64encode(SECRET).decode(), allow_private=False).secret == SECRET
    )
    assert WebhookOptions.of(SECRET.decode(), allow_private=False).secret == SECRET
    for text in ("short", "whsec_!", "whsec_YQ=="):
        with pytest.raises(ConfigurationError):
            WebhookOptions.of(text, allow_private=False)
    assert "secret" not in repr(WebhookOptions(SECRET))


def test_what_is_counted(tmp_path: Path) -> None:
    with Simulator() as simulator, serving(tmp_path, simulator, functions=[greeting]) as served:
        served.done("greeting", {"name": "Ada"})
        served.done("greeting", {"name": "Bob"})
        answer = served.http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = answer.text.splitlines()
        assert 'comfyflow_jobs_total{state="completed",workflow="greeting"} 2.0' in lines
        assert 'comfyflow_job_seconds_count{workflow="greeting"} 2.0' in lines
        assert any(line.startswith('comfyflow_node_seconds_count{class_type="PreviewAny"}') for line in lines)
        assert f'comfyflow_server_up{{server="{simulator.url}"}} 1.0' in lines
        assert 'comfyflow_queue{state="pending"} 0.0' in lines
