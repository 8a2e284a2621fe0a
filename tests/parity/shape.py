"""What a message or an answer looks like: its kind and its keys, not its values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def message_shape(step: dict[str, Any]) -> str:
    if step["kind"] == "ws_binary":
        return f"frame {int(step['head_hex'][:8], 16)}"
    return shape_of(step["data"])


def shape_of(message: Any) -> str:
    if isinstance(message, bytes):
        return f"frame {int.from_bytes(message[:4], 'big')}"
    data = message.get("data")
    keys = ",".join(sorted(data)) if isinstance(data, dict) else type(data).__name__
    kind = message["type"]
    if kind == "executing":
        keys += " end" if data.get("node") is None else ""
    if kind == "status":
        keys += f" {data['status']['exec_info']['queue_remaining']}"
    return f"{kind}({keys})"


def remaining(message: Any) -> int | None:
    """How many prompts a status says are left."""
    if not isinstance(message, dict) or message.get("type") != "status":
        return None
    remaining: int = message["data"]["status"]["exec_info"]["queue_remaining"]
    return remaining


def first_difference(recorded: list[str], got: list[str]) -> tuple[str, str]:
    at = next(
        (index for index, (one, other) in enumerate(zip(recorded, got, strict=False)) if one != other),
        min(len(recorded), len(got)),
    )
    first, last = max(0, at - 1), at + 4
    return f"[{len(recorded)}] …{at}: {recorded[first:last]}", f"[{len(got)}] {got[first:last]}"


def without_status(messages: list[str]) -> list[str]:
    return [message for message in messages if not message.startswith("status(status")]


_CONDENSED = (
    "<",
    "prompt_len",
    "n_",
    "workflow_extra_data",
    "count",
    "pending_numbers",
    "outputs_to_execute",
)
"""Keys that the recorder put in place of long answers."""


def shape_differences(recorded: Any, got: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(recorded, dict):
        if any(key.startswith(_CONDENSED) for key in recorded) or _is_map(recorded):
            return
        if not isinstance(got, dict):
            yield place, "an object", type(got).__name__
            return
        if recorded.keys() != got.keys():
            yield (
                place,
                f"{sorted(recorded.keys() - got.keys())} too",
                f"{sorted(got.keys() - recorded.keys())} too",
            )
        for key in recorded.keys() & got.keys():
            yield from shape_differences(recorded[key], got[key], f"{place}.{key}")
    elif isinstance(recorded, list) and isinstance(got, list) and recorded and got:
        yield from shape_differences(recorded[0], got[0], f"{place}[0]")
    elif not _alike(recorded, got):
        yield place, f"{type(recorded).__name__} {recorded!r:.60}", f"{type(got).__name__} {got!r:.60}"


def _alike(recorded: Any, got: Any) -> bool:
    """Whether two values are of a kind; what the recorder shortened is like anything."""
    kinds = {type(recorded), type(got)}
    return recorded == "entry" or str(recorded).startswith("<") or len(kinds) == 1 or kinds <= {int, float}


def _is_map(recorded: dict[str, Any]) -> bool:
    """Whether the keys are ids or names rather than a form: those of histories, prompts, classes."""
    return any(UUID.fullmatch(key) or key.isdigit() for key in recorded)
