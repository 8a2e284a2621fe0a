"""The queue and the history of a simulated server, with the rules of the real one.

Work of other clients can be in it: a prompt that only takes time.
"""

from __future__ import annotations

import heapq
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ..bounds import SIMULATED_HISTORY, SIMULATED_NESTING
from ..json_types import is_list, is_object
from ..schema import Schema
from ..schema.catalogue import layered
from .function_class import SimulatedSchema
from .node_function import NodeContext, NodeFunction

_AROUND: Final = 3
"""The prompt, its nodes and their inputs are around a constant."""

SECRET_KEYS: Final = ("auth_token_comfy_org", "api_key_comfy_org")


class QueueItem(NamedTuple):
    """A prompt in the queue. It is compared as the tuple that it is, as real servers do: two
    with the same number and id compare their prompts, which fails (recordings, l01).
    """

    number: float
    prompt_id: str
    prompt: Any
    extra_data: dict[str, Any]
    outputs: list[str]
    secrets: dict[str, Any]

    def to_json(self, secrets_hidden: bool) -> list[Any]:
        """The item as ``/queue`` and ``/history`` show it."""
        extra: Any = self.extra_data
        if secrets_hidden and is_object(extra):
            extra = {key: value for key, value in extra.items() if key not in SECRET_KEYS}
        return [self.number, self.prompt_id, self.prompt, extra, self.outputs]

    def kept(self) -> QueueItem:
        """The item as the server remembers it while it runs, when nodes note in the prompt that
        runs whether they have changed.

        Raises:
            RecursionError: A constant is nested so deep that a real server cannot copy it, which
                ends its worker.
        """
        if _nested_too_deep(self.prompt):
            raise RecursionError(f"a constant is nested more than {SIMULATED_NESTING} levels deep")
        return self._replace(prompt={node_id: dict(node) for node_id, node in self.prompt.items()})


def _nested_too_deep(value: object) -> bool:
    level: list[Any] = [value]
    for _ in range(_AROUND + SIMULATED_NESTING + 1):
        level = [
            member
            for item in level
            if is_object(item) or is_list(item)
            for member in (item.values() if is_object(item) else item)
        ]
        if not level:
            return False
    return True


