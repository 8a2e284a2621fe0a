"""Writing the prompt: one entry for each node that runs, subgraphs expanded.

A node is found by the name that ``%Node.widget%`` in a string calls it, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from ..errors import ConversionError
from ..graph.prompt import node_json, wrapped, wrapped_as
from ..json_types import is_array
from .editor_rules import EditorRules
from .expansion import check_expansion
from .frontend_widgets import COMBO, CURVE, OPTION_INDEX, RENDERED, REPLACED, VIEWPORT, viewport_state
from .group_node import GroupNode, inner_links
from .javascript import MAX_SAFE_INTEGER, UNDEFINED, js_text, json_value, shown_json, truthy
from .link_resolver import HostScope, LinkError, LinkResolver, ResolvedInput
from .live_graph import BYPASSED, MUTED, NOTHING_RAISED, IWidget, LGraph, LGraphNode
from .prompt_text import Replacement, chosen_text
from .report import ConversionReport
from .subgraph_host import promoted_value

_PACK: Final = ("cnr_id", "aux_id", "ver")
"""What a node's properties say about its pack."""

_INACTIVE: Final = (MUTED, BYPASSED)

_SENT: Final = ("class", "unknown")
"""What is not virtual."""

_UNLINKED: Final = frozenset[str]()

_MADE: Final = frozenset({OPTION_INDEX, RENDERED, REPLACED, VIEWPORT})
"""Widgets that send something else than what they hold."""

_SPECIAL: Final = _MADE | {CURVE}
_PREFIX: Final = "filename_prefix"
"""Output nodes have names of widgets replaced in it."""

_type_of: Final[Any] = type


class ExecutableNode:
    """A node as it is in the prompt: a node of the canvas, or one use of an inner one.

    Attributes:
        scope: Where it is.
        node: The node.
        key: Its id in the prompt.
        group: For a node of a legacy group: the group's node, what is behind it, and which of that.
    """

    __slots__ = ("group", "key", "node", "scope")

    def __init__(
        self, scope: HostScope, node: LGraphNode, group: tuple[LGraphNode, GroupNode, int] | None = None
    ) -> None:
        self.scope: HostScope = scope
        self.node: LGraphNode = node
        self.key: Final = scope.prefix + node.key
        self.group: tuple[LGraphNode, GroupNode, int] | None = group


