"""What a node's input takes as the annotation of a parameter: its type, range and choices.

pydantic is imported when a first annotation is made.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, Union

from ..bounds import LISTED_CHOICES
from ..schema import InputSchema
from ..schema.installed_files import lists_files

_TYPES: Final[dict[str, type[Any]]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


def value_annotation(entry: InputSchema) -> Any:
    """The annotation for the values of an input; ``Any`` where the schema does not tell.

    Of a list of installed files any text is taken: what there is, the server that runs it knows.
    The step of a number is told to those who make forms, and not asked for: no server checks it.

    Args:
        entry: The input.
    """
    from pydantic import Field

    if entry.is_combo:
        return _choice(entry)
    kinds = [_TYPES[name] for name in sorted(entry.types) if name in _TYPES]
    if not kinds or entry.is_dynamic:
        return Any
    if len(kinds) > 1:
        return Union[tuple(kinds)]  # noqa: UP007
    kind = kinds[0]
    told = _told(entry)
    if kind in (int, float):
        bounds = {name: limit for name, limit in _limits(entry, kind).items() if limit is not None}
        return Annotated[kind, Field(json_schema_extra=told, **bounds)] if bounds or told else kind
    return Annotated[kind, Field(json_schema_extra=told)] if told else kind


def _choice(entry: InputSchema) -> Any:
    choices = tuple(
        choice for choice in entry.choices or () if isinstance(choice, (str, int, float)) and choice == choice
    )
    if lists_files(entry) or not choices or len(choices) != len(entry.choices or ()):
        return list[str] if entry.multiselect else str
    if len(choices) > LISTED_CHOICES:
        return list[str] if entry.multiselect else str
    made = Literal[choices] if not any(isinstance(choice, float) for choice in choices) else Any
    return list[made] if entry.multiselect else made  # type: ignore[valid-type]


def _limits(entry: InputSchema, kind: type[Any]) -> dict[str, Any]:
    limits = {"ge": entry.minimum, "le": entry.maximum}
    if kind is int:
        whole = {"ge": math.ceil, "le": math.floor}
        return {
            name: whole[name](limit) if limit is not None and math.isfinite(limit) else None
            for name, limit in limits.items()
        }
    return {
        name: limit if limit is not None and math.isfinite(limit) else None for name, limit in limits.items()
    }


def _told(entry: InputSchema) -> dict[str, Any]:
    """What a form is told beside the type."""
    told: dict[str, Any] = {}
    step = entry.options.get("step")
    if isinstance(step, (int, float)) and not isinstance(step, bool) and 0 < step < math.inf:
        told["step"] = step
    if entry.options.get("multiline") is True:
        told["multiline"] = True
    return told
