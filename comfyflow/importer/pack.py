"""What the JavaScript of a custom node pack does to a prompt, as a plug-in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ..json_types import array_or_empty
from .frontend_widgets import PLAIN, REPLACED
from .javascript import UNDEFINED
from .live_graph import IWidget, LGraph, LGraphNode
from .report import ConversionReport

Role = Literal["note", "set", "get", "reroute"]
"""What a node is that exists in the editor only: one that sends nothing, one that hands its input on under
a name, one that takes a value by name, or a bend in a link."""


class PackNode:
    """A node of a pack while a workflow is loaded, with what was saved of it already in place.

    Attributes:
        type: Its class.
        id: Its id, as text.
        properties: What was saved under ``properties``.
        saved: What was saved as ``widgets_values``: a list, an object, or nothing.
        random: Where random values come from; the conversion's seed decides what it gives.
    """

    def __init__(self, node: LGraphNode, report: ConversionReport, random_source: random.Random) -> None:
        self._node = node
        self._report = report
        self.type: Final = node.type
        self.id: Final = node.key
        self.properties: Mapping[str, Any] = node.properties
        self.saved: Any = node.raw.get("widgets_values")
        self.random = random_source

    @property
    def values(self) -> list[Any]:
        """The saved values where they were saved as a list, else an empty one."""
        return list(array_or_empty(self.saved))

    @property
    def widgets(self) -> list[str]:
        """The names of its widgets, in their order."""
        return [widget.name for widget in self._node.widgets]

    def options(self, name: str) -> Mapping[str, Any]:
        """What the server says about an input beside its type; empty if the input does not exist."""
        shape = self._node.shape
        spec = shape.specs.get(name) if shape is not None else None
        return spec.options if spec is not None else {}

    def choices(self, name: str) -> tuple[Any, ...]:
        """What a combo offers."""
        shape = self._node.shape
        spec = shape.specs.get(name) if shape is not None else None
        return spec.choices if spec is not None else ()

    def types(self) -> Mapping[str, str]:
        """The types of the inputs that the class has on the server, by name."""
        shape = self._node.shape
        return {} if shape is None else {name: spec.type for name, spec in shape.specs.items()}

    def linked(self, name: str) -> bool:
        """Whether a link ends at an input."""
        return any(slot.name == name and slot.link is not None for slot in self._node.inputs)

    def get(self, name: str) -> Any:
        """The value of a widget; None if the widget does not exist."""
        widget = self._node.widget(name)
        return None if widget is None or widget.value is UNDEFINED else widget.value

    def set(self, name: str, value: Any, *, place: int | str | None = None) -> None:
        """Give a widget a value; a widget of that name is added at the end where there is none.

        Args:
            name: The widget, which is the name of the input in the prompt.
            value: Any JSON value.
            place: Where the value comes from, for ``convert --explain``: its place in the saved values, or
                some words.
        """
        widget = self._node.widget(name)
        if widget is None:
            widget = IWidget(name, PLAIN, value)
            self._node.widgets.append(widget)
        widget.value = value
        widget.origin = f"the code of the pack, for {self.type}" if place is None else place

    def remove(self, *names: str) -> None:
        """Take widgets away: they are not sent. A link to an input of that name stays."""
        self._node.widgets = [widget for widget in self._node.widgets if widget.name not in names]

    def replace_text(self, name: str) -> None:
        """Let ``%date:…%`` and ``%Node.widget%`` be replaced in a string, as in file names to save under."""
        widget = self._node.widget(name)
        if widget is not None:
            widget.kind = REPLACED

    def leave_out(self) -> None:
        """Make it a node that exists in the editor only: nothing of it is sent, nor links from it."""
        self._node.role = "note"

    def warn(self, type_: str, message: str, input_name: str = "") -> None:
        """Say something about the node in the warnings of the conversion.

        Args:
            type_: What kind of thing it is, in a word: ``random_value``.
            message: What the user should know.
            input_name: The input that it is about.
        """
        self._report.add(type_, message, self.id, self._node, input_name)


Fill = Callable[[PackNode], None]
"""Does to a node what the pack's JavaScript does when a workflow is loaded."""


@dataclass(frozen=True)
class Pack:
    """What the JavaScript of one pack does to prompts.

    Attributes:
        name: The pack's name.
        version: The version of the pack that this was read from.
        modules: The folder names of the pack under ``custom_nodes``, in any case: classes that the server
            has from there are this pack's.
        classes: What is done to the nodes of a class, by its name.
        every: What is done to all nodes of classes of its modules that `classes` does not name.
        virtual: Its nodes that exist in the editor only, by type.
        connect: Makes links that are not saved as links, in a graph whose nodes are all filled.
    """

    name: str
    version: str
    modules: tuple[str, ...] = ()
    classes: Mapping[str, Fill] = field(default_factory=dict[str, Fill])
    every: Fill | None = None
    virtual: Mapping[str, Role] = field(default_factory=dict[str, Role])
    connect: Callable[[LGraph, ConversionReport], None] | None = None

    def fill(self, type_: str, module: str) -> Fill | None:
        """What is done to the nodes of a class; None for a class that is not this pack's.

        Args:
            type_: The class.
            module: The ``python_module`` of the class on the server.
        """
        own = self.has_module(module)
        return self.classes.get(type_) or (self.every if own else None)

    def has_module(self, module: str) -> bool:
        """Whether classes of that ``python_module`` are this pack's."""
        parent, _, folder = module.partition(".")
        known = {name.casefold() for name in self.modules}
        return parent == "custom_nodes" and folder.partition(".")[0].casefold() in known


def saved_values(node: PackNode, names: tuple[str, ...]) -> Iterator[tuple[str, Any, int]]:
    """The saved values with the names of the widgets that they belong to, and their places."""
    for place, (name, value) in enumerate(zip(names, node.values, strict=False)):
        yield name, value, place


def sent_buttons(buttons: Mapping[str, tuple[str, ...]]) -> dict[str, Fill]:
    """What is done to classes whose buttons are sent, as inputs without a value.

    Args:
        buttons: The names of the buttons, by class.
    """

    def fill(node: PackNode) -> None:
        for name in buttons[node.type]:
            node.set(name, None)

    return dict.fromkeys(buttons, fill)
