"""Which addresses a model file is fetched from: a workflow's author chose them, and may mean harm.

Fetched are ``https`` addresses of the open internet. An address of this machine or of its network is refused,
by whatever name it goes, and so is ``http``, unless the user has named the host.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from ..errors import ModelFileError
from ..public_address import ip_address, is_public

_LONGEST: Final = 4096
_HUGGING_FACE: Final = "huggingface.co"


def checked_address(text: str, hosts: frozenset[str]) -> httpx.URL:
    """An address that may be asked.

    Args:
        text: The address.
        hosts: Hosts that the user has named.

    Raises:
        ModelFileError: It is refused; says why.
    """
    if len(text) > _LONGEST:
        raise ModelFileError(f"the address {text[:80]!r}… has more than {_LONGEST} characters")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ModelFileError(f"{text!r:.200} is not a valid address: {error}") from None
    host = url.host.casefold()
    if url.userinfo:
        raise ModelFileError(f"addresses with a user name or a password are refused (host {host!r:.100})")
    if url.scheme not in ("https", "http") or not host:
        raise ModelFileError(f"{text!r:.200} is not an https address")
    if host in hosts:
        return url
    if url.scheme == "http":
        raise ModelFileError(
            f"{text!r:.200} is not https, so anyone in between could change the file; if you trust the "
            f"host, add --allow-host {host}"
        )
    if (literal := ip_address(host)) is not None and not is_public(literal):
        raise _private(host)
    if host == _HUGGING_FACE and "/blob/" in url.path:  # the page of a file; its content is beside it
        return url.copy_with(path=url.path.replace("/blob/", "/resolve/", 1))
    return url


def guarded_transport(url: httpx.URL, hosts: frozenset[str]) -> httpx.BaseTransport | None:
    """What connects to public addresses only; None if a proxy of the environment does it for us.

    The name is looked up once, and what was looked at is what is connected to: a name that changes its
    address in between gains nothing.
    """
    proxy = getproxies().get(url.scheme) or getproxies().get("all")
    if proxy and not proxy_bypass(url.host):
        return None
    transport = httpx.HTTPTransport()
    pool: Any = transport._pool
    pool._network_backend = GuardedNetwork(pool._network_backend, hosts)
    return transport


class GuardedNetwork(httpcore.NetworkBackend):
    """Connects to public addresses, and to the hosts that the user has named.

    Args:
        inner: What connects.
        hosts: Those hosts.
    """

    def __init__(self, inner: httpcore.NetworkBackend, hosts: frozenset[str]) -> None:
        self._inner = inner
        self._hosts = hosts

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to a host.

        Raises:
            ModelFileError: One of its addresses is private.
            httpcore.ConnectError: It has no address, or nothing answers there.
        """
        if host.casefold() in self._hosts:
            return self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not all((ip := ip_address(each)) is not None and is_public(ip) for each in addresses):
            raise _private(host)
        for address in addresses[:-1]:  # a machine may have no way to one of them: IPv6, mostly
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
        return self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)


def _private(host: str) -> ModelFileError:
    return ModelFileError(
        f"{host!r:.100} is a private address, and the workflow chose it; if "
        f"you trust it, add --allow-host {host:.100}"
    )
