"""Python's garbage collector, put off while many small objects are made."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Generator[None, None, None]:
    """Put the collector off while a block makes many objects and drops none.

    Without this it walks all nodes of a large graph again and again, for nothing: half the time
    of compiling 100,000 nodes. Several threads may do so at once: the last that found it
    running sets it running again, and meanwhile nothing is wrong but that it waits.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
