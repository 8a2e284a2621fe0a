"""JSON that is taken for an /object_info and is something else that lies beside one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import SchemaError
from ..json_types import is_array, is_object

_OF_A_CLASS: Final = frozenset(
    {"input", "output", "output_name", "output_node", "category", "display_name", "python_module"}
)
"""What a node class says of itself; every server says most of them of each."""


def refuse_other_json(raw: Mapping[str, Any], source: str) -> None:
    """Refuse what has entries of which none is a node class.

    Args:
        raw: The JSON.
        source: What to call it in messages.

    Raises:
        SchemaError: It is something else; says what.
    """
    if raw and not any(
        is_object(value) and (not value or _OF_A_CLASS & value.keys()) for value in raw.values()
    ):
        raise SchemaError(
            f"{source} is {_kind(raw)}, not an /object_info: save the answer of GET /object_info of your "
            "server, or name the server itself"
        )


def _kind(raw: Mapping[str, Any]) -> str:
    """What somebody has, in the words of the field."""
    if is_array(raw.get("nodes")):
        return "a workflow of the editor"
    if _has(raw, "class_type"):
        return "a prompt"
    body = raw.get("prompt")
    if is_object(body) and _has(body, "class_type"):
        return "the body of a POST /prompt"
    if _has(raw, "prompt") and _has(raw, "outputs"):
        return "a history of a server"
    if "system" in raw and "devices" in raw:
        return "the answer of GET /system_stats"
    if "queue_running" in raw:
        return "the answer of GET /queue"
    if "error" in raw:
        return "the error of a server"
    return "JSON without a single node class"


def _has(entries: Mapping[str, Any], key: str) -> bool:
    """Whether there is an entry that has such a key."""
    return any(is_object(entry) and key in entry for entry in entries.values())
