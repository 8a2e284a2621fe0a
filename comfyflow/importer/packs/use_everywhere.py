"""Use Everywhere: nodes that feed inputs without a link that one sees [C5, C8].

The links are worked out when a workflow is queued: each free input takes the broadcast of its type that is
allowed to go there and has the highest priority. The links that a file lists are those of an earlier time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from ...json_types import array_or_empty, is_array, is_number, is_object, object_or_empty
from ..javascript import js_number, js_text, truthy
from ..live_graph import (
    BYPASSED,
    MUTED,
    SUBGRAPH_INPUT,
    SUBGRAPH_OUTPUT,
    INodeInputSlot,
    LGraph,
    LGraphNode,
    LLink,
    SubgraphSlot,
)
from ..pack import Pack
from ..report import ConversionReport

_SENDERS: Final = frozenset(
    {
        "Anything Everywhere",
        "Anything Everywhere3",
        "Anything Everywhere?",
        "Prompts Everywhere",
        "Seed Everywhere",
    }
)
_RESTRICTING: Final = ("title", "input", "prompt", "negative", "group")
_OUTPUT_TITLE: Final = "subgraph output node"
"""What patterns for titles are asked about an output of a subgraph."""
_TITLE_HEIGHT: Final = 30
_LONGEST: Final = 200
"""How long a pattern may be, and how much of a string it is asked about."""
_QUANTIFIER: Final = re.compile(r"[*+?{]")
_REPEATED_GROUP: Final = re.compile(r"\)[*+?{]")
_MOST_QUANTIFIERS: Final = 3
_MOST: Final = 500
"""How many broadcasts and groups of one graph are looked at."""


class _NotKnown(Exception):
    """It cannot be determined what a broadcast is restricted to."""


class _Pattern(NamedTuple):
    regex: re.Pattern[str]
    inverted: bool

    def allows(self, text: str) -> bool:
        return (self.regex.search(text[:_LONGEST]) is not None) != self.inverted


class _Origin(NamedTuple):
    """Where a value comes from.

    Attributes:
        node: The node, or None for what comes into a subgraph from outside.
        slot: Its output, or the input of the subgraph.
        type: The type of the value.
    """

    node: LGraphNode | None
    slot: int
    type: str

    @property
    def id(self) -> Any:
        """What a link from there says that it comes from."""
        return SUBGRAPH_INPUT if self.node is None else self.node.id


class _Broadcast(NamedTuple):
    """One value that is sent to all inputs that take it.

    Attributes:
        sender: The node that broadcasts it.
        origin: Where it comes from.
        rule: How names of inputs are compared, and with what; None if any will do.
        title: What titles of nodes must match.
        input: What names of inputs must match.
        nodes: The nodes that it may go to; None for all.
        priority: The highest counts.
    """

    sender: LGraphNode
    origin: _Origin
    rule: tuple[int, str] | None
    title: _Pattern | None
    input: _Pattern | None
    nodes: frozenset[str] | None
    priority: float

    def reaches(self, node: LGraphNode, slot: INodeInputSlot) -> bool:
        """Whether it may go to an input."""
        if node is self.origin.node or (self.nodes is not None and node.key not in self.nodes):
            return False
        if not self._fits(slot.type):
            return False
        if self.title is not None and not self.title.allows(node.title or node.type):
            return False
        shown = _saved_slot(node, slot.name)
        name = shown.get("label") or shown.get("localized_name") or slot.name
        if self.input is not None and not self.input.allows(js_text(name)):
            return False
        return self.rule is None or _fits(*self.rule, js_text(shown.get("label") or slot.name), node.title)

    def leaves(self, boundary: SubgraphSlot) -> bool:
        """Whether it may go to an output of the subgraph that it is in."""
        if self.nodes is not None or not self._fits(boundary.type):
            return False
        if self.title is not None and not self.title.allows(_OUTPUT_TITLE):
            return False
        name = boundary.label or boundary.name
        if self.input is not None and not self.input.allows(name):
            return False
        return self.rule is None or _fits(*self.rule, name, _OUTPUT_TITLE)

    def _fits(self, type_: Any) -> bool:
        own = _own(self.sender)
        return (
            self.origin.type == type_
            or (self.origin.type == "STRING" and type_ == "COMBO" and truthy(own.get("string_to_combo")))
            or (type_ == "*" and truthy(own.get("send_to_any")))
        )


class _Groups:
    """The groups of a graph: each with its title, and the nodes whose middle is in it."""

    def __init__(self, graph: LGraph) -> None:
        self._graph = graph

    @cached_property
    def all(self) -> list[tuple[str, frozenset[str]]]:
        """All groups, looked at once.

        Raises:
            _NotKnown: There are too many.
        """
        saved = array_or_empty(self._graph.raw.get("groups"))
        if len(saved) > _MOST:
            raise _NotKnown("the file has too many groups")
        middles = [(node.key, _middle(node)) for node in self._graph.nodes]
        found: list[tuple[str, frozenset[str]]] = []
        for group in saved:
            box = _numbers(group.get("bounding")) if is_object(group) else []
            if is_object(group) and len(box) >= 4:
                left, top, width, height = box[:4]
                inside = frozenset(
                    key
                    for key, middle in middles
                    if middle is not None
                    and left <= middle[0] < left + width
                    and top <= middle[1] < top + height
                )
                found.append((js_text(group.get("title", "")), inside))
        return found


def _connect(graph: LGraph, report: ConversionReport) -> None:
    _forget_added(graph)
    senders = [node for node in graph.nodes if node.type in _SENDERS or "ue_convert" in node.properties]
    if not senders:
        return
    broadcasts: list[_Broadcast] = []
    groups = _Groups(graph)
    for node in senders:
        converted = truthy(node.properties.get("ue_convert"))
        if node.mode in (MUTED, BYPASSED) or not (converted or node.type in _SENDERS):
            continue
        if js_text(_own(node).get("version", "")).count(".") == 0 and node.type in _SENDERS:
            _old_sender(graph, node, report)
            continue
        try:
            if len(broadcasts) > _MOST:
                raise _NotKnown("there are too many in the file")
            broadcasts.extend(_broadcasts(graph, node, groups))
        except _NotKnown as error:
            _say_unknown(node, str(error), report)
    if broadcasts:
        _send(graph, broadcasts, report)


def _old_sender(graph: LGraph, node: LGraphNode, report: ConversionReport) -> None:
    """A node of a version before 7: its inputs are no longer there. With repair, the last links count."""
    for slot in node.inputs:
        slot.link = None
    if not report.repair:
        reason = "the file was saved with a version before 7; repair creates the links that it lists"
        _say_unknown(node, reason, report)
        return
    listed = array_or_empty(object_or_empty(graph.raw.get("extra")).get("ue_links"))[:_MOST]
    for entry in filter(is_object, listed):
        target = graph.by_key.get(js_text(entry.get("downstream")))
        place, origin_slot = entry.get("downstream_slot"), entry.get("upstream_slot")
        if js_text(entry.get("controller")) != node.key or target is None or not isinstance(place, int):
            continue
        if 0 <= place < len(target.inputs) and target.inputs[place].link is None:
            origin = graph.by_key.get(js_text(entry.get("upstream")))
            if origin is not None and isinstance(origin_slot, int) and 0 <= origin_slot < len(origin.outputs):
                target.inputs[place].link = _add_link(graph, origin.id, origin_slot, target.id, place)


def _add_link(graph: LGraph, origin: Any, origin_slot: int, target: Any, place: int) -> str:
    id_ = f"use everywhere {len(graph.links)}"
    graph.links[id_] = LLink(id_, origin, origin_slot, target, place)
    return id_


def _say_unknown(node: LGraphNode, reason: str, report: ConversionReport) -> None:
    report.add(
        "links_unknown",
        f"Use Everywhere decides in the editor which inputs this node feeds ({reason}); they are left "
        f"without a link",
        node.key,
        node,
    )


def _send(graph: LGraph, broadcasts: list[_Broadcast], report: ConversionReport) -> None:
    for node in graph.nodes:
        if node.type in _SENDERS or truthy(node.properties.get("rejects_ue_links")):
            continue
        for place, slot in enumerate(node.inputs):
            if (slot.link is not None and graph.link(slot.link) is not None) or not _takes(node, slot):
                continue
            best = _best([one for one in broadcasts if one.reaches(node, slot)])
            if len(best) > 1:
                report.add(
                    "links_unknown",
                    f"several Use Everywhere nodes match this input ({_listed(best)}), so none of them "
                    "feeds it; give one a higher priority",
                    node.key,
                    node,
                    slot.name,
                )
            elif best:
                origin = best[0].origin
                slot.link = _add_link(graph, origin.id, origin.slot, node.id, place)
    for place, boundary in enumerate(graph.outputs):
        if not any(graph.link(id_) for id_ in boundary.links):
            best = _best([one for one in broadcasts if one.leaves(boundary)])
            if len(best) == 1 and (origin := best[0].origin).node is not None:
                boundary.links.append(_add_link(graph, origin.id, origin.slot, SUBGRAPH_OUTPUT, place))


def _best(found: list[_Broadcast]) -> list[_Broadcast]:
    """Those of the highest priority."""
    highest = max((one.priority for one in found), default=0.0)
    return [one for one in found if one.priority == highest]


def _listed(broadcasts: list[_Broadcast]) -> str:
    keys = dict.fromkeys(f"#{one.sender.key}" for one in broadcasts)
    return ", ".join(list(keys)[:5])


def _forget_added(graph: LGraph) -> None:
    """Take away the links that were made for a run and saved by mistake."""
    added = array_or_empty(object_or_empty(graph.raw.get("extra")).get("links_added_by_ue"))
    ids = {id_ for id_ in added if is_number(id_)}
    for id_ in ids:
        graph.links.pop(id_, None)
    if ids:
        for node in graph.nodes:
            for slot in node.inputs:
                if is_number(slot.link) and slot.link in ids:
                    slot.link = None


def _own(node: LGraphNode) -> Mapping[str, Any]:
    """What Use Everywhere saved of a node."""
    return object_or_empty(node.properties.get("ue_properties"))


def _takes(node: LGraphNode, slot: INodeInputSlot) -> bool:
    """Whether an input may be fed: widgets only where the user said so."""
    if node.type.startswith("VHS_") and slot.name == "vae":
        return False
    name = "widget_ue_connectable" if slot.widget is not None else "input_ue_unconnectable"
    said = truthy(object_or_empty(_own(node).get(name)).get(slot.name))
    return said if slot.widget is not None else not said


def _saved_slot(node: LGraphNode, name: str) -> Mapping[str, Any]:
    for slot in array_or_empty(node.raw.get("inputs")):
        if is_object(slot) and slot.get("name") == name:
            return slot
    return {}


def _broadcasts(graph: LGraph, node: LGraphNode, groups: _Groups) -> Iterator[_Broadcast]:
    own = _own(node)
    title, input_, group = (_pattern(own, name) for name in ("title", "input", "group"))
    nodes = _allowed(graph, node, group, groups)
    sent = list(_sent(graph, node))
    repeated = {type_ for type_, count in Counter(origin.type for _, origin in sent).items() if count > 1}
    priority = _priority(node, bool(repeated))
    rule = own.get("repeated_type_rule")
    for name, origin in sent:
        named = origin.type in repeated or truthy(own.get("apply_to_unrepeated"))
        if truthy(own.get("seed_inputs")):
            named = False
        if origin.node is not None and origin.node.mode in (MUTED, BYPASSED):
            continue
        how = (rule if isinstance(rule, int) else 0, name) if named else None
        if how is not None and how[0] == 4:
            _compiled(name)
        yield _Broadcast(node, origin, how, title, input_, nodes, priority)


def _sent(graph: LGraph, node: LGraphNode) -> Iterator[tuple[str, _Origin]]:
    """What a node broadcasts: the name of the slot, and where the value comes from."""
    own = _own(node)
    if truthy(own.get("seed_inputs")):
        yield "", _Origin(node, 0, "INT")
        return
    if truthy(node.properties.get("ue_convert")):
        silent = object_or_empty(own.get("output_not_broadcasting"))
        for place, output in enumerate(node.outputs):
            if not truthy(silent.get(output.name)):
                yield output.name, _Origin(node, place, js_text(output.type))
        return
    for place, slot in enumerate(node.inputs):
        link = graph.link(slot.link) if slot.link is not None else None
        origin = _origin(graph, link) if link is not None else None
        if origin is None:
            continue
        name = js_text(_saved_slot(node, slot.name).get("label") or slot.name)
        if node.type == "Prompts Everywhere" and place < 2:
            name = ("positive", "negative")[place]
        yield name, origin


def _origin(graph: LGraph, link: LLink) -> _Origin | None:
    """Where a link comes from; what is bypassed passes on the first input of the type."""
    first = found = _behind(graph, link)
    seen: set[str] = set()
    while found is not None and (node := found.node) is not None and node.mode == BYPASSED:
        if node.key in seen:
            break
        seen.add(node.key)
        found = _passed_on(graph, node, found.slot)
    return found or first


def _passed_on(graph: LGraph, node: LGraphNode, place: int) -> _Origin | None:
    """What a bypassed node passes on at an output."""
    type_ = node.outputs[place].type
    across = node.inputs[place : place + 1]
    slot = next((slot for slot in (*across, *node.inputs) if slot.type == type_), None)
    link = graph.link(slot.link) if slot is not None and slot.link is not None else None
    return _behind(graph, link) if link is not None else None


def _behind(graph: LGraph, link: LLink) -> _Origin | None:
    place = link.origin_slot
    if not isinstance(place, int):
        return None
    if link.origin == SUBGRAPH_INPUT:
        inside = 0 <= place < len(graph.inputs)
        return _Origin(None, place, js_text(graph.inputs[place].type)) if inside else None
    node = graph.by_key.get(link.origin_key)
    if node is None or not 0 <= place < len(node.outputs):
        return None
    return _Origin(node, place, js_text(node.outputs[place].type))


def _priority(node: LGraphNode, repeats: bool) -> float:
    own = _own(node)
    given = own.get("priority")
    if is_number(given) and given:
        return js_number(given)
    restricted = any(own.get(f"{name}_regex") not in (None, "", ".*") for name in _RESTRICTING)
    return (
        10.0
        + (10 if node.type in ("Prompts Everywhere", "Seed Everywhere") else 0)
        + (20 if restricted or repeats else 0)
        + (3 if own.get("group_restricted") in (1, 2) else 0)
        + (6 if own.get("color_restricted") in (1, 2) else 0)
    )


def _fits(rule: int, name: str, target: str, title: str) -> bool:
    """Whether a value goes to an input by its name, where several of one type are sent."""
    size = min(len(name), len(target))
    if rule == 1:
        return target[:size] == name[:size]
    if rule == 2:
        return target[len(target) - size :] == name[len(name) - size :]
    if rule == 3:
        return title == name
    if rule == 4:
        return _compiled(name).search(target[:_LONGEST]) is not None
    return target == name


def _pattern(own: Mapping[str, Any], name: str) -> _Pattern | None:
    text = own.get(f"{name}_regex")
    if not isinstance(text, str) or text in ("", ".*"):
        return None
    return _Pattern(_compiled(text), truthy(own.get(f"{name}_regex_invert")))


def _compiled(text: str) -> re.Pattern[str]:
    """A pattern of the file's, if asking it is sure to be quick."""
    slow = len(_QUANTIFIER.findall(text)) > _MOST_QUANTIFIERS or _REPEATED_GROUP.search(text)
    if len(text) > _LONGEST or slow:
        raise _NotKnown("its pattern could take too long to match and is skipped")
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError):
        raise _NotKnown("its pattern is not valid in Python") from None


