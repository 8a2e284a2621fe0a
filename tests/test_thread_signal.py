"""Signals between threads, set in the middle of a wait too."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any

import pytest

from comfyflow.client.thread_signal import ThreadSignal


def test_a_signal_is_set_until_it_is_cleared() -> None:
    told = ThreadSignal()
    assert not told.is_set()
    assert not told.wait(0.0)
    assert not told.wait(-1.0)
    told.set()
    told.set()
    assert told.is_set()
    assert told.wait()
    told.clear()
    assert not told.wait(0.01)


def test_all_waiters_are_woken() -> None:
    told, woken = ThreadSignal(), list[bool]()
    threads = [threading.Thread(target=lambda: woken.append(told.wait(60))) for _ in range(8)]
    for thread in threads:
        thread.start()
    told.set()
    for thread in threads:
        thread.join(60)
    assert woken == [True] * 8
    assert told._waiting == []


def test_no_signal_is_lost_between_two_threads() -> None:
    """Each turn waits for the other: one that is lost would take a minute."""
    one, other = ThreadSignal(), ThreadSignal()

    def answer() -> None:
        for _ in range(2_000):
            assert one.wait(60)
            one.clear()
            other.set()

    thread = threading.Thread(target=answer)
    thread.start()
    began = time.monotonic()
    for _ in range(2_000):
        one.set()
        assert other.wait(60)
        other.clear()
    thread.join(60)
    assert time.monotonic() - began < 50


def test_one_that_is_set_as_it_is_asked_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the question whether it is set and the wait, in the same thread: as a handler may."""
    told = ThreadSignal()

    def lock() -> Any:
        told.set()
        return allocate()

    allocate = threading.Lock
    monkeypatch.setattr(threading, "Lock", lock)
    assert told.wait(60)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no timer of signals")
def test_the_handler_of_a_signal_may_set_it() -> None:
    told = ThreadSignal()
    former = signal.signal(signal.SIGALRM, lambda *_: told.set())
    try:
        for turn in range(300):
            told.clear()
            signal.setitimer(signal.ITIMER_REAL, 0.0001 + turn % 20 * 0.00005)
            assert told.wait(60), "the handler's signal was lost"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
