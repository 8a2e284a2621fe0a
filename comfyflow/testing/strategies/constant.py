"""Values that can be typed into an input: what a server takes for it as a constant.

Some ComfyUI's own nodes ask for in their Python, without any /object_info declaring it, as in 0.3.64 and
0.27.0. Nodes of other packages may have these checks too: `graphs` takes ``values`` for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

from ...graph.prompt import wrapped
from ...json_types import is_array, is_number
from ...record import replace
from ...schema import MISSING, InputSchema, NodeSchema
from ...schema.input_schema import PRIMITIVES

Values: TypeAlias = "st.SearchStrategy[Any]"

INT_RANGE: Final = (-(2**31), 2**31 - 1)
"""What stands for the ends that an INT input does not state."""

FLOAT_RANGE: Final = (-1e6, 1e6)
"""What stands for the ends that a FLOAT input does not state."""

TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=24)

FILE_NAMES: Final = st.sampled_from(["model.safetensors", "other.safetensors"])

_INFINITE: Final = float("inf")
_LARGEST: Final = math.nextafter(_INFINITE, 0)


class Constants:
    """What one input takes as a constant.

    Attributes:
        values: Draws a value as it is in a prompt; the stated default is the simplest.
        plain: The stated default, if a server would take it, or `MISSING`.
    """

    __slots__ = ("plain", "values")

    def __init__(self, values: Values, plain: Any = MISSING) -> None:
        self.values: Final = values if plain is MISSING else st.just(plain) | values
        self.plain: Any = plain


def constants_of(
    entry: InputSchema, files_known: bool = True, largest: int | None = None
) -> Constants | None:
    """The constants of an input, or None if there are none.

    None for a pure socket, for a list of files of which none is installed, for a range that
    nothing is in, and for bounds that a server cannot compare a value with.

    Args:
        entry: Any input that is not dynamic.
        files_known: Whether the schema knows which files are installed. If not, any name may
            are where it lists none; not where a file is uploaded, which must exist.
        largest: The largest number, where the input takes one that is not larger.
    """
    if _fails_at_bounds(entry):
        return None
    if largest is not None:
        entry = _limited(entry, largest)
    if entry.is_combo:
        found = _choice(entry)
        unlisted = found is None and not files_known and entry.upload is None
        return Constants(FILE_NAMES, "model.safetensors") if unlisted else found
    if entry.dynamic is not None:
        return None
    kinds = [kind for kind in map(str.strip, entry.type.split(",")) if kind in PRIMITIVES]
    if not kinds:
        return _object(entry)
    parts = [part for kind in kinds if (part := _primitive(entry, kind)) is not None]
    if not parts:
        return None
    plain = next((part.plain for part in parts if part.plain is not MISSING), MISSING)
    return Constants(reduce(lambda one, other: one | other, (part.values for part in parts)), plain)


def _fails_at_bounds(entry: InputSchema) -> bool:
    """Whether a server fails at every constant: it compares whatever is given with the bounds."""
    bounds = [entry.options[name] for name in ("min", "max") if name in entry.options]
    return bool(bounds) and not (entry.types & _NUMBERS and all(map(is_number, bounds)))


_NUMBERS: Final = frozenset({"INT", "FLOAT"})


def _limited(entry: InputSchema, largest: int) -> InputSchema:
    """The same input with a lower maximum, but not below its minimum."""
    if not entry.types & _NUMBERS:
        return entry
    least, most = _stated(entry.minimum), _stated(entry.maximum)
    limit = max(largest, least if least is not None else largest)
    return replace(entry, options={**entry.options, "max": limit if most is None else min(most, limit)})


def in_range(entry: InputSchema, value: float) -> bool:
    """Whether a number is neither below the input's minimum nor above its maximum."""
    lowest, highest = entry.minimum, entry.maximum
    return not ((lowest is not None and value < lowest) or (highest is not None and value > highest))


def is_choice(choices: Iterable[object], value: object) -> bool:
    """Whether a value is one of the choices, and of the same kind: 1 is not True."""
    return any(type(choice) is type(value) and choice == value for choice in choices)


def _primitive(entry: InputSchema, kind: str) -> Constants | None:
    if kind == "INT":
        return _whole(entry)
    if kind == "FLOAT":
        return _decimal(entry)
    if "min" in entry.options or "max" in entry.options:
        return None  # a server compares even a string with them, and fails
    default = entry.default
    if kind == "BOOLEAN":
        return Constants(st.booleans(), default if isinstance(default, bool) else MISSING)
    return Constants(TEXT, default if isinstance(default, str) else MISSING)


