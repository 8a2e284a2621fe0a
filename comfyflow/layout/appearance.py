"""What a node looks like in the editor: its slots and widgets, where they are, and how large it is.

The rules are the editor's (1.45 to 1.58): a title bar of 30 px above the node, a row of 20 px for each
slot, 24 px for each widget. Room for pictures and texts that appear once it has run is added by what it
shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..graph import GraphNode, Link, Scope
from ..graph.canvas import Size
from ..schema import InputSchema, NodeSchema, unfold_inputs

TITLE_HEIGHT: Final = 30.0
SLOT_HEIGHT: Final = 20.0
_FIRST_SLOT: Final = 14.0
_WIDGET: Final = 24.0
_TALL_WIDGET: Final = 54.0
_ABOVE_WIDGETS: Final = 8.0
_BELOW: Final = 6.0
_LABEL: Final = 8.0
"""How wide a character of a label is; one of a title a bit more."""
_TITLE: Final = 8.5
_LEAST: Final = 140.0
_LEAST_WITH_WIDGETS: Final = 210.0
_USUAL: Final = 270.0
_WIDEST: Final = 640.0
"""No name makes a node wider than this."""

_SIZES: Final[Mapping[str, Size]] = {
    "CLIPTextEncode": (430, 192),
    "ImageCompare": (500, 530),
    "Load3D": (300, 604),
    "LoadImage": (310, 370),
    "LoadVideo": (370, 460),
    "MaskPreview": (270, 310),
    "Preview3D": (520, 550),
    "PreviewAny": (370, 290),
    "PreviewImage": (330, 314),
    "SaveAnimatedWEBP": (620, 500),
    "SaveGLB": (520, 550),
    "SaveImage": (530, 517),
    "SaveText": (400, 420),
    "SaveVideo": (620, 500),
    "SaveWEBM": (620, 500),
}
"""How large authors leave nodes of classes that show something: medians over the official templates."""
_PICTURE: Final = 260.0
"""The room for what any other node shows."""
_TEXT: Final = 110.0
"""The room for a string of several lines, where there is no median."""
_SHOWN: Final = frozenset({"IMAGE", "MASK", "VIDEO", "MESH", "FILE_3D"})
_UPLOADS: Final = frozenset({"image", "animated_image", "video"})
_SEEDS: Final = frozenset({"seed", "noise_seed"})


@dataclass(frozen=True)
class Slot:
    """A slot of a node.

    Attributes:
        name: Its name in a prompt.
        type: Its type, or ``"*"``.
        label: What the editor shows.
    """

    name: str
    type: str
    label: str = ""


@dataclass(frozen=True)
class Widget:
    """A widget of a node: a value that one can type in.

    Attributes:
        name: Its name in a prompt.
        type: Its type.
        value: Its value; None if it is linked or unknown.
        height: How high its row is.
        linked: Whether a link gives the value.
        label: What the editor shows.
    """

    name: str
    type: str
    value: Any
    height: float
    linked: bool = False
    label: str = ""


@dataclass(frozen=True)
class NodeAppearance:
    """What a node looks like.

    Attributes:
        title: What is in its title bar.
        class_type: Its class; ``""`` for one that stands for a scope.
        inputs: The slots at its left edge.
        outputs: The slots at its right edge.
        widgets: Its widgets, from above.
        preview: The room for what it shows.
    """

    title: str
    class_type: str
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    widgets: tuple[Widget, ...]
    preview: float = 0.0

    @property
    def least(self) -> Size:
        """The smallest size that the editor gives it."""
        rows = max(1, len(self.inputs), len(self.outputs))
        height = SLOT_HEIGHT * rows + _BELOW
        if self.widgets:
            height += _ABOVE_WIDGETS + sum(widget.height for widget in self.widgets)
        between = zip_longest_labels(self.inputs, self.outputs)
        widths = [left + right + (45 if left and right else 40) for left, right in between]
        widths += [_LABEL * len(widget.label or widget.name) + 104 for widget in self.widgets]
        widths.append(_TITLE * len(self.title) + 40)
        least = _LEAST_WITH_WIDGETS if self.widgets else _LEAST
        return max(least, min(max(widths), _WIDEST)), height

    @property
    def size(self) -> Size:
        """How large to make it: the editor's least, and room for what it shows."""
        width, height = self.least
        width = max(width, _USUAL) if self.widgets else width
        usual = _SIZES.get(self.class_type)
        if usual is not None:
            return max(width, usual[0]), max(height, usual[1])
        texts = sum(widget.height == _TALL_WIDGET and not widget.linked for widget in self.widgets)
        if texts:
            width, height = max(width, 400.0), height + texts * (_TEXT - _TALL_WIDGET)
        return width, height + self.preview

    def input_height(self, name: str) -> float:
        """How far below the upper edge of the body an input takes its link."""
        for index, slot in enumerate(self.inputs):
            if slot.name == name:
                return SLOT_HEIGHT * index + _FIRST_SLOT
        for widget, top in self.widget_tops():
            if widget.name == name:
                return top + _WIDGET / 2
        return _FIRST_SLOT

    def output_height(self, index: int) -> float:
        """How far below the upper edge of the body an output is."""
        return SLOT_HEIGHT * max(0, min(index, len(self.outputs) - 1)) + _FIRST_SLOT

    def widget_tops(self) -> Iterator[tuple[Widget, float]]:
        """The widgets, each with how far below the upper edge of the body it begins."""
        top = SLOT_HEIGHT * max(len(self.inputs), len(self.outputs)) + _ABOVE_WIDGETS
        for widget in self.widgets:
            yield widget, top
            top += widget.height