class PromptWriter:
    """Turns loaded graphs into a prompt.

    Args:
        root: The canvas.
        rules: The version of the editor.
        repair: Whether to write what the author meant where the editor plainly does not.
        random_source: Makes what choices in texts come from, when there is the first one.
        report: Takes the warnings.
    """

    def __init__(
        self,
        root: LGraph,
        rules: EditorRules,
        repair: bool,
        random_source: Callable[[], random.Random],
        report: ConversionReport,
    ) -> None:
        self.scope: Final = HostScope(root)
        self.rules = rules
        self.repair = repair
        self._new_random = random_source
        self.report = report
        self.resolver: Final = LinkResolver(rules, tolerant=repair)
        self.lookup: Final = NodeLookup(root)

    @cached_property
    def replacement(self) -> Replacement:
        """What replaces names in texts; the time is that at which the first one is looked for."""
        return Replacement(datetime.now())

    @cached_property
    def random_source(self) -> random.Random:
        """Where choices in texts come from."""
        return self._new_random()

    def instances(self) -> list[ExecutableNode]:
        """All nodes with their uses inside subgraphs, in the editor's order; hosts among them."""
        by_key: dict[str, ExecutableNode] = {}
        expanded: dict[str, str] = {}
        inactive_vanish = self.rules.inactive_hosts_vanish or self.repair
        check_expansion(
            self.scope.graph,
            canvas_keeps_inactive=not inactive_vanish,
            inside_keeps_inactive=not self.repair,
        )
        for node in execution_order(self.scope.graph):
            vanishes = inactive_vanish and node.mode in _INACTIVE
            if node.group is not None and not vanishes:
                self._refuse_second(node, node.group, expanded)
                by_key.update(_grouped(self.scope, node, node.group))
            by_key[node.key] = ExecutableNode(self.scope, node)
            if node.role != "host" or vanishes:
                continue
            for instance in self._inner(self.scope, node):
                by_key[instance.key] = instance
        return list(by_key.values())

    def _refuse_second(self, node: LGraphNode, group: GroupNode, expanded: dict[str, str]) -> None:
        """Refuse a group that is used again: 1.45 fails at it if a node inside has widgets [17]."""
        first = expanded.setdefault(node.type, node.key)
        if first == node.key or self.repair or not self.rules.group_lists_are_sockets:
            return
        if any(inner is not None and inner.widgets for inner in group.inner):
            raise ConversionError(
                f"group nodes {first} and {node.key} use the same group {shown_json(node.type)}; this "
                "version of the editor fails on that; repair expands both"
            )

    def _inner(self, scope: HostScope, host: LGraphNode) -> Iterator[ExecutableNode]:
        inside = scope.inside(host)
        stack = [(inside, iter(inside.graph.nodes))]
        while stack:
            current, nodes = stack[-1]
            node = next(nodes, None)
            if node is None:
                stack.pop()
                continue
            yield ExecutableNode(current, node)
            if node.group is not None:
                self._refuse_inside(current, node, node.group)
            if node.role == "host":
                if node.mode in _INACTIVE:
                    if self.repair:
                        continue
                    self.report.inactive_host_runs(f"{current.prefix}{node.key}", node)
                deeper = current.inside(node)
                stack.append((deeper, iter(deeper.graph.nodes)))

    def _refuse_inside(self, scope: HostScope, node: LGraphNode, group: GroupNode) -> None:
        """Refuse a group node in a subgraph: the editor fails at what it feeds its nodes with [17]."""
        if self.repair or node.mode in _INACTIVE:
            return
        if any(inner is not None and inner.inputs for inner in group.inner):
            raise ConversionError(
                f"group node {scope.prefix}{node.key} is inside {scope.graph.host_names()}; the editor "
                "fails on group nodes there"
            )

    def write(self) -> dict[str, dict[str, Any]]:
        """The prompt."""
        prompt: dict[str, dict[str, Any]] = {}
        links: list[tuple[dict[str, Any], str, str]] = []
        for instance in self.instances():
            node = instance.node
            if node.role not in _SENT or node.mode in _INACTIVE:
                continue
            sources = self._sources(instance)
            inputs = self._values(instance, {name for name, _ in sources} if sources else _UNLINKED)
            if sources or instance.group is not None:
                self._links(instance, sources, inputs, links)
            sent_as = node.shape.sent_as if node.role == "class" and node.shape else None
            prompt[instance.key] = node_json(sent_as, inputs, self._meta(node))
        for inputs, name, origin in links:
            if origin not in prompt:
                inputs.pop(name, None)
        return prompt

    def _meta(self, node: LGraphNode) -> dict[str, Any]:
        meta: dict[str, Any] = {"title": node.title}
        if self.rules.meta_names_packs:
            for name in _PACK:
                value = node.properties.get(name)
                if isinstance(value, str):
                    meta[name] = value
        return meta

    def _sources(self, instance: ExecutableNode) -> list[tuple[str, ResolvedInput]]:
        """What feeds the inputs of a node that are linked to something."""
        if instance.group is not None:
            return []
        sources: list[tuple[str, ResolvedInput]] = []
        for index, slot in enumerate(instance.node.inputs):
            source = self._source(instance, index) if slot.link is not None else None
            if source is not None:
                sources.append((slot.name, source))
        return sources

    def _values(self, instance: ExecutableNode, linked: AbstractSet[str]) -> dict[str, Any]:
        inputs: dict[str, Any] = {}
        host = instance.scope.host
        raised = host.raised if host is not None else NOTHING_RAISED
        for widget in instance.node.widgets:
            name = widget.name
            if widget.sent and name:
                if not raised and _is_sent_as_it_is(widget):
                    inputs[name] = widget.value
                    continue
                self.report.muted = name in linked
                outside = raised.get(id(widget)) if raised else None
                sent = self.sent_value(instance, widget) if outside is None else outside.value
                value = json_value(sent, exact=self.repair)
                if value is None and _has_nothing_to_choose(widget):
                    continue
                plain = widget.kind != CURVE and not is_array(value)
                inputs[widget.name] = value if plain else _wrapped(value, widget, self.rules)
        self.report.muted = False
        return inputs

    def _links(
        self,
        instance: ExecutableNode,
        sources: list[tuple[str, ResolvedInput]],
        inputs: dict[str, Any],
        links: list[tuple[dict[str, Any], str, str]],
    ) -> None:
        if instance.group is not None:
            for slot, origin, output in inner_links(*instance.group):
                inputs[slot.name] = [origin, json_value(output)]
                links.append((inputs, slot.name, origin))
            return
        for name, source in sources:
            if source.key is None:
                sent = source.widget.value if source.widget is not None else None
                value = json_value(sent, exact=self.repair)
                inputs[name] = wrapped(value)
                continue
            inputs[name] = [source.key, json_value(source.slot)]
            links.append((inputs, name, source.key))

    def _source(self, instance: ExecutableNode, index: int) -> ResolvedInput | None:
        """What feeds an input. With `repair`, a link that the editor fails at counts as none."""
        try:
            return self.resolver.resolve(instance.scope, instance.node, index)
        except LinkError as error:
            if not self.repair:
                raise
            self.report.broken_link(instance.key, instance.node, index, str(error))
            return None

    def output_source(self, instance: ExecutableNode, index: int) -> ResolvedInput | None:
        """What is behind an output of a node: for a subgraph's node, a node inside."""
        try:
            return self.resolver.resolve_output(instance.scope, instance.node, index)
        except LinkError:
            return None

    def sent_value(self, instance: ExecutableNode, widget: IWidget) -> Any:
        """What a widget sends: what it holds, or what the editor makes of that."""
        node, value = instance.node, widget.value
        if widget.kind in _MADE:
            return self._made_value(instance, widget)
        if widget.name == _PREFIX and node.type in self.rules.save_classes:
            return self._file_name(instance, value)
        if isinstance(value, str):
            return self._dynamic_prompt(instance, widget, value) if is_dynamic_prompt(widget) else value
        if type(value) is int and not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            self.report.integer(instance.key, node, widget.name, value)
        return value

    def _made_value(self, instance: ExecutableNode, widget: IWidget) -> Any:
        """What a widget sends that the editor makes: of what it holds, or of nothing."""
        node, value = instance.node, widget.value
        if widget.kind == OPTION_INDEX:
            return option_index(node)
        if widget.kind == REPLACED:
            return self.replacement.replace(value, self.lookup.text) if isinstance(value, str) else value
        self.report.rendered(instance.key, node, widget.name)
        return viewport_state(node, self.rules) if widget.kind == VIEWPORT else value

    def _dynamic_prompt(self, instance: ExecutableNode, widget: IWidget, value: str) -> str:
        if "{" not in value and "/" not in value and "\\" not in value:
            return value
        text = chosen_text(value, self.random_source, keep=self.repair)
        if text != value:
            self.report.rewritten(instance.key, instance.node, widget.name, value, text)
        return text

    def _file_name(self, instance: ExecutableNode, value: Any) -> Any:
        if not isinstance(value, str):
            if self.repair or not self.rules.prefixes_are_text:
                return value
            raise ConversionError(
                f"node {instance.key} has {shown_json(value)} as filename_prefix, which is not a "
                "string; the editor fails on it"
            )
        return self.replacement.replace(value, self.lookup.text) if "%" in value else value


