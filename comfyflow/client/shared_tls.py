"""TLS connections that one thread reads while another writes.

websockets' blocking connection has a thread that reads, and writes in the thread that sends; it
promises that both may go on at once. Over TLS both are calls of one OpenSSL connection, which
OpenSSL does not allow, and before 3.13.4 Python does not keep them apart. With TLS 1.3 they meet
as a rule: the server's session tickets, which come first, wake the reader, which then waits
within OpenSSL for data while the request is written. Now and then what the server says next is
lost; about one connection in 150 so hung, with Python 3.11 and OpenSSL 3.0.

Since 3.13.4 Python has a lock, which a reader that waits holds; so nothing may wait within it.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import threading
import time
from typing import Any, Final

_LOOK: Final = 0.5
"""Seconds after which a wait looks whether the connection was closed here."""


class SharedTls:
    """What websockets' ``connect`` takes for an ``ssl.SSLContext``; its connections are `SharedTlsSocket`.

    Args:
        context: Checks the server's certificate.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def wrap_socket(self, sock: socket.socket, server_hostname: str | None = None) -> SharedTlsSocket:
        """Enable TLS on a connection, within the timeout of the socket."""
        return SharedTlsSocket(self._context.wrap_socket(sock, server_hostname=server_hostname))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class SharedTlsSocket:
    """A TLS connection that is read and written one call at a time; neither waits for the other.

    Args:
        inner: The connection, with its handshake done.
    """

    def __init__(self, inner: ssl.SSLSocket) -> None:
        self.inner = inner
        self._lock = threading.Lock()
        self._timeout = inner.gettimeout()
        inner.setblocking(False)

    def settimeout(self, value: float | None) -> None:
        """How long `recv` and `sendall` wait at most; None for as long as it takes."""
        self._timeout = value

    def recv(self, buflen: int) -> bytes:
        """Some of what the other side says; nothing where it says no more.

        Raises:
            TimeoutError: Nothing came in time.
            OSError: The connection is broken.
        """
        while True:
            try:
                with self._lock:
                    return self.inner.recv(buflen)
            except ssl.SSLWantReadError:
                awaited = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                awaited = selectors.EVENT_WRITE
            self._wait(awaited)

    def sendall(self, data: Any) -> None:
        """Say all of something.

        Raises:
            TimeoutError: It could not be sent in time.
            OSError: The connection is broken.
        """
        with memoryview(data) as view, view.cast("B") as left:
            sent = 0
            while sent < len(left):
                try:
                    with self._lock:
                        sent += self.inner.send(left[sent:])
                    continue
                except ssl.SSLWantReadError:
                    awaited = selectors.EVENT_READ
                except ssl.SSLWantWriteError:
                    awaited = selectors.EVENT_WRITE
                self._wait(awaited)

    def shutdown(self, how: int) -> None:
        """End the connection below TLS; whoever reads is told. No lock is taken: nobody is waited for."""
        socket.socket.shutdown(self.inner, how)

    def close(self) -> None:
        """Close it."""
        self.inner.close()

    def fileno(self) -> int:
        """The number of the socket, -1 where it is closed."""
        return self.inner.fileno()

    def _wait(self, event: int) -> None:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            while self.inner.fileno() >= 0:  # a selector is not told that a socket is closed
                left = _LOOK if end is None else min(end - time.monotonic(), _LOOK)
                try:
                    selector.register(self.inner, event)
                    ready = selector.select(max(left, 0.0))
                    selector.unregister(self.inner)
                except (ValueError, KeyError):  # closed at this moment
                    break
                if ready:
                    return
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError("timed out")
        raise OSError(errno.EBADF, "the connection was closed meanwhile")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
