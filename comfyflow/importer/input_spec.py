"""The inputs of a node class as the editor takes them: plain ones, and those that grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..json_types import is_array
from ..schema import InputSchema
from .javascript import truthy
from .live_graph import Widget

AUTOGROW: Final = "COMFY_AUTOGROW_V3"
MATCH_TYPE: Final = "COMFY_MATCHTYPE_V3"
DYNAMIC_COMBO: Final = "COMFY_DYNAMICCOMBO_V3"
MAX_GROWN: Final = 100
"""An Autogrow input never gets more slots than this."""


class InputSpec:
    """One input of a class, as far as the editor cares.

    Attributes:
        name: Its name; inside a dynamic input the whole dotted one.
        type: The type of its socket.
        options: What the server says about it.
        required: Whether the class needs it.
        choices: The choices of a combo, or the keys of a dynamic one.
        force_input: Whether it never has a widget.
        widgets: Its widgets, to be copied; empty where it is a pure socket.
        class_type: The class that it belongs to.
        beside_model_file: Whether the class has a ``model_file`` in front of it.
        depth: How many dynamic combos it stands in.
        brings: For a dynamic combo, what each choice brings. Inputs of one name under different choices
            are different inputs [A].
        grown: How an Autogrow input grows; None for any other.
    """

    __slots__ = (
        "beside_model_file", "brings", "choices", "class_type", "depth", "force_input", "grown", "name",
        "options", "required", "type", "widgets",
    )  # fmt: skip

    def __init__(self, entry: InputSchema, name: str, class_type: str, depth: int = 0) -> None:
        self.name: str = name
        self.type: Final = entry.type
        self.options: Final = entry.options
        self.required: Final = entry.required
        self.class_type: str = class_type
        self.depth: int = depth
        self.beside_model_file: bool = False
        if entry.type == DYNAMIC_COMBO:
            self.choices: tuple[Any, ...] = tuple(
                dict.fromkeys(option.key for option in entry.dynamic_options)
            )
        else:
            self.choices = entry.choices or ()
        # An optional input with `defaultInput` is a pure socket: that is how one tells "not given".
        self.force_input: Final = truthy(entry.options.get("forceInput")) or (
            not entry.required and truthy(entry.options.get("defaultInput"))
        )
        self.widgets: tuple[Widget, ...] = ()
        self.brings: dict[str, tuple[InputSpec, ...]] = {}
        self.grown: Autogrow | None = None

    @property
    def widget_type(self) -> str:
        """The type that decides about its widget."""
        named = self.options.get("widgetType")
        return named if isinstance(named, str) and named else self.type


class Autogrow:
    """An input that grows: one slot more than are linked.

    Attributes:
        name: The input's own name, in front of the dot.
        minimum: How many slots it starts with.
        maximum: How many it can have.
        names: The slots' names where the server lists them.
        prefix: What their names start with otherwise.
        inputs: What each slot consists of; nearly always one input.
    """

    __slots__ = ("inputs", "maximum", "minimum", "name", "names", "prefix")

    def __init__(self, name: str, template: Mapping[str, Any], inputs: tuple[InputSchema, ...]) -> None:
        names, prefix = template.get("names"), template.get("prefix")
        minimum, maximum = template.get("min"), template.get("max")
        self.name: str = name
        self.names: Final = [n for n in names if isinstance(n, str)][:MAX_GROWN] if is_array(names) else None
        self.prefix: Final = prefix if isinstance(prefix, str) else ""
        self.minimum: Final = min(minimum, MAX_GROWN) if isinstance(minimum, int) else 1
        limit = min(maximum, MAX_GROWN) if isinstance(maximum, int) else MAX_GROWN
        self.maximum: Final = len(self.names) if self.names is not None else limit
        self.inputs: tuple[InputSchema, ...] = inputs

    def slot_names(self, ordinal: int) -> list[str]:
        """The whole names of the inputs that make up one slot."""
        if self.names is not None:
            return [f"{self.name}.{self.names[ordinal]}"] * len(self.inputs)
        if len(self.inputs) == 1:
            return [f"{self.name}.{self.prefix}{ordinal}"]
        return [f"{self.name}.{entry.name}{ordinal}" for entry in self.inputs]

    def ordinal(self, name: str) -> int | None:
        """Which slot an input of that whole name belongs to, or None."""
        own = name[len(self.name) + 1 :]
        if self.names is not None:
            return self.names.index(own) if own in self.names else None
        digits = own[len(own.rstrip("0123456789")) :]
        return int(digits) if digits and len(digits) < 10 else None
