"""Threads that nothing waits for any more: they are told to stop, and their reads are aborted."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

import httpcore
import httpx

from .thread_signal import ThreadSignal

_ENDING_SECONDS: Final = 2.0


class Halted(BaseException):
    """Ends a flow whose result is no longer wanted. It never leaves its thread."""


class Halt:
    """Tells threads to stop, and aborts the answers that they are reading."""

    def __init__(self) -> None:
        self._told = ThreadSignal()
        self._reading: list[httpcore.Response | httpx.Response] = []
        self._lock = threading.RLock()  # a signal's handler may close the client

    def check(self) -> None:
        """Raise `Halted` after `halt`."""
        if self._told.is_set():
            raise Halted

    def sleep(self, seconds: float) -> None:
        """Sleep for some seconds.

        Raises:
            Halted: The result is no longer wanted.
        """
        self._told.wait(seconds)
        self.check()

    @contextlib.contextmanager
    def reading(self, response: httpcore.Response | httpx.Response) -> Generator[None, None, None]:
        """Register an answer while it is read, so that `halt` aborts it.

        Raises:
            Halted: `halt` came before this answer was registered.
        """
        with self._lock:
            self._reading.append(response)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._reading.remove(response)

    def halt(self) -> None:
        """Tell the threads to stop."""
        self._told.set()
        with self._lock:
            for response in self._reading:
                _shut(response)


def gather(
    drive: Callable[[Generator[Any, Any, Any], Halt], Any],
    flows: Sequence[Generator[Any, Any, Any]],
    limit: int,
) -> list[Any]:
    """Carry out flows, at most `limit` at once.

    The threads are not an executor's: Python waits for those at exit, and a stalled download would hold up
    the program that Ctrl-C should end.

    Args:
        drive: Carries out one flow.
        flows: The flows.
        limit: How many at once.

    Returns:
        Their results, in order. The first error is raised when all have ended.
    """
    results: list[Any] = [None] * len(flows)
    errors: dict[int, BaseException] = {}
    halt, lock, waiting = Halt(), threading.Lock(), iter(enumerate(flows))

    def work() -> None:
        while True:
            with lock:
                index, flow = next(waiting, (None, None))
            if index is None or flow is None:
                return
            try:
                results[index] = drive(flow, halt)
            except Halted:
                return
            except BaseException as error:  # noqa: BLE001  # raised in the waiting thread
                errors[index] = error

    threads = [
        threading.Thread(target=work, name="comfyflow-gather", daemon=True)
        for _ in range(min(limit, len(flows)))
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        halt.halt()
        end = time.monotonic() + _ENDING_SECONDS
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(end - time.monotonic(), 0.0))
        raise
    if errors:
        raise errors[min(errors)]
    return results


def _shut(response: httpcore.Response | httpx.Response) -> None:
    """Make the reader of an answer see its end."""
    stream = response.extensions.get("network_stream")
    opened = stream.get_extra_info("socket") if stream is not None else None
    if opened is not None:
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
