"""Where each value of a converted node came from, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..json_types import is_array
from .frontend_widgets import FIXED, OPTION_INDEX, RENDERED, VIEWPORT
from .group_node import inner_links
from .javascript import shown
from .link_resolver import LinkEnd, LinkError
from .live_graph import BYPASSED, MUTED, IWidget
from .prompt_writer import ExecutableNode, PromptWriter, is_dynamic_prompt


@dataclass(frozen=True)
class ValueOrigin:
    """Where the value of one input came from.

    Attributes:
        input_name: The input.
        value: The value in the prompt, or None where it is not in there.
        sent: Whether it is in the prompt.
        origin: Where it came from, as a part of a sentence.
    """

    input_name: str
    value: Any
    sent: bool
    origin: str

    def __str__(self) -> str:
        if self.sent and is_array(self.value):  # a link; a list that is a value stands in an object
            return f"{self.input_name}: {self.origin}"
        value = shown(self.value) if self.sent else "not sent"
        return f"{self.input_name}: {value}: {self.origin}"


def explain_node(
    writer: PromptWriter, instance: ExecutableNode, prompt: Mapping[str, Any]
) -> list[ValueOrigin]:
    """Where each value of a node came from.

    Args:
        writer: What wrote the prompt.
        instance: The node.
        prompt: The prompt.
    """
    inputs: Mapping[str, Any] = prompt.get(instance.key, {}).get("inputs", {})
    found: dict[str, str] = {}
    host = instance.scope.host
    for widget in instance.node.widgets:
        if widget.sent and widget.name:
            raised = host.raised.get(id(widget)) if host is not None else None
            found[widget.name] = str(raised.origin) if raised else _widget_origin(writer, instance, widget)
    for index, slot in enumerate(instance.node.inputs):
        if slot.link is None:
            continue
        origin, resolved = _link_origin(writer, instance, index)
        own = found.get(slot.name)
        if not resolved and own is not None:
            origin = f"{own}; {origin}"
        found[slot.name] = origin
    if instance.group is not None:
        for slot, origin_key, output in inner_links(*instance.group):
            found[slot.name] = f"linked to output {shown(output)} of node {origin_key}, within the group node"
    return [ValueOrigin(name, inputs.get(name), name in inputs, origin) for name, origin in found.items()]


def _widget_origin(writer: PromptWriter, instance: ExecutableNode, widget: IWidget) -> str:
    if widget.kind in (RENDERED, VIEWPORT):
        return "made by the editor itself, which is not there"
    if widget.kind in (FIXED, OPTION_INDEX) or (widget.spec is None and widget.origin is None):
        return "added by the editor"
    if widget.origin is None:
        text = "the class's default"
    elif isinstance(widget.origin, int):
        text = f"saved value {widget.origin}"
    else:
        text = widget.origin
    if isinstance(widget.value, str):
        if widget.name == "filename_prefix" and instance.node.type in writer.rules.save_classes:
            text += ", with %…% replaced" if "%" in widget.value else ""
        elif is_dynamic_prompt(widget):
            text += ", as a dynamic prompt"
    return text


def _link_origin(writer: PromptWriter, instance: ExecutableNode, index: int) -> tuple[str, bool]:
    """Where a link comes from, and whether anything is there."""
    way: list[LinkEnd] = []
    slot = instance.node.inputs[index]
    try:
        source = writer.resolver.resolve(instance.scope, instance.node, index, way)
    except LinkError as error:
        return f"link {shown(slot.link)} is broken: {error}", False
    through = _through(way)
    if source is None:
        end = f" at {_name(way[-1])}" if way else ""
        return f"link {shown(slot.link)} leads to nothing{end}{through}", False
    if source.key is None:
        held = source.widget.name if source.widget is not None else slot.name
        return f"the widget {shown(held)} that the subgraph's input stands for{through}", True
    return f"linked to output {shown(source.slot)} of node {source.key}{through}", True


def _through(way: list[LinkEnd]) -> str:
    passed = list(dict.fromkeys(_name(place) for place in way[:-1]))
    return f", through {', '.join(passed)}" if passed else ""


def _name(place: LinkEnd) -> str:
    node = place.node
    state = {MUTED: "muted ", BYPASSED: "bypassed "}.get(node.mode, "")
    kind = "subgraph" if node.role == "host" else node.type
    return f"{state}{kind} {place.scope.prefix}{node.key}"
