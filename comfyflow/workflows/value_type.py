"""What a node's input takes as the annotation of a parameter: its type, range and choices.

Only `annotated_types` is imported, where there is a range; pydantic reads it too: parameters are known
before any value is converted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Union

from ..bounds import LISTED_CHOICES
from ..schema import InputSchema
from ..schema.installed_files import lists_files, takes_file

if TYPE_CHECKING:
    from annotated_types import Ge, Le

LARGEST_EXACT: Final = 2**53 - 1
"""The largest whole number of which JavaScript, and so most readers of JSON, still has every neighbour."""

_TYPES: Final[dict[str, type[Any]]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(frozen=True)
class Hint:
    """What forms learn about a parameter, beside its type: members of its JSON Schema.

    Attributes:
        step: By how much a number goes up and down. No server checks it.
        multiline: Whether a string has room for several lines.
        seed: Whether it is drawn at random by default.
        upload: The kind of file that is uploaded: ``image``, ``audio``, ``video``, ….
        files: The input whose choices are files of the server: ``CheckpointLoaderSimple.ckpt_name``.
        exact: Whether the number may be larger than JavaScript knows exactly.
    """

    refuses: ClassVar[bool] = False

    step: float | None = None
    multiline: bool = False
    seed: bool = False
    upload: str = ""
    files: str = ""
    exact: bool = False

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        """The JSON Schema of the parameter with these members."""
        made: dict[str, Any] = handler(core)
        told = {
            "x-step": self.step,
            "x-multiline": self.multiline or None,
            "x-seed": self.seed or None,
            "x-upload": self.upload or None,
            "x-files": self.files or None,
        }
        made.update({name: value for name, value in told.items() if value is not None})
        return as_text_too(made) if self.exact and made.get("type") == "integer" else made


def as_text_too(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a whole number that may also be given as a string.

    Args:
        schema: That of the number.
    """
    number = {name: schema.pop(name) for name in ("type", "minimum", "maximum") if name in schema}
    digits = {"type": "string", "pattern": "^-?[0-9]+$" if number.get("minimum", -1) < 0 else "^[0-9]+$"}
    note = f"Numbers above {LARGEST_EXACT} must be sent as strings from JavaScript, which rounds them."
    return {**schema, "anyOf": [number, digits], "$comment": note}


def value_annotation(entry: InputSchema, class_type: str = "") -> Any:
    """The annotation for the values of an input; ``Any`` where the schema does not say.

    Of a list of installed files any text is taken: what there is, the server that runs it knows.

    Args:
        entry: The input.
        class_type: The class of its node.
    """
    if entry.is_combo:
        made = literal_of(entry)
        kind: Any = made if made is not None else str
        return list[kind] if entry.multiselect else _annotated(kind, [*notes_of(entry, class_type)])
    kinds = [_TYPES[name] for name in sorted(entry.types) if name in _TYPES]
    if not kinds or entry.is_dynamic:
        return Any
    if len(kinds) > 1:
        return Union[tuple(kinds)]  # noqa: UP007
    return _annotated(kinds[0], [*limits_of(entry, kinds[0]), *notes_of(entry, class_type)])


def literal_of(entry: InputSchema) -> Any:
    """The choices of a combo as a ``Literal``; None if they depend on what is installed.

    Args:
        entry: The input.
    """
    choices = entry.choices or ()
    plain = all(type(choice) in (str, int, bool) for choice in choices)
    if not choices or not plain or len(choices) > LISTED_CHOICES or lists_files(entry):
        return None
    return Literal[choices]


def limits_of(entry: InputSchema, kind: type[Any]) -> Iterator[Ge | Le]:
    """The least and the greatest value of an input.

    Args:
        entry: The input.
        kind: `int` or `float`; others have none.
    """
    if kind not in (int, float):
        return
    from annotated_types import Ge, Le

    if (least := entry.minimum) is not None and math.isfinite(least):
        yield Ge(math.ceil(least) if kind is int else least)
    if (most := entry.maximum) is not None and math.isfinite(most):
        yield Le(math.floor(most) if kind is int else most)


def notes_of(entry: InputSchema, class_type: str) -> Iterator[Hint]:
    """What forms learn about an input.

    Args:
        entry: The input.
        class_type: The class of its node.
    """
    step = entry.options.get("step")
    if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0 < step < math.inf:
        step = None
    upload = (entry.upload or "file") if takes_file(entry) else ""
    files = f"{class_type}.{entry.name}" if entry.is_combo and literal_of(entry) is None else ""
    hint = Hint(
        step=step,
        multiline=entry.options.get("multiline") is True,
        seed=entry.type == "INT" and bool(entry.options.get("control_after_generate")),
        upload=upload,
        files="" if upload else files,
        exact=entry.type == "INT" and (entry.maximum or 0) > LARGEST_EXACT,
    )
    if hint != Hint():
        yield hint


def held_annotation(entry: InputSchema, fed: Sequence[tuple[InputSchema, str]]) -> Any:
    """The annotation for a number that a node only holds for other inputs, as `PrimitiveInt` does.

    The editor offers to draw these numbers at random; it is a seed only where all of them are. Their
    ranges are not its own: a server checks those of constants, not of what is linked.

    Args:
        entry: The node's own input.
        fed: The inputs that it comes to, with the classes of their nodes.
    """
    kind = _TYPES[entry.type]
    hints = [next(notes_of(each, class_type), Hint()) for each, class_type in fed]
    if not hints:
        return value_annotation(entry)
    seed = all(each.seed for each in hints)
    step = next((each.step for each in hints if each.step is not None), None)
    hint = Hint(step=step, seed=seed, exact=seed)
    return _annotated(kind, [*limits_of(entry, kind), *([hint] if hint != Hint() else [])])


def _annotated(kind: Any, notes: list[Any]) -> Any:
    return Annotated[(kind, *notes)] if notes else kind