class PromptQueue:
    """A heap of waiting prompts, what runs, and what ran.

    Args:
        on_change: Called, with no lock held, whenever a ``status`` is due.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._lock = threading.RLock()
        self._filled = threading.Condition(self._lock)
        self._heap: list[QueueItem] = []
        self._running: dict[int, QueueItem] = {}
        self._flags: dict[str, bool] = {}
        self._history: dict[str, dict[str, Any]] = {}
        self._count = 0
        self._closed = False
        self._held = False

    def put(self, item: QueueItem) -> None:
        """Queue a prompt.

        Raises:
            TypeError: One with its number and id is waiting already. It is queued anyway.
        """
        with self._lock:
            try:
                heapq.heappush(self._heap, item)
            except TypeError:
                self._filled.notify()
                raise
            self._on_change()
            self._filled.notify()

    def get(self) -> tuple[int, QueueItem] | None:
        """Wait for the next prompt and mark it running; None when woken for flags or the end.

        Raises:
            TypeError: Two waiting prompts cannot be compared: what kills a real worker.
        """
        with self._filled:
            while self._held and not self._closed:
                self._filled.wait()
            if not self._heap and not self._flags and not self._closed:
                self._filled.wait()
            if not self._heap or self._closed or self._held:
                return None
            item = heapq.heappop(self._heap)
            key = self._count
            self._count += 1
            self._running[key] = item.kept()  # as on real servers, too late for the heap
            self._on_change()
            return key, item

    def done(self, key: int, entry: dict[str, Any]) -> None:
        """Move a running prompt to the history, where API keys never show.

        Args:
            key: What `get` gave with it.
            entry: ``outputs``, ``meta`` and ``status``.
        """
        with self._lock:
            item = self._running.pop(key)
            if len(self._history) > SIMULATED_HISTORY:
                self._history.pop(next(iter(self._history)))
            self._history[item.prompt_id] = {"prompt": item.to_json(secrets_hidden=True), **entry}
            self._on_change()

    def hold(self, held: bool) -> None:
        """Let no waiting prompt start, or let them start again."""
        with self._lock:
            self._held = held
            self._filled.notify_all()

    def close(self) -> None:
        """Wake the worker for good."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the server is shutting down."""
        return self._closed

    @property
    def remaining(self) -> int:
        """Waiting and running prompts."""
        with self._lock:
            return len(self._heap) + len(self._running)

    def snapshot(self) -> tuple[list[QueueItem], list[QueueItem]]:
        """What runs, and what waits in heap order (not sorted: real servers do not)."""
        with self._lock:
            return list(self._running.values()), list(self._heap)

    def is_running(self, prompt_id: object) -> bool:
        """Whether that prompt runs."""
        with self._lock:
            return any(item.prompt_id == prompt_id for item in self._running.values())

    def clear(self) -> None:
        """Forget all that wait."""
        with self._lock:
            self._heap = []
            self._on_change()

    def delete(self, prompt_id: object) -> bool:
        """Forget the first waiting prompt of that id.

        A ``status`` is sent twice where it was the only one that waited, as real servers do.
        """
        with self._lock:
            for index, item in enumerate(self._heap):
                if item.prompt_id == prompt_id:
                    if len(self._heap) == 1:
                        self.clear()
                    else:
                        self._heap.pop(index)
                        heapq.heapify(self._heap)
                    self._on_change()
                    return True
        return False

    def history(self, max_items: int | None = None, offset: int = -1) -> dict[str, Any]:
        """Entries in the order in which their ids first ran.

        Args:
            max_items: How many; without an offset the last ones.
            offset: How many of the oldest to leave out; below 0: none given.
        """
        with self._lock:
            entries = list(self._history.items())
        if offset < 0 and max_items is not None:
            offset = len(entries) - max_items
        chosen = entries[max(offset, 0) :]
        # A real server looks at the limit only after it has taken an entry.
        return dict(chosen if max_items is None else chosen[: max(max_items, 1)])

    def entry(self, prompt_id: str) -> dict[str, Any] | None:
        """The history of one prompt, or None."""
        with self._lock:
            return self._history.get(prompt_id)

    def clear_history(self) -> None:
        """Forget all that ran."""
        with self._lock:
            self._history = {}

    def delete_history(self, prompt_id: object) -> None:
        """Forget one that ran.

        Raises:
            TypeError: The id cannot be a key.
        """
        with self._lock:
            self._history.pop(prompt_id, None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]

    def set_flag(self, name: str, value: bool) -> None:
        """Ask the worker for something between two prompts."""
        with self._lock:
            self._flags[name] = value
            self._filled.notify()

    @property
    def has_flags(self) -> bool:
        """Whether the worker has yet to act on something that was asked for between two prompts."""
        with self._lock:
            return bool(self._flags)

    def take_flags(self) -> dict[str, bool]:
        """What was asked for since the last call."""
        with self._lock:
            flags, self._flags = self._flags, {}
            return flags


@dataclass(frozen=True)
class HiddenClass:
    """A node class that only the simulator itself uses: no ``/object_info`` lists it.

    Attributes:
        class_type: Its name.
        raw: Its description.
        function: What it does.
    """

    class_type: str
    raw: Mapping[str, Any]
    function: NodeFunction


def _occupy(context: NodeContext, seconds: float) -> None:
    context.sleep(seconds)


def _never_cached(_context: NodeContext, _inputs: Mapping[str, Any]) -> float:
    return float("nan")


OCCUPY: Final = HiddenClass(
    "ComfyflowOccupy",
    {"input": {"required": {"seconds": ["FLOAT", {}]}}, "output": [], "output_node": True},
    NodeFunction.of(_occupy, fingerprint=_never_cached),
)


def with_foreign_work(schema: Schema) -> Schema:
    """A schema with the hidden class."""
    hidden = {OCCUPY.class_type: OCCUPY.raw}
    return SimulatedSchema(layered(hidden, schema.raw), schema.version, schema.source)


def foreign_item(seconds: float, number: float) -> QueueItem:
    """A prompt of another client that takes so long."""
    prompt = {"1": {"class_type": OCCUPY.class_type, "inputs": {"seconds": seconds}}}
    extra_data = {"client_id": f"another-client-{uuid.uuid4().hex}"}
    return QueueItem(number, str(uuid.uuid4()), prompt, extra_data, ["1"], {})