def _allowed(
    graph: LGraph, node: LGraphNode, pattern: _Pattern | None, groups: _Groups
) -> frozenset[str] | None:
    """The nodes that the groups and colours of a sender leave; None for all."""
    own = _own(node)
    allowed: frozenset[str] | None = None
    everything = frozenset(one.key for one in graph.nodes)
    if own.get("group_restricted") in (1, 2):
        mine = frozenset[str]().union(*(inside for _, inside in groups.all if node.key in inside))
        allowed = mine if own["group_restricted"] == 1 else everything - mine
    if own.get("color_restricted") in (1, 2):
        color = node.raw.get("color")
        same = frozenset(one.key for one in graph.nodes if one.raw.get("color") == color)
        colored = same if own["color_restricted"] == 1 else everything - same
        allowed = colored if allowed is None else allowed & colored
    if pattern is not None:
        named = frozenset[str]().union(*(inside for title, inside in groups.all if pattern.allows(title)))
        allowed = named if allowed is None else allowed & named
    return allowed


def _middle(node: LGraphNode) -> tuple[float, float] | None:
    place, size = _numbers(node.raw.get("pos")), _numbers(node.raw.get("size"))
    if len(place) < 2 or len(size) < 2:
        return None
    return place[0] + size[0] / 2, place[1] + (size[1] - _TITLE_HEIGHT) / 2


def _numbers(saved: Any) -> list[float]:
    """Numbers that were saved as a list, or in an object by their places."""
    values = saved if is_array(saved) else list(object_or_empty(saved).values())
    return [js_number(value) for value in values if is_number(value)]


PACK: Final = Pack(
    "cg-use-everywhere",
    "7.8",
    modules=("cg-use-everywhere",),
    virtual=dict.fromkeys(_SENDERS, "note"),
    connect=_connect,
)
