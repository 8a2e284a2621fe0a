"""A server's error in the user's terms: what is wrong, and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from ..dynamic import is_wild
from ..graph import Graph
from ..graph.prompt import WRAPPED_FORM
from ..json_types import is_array, is_number, is_object
from ..schema import MISSING
from ..schema.input_schema import ANY
from . import loops
from .findings import shown
from .plan import ClassPlan, InputPlan
from .rules import types_match
from .server_error import (
    BAD_LINKED_INPUT,
    CUSTOM_VALIDATION_FAILED,
    DEPENDENCY_CYCLE,
    EXCEPTION_INNER,
    EXCEPTION_OUTPUT,
    INVALID_DYNAMIC_INPUT,
    INVALID_INPUT_TYPE,
    REQUIRED_INPUT_MISSING,
    RETURN_TYPE_MISMATCH,
    VALUE_BIGGER_THAN_MAX,
    VALUE_NOT_IN_LIST,
    VALUE_SMALLER_THAN_MIN,
    ErrorEntry,
    Explained,
)

MISSING_CLASS: Final = ("missing_node_type", "invalid_prompt")
Nearest = Callable[[str, Iterable[str]], str | None]


def message_of(error: ErrorEntry) -> str:
    """One sentence about an error, ours or a server's, without the input's name."""
    if error.explained is not None:
        name = error.explained.input_name
        return f"{f'the input {name!r} of this node ' if name else ''}{error.explained.message}"
    if error.type in MISSING_CLASS:
        return error.message.rstrip(".")
    sentence = _SENTENCES.get(error.type)
    said = sentence(error.extra_info, error.details) if sentence is not None else None
    if said is not None:
        return said
    said_by_server = [part for part in (error.message, error.details) if part]
    return ": ".join(said_by_server) or "the server gives no details"


def _missing(_info: Mapping[str, Any], _details: str) -> str:
    return "is required and missing"


def _bad_link(info: Mapping[str, Any], _details: str) -> str | None:
    if "received_value" not in info:
        return None
    return f"is {shown(info['received_value'])}; a link is [node id, slot], and a list is {_WRAPPED}"


_WRAPPED: Final = f"written {WRAPPED_FORM}"


def _mismatch(info: Mapping[str, Any], _details: str) -> str | None:
    wanted, received = _config_type(info), info.get("received_type")
    if wanted is None or received is None:
        return None
    link = info.get("linked_node")
    source = f" of node {link[0]!r}" if is_array(link) and link else ""
    return f"takes {_type(wanted)}, and output {_slot(link)}{source} is {_type(received)}"


def _slot(link: object) -> str:
    return shown(link[1]) if is_array(link) and len(link) > 1 else "?"


def _type(kind: object) -> str:
    return "a choice" if is_array(kind) else str(kind)


def _not_converted(info: Mapping[str, Any], _details: str) -> str | None:
    wanted = _config_type(info)
    if wanted is None or "received_value" not in info:
        return None
    return f"is {shown(info['received_value'])}, which is not {wanted}"


def _too_small(info: Mapping[str, Any], _details: str) -> str | None:
    return _bound(info, "min", "the minimum is")


def _too_big(info: Mapping[str, Any], _details: str) -> str | None:
    return _bound(info, "max", "the maximum is")


def _bound(info: Mapping[str, Any], name: str, what: str) -> str | None:
    options = _config_options(info)
    if options is None or name not in options or "received_value" not in info:
        return None
    return f"is {shown(info['received_value'])}; {what} {shown(options[name])}"


def _not_listed(info: Mapping[str, Any], _details: str) -> str | None:
    if "received_value" not in info:
        return None
    return f"is {shown(info['received_value'])}, which is not one of its choices"


def _own_check(info: Mapping[str, Any], details: str) -> str | None:
    if "loop_error_type" in info:
        return f"belongs to a loop that the server cannot run: {details}"
    name = info.get("input_name")
    reason = details.removeprefix(f"{name} - ") if isinstance(name, str) else details
    return f"is rejected by the node's own check: {reason}" if reason and reason != name else None


_LOOP_REPAIRS: Final[Mapping[str, str]] = {
    loops.END_CYCLE: "Link each EndLoop only to its own loop and to nodes before it.",
    loops.END_WITHOUT_START: "Link it to the body of a StartLoop that no other EndLoop closes.",
    loops.AMBIGUOUS: (
        "Give each StartLoop its own EndLoop; to nest one in the other, link iteration_index of "
        "the outer StartLoop to parent_iteration of the inner one."
    ),
    loops.ESCAPE: (
        "Link nodes that follow the loop to the EndLoop's outputs, and nodes that only run inside "
        "it, such as a preview, to its terminations."
    ),
    loops.START_WITHOUT_END: "Link the loop's result to an EndLoop.",
    loops.ACCUMULATE: "Set accumulate to true or false, or link it to a node outside the loop.",
}
"""What to do about each kind of error of a loop."""


def _cycle(_info: Mapping[str, Any], details: str) -> str:
    return f"is part of a cycle: {details}"


def _raised(_info: Mapping[str, Any], details: str) -> str:
    return f"makes the server's own check crash: {details}"


def _rows(_info: Mapping[str, Any], details: str) -> str:
    return f"is not a valid row of a group: {details}"


_SENTENCES: Final[Mapping[str, Callable[[Mapping[str, Any], str], str | None]]] = {
    REQUIRED_INPUT_MISSING: _missing,
    BAD_LINKED_INPUT: _bad_link,
    RETURN_TYPE_MISMATCH: _mismatch,
    INVALID_DYNAMIC_INPUT: _rows,
    INVALID_INPUT_TYPE: _not_converted,
    VALUE_SMALLER_THAN_MIN: _too_small,
    VALUE_BIGGER_THAN_MAX: _too_big,
    VALUE_NOT_IN_LIST: _not_listed,
    CUSTOM_VALIDATION_FAILED: _own_check,
    DEPENDENCY_CYCLE: _cycle,
    EXCEPTION_INNER: _raised,
    EXCEPTION_OUTPUT: _raised,
}


def _config_type(info: Mapping[str, Any]) -> Any:
    config = info.get("input_config")
    return config[0] if is_array(config) and config else None


def _config_options(info: Mapping[str, Any]) -> Mapping[str, Any] | None:
    config = info.get("input_config")
    return config[1] if is_array(config) and len(config) > 1 and is_object(config[1]) else None


def explained_by(error: ErrorEntry, inputs: Mapping[str, Any], graph: Graph) -> ErrorEntry:
    """A server's KeyError, traced back to the link that it comes from.

    Args:
        error: The error, as it came from a server.
        inputs: The inputs of the node that it is filed under.
        graph: The graph that it is in.
    """
    if error.type not in (EXCEPTION_INNER, EXCEPTION_OUTPUT) or error.explained is not None:
        return error
    for name, link in inputs.items():
        if not is_array(link) or len(link) != 2 or not isinstance(link[0], (str, int, type(None))):
            continue
        if link[0] not in graph and repr(link[0]) == error.details:
            why = Explained(f"links to node {shown(link[0])}, which is not in the prompt", name)
            return error._replace(explained=why)
    return error


def suggestion_for(
    error: ErrorEntry,
    entry: InputPlan | None,
    strangers: Iterable[str],
    source: ClassPlan | None,
    nearest: Nearest,
) -> str | None:
    """What would be right, ready to be shown, or None.

    Args:
        error: The error.
        entry: The input that it is about, where the schema has it.
        strangers: The node's inputs that its class does not have.
        source: The class of the node that the input is linked to, where it is.
        nearest: Finds the nearest of some names.
    """
    if error.type == VALUE_NOT_IN_LIST:
        return _nearest_choice(error, entry, nearest)
    if error.type == CUSTOM_VALIDATION_FAILED:
        return _LOOP_REPAIRS.get(str(error.extra_info.get("loop_error_type")))
    if error.type in (VALUE_SMALLER_THAN_MIN, VALUE_BIGGER_THAN_MAX):
        options = _config_options(error.extra_info) or {}
        bound = options.get("min" if error.type == VALUE_SMALLER_THAN_MIN else "max")
        return None if bound is None else f"The nearest valid value is {shown(bound)}."
    if error.type == INVALID_INPUT_TYPE:
        return _nearest_number(error)
    if error.type == REQUIRED_INPUT_MISSING and entry is not None:
        near = nearest(entry.name, strangers)
        return f"The prompt has {near!r}, which is not an input of this node." if near else _wanted(entry)
    if error.type == RETURN_TYPE_MISMATCH and entry is not None and source is not None:
        kinds = enumerate(source.return_types)
        fitting = [index for index, kind in kinds if types_match(kind, entry.input_type, source.rules)]
        return f"Output {fitting[0]} of that node fits." if fitting else None
    return None


def _nearest_number(error: ErrorEntry) -> str | None:
    """For ``"3.7"`` where a whole number is wanted."""
    given = error.extra_info.get("received_value")
    if _config_type(error.extra_info) != "INT" or not isinstance(given, str):
        return None
    try:
        near: Any = round(float(given))
    except (ValueError, OverflowError):
        return None
    options = _config_options(error.extra_info) or {}
    low, high = options.get("min"), options.get("max")
    near = max(near, low) if is_number(low) else near
    near = min(near, high) if is_number(high) else near
    return f"The nearest valid value is {near}."


def _nearest_choice(error: ErrorEntry, entry: InputPlan | None, nearest: Nearest) -> str | None:
    choices = entry.entry.choices if entry is not None else None
    if choices is None:
        kind, options = _config_type(error.extra_info), _config_options(error.extra_info)
        listed = kind if is_array(kind) else (options or {}).get("options")
        if not is_array(listed):
            return None
        choices = tuple(listed)
    if not choices:
        return "This server offers no choices."
    given = error.extra_info.get("received_value")
    near = nearest(str(given), (choice for choice in choices if isinstance(choice, str)))
    if near is not None:
        return f"Did you mean {near!r}?"
    return f"Choose from {_few(choices)}."


def _few(choices: Sequence[Any]) -> str:
    more = f" and {len(choices) - _SHOWN} more" if len(choices) > _SHOWN else ""
    return ", ".join(map(shown, choices[:_SHOWN])) + more


def _wanted(entry: InputPlan) -> str:
    """What belongs into an input."""
    if entry.entry.choices:
        return f"Choose from {_few(entry.entry.choices)}."
    kinds = entry.entry.match_types if is_wild(entry.entry.type) else entry.entry.type
    kind = "anything" if kinds == ANY else " or ".join(part.strip() for part in kinds.split(","))
    default = entry.entry.default
    usual = f"; the default is {shown(default)}" if default is not MISSING and default is not None else ""
    return f"It takes {kind if kind.isprintable() else shown(kind)}{usual}."


_SHOWN: Final = 5
