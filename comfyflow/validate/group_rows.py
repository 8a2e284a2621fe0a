"""The rows of a DynamicGroup: which keys a server takes for fields of rows (after 0.36)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..schema import InputSchema
from ..schema.input_schema import DYNAMIC_COMBO, DYNAMIC_GROUP, MAX_NESTING
from .server_error import INVALID_DYNAMIC_INPUT, ServerError


def wrong_rows(inputs: Iterable[InputSchema], given: Mapping[str, Any]) -> ServerError | None:
    """The first thing that is wrong with the rows of a node; the server then looks at nothing else of it.

    Args:
        inputs: What its class declares.
        given: What it is given.
    """
    for name, entry in _groups(inputs, given, "", 0):
        error = _wrong_key(name, entry, given) or _wrong_count(name, entry, given)
        if error is not None:
            return error
    return None


def _groups(
    inputs: Iterable[InputSchema], given: Mapping[str, Any], prefix: str, depth: int
) -> Iterator[tuple[str, InputSchema]]:
    """The groups in effect, in the server's order."""
    for entry in inputs:
        name = prefix + entry.name
        if entry.type == DYNAMIC_GROUP:
            yield name, entry
        elif entry.type == DYNAMIC_COMBO and depth < MAX_NESTING:
            for option in entry.dynamic_options:
                if option.key == given.get(name):
                    yield from _groups(option.inputs, given, f"{name}.", depth + 1)
                    break


def _wrong_key(name: str, entry: InputSchema, given: Mapping[str, Any]) -> ServerError | None:
    fields = {field.name for field in entry.group}
    _, most = entry.row_bounds
    for key in given:
        if key.startswith(f"{name}."):
            index, dot, field = key[len(name) + 1 :].partition(".")
            if not dot or not is_row(index) or field not in fields:
                expected = f"expected '{name}.<index>.<template field>'"
                return _error(key, f"Invalid DynamicGroup input key '{key}'; {expected}.")
            if len(index) > len(str(most)) or int(index) >= most:
                limit = f"exceeds the index limit of {most - 1} (max={most})"
                return _error(key, f"DynamicGroup input '{key}' {limit}.")
    return None


def _wrong_count(name: str, entry: InputSchema, given: Mapping[str, Any]) -> ServerError | None:
    least, most = entry.row_bounds
    start = f"{name}."
    count = len({key[len(start) :].partition(".")[0] for key in given if key.startswith(start)})
    if least <= count <= most:
        return None
    said = f"DynamicGroup input '{name}' received {count} rows; expected between {least} and {most}."
    return _error(name, said)


def is_row(text: str) -> bool:
    """Whether a text is the index of a row: digits, and no zero in front."""
    return text.isascii() and text.isdecimal() and (text == "0" or not text.startswith("0"))


def _error(name: str, details: str) -> ServerError:
    return ServerError(INVALID_DYNAMIC_INPUT, "Invalid dynamic input", details, {"input_name": name})
