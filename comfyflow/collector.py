"""Python's garbage collector, put off while many small objects are made."""

from __future__ import annotations

import gc


class collector_paused:  # noqa: N801  # it is read as a verb: with collector_paused(): ...
    """Put the collector off while a block makes many objects, and hardly any cycles of them.

    Without this it walks all nodes of a large graph again and again, for nothing: half the time
    of compiling 100,000 nodes. Several threads may do so at once: the last that found it
    running sets it running again, and meanwhile nothing is wrong but that it waits.
    """

    __slots__ = ("_running",)

    def __enter__(self) -> None:
        self._running = gc.isenabled()
        try:
            gc.disable()
        except KeyboardInterrupt:  # it has been done, and no one would undo it
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._running:
            gc.enable()