def _grouped(scope: HostScope, node: LGraphNode, group: GroupNode) -> Iterator[tuple[str, ExecutableNode]]:
    """The nodes behind a legacy group node."""
    for index, inner in enumerate(group.inner):
        if inner is not None:
            yield inner.key, ExecutableNode(scope, inner, (node, group, index))


def _is_sent_as_it_is(widget: IWidget) -> bool:
    """Whether nothing needs to be asked about a widget's value, as for most."""
    value, kind = widget.value, _type_of(widget.value)
    if kind is int:
        plain = -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
    else:
        plain = kind is bool or (kind is str and not is_dynamic_prompt(widget))
    return plain and widget.kind not in _SPECIAL and widget.name != _PREFIX


def is_dynamic_prompt(widget: IWidget | None) -> bool:
    """Whether the editor rewrites the widget's text."""
    return widget is not None and widget.spec is not None and widget.spec.rewritten


def _has_nothing_to_choose(widget: IWidget) -> bool:
    """Whether it is an optional list without choices: the editor has no value to send [C14]."""
    spec = widget.spec
    return widget.kind == COMBO and spec is not None and not spec.required and not spec.choices


def option_index(node: LGraphNode) -> int:
    """Which of CustomCombo's options is the chosen one; -1 where none is."""
    chosen = node.widgets[0].value
    for index, option in enumerate(node.widgets[2:]):
        if option.value == chosen:
            return index
    return -1


