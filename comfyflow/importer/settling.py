"""What the editor still changes once all nodes of a workflow are filled.

Slots whose widget is gone are removed, old spellings are corrected, primitive nodes write their
value into the widgets that they are linked to, reroutes and nodes of matching types take the type of
what is linked to them and drop links that do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from .dynamic_inputs import bring_inputs
from .editor_rules import EditorRules
from .frontend_widgets import COMBO, KEY, OPTION
from .javascript import UNDEFINED, js_text, truthy
from .live_graph import (
    SUBGRAPH_INPUT,
    SUBGRAPH_OUTPUT,
    INodeInputSlot,
    IWidget,
    LGraph,
    LGraphNode,
    common_type,
    slots_connect,
)
from .node_shape import NodeShape
from .workflow_graph import LoadedWorkflow

_SAMPLERS: Final = ("KSampler", "KSamplerAdvanced")


def settle(workflow: LoadedWorkflow, rules: EditorRules) -> None:
    """Carry out what follows the loading of a workflow, up to the point where it is shown."""
    for graph in workflow.graphs:
        for node in graph.nodes:
            if node.role == "class":
                shape = node.shape
                if shape is None or not shape.is_steady or not _is_as_shaped(node, shape):
                    _drop_stale_slots(graph, node)
                _correct_values(node, rules)
        _place_links(graph)


def settle_types(workflow: LoadedWorkflow, rules: EditorRules) -> None:
    """Let reroutes and nodes of matching types take their types; links that no longer fit are dropped.

    1.27 knows only the links of the canvas when it does so.
    """
    for graph in (workflow.root,) if rules.links_at_root else workflow.graphs:
        matching = [node for node in graph.nodes if node.shape is not None and node.shape.match_groups]
        reroutes = [node for node in graph.nodes if node.role == "reroute"]
        reached = None if rules.match_outputs_reach_all or not matching else _places(graph)
        _match_all(graph, matching, reached)
        open_: set[int] = set()
        for node in reroutes:
            _open_circle(graph, node, open_)
            if not _follows_reroute(graph, node):
                _reroute(graph, node)
        if reroutes:
            _match_all(graph, matching, reached)


def _places(graph: LGraph) -> dict[int, int]:
    return {id(node): place for place, node in enumerate(graph.nodes)}


def _match_all(graph: LGraph, nodes: list[LGraphNode], reached: dict[int, int] | None) -> None:
    for node in nodes:
        groups = node.shape.match_groups if node.shape is not None else {}
        _match(graph, [(node, name) for group in groups.values() for name in group], reached)


def _follows_reroute(graph: LGraph, node: LGraphNode) -> bool:
    return _reroute_before(graph, node) is not None


def _reroute_before(graph: LGraph, node: LGraphNode) -> LGraphNode | None:
    link = graph.link(node.inputs[0].link) if node.inputs else None
    origin = graph.by_key.get(link.origin_key) if link is not None else None
    return origin if origin is not None and origin.role == "reroute" else None


def _open_circle(graph: LGraph, node: LGraphNode, known: set[int]) -> None:
    """Cut a cycle of reroutes: the one that this one feeds loses its link.

    Args:
        graph: Where they are.
        node: A reroute.
        known: Reroutes that are in no cycle; it is added to.
    """
    current, seen = node, {id(node)}
    while (before := _reroute_before(graph, current)) is not None and id(before) not in known:
        if before is node:
            _cut(graph, current, current.inputs[0])
            break
        if id(before) in seen:
            return
        seen.add(id(before))
        current = before
    known |= seen


def _is_as_shaped(node: LGraphNode, shape: NodeShape) -> bool:
    """Whether it has as many slots and widgets as its class gives it: packs may have changed them."""
    return len(node.inputs) == len(shape.inputs) and len(node.widgets) == len(shape.widgets) and not node.pack


def _drop_stale_slots(graph: LGraph, node: LGraphNode) -> None:
    """Remove slots that stand for a widget which the node does not have.

    The slot behind a removed one is passed over, as in the editor.
    """
    names = {widget.name for widget in node.widgets}
    if not [slot for slot in node.inputs if slot.widget is not None and slot.widget not in names]:
        return
    index = 0
    while index < len(node.inputs):
        slot = node.inputs[index]
        if slot.widget is not None and slot.widget not in names:
            del node.inputs[index]
            _unlink(graph, slot)
        index += 1


def _place_links(graph: LGraph) -> None:
    """Point each link at the slot that names it: slots may have moved since it was saved."""
    for node in graph.nodes:
        for index, slot in enumerate(node.inputs):
            if slot.link:
                link = graph.link(slot.link)
                if link is not None:
                    link.target_slot = index


def _correct_values(node: LGraphNode, rules: EditorRules) -> None:
    if node.type in _SAMPLERS:
        sampler = node.widget("sampler_name")
        if sampler is not None and isinstance(sampler.value, str) and sampler.value.startswith("sample_"):
            sampler.value = sampler.value[len("sample_") :]
    if not rules.null_combo_first:
        return
    for widget in node.widgets:
        if widget.value is None or widget.value is UNDEFINED:
            break
    else:
        return
    for widget in [widget for widget in node.widgets if widget.value is None or widget.value is UNDEFINED]:
        _first_choice(node, widget)


def _first_choice(node: LGraphNode, widget: IWidget) -> None:
    """Put the first choice into a combo that was saved as null [5]."""
    if widget.kind not in (COMBO, KEY):
        return
    choices = widget_choices(node, widget)
    if choices:
        widget.value = choices[0]
        widget.origin = "the first choice, in place of null"
        if widget.kind == KEY:
            bring_inputs(node, widget)


def widget_choices(node: LGraphNode, widget: IWidget) -> list[Any]:
    """What a combo offers; CustomCombo offers what its options say."""
    if node.type == "CustomCombo" and widget is node.widgets[0]:
        return [
            js_text(option.value) for option in node.widgets if option.kind == OPTION and truthy(option.value)
        ]
    return list(widget.spec.choices) if widget.spec is not None else []


def _match(graph: LGraph, pending: list[tuple[LGraphNode, str]], reached: dict[int, int] | None) -> None:
    """Give the inputs and outputs of one type the types that their links leave.

    Args:
        graph: Where the nodes are.
        pending: Nodes and inputs whose links have changed, in order.
        reached: The places of the nodes, where a node reaches only those in front of it; else None.
    """
    budget = 4 * len(graph.nodes) + 64
    for node, name in pending:
        budget -= 1
        if budget < 0 or node.shape is None:
            return
        for template, group in node.shape.match_groups.items():
            if name in group:
                pending.extend(_match_group(graph, node, template, group, reached))


def _match_group(
    graph: LGraph, node: LGraphNode, template: str, group: dict[str, str], reached: dict[int, int] | None
) -> Iterator[tuple[LGraphNode, str]]:
    slots = [slot for slot in node.inputs if slot.name in group]
    linked = [_origin_type(graph, slot) for slot in slots]
    for index, slot in enumerate(slots):
        others = [*linked[:index], *linked[index + 1 :], group[slot.name]]
        combined = common_type(others)
        if combined is None:
            return
        slot.type = combined
    output_type = common_type(linked)
    if output_type is None or node.shape is None:
        return
    for index, output in enumerate(node.outputs):
        follows = index < len(node.shape.match_outputs) and node.shape.match_outputs[index] == template
        if not follows or output.type == output_type:
            continue
        output.type = output_type
        place = 0
        while place < len(output.links):
            link = graph.link(output.links[place])
            target, slot_at = _target(graph, output.links[place])
            place += 1
            if link is not None and link.target == SUBGRAPH_OUTPUT:
                boundary = _at(graph.outputs, link.target_slot)
                if boundary is not None and boundary.type and not slots_connect(output_type, boundary.type):
                    output.links.remove(link.id)
                    del graph.links[link.id]
            if target is None or slot_at is None:
                continue
            if reached is not None and reached[id(target)] > reached[id(node)]:
                continue
            if slot_at.type and not slots_connect(output_type, slot_at.type):
                _cut(graph, target, slot_at)
            yield target, slot_at.name


def _target(graph: LGraph, link_id: Any) -> tuple[LGraphNode | None, INodeInputSlot | None]:
    """Where a link ends."""
    link = graph.link(link_id)
    node = graph.by_key.get(link.target_key) if link is not None else None
    if link is None or node is None:
        return None, None
    return node, _at(node.inputs, link.target_slot)


def _origin_type(graph: LGraph, slot: INodeInputSlot) -> Any:
    link = graph.link(slot.link) if slot.link else None
    if link is None:
        return "*"
    if link.origin == SUBGRAPH_INPUT and graph.id is not None:
        boundary = _at(graph.inputs, link.origin_slot)
        return boundary.type if boundary is not None else "*"
    origin = graph.by_key.get(link.origin_key)
    output = _at(origin.outputs, link.origin_slot) if origin is not None else None
    return (output.type if output is not None else None) or "*"


_Slot = TypeVar("_Slot")


def _at(slots: list[_Slot], index: Any) -> _Slot | None:
    return slots[index] if isinstance(index, int) and 0 <= index < len(slots) else None


def _cut(graph: LGraph, node: LGraphNode, slot: INodeInputSlot) -> None:
    """Take a link away from an input; the links behind it in an input that grows move up."""
    if _unlink(graph, slot) and slot.name.rpartition(".")[0] in node.growing:
        _move_up(graph, node, slot)


def _unlink(graph: LGraph, slot: INodeInputSlot) -> bool:
    """Remove the link of an input at both ends; False if it has none."""
    link = graph.link(slot.link)
    slot.link = None
    if link is None:
        return False
    del graph.links[link.id]
    origin = graph.by_key.get(link.origin_key)
    output = _at(origin.outputs, link.origin_slot) if origin is not None else None
    if output is not None and link.id in output.links:
        output.links.remove(link.id)
    return True


def _move_up(graph: LGraph, node: LGraphNode, slot: INodeInputSlot) -> None:
    name = slot.name.rpartition(".")[0]
    group = node.growing.get(name)
    ordinal = group.ordinal(slot.name) if group is not None else None
    stride = len(group.inputs) if group is not None else 0
    if group is None or ordinal is None or ordinal + 1 < group.minimum:
        return
    if stride + node.inputs.index(slot) >= len(node.inputs):
        return
    slots = [other for other in node.inputs if other.name.rpartition(".")[0] == name]
    if stride == 0 or len(slots) % stride:
        return
    for column in range(stride):
        for index in range(ordinal * stride + column, len(slots) - stride, stride):
            slots[index].link = slots[index + stride].link
            moved = graph.link(slots[index].link)
            if moved is not None:
                moved.target_slot = node.inputs.index(slots[index])
        slots[column - stride].link = None


def _reroute(graph: LGraph, node: LGraphNode) -> None:
    """Give a chain of reroutes the type of what feeds it, and drop what does not take that type."""
    feeding = _feeding_type(graph, node)
    if feeding is _BROKEN:
        return
    chain = [node]
    seen = {id(node)}
    for current in chain:
        for id_ in list(current.outputs[0].links) if current.outputs else ():
            target, slot = _target(graph, id_)
            if target is None:
                continue
            if target.role == "reroute":
                if id(target) not in seen:
                    seen.add(id(target))
                    chain.append(target)
            elif slot is None:  # the editor stops at a slot that does not exist
                return
            elif not slots_connect(feeding, slot.type):
                _cut(graph, target, slot)
    for current in chain:
        if current.outputs:
            current.outputs[0].type = feeding or "*"


_BROKEN: Final = object()


def _feeding_type(graph: LGraph, node: LGraphNode) -> Any:
    """The type of the output in front of a reroute; None without one."""
    if not node.inputs or node.inputs[0].link is None:
        return None
    link = graph.link(node.inputs[0].link)
    origin = graph.by_key.get(link.origin_key) if link is not None else None
    if link is None or origin is None:
        return _BROKEN
    output = _at(origin.outputs, link.origin_slot)
    return output.type if output is not None else None
