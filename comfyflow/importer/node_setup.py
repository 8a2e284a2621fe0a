"""Filling a node from its saved JSON, as the editor does while it loads a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_object
from ..schema.input_schema import InputSchema
from .dynamic_inputs import bring_inputs, grow_where_linked, set_option
from .editor_rules import EditorRules
from .frontend_widgets import (
    FILE,
    FIXED,
    KEY,
    MULTILINE,
    NUMBER,
    OPTION,
    OPTION_INDEX,
    PLAIN,
    RENDERED,
    TEXT,
    TOGGLE,
    VIEWPORT,
    file_path,
    plain_line_ends,
)
from .javascript import UNDEFINED, Undefined, js_number, js_text, shown_json
from .live_graph import INodeInputSlot, INodeOutputSlot, IWidget, LGraphNode, is_native, saved_type
from .node_shape import NodeShape

_SHOWN: Final = (FIXED, OPTION_INDEX, RENDERED, VIEWPORT)
"""Widgets that show something and take no value."""

_PARTICULAR: Final = frozenset({*_SHOWN, MULTILINE, KEY, OPTION, FILE})
"""Widgets that do not simply hold what is put into them."""

_type_of: Final[Any] = type

SHORT_TEXT: Final = 20
"""Longer texts of unknown nodes are shown in multiline widgets."""


def fill_class_node(node: LGraphNode, shape: NodeShape, rules: EditorRules) -> None:
    """Give a node the slots and widgets of its class, with what was saved of them."""
    if not shape.core and (unlisted := _unlisted_widgets(node.raw, shape)):
        shape = shape.with_widgets(unlisted)
    start_class_node(node, shape)
    if node.widgets:
        _fill_widgets(node, _saved_values(node, shape, rules), rules)


def start_class_node(node: LGraphNode, shape: NodeShape) -> None:
    """Give a node the slots and widgets of its class, with the links that were saved, but no values yet."""
    raw = node.raw
    node.shape = shape
    node.growing = shape.growing
    node.title = saved_title(raw, shape.title)
    if shape.widgets:
        node.widgets = [widget.copy() for widget in shape.widgets]
    node.inputs = merged_inputs(shape.inputs, raw.get("inputs"))
    node.outputs = _merged_outputs(shape, raw.get("outputs"))
    if shape.dynamic and shape.growing:
        grow_where_linked(node, shape)


def _unlisted_widgets(raw: Mapping[str, Any], shape: NodeShape) -> tuple[str, ...]:
    """The inputs whose types are widgets of a pack, as the saved node tells [C3b].

    The type of the input is not one of ComfyUI's, the node was saved without a socket for it, and
    with just as many values more. The count is needed: some packs hide optional sockets. An input that
    was saved as a widget's is one, even if there are more values still: those are of widgets without input.
    """
    values = raw.get("widgets_values")
    if shape.dynamic or not is_array(values):
        return ()
    missing = len(values) - sum(1 for widget in shape.widgets if widget.saved)
    if missing < 1:
        return ()
    saved = {
        entry.get("name"): entry
        for entry in array_or_empty(raw.get("inputs"))
        if is_object(entry) and isinstance(entry.get("name"), str)
    }
    names = tuple(entry.name for entry in shape.entries if _is_unlisted(entry, saved.get(entry.name), shape))
    if len(names) == missing:
        return names
    certain = tuple(name for name in names if name in saved)
    return certain if len(certain) < missing else ()


def _is_unlisted(entry: InputSchema, saved: Mapping[str, Any] | None, shape: NodeShape) -> bool:
    spec = shape.specs[entry.name]
    if spec.widgets or spec.force_input or is_native(spec.type):
        return False
    if saved is not None:
        return is_object(saved.get("widget"))
    # A socket that came with a later version of the class is optional, and something can be linked to it.
    return entry.required or not shape.is_given(spec.type)


def fill_unknown_node(node: LGraphNode, rules: EditorRules) -> None:
    """Keep a node of an unknown class as it was saved [17].

    Its values have no names: the editor shows each in a widget called UNKNOWN, so that the prompt gets
    the last one; since 1.47 they are numbered, so that it gets all [C].
    """
    raw = node.raw
    node.title = saved_title(raw, "")
    node.inputs = merged_inputs((), raw.get("inputs"))
    node.outputs = saved_outputs(raw.get("outputs"))
    values = raw.get("widgets_values")
    for index, value in enumerate(_sequence(values)):
        node.widgets.append(_unknown_widget(value, index, rules))


def fill_virtual_node(node: LGraphNode) -> None:
    """Keep a node that exists in the editor only as it was saved."""
    raw = node.raw
    node.title = saved_title(raw, node.type)
    node.inputs = merged_inputs((), raw.get("inputs"))
    node.outputs = saved_outputs(raw.get("outputs"))
    if node.role == "note" and node.type in ("Note", "MarkdownNote"):
        saved = _sequence(raw.get("widgets_values"))
        node.widgets = [IWidget("text", PLAIN, saved[0] if saved else "", sent=False)]
    if node.role == "reroute":
        if not node.inputs:
            node.inputs.append(INodeInputSlot("", "*"))
        if not node.outputs:
            node.outputs.append(INodeOutputSlot("", "*", []))


def set_value(
    node: LGraphNode, widget: IWidget, value: Any, rules: EditorRules, origin: int | str | None
) -> None:
    """Put a value into a widget, with what the editor makes of it on the way.

    Args:
        node: The node of the widget; a dynamic combo changes its slots and widgets.
        widget: The widget.
        value: Any JSON value, or UNDEFINED.
        rules: The version of the editor.
        origin: Where the value comes from, for `Conversion.explain`.
    """
    kind = widget.kind
    if kind not in _PARTICULAR:
        widget.origin, widget.value = origin, value
        return
    if kind in _SHOWN:
        return
    widget.origin = origin
    if kind == MULTILINE:
        widget.value = text_area_value(value, rules)
    elif kind == KEY:
        widget.value = value
        bring_inputs(node, widget)
    elif kind == OPTION:
        set_option(node, widget, value)
    elif kind == FILE and widget.spec is not None:
        widget.value = file_path(value, widget.spec)
    else:
        widget.value = value


def text_area_value(value: Any, rules: EditorRules) -> Any:
    """What a multiline widget holds after a value was put into it [5, 6]."""
    if value is None:
        return ""
    if isinstance(value, Undefined):
        return "undefined"
    text = value if rules.text_keeps_type else js_text(value)
    return text if rules.text_keeps_line_ends or not isinstance(text, str) else plain_line_ends(text)


def saved_title(raw: Mapping[str, Any], otherwise: str) -> str:
    """The title that was saved, or that of the class."""
    title = raw.get("title")
    return title if isinstance(title, str) and title else otherwise


def merged_inputs(defined: Sequence[INodeInputSlot], saved: Any) -> list[INodeInputSlot]:
    """The slots of the class with the links that were saved for them, then other saved slots.

    Slots are matched by name; where one was saved twice, the last counts. Whether a slot of the
    class has a widget is for the class to say, not for what was saved.
    """
    if not defined and not saved:
        return []
    links: dict[str, Any] = {slot.name: None for slot in defined}
    others: list[INodeInputSlot] = []
    for entry in saved if is_array(saved) else ():
        if _type_of(entry) is dict or is_object(entry):
            name = entry.get("name")
            if isinstance(name, str) and name in links:
                links[name] = entry.get("link")
            else:
                others.append(
                    INodeInputSlot(js_text(name), saved_type(entry), entry.get("link"), _widget_name(entry))
                )
    inputs = [INodeInputSlot(slot.name, slot.type, links[slot.name], slot.widget) for slot in defined]
    inputs += others
    return inputs


def saved_outputs(saved: Any) -> list[INodeOutputSlot]:
    """The output slots as they were saved."""
    if not is_array(saved):
        return []
    return [
        INodeOutputSlot(js_text(entry.get("name", "")), saved_type(entry), _links(entry))
        for entry in saved
        if is_object(entry)
    ]


def _merged_outputs(shape: NodeShape, saved: Any) -> list[INodeOutputSlot]:
    entries = saved if is_array(saved) else ()
    outputs: list[INodeOutputSlot] = []
    count = len(entries)
    for index, (name, type_) in enumerate(shape.outputs):
        entry: Any = entries[index] if index < count else None
        links: Any = entry.get("links") if _type_of(entry) is dict else None
        outputs.append(INodeOutputSlot(name, type_, [*links] if _type_of(links) is list else _links(entry)))
    if count > len(outputs):
        outputs.extend(saved_outputs(entries[len(outputs) :]))
    return outputs


def _links(entry: Any) -> list[Any]:
    return array_or_empty(entry.get("links")) if is_object(entry) else []


def _widget_name(entry: Mapping[str, Any]) -> str | None:
    widget = entry.get("widget")
    if not is_object(widget):
        return None
    name = widget.get("name")
    return name if isinstance(name, str) else js_text(name)


def _saved_values(node: LGraphNode, shape: NodeShape, rules: EditorRules) -> Any:
    """The saved values, without those of inputs that were widgets in an older version of the class."""
    values = node.raw.get("widgets_values")
    if values is None:
        return []
    if (
        rules.short_audio_values
        and node.type == "SaveAudioAdvanced"
        and is_array(values)
        and len(values) == 3
    ):
        return values[:2]
    if is_object(values) and shape.core and rules.objects_by_order:
        return _in_order(node, shape, values)
    marks = shape.forced
    if marks is not None and is_array(values) and shape.forced_count == len(values):
        return [value for value, forced in zip_longest(values, marks[: len(values)]) if not forced]
    return values


def _in_order(node: LGraphNode, shape: NodeShape, values: Mapping[str, Any]) -> Any:
    """The values of an object as a list, where they are as many as the class has [5, j].

    JavaScript goes through keys that are whole numbers first; one that is the place of a widget whose
    value is not saved is left out. A value called ``length`` says how many count.
    """
    keys = sorted(values, key=lambda key: (0, int(key)) if _is_place(key) else (1, 0))
    count = len(keys)
    length = values.get("length")
    if isinstance(length, (int, float)) and not isinstance(length, bool) and length >= 0 and length % 1 == 0:
        count = int(length)
        if not any(shape.marks) and count == sum(widget.saved for widget in node.widgets):
            return values
    unsaved = {str(place) for place, widget in enumerate(node.widgets) if not widget.saved}
    given = [values[key] for key in keys[:count] if key not in unsaved]
    missing = max(0, count - len(keys))
    if len(given) + missing != len(shape.marks):
        return values
    given += [UNDEFINED] * missing
    return [value for value, forced in zip(given, shape.marks, strict=True) if not forced]


def _is_place(key: str) -> bool:
    return key.isascii() and key.isdigit() and str(int(key)) == key if len(key) < 11 else False


def _fill_widgets(node: LGraphNode, values: Any, rules: EditorRules) -> None:
    """Put the saved values into the widgets, strictly by position [2].

    A dynamic combo changes the widgets behind it while this continues [7].
    """
    if is_object(values):
        fill_unordered(node, values, rules)
        return
    saved = _sequence(values)
    shape = node.shape
    if shape is not None and not shape.dynamic:
        count, place = len(saved), 0
        for widget in node.widgets:
            if place == count:
                return
            if widget.saved:
                if widget.kind in _PARTICULAR:
                    set_value(node, widget, saved[place], rules, place)
                else:
                    widget.origin, widget.value = place, saved[place]
                place += 1
        return
    place = index = 0
    while index < len(node.widgets) and place < len(saved):
        widget = node.widgets[index]
        index += 1
        if widget.saved:
            set_value(node, widget, saved[place], rules, place)
            place += 1


def fill_unordered(node: LGraphNode, values: Mapping[str, Any], rules: EditorRules) -> None:
    """Values that were saved in an object.

    Only the code of a custom node writes these values, and puts them back by name. The editor
    itself looks for places in the object, finds none and clears the widgets [5].
    """
    shape = node.shape
    if shape is not None and not shape.core:
        index = 0
        while index < len(node.widgets):
            widget = node.widgets[index]
            index += 1
            if widget.saved and widget.name in values:
                set_value(node, widget, values[widget.name], rules, f"saved under {shown_json(widget.name)}")
        return
    length = values.get("length")
    if rules.unnamed_values_clear or length is not None:
        index = place = 0
        while index < len(node.widgets) and (length is None or place < js_number(length)):
            widget = node.widgets[index]
            index += 1
            if widget.saved:
                set_value(
                    node, widget, values.get(str(place), UNDEFINED), rules, "saved in an object, not by place"
                )
                place += 1


def _sequence(values: Any) -> Sequence[Any]:
    return values if isinstance(values, str) or is_array(values) else ()


def _unknown_widget(value: Any, index: int, rules: EditorRules) -> IWidget:
    if isinstance(value, str):
        kind = MULTILINE if len(value) > SHORT_TEXT else TEXT
        text = text_area_value(value, rules) if kind == MULTILINE else value
        made = IWidget("UNKNOWN", kind, text)
    elif isinstance(value, bool):
        made = IWidget("UNKNOWN", TOGGLE, value)
    elif isinstance(value, (int, float)):
        made = IWidget("UNKNOWN", NUMBER, value)
    else:
        made = IWidget("UNKNOWN", PLAIN, _json_text(value))
    if index and rules.keeps_unknown_values:
        made.name = f"UNKNOWN_{index}"
    made.origin = index
    return made


def _json_text(value: Any) -> str:
    """What ``JSON.stringify`` gives."""
    import json

    from .javascript import json_value

    return json.dumps(json_value(value), ensure_ascii=False, separators=(",", ":"))
