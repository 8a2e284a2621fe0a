"""Which addresses a model file is downloaded from, and what is connected to for them."""

from __future__ import annotations

from typing import Any

import httpcore
import pytest

from comfyflow.errors import ModelFileError
from comfyflow.model_files.address import GuardedNetwork, checked_address

LOOPBACK = frozenset({"127.0.0.1"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://example.com/a", "is not https"),
        ("ftp://example.com/a", "is not an https address"),
        ("file:///etc/passwd", "is not an https address"),
        ("https:///a", "is not an https address"),
        ("a.safetensors", "is not an https address"),
        ("", "is not an https address"),
        ("https://127.0.0.1/a", "is a private address"),
        ("https://[::1]/a", "is a private address"),
        ("https://[::ffff:10.0.0.1]/a", "is a private address"),
        ("https://[64:ff9b::a00:1]/a", "is a private address"),
        ("https://169.254.169.254/latest", "is a private address"),
        ("https://192.168.1.2/a", "is a private address"),
        ("https://224.0.0.1/a", "is a private address"),
        ("https://me:secret@example.com/a", "a user name or a password"),
        (f"https://example.com/{'a' * 5000}", "more than 4096 characters"),
        ("https://exa mple.com/a\n", "is not"),
    ],
)
def test_an_address_that_is_refused(text: str, why: str) -> None:
    with pytest.raises(ModelFileError, match=why) as told:
        checked_address(text, frozenset())
    assert "secret" not in str(told.value)


def test_an_address_that_may_be_asked() -> None:
    for text in ("https://huggingface.co/x/resolve/main/a.safetensors?download=true", "https://8.8.8.8/a"):
        assert str(checked_address(text, frozenset())) == text
    assert str(checked_address("http://127.0.0.1:1/a", LOOPBACK)) == "http://127.0.0.1:1/a"
    page = checked_address("https://huggingface.co/x/blob/main/a.safetensors", frozenset())
    assert str(page) == "https://huggingface.co/x/resolve/main/a.safetensors"


class Network(httpcore.NetworkBackend):
    """Connects to nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connect_tcp(self, host: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError("nobody there")


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        (["127.0.0.1"], None),
        (["8.8.8.8", "10.0.0.1"], None),
        (["::1"], None),
        (["fe80::1%eth0"], None),
        (["8.8.8.8", "2001:4860:4860::8888"], ["8.8.8.8", "2001:4860:4860::8888"]),
    ],
)
def test_a_name_that_leads_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, found: list[str], asked: list[str] | None
) -> None:
    network = Network()
    guarded = GuardedNetwork(network, frozenset())
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (each, 443)) for each in found])
    wrong = httpcore.ConnectError if asked else ModelFileError
    with pytest.raises(wrong):
        guarded.connect_tcp("example.com", 443)
    assert network.asked == (asked or [])


def test_a_host_that_is_named_is_connected_to_as_it_is() -> None:
    network = Network()
    with pytest.raises(httpcore.ConnectError):
        GuardedNetwork(network, frozenset({"nas.local"})).connect_tcp("NAS.local", 443)
    assert network.asked == ["NAS.local"]