def _whole(entry: InputSchema) -> Constants | None:
    lowest, highest = _ends(entry, INT_RANGE)
    low, high = math.ceil(lowest), math.floor(highest)
    if low > high:
        return None
    default = entry.default
    plain = isinstance(default, int) and not isinstance(default, bool) and in_range(entry, default)
    return Constants(st.integers(low, high), default if plain else MISSING)


def _decimal(entry: InputSchema) -> Constants | None:
    lowest, highest = _ends(entry, FLOAT_RANGE)
    low, high = _above(lowest), _below(highest)
    if low > high:
        return None
    default = entry.default
    plain = is_number(default) and low <= default <= high
    return Constants(st.floats(low, high, allow_nan=False), float(default) if plain else MISSING)


def _ends(entry: InputSchema, otherwise: tuple[float, float]) -> tuple[float, float]:
    """The least and the greatest value; where one end is not stated, the other may move it."""
    lowest, highest = _stated(entry.minimum), _stated(entry.maximum)
    low = lowest if lowest is not None else otherwise[0]
    high = highest if highest is not None else max(low, otherwise[1])
    return (low if lowest is not None else min(low, high)), high


def _stated(end: float | None) -> float | None:
    """An end of a range, unless it is NaN or infinite; an int may be too large to ask."""
    return None if end is None or end != end or abs(end) == _INFINITE else end


def _above(end: float) -> float:
    """The least float that is not below a number (an int may have no exact float)."""
    near = _float(end)
    return near if near >= end else math.nextafter(near, _INFINITE)


def _below(end: float) -> float:
    near = _float(end)
    return near if near <= end else math.nextafter(near, -_INFINITE)


def _float(end: float) -> float:
    try:
        return float(end)
    except OverflowError:
        return _LARGEST if end > 0 else -_LARGEST


def _choice(entry: InputSchema) -> Constants | None:
    choices = [choice for choice in entry.choices or () if _is_scalar(choice)]
    if not choices:
        return None
    default = entry.default
    return Constants(st.sampled_from(choices), default if is_choice(choices, default) else MISSING)


def _is_scalar(choice: object) -> bool:
    return isinstance(choice, (str, int)) or (isinstance(choice, float) and math.isfinite(choice))


def _object(entry: InputSchema) -> Constants | None:
    """The default of a widget whose values are objects or lists (a colour, a box, a curve)."""
    default = entry.default
    if default is MISSING or default is None:
        return None
    return Constants(st.just(wrapped(list(default) if is_array(default) else default)))


_BFL: Final = "comfy_api_nodes.nodes_bfl"
_KLING: Final = "comfy_api_nodes.nodes_kling"
_MOVES: Final = st.floats(-10.0, 10.0)

CORE_VALUES: Final[Mapping[str, tuple[str, Mapping[str, st.SearchStrategy[Any]]]]] = {
    "FluxProUltraImageNode": (
        _BFL,
        {"aspect_ratio": st.sampled_from(["16:9", "1:1", "9:16", "4:3", "1:4", "4:1"])},
    ),
    # All six must be numbers, not links, and at least one of them not zero.
    "KlingCameraControls": (
        _KLING,
        {
            **dict.fromkeys(("horizontal_movement", "vertical_movement", "pan", "tilt", "roll"), _MOVES),
            "zoom": st.sampled_from([0.5, -0.5]) | st.floats(0.5, 10.0),
        },
    ),
}
"""By class: the module that defines it, and what some of its inputs take."""


def core_values(node: NodeSchema) -> Mapping[str, st.SearchStrategy[Any]]:
    """By input, what a node class takes of all that its schema allows; mostly nothing is said."""
    known = CORE_VALUES.get(node.class_type)
    return known[1] if known is not None and known[0] == node.python_module else {}


CORE_EXACT_TYPES: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "TripoConversionNode": ("comfy_api_nodes.nodes_tripo", frozenset({"original_model_task_id"})),
}
"""By class: the module that defines it, and the inputs whose type it looks at itself."""

EXACT_TYPES: Final = frozenset({"MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID"})
"""The types that the input looks for."""


def core_exact_types(node: NodeSchema) -> frozenset[str]:
    """The inputs of a node class that want an output which is declared to be of their type, mostly
    none: neither ``*`` nor the type of a template will do.
    """
    known = CORE_EXACT_TYPES.get(node.class_type)
    return known[1] if known is not None and known[0] == node.python_module else frozenset()
