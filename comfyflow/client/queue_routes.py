"""The server's queue and history: routes, and what their answers hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..json_types import array_or_empty, is_array, is_number, is_object, object_or_empty
from .core import Core, call, fetch_json
from .flow import Flow, Request, json_body
from .outcome import Outcome, read_history_entry
from .route import segment


@dataclass(frozen=True)
class QueueEntry:
    """A prompt that is pending or running.

    Attributes:
        number: Its priority; the lowest runs first.
        prompt_id: Its id.
        prompt: The prompt JSON.
        extra_data: What was sent with it. 0.3.64 shows other people's API keys here; they are
            left out.
        targets: The output nodes that it runs for.
    """

    number: float
    prompt_id: str
    prompt: Mapping[str, Any] = field(repr=False)
    extra_data: Mapping[str, Any] = field(repr=False)
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """What the server runs and what waits, each in the order in which it is run."""

    running: tuple[QueueEntry, ...]
    pending: tuple[QueueEntry, ...]

    def __len__(self) -> int:
        return len(self.running) + len(self.pending)

    def find(self, prompt_id: str) -> int | None:
        """How many prompts are before this one: 0 where it runs; None where it is not there."""
        if any(entry.prompt_id == prompt_id for entry in self.running):
            return 0
        for index, entry in enumerate(self.pending):
            if entry.prompt_id == prompt_id:
                return len(self.running) + index
        return None

    def runs(self, prompt_id: str) -> bool:
        """Whether this prompt runs now."""
        return any(entry.prompt_id == prompt_id for entry in self.running)


@dataclass(frozen=True)
class HistoryEntry:
    """A prompt that has ended.

    Attributes:
        prompt_id: Its id.
        outcome: How it ended; None where the entry does not say.
        prompt: The prompt JSON.
        raw: The server's own object.
        targets: The output nodes that it ran for.
    """

    prompt_id: str
    outcome: Outcome | None
    prompt: Mapping[str, Any] = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)
    targets: tuple[str, ...] = ()


def queue(core: Core) -> Flow[Queue]:
    """What the server runs and what waits."""
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/queue"), _is_queue)))
    return Queue(_entries(said.get("queue_running")), _entries(said.get("queue_pending")))


def queue_remaining(core: Core) -> Flow[int]:
    """How many prompts are pending or running."""
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/prompt"))))
    remaining = object_or_empty(said.get("exec_info")).get("queue_remaining")
    return int(remaining) if is_number(remaining) else 0


def delete_queued(core: Core, prompt_ids: Sequence[str]) -> Flow[None]:
    """Take pending prompts out of the queue. Unknown and running ones are let be.

    Args:
        prompt_ids: Their ids.
    """
    body = json_body({"delete": list(prompt_ids)})
    yield from call(core, Request("POST", "/api/queue", content=body))


def clear_queue(core: Core) -> Flow[None]:
    """Take all pending prompts out of the queue, other people's too."""
    yield from call(core, Request("POST", "/api/queue", content=json_body({"clear": True})))


def history(
    core: Core, *, max_items: int | None = None, offset: int | None = None
) -> Flow[dict[str, HistoryEntry]]:
    """Prompts that have ended, by id, the oldest first.

    Args:
        max_items: How many; without an offset, the last ones.
        offset: How many to skip, counted from the oldest.
    """
    asked = (("max_items", max_items), ("offset", offset))
    query = tuple((name, str(value)) for name, value in asked if value is not None)
    said = object_or_empty((yield from fetch_json(core, Request("GET", "/api/history", query))))
    return {
        prompt_id: _history_entry(prompt_id, entry) for prompt_id, entry in said.items() if is_object(entry)
    }


def history_entry(core: Core, prompt_id: str) -> Flow[HistoryEntry | None]:
    """One prompt that has ended; None where the history does not have it.

    Args:
        prompt_id: Its id.
    """
    path = f"/api/history/{segment(prompt_id)}"
    asked = Request("GET", path)
    said = yield from fetch_json(
        core, asked, lambda value: is_object(value) and (not value or prompt_id in value)
    )
    entry = said.get(prompt_id)
    return _history_entry(prompt_id, entry) if is_object(entry) else None


def delete_history(core: Core, prompt_ids: Sequence[str]) -> Flow[None]:
    """Take prompts out of the history. Their files stay.

    Args:
        prompt_ids: Their ids.
    """
    body = json_body({"delete": list(prompt_ids)})
    yield from call(core, Request("POST", "/api/history", content=body))


def clear_history(core: Core) -> Flow[None]:
    """Take all prompts out of the history, other people's too."""
    yield from call(core, Request("POST", "/api/history", content=json_body({"clear": True})))


def interrupt(core: Core, prompt_id: str | None = None) -> Flow[None]:
    """Stop what runs.

    Args:
        prompt_id: Stop only this prompt, and only if it runs. None stops whatever runs, other
            people's prompts too.
    """
    body = json_body({"prompt_id": prompt_id} if prompt_id is not None else {})
    named = prompt_id is not None  # without a name, a second request might stop the next one
    yield from call(core, Request("POST", "/api/interrupt", content=body, repeatable=named))


def _is_queue(value: object) -> bool:
    """Whether an answer is a queue: of any other nobody may conclude that it is empty."""
    return is_object(value) and any(is_array(value.get(name)) for name in ("queue_running", "queue_pending"))


def _entries(listed: object) -> tuple[QueueEntry, ...]:
    """The prompts of a queue. A server lists pending ones in the order of its heap."""
    found = [entry for value in array_or_empty(listed) if (entry := _entry(value)) is not None]
    return tuple(sorted(found, key=lambda entry: entry.number))


def _entry(value: object) -> QueueEntry | None:
    parts = [*array_or_empty(value), None, None, None, None, None][:5]
    number, prompt_id, prompt, extra, targets = parts
    if not isinstance(prompt_id, str):
        return None
    shown = {
        name: said
        for name, said in object_or_empty(extra).items()
        if name not in ("api_key_comfy_org", "auth_token_comfy_org")
    }
    return QueueEntry(
        number if is_number(number) else 0.0, prompt_id, object_or_empty(prompt), shown, _texts(targets)
    )


def _texts(listed: object) -> tuple[str, ...]:
    return tuple(text for text in array_or_empty(listed) if isinstance(text, str))


def _history_entry(prompt_id: str, entry: Mapping[str, Any]) -> HistoryEntry:
    stored = array_or_empty(entry.get("prompt"))
    prompt = object_or_empty(stored[2] if len(stored) > 2 else None)
    targets = _texts(stored[4] if len(stored) > 4 else None)
    return HistoryEntry(prompt_id, read_history_entry(entry, prompt_id), prompt, entry, targets)
