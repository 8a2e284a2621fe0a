"""The inputs of a node class as the editor takes them: plain ones, and those that grow."""

from __future__ import annotations

from typing import Any, Final

from ..dynamic.autogrow import GrownSlots
from ..schema import InputSchema
from .javascript import truthy
from .live_graph import IWidget


class InputSpec:
    """One input of a class, as far as the editor cares.

    Attributes:
        name: Its name; inside a dynamic input the whole dotted one.
        type: The type of its socket.
        options: What the server says about it.
        required: Whether the class needs it.
        choices: What a combo offers, or the keys that unfold it.
        force_input: Whether it never has a widget.
        widgets: Its widgets, to be copied; empty where it is a pure socket.
        class_type: The class that it belongs to.
        beside_model_file: Whether the class has a ``model_file`` in front of it.
        depth: How many dynamic inputs it stands in.
        dynamic: What its kind of dynamic input says of it; None where it is of none.
        brings: For an input that a key unfolds, what each choice brings. Inputs of one name under
            different choices are different inputs [A].
        grown: How it grows; None where it does not.
    """

    __slots__ = (
        "beside_model_file", "brings", "choices", "class_type", "depth", "dynamic", "force_input", "grown",
        "name", "options", "required", "type", "widgets",
    )  # fmt: skip

    def __init__(self, entry: InputSchema, name: str, class_type: str, depth: int = 0) -> None:
        self.name: str = name
        self.type: Final = entry.type
        self.options: Final = entry.options
        self.required: Final = entry.required
        self.class_type: str = class_type
        self.depth: int = depth
        self.beside_model_file: bool = False
        self.dynamic: Final = entry.dynamic
        self.choices: tuple[Any, ...] = entry.offered or ()
        # An optional input with `defaultInput` is a pure socket: that is how one tells "not given".
        self.force_input: Final = truthy(entry.options.get("forceInput")) or (
            not entry.required and truthy(entry.options.get("defaultInput"))
        )
        self.widgets: tuple[IWidget, ...] = ()
        self.brings: dict[str, tuple[InputSpec, ...]] = {}
        self.grown: GrownSlots | None = None

    @property
    def widget_type(self) -> str:
        """The type that decides about its widget."""
        named = self.options.get("widgetType")
        return named if isinstance(named, str) and named else self.type
