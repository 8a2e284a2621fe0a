"""Connections that keep to a request's time limit, and that end at once when a client is closed.

httpx's timeouts count from one chunk to the next: a header that arrives a byte at a time never times out. So
each read, write and connection gets no more time than the whole request has left.

Closing a socket does not wake a thread that waits for it. So it is only shut down, which does, and that
thread closes it. A TLS handshake ends at its own limit.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from typing import Any, Final, TypeVar
from weakref import WeakSet, ref

import httpcore
from typing_extensions import Self

from .thread_signal import has_lock

T = TypeVar("T")


class Pace:
    """The time limit of one request.

    Args:
        until: The deadline for the whole request, by the monotonic clock; None for no deadline.
        answer: Seconds from the first wait for an answer to the end of its headers.
    """

    def __init__(self, until: float | None, answer: float) -> None:
        self._until = until
        self._answer = answer
        self._asked: float | None = None
        self._headed = False
        self._token: Token[Pace | None] | None = None

    def __enter__(self) -> Self:
        """Make the connections that are used in this block keep the pace."""
        self._token = _PACE.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _PACE.reset(self._token)

    def headed(self) -> None:
        """The headers have arrived."""
        self._headed = True

    def left(self, reading: bool) -> float | None:
        """The seconds that are left; None for no deadline.

        Args:
            reading: Whether an answer is being awaited.
        """
        now = time.monotonic()
        ends = [] if self._until is None else [self._until]
        if reading and not self._headed:
            if self._asked is None:
                self._asked = now
            ends.append(self._asked + self._answer)
        return min(ends) - now if ends else None


_PACKET: Final = 16 * 1024
"""Smaller chunks wait for the next write."""


_PACE: Final[ContextVar[Pace | None]] = ContextVar("comfyflow_pace", default=None)


def keep_pace(transport: T) -> T:
    """Make an httpx transport's connections keep the pace of their request.

    httpx has no option for httpcore's network backend, which is its documented place for this, nor for the
    lock of its pool. A pool that is closed while a thread opens a connection forgets that one.
    """
    pool: Any = getattr(transport, "_pool", None)
    backend = getattr(pool, "_network_backend", None)
    if isinstance(backend, httpcore.NetworkBackend):
        pool._network_backend = kept = _Backend(backend)
        pool.close = kept.closing(ref(pool))
        pool._optional_thread_lock = kept.pool_lock
    elif isinstance(backend, httpcore.AsyncNetworkBackend):
        pool._network_backend = _AsyncBackend(backend)
    return transport


def pool_of(transport: object, kind: type[T]) -> T | None:
    """The connection pool of an httpx transport; None if it has none of that kind."""
    pool: object = getattr(transport, "_pool", None)
    return pool if isinstance(pool, kind) else None


def _within(timeout: float | None, late: type[Exception], reading: bool = False) -> float | None:
    pace = _PACE.get()
    left = None if pace is None else pace.left(reading)
    if left is None:
        return timeout
    if left <= 0.0:
        raise late("it took too long in total")
    return left if timeout is None else min(timeout, left)


class _Outbox:
    """Holds back small chunks until more is written or an answer is read.

    httpcore writes a request's head and body separately: two packets, which wake the server twice.
    """

    def __init__(self) -> None:
        self._held = b""
        self.timeout: float | None = None

    def __bool__(self) -> bool:
        return bool(self._held)

    def put(self, piece: bytes, timeout: float | None) -> bytes:
        """Add a chunk; returns what to write now, if anything."""
        self.timeout = timeout
        whole = self._held + piece if self._held else piece
        self._held = whole if len(whole) < _PACKET else b""
        return b"" if self._held else whole

    def take(self) -> bytes:
        """Everything that is held back."""
        whole, self._held = self._held, b""
        return whole


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, backend: _Backend) -> None:
        self._inner = inner
        self._backend = backend
        self._outbox = _Outbox()
        self._lock = threading.RLock()  # the collector may close it in the middle of a line that has the lock
        self._user: int | None = None
        self._closed = False

    def _use(self, call: Callable[[], T]) -> T:
        """Wait for the socket; if it is closed meanwhile, this thread does that.

        Raises:
            httpcore.ReadError: It was closed: the end that is then read is not that of the answer.
        """
        try:
            with self._lock:
                self._check()
                self._user = threading.get_ident()
            got = call()
            with self._lock:
                self._check()
            return got
        finally:
            with self._lock:
                self._user = None
                if self._closed:
                    self._inner.close()

    def _check(self) -> None:
        if self._closed:
            raise httpcore.ReadError("the connection was closed in the meantime")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._use(lambda: self._read(max_bytes, timeout))

    def _read(self, max_bytes: int, timeout: float | None) -> bytes:
        if self._outbox:
            limit = _within(self._outbox.timeout, httpcore.WriteTimeout)
            with contextlib.suppress(httpcore.WriteError):  # the server may have answered and closed
                self._inner.write(self._outbox.take(), limit)
        return self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout, reading=True))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if piece := self._outbox.put(buffer, timeout):
            self._use(lambda: self._inner.write(piece, _within(timeout, httpcore.WriteTimeout)))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            opened = self._inner.get_extra_info("socket")
            if self._user in (None, threading.get_ident()) or not isinstance(opened, socket.socket):
                self._inner.close()
                return
            with contextlib.suppress(OSError):  # the server was first
                socket.socket.shutdown(opened, socket.SHUT_RDWR)  # and not TLS, which the other thread uses

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = _within(timeout, httpcore.ConnectTimeout)
        return self._backend.kept(self._inner.start_tls(ssl_context, server_hostname, limit))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner
        self._lock = threading.RLock()  # as that of a stream
        self._streams: WeakSet[_Stream] = WeakSet()
        self._closed = False
        self.pool_lock: Final = threading.RLock()
        """The lock of the pool. A Ctrl-C that comes as httpcore's own is taken leaves it locked; not so the
        interpreter's. It is reentrant, as a signal's handler runs in the middle of what has it.
        """

    def kept(self, inner: httpcore.NetworkStream) -> _Stream:
        """A connection that is closed with all others.

        Raises:
            httpcore.ConnectError: They are closed already.
        """
        stream = _Stream(inner, self)
        with self._lock:
            self._streams.add(stream)
        if not self._closed:  # it is closed from now on with the others
            return stream
        stream.close()
        raise httpcore.ConnectError("the client was closed in the meantime")

    def closing(self, pool: ref[httpcore.ConnectionPool]) -> Callable[[], None]:
        """What closes a pool, and then the connections that it has forgotten.

        In the middle of a request, in the handler of a signal, the pool is left as it is: it must not change
        under that request, and opens nothing any more.

        Args:
            pool: The pool, which holds this and is not to be held by it.
        """

        def close_all() -> None:
            with self._lock:
                self._closed = True
            closed = pool()
            if closed is not None and not has_lock(self.pool_lock):
                type(closed).close(closed)
            with self._lock:
                streams = list(self._streams)
            for stream in streams:
                stream.close()

        return close_all

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        limit = _within(timeout, httpcore.ConnectTimeout)
        return self.kept(self._inner.connect_tcp(host, port, limit, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._outbox = _Outbox()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._outbox:
            limit = _within(self._outbox.timeout, httpcore.WriteTimeout)
            with contextlib.suppress(httpcore.WriteError):
                await self._inner.write(self._outbox.take(), limit)
        return await self._inner.read(max_bytes, _within(timeout, httpcore.ReadTimeout, reading=True))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if piece := self._outbox.put(buffer, timeout):
            await self._inner.write(piece, _within(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        limit = _within(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._inner.start_tls(ssl_context, server_hostname, limit))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, inner: httpcore.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        limit = _within(timeout, httpcore.ConnectTimeout)
        return _AsyncStream(await self._inner.connect_tcp(host, port, limit, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