def _wrapped(value: Any, widget: IWidget, rules: EditorRules) -> Any:
    """A list as the server wants it: a bare one would be a link [6]; and a curve with its type [g]."""
    if widget.kind == CURVE and (is_array(value) or (rules.curves_have_a_type and value is not None)):
        return wrapped_as("CURVE", value)
    return wrapped(value)


def execution_order(graph: LGraph) -> list[LGraphNode]:
    """The nodes of the canvas in the editor's order: each as soon as all its links are served."""
    waiting: dict[str, int] = {}
    ready: list[LGraphNode] = []
    pending: dict[str, LGraphNode] = {}
    for node in graph.nodes:
        pending[node.key] = node
        count = len([slot for slot in node.inputs if slot.link is not None])
        if count:
            waiting[node.key] = count
        else:
            ready.append(node)
    served: set[Any] = set()
    links = graph.links
    for node in ready:
        pending.pop(node.key, None)
        for output in node.outputs:
            for link_id in output.links:
                link = links.get(link_id) if link_id.__class__ is int else graph.link(link_id)
                if link is None or link_id in served:
                    continue
                served.add(link_id)
                key = link.target_key
                if key in waiting:
                    waiting[key] -= 1
                    if waiting[key] == 0:
                        ready.append(graph.by_key[key])
    return [*ready, *pending.values()]


def replaces(lookup: NodeLookup, replacement: Replacement) -> Callable[[str], str]:
    """A function that replaces ``%Node.widget%`` in a string, for primitive nodes."""
    return lambda text: replacement.replace(text, lookup.text) if truthy(text) else text


_NAME: str = "Node name for S&R"


class NodeLookup:
    """The nodes of a workflow by name: the property "Node name for S&R" first, then the title.

    Args:
        root: The canvas. It is searched when the first name is looked up.
    """

    def __init__(self, root: LGraph) -> None:
        self._root = root
        self._by_property: dict[str, LGraphNode] = {}
        self._by_title: dict[str, LGraphNode] = {}
        self._searched = False

    def text(self, node_name: str, widget_name: str) -> str | None:
        """The value of a widget as text, or None if the node or widget does not exist."""
        if not self._searched:
            self._search()
        node = self._by_property.get(node_name) or self._by_title.get(node_name)
        if node is None:
            return None
        widget = node.widget(widget_name)
        if widget is None and node.role == "host" and node.definition is not None:
            for slot in node.inputs:
                if slot.name == widget_name and slot.promoted is not None:
                    widget = promoted_value(slot, node.definition)
        if widget is None:
            return None
        return "" if widget.value is None or widget.value is UNDEFINED else js_text(widget.value)

    def _search(self) -> None:
        self._searched = True
        for node in inner_first(self._root):
            name = node.properties.get(_NAME)
            if name is None and node.shape is not None:
                name = node.shape.text_name
            if isinstance(name, str):
                self._by_property.setdefault(name, node)
            self._by_title.setdefault(node.title, node)


def inner_first(root: LGraph) -> Iterator[LGraphNode]:
    """All nodes that the canvas leads to, each subgraph's before the node that stands for it.

    A subgraph that is used several times is visited once.
    """
    seen: set[int] = {id(root)}
    stack: list[tuple[LGraphNode | None, Iterator[LGraphNode]]] = [(None, iter(root.nodes))]
    while stack:
        host, nodes = stack[-1]
        node = next(nodes, None)
        if node is None:
            stack.pop()
            if host is not None:
                yield host
        elif node.role == "host" and node.definition is not None and id(node.definition) not in seen:
            seen.add(id(node.definition))
            stack.append((node, iter(node.definition.nodes)))
        else:
            yield node