def zip_longest_labels(inputs: Sequence[Slot], outputs: Sequence[Slot]) -> Iterator[tuple[float, float]]:
    """How wide the labels in each row of slots are."""
    for row in range(max(len(inputs), len(outputs))):
        sides = [slots[row] if row < len(slots) else None for slots in (inputs, outputs)]
        left, right = (_LABEL * len(slot.label or slot.name) if slot is not None else 0.0 for slot in sides)
        yield left, right


def appearance(node: GraphNode, schema: NodeSchema | None, outputs: int = 0) -> NodeAppearance:
    """What a node looks like.

    Args:
        node: The node.
        schema: Its class, or None if the server does not know it.
        outputs: How many outputs it has at least: as many as are used.
    """
    slots: list[Slot] = []
    widgets: list[Widget] = []
    known: set[str] = set()
    for entry in unfold_inputs(schema.inputs, node.inputs) if schema is not None else ():
        known.add(entry.name)
        _add(entry, node, slots, widgets)
    for name, value in node.inputs.items():
        if name in known:
            continue
        if type(value) is Link:
            slots.append(Slot(name, "*"))
        else:
            widgets.append(Widget(name, "*", value, _WIDGET))
    given = [Slot(out.name, out.type) for out in schema.outputs] if schema is not None else []
    given += [Slot(f"output {index}", "*") for index in range(len(given), outputs)]
    preview = _PICTURE if schema is not None and _shows(schema) else 0.0
    title = node.title or (schema.display_name if schema is not None else "") or node.class_type
    return NodeAppearance(title, node.class_type, tuple(slots), tuple(given), tuple(widgets), preview)


def scope_appearance(scope: Scope) -> NodeAppearance:
    """What the node looks like that stands for a scope."""
    slots: list[Slot] = []
    widgets: list[Widget] = []
    for entry in scope.inputs:
        if entry.has_value:
            widgets.append(
                Widget(entry.name, _type(entry.type), entry.value, _WIDGET, label=entry.label or "")
            )
        else:
            slots.append(Slot(entry.name, _type(entry.type), entry.label or ""))
    outputs = tuple(Slot(out.name, _type(out.type), out.label or "") for out in scope.outputs)
    title = scope.title or scope.name or f"#{scope.scope_id}"
    return NodeAppearance(title, "", tuple(slots), outputs, tuple(widgets))


def _add(entry: InputSchema, node: GraphNode, slots: list[Slot], widgets: list[Widget]) -> None:
    value = node.inputs.get(entry.name)
    linked = type(value) is Link
    if not entry.is_widget:
        # Of the slots of an input that grows, those that are filled; the editor shows one free one more.
        if linked or entry.required or entry.autogrow is not None or "." not in entry.name:
            slots.append(Slot(entry.name, entry.type))
        return
    shown = None if linked else value
    tall = bool(entry.options.get("multiline"))
    widgets.append(Widget(entry.name, entry.type, shown, _TALL_WIDGET if tall else _WIDGET, linked))
    if not linked and (entry.options.get("control_after_generate") or _is_seed(entry)):
        widgets.append(Widget("control_after_generate", "COMBO", "fixed", _WIDGET))
    if entry.upload is not None:
        widgets.append(Widget("upload", "BUTTON", None, _WIDGET))


def _is_seed(entry: InputSchema) -> bool:
    return entry.type == "INT" and entry.name in _SEEDS


def _shows(schema: NodeSchema) -> bool:
    if any(entry.upload in _UPLOADS for entry in schema.inputs):
        return True
    return schema.is_output_node and any(entry.types & _SHOWN for entry in schema.inputs)


def _type(given: object) -> str:
    return given if isinstance(given, str) and given else "*"
