"""From editor JSON to the prompt that the editor itself would send."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, Final

from ..collector import collector_paused
from ..errors import ConversionError
from ..graph import Graph
from ..json_types import is_array, is_object
from ..problem import Problem
from ..schema import Schema
from .conversion_graph import conversion_graph
from .editor_rules import choose_editor
from .explanation import ValueOrigin, explain_node
from .javascript import shown
from .link_resolver import LinkError, LinkResolver
from .live_graph import LGraphNode
from .node_shape import node_shapes
from .pack import Pack
from .pack_set import pack_set
from .primitive_node import apply_primitive
from .prompt_writer import ExecutableNode, NodeLookup, PromptWriter, inner_first, replaces
from .report import ConversionReport
from .settling import settle, settle_types
from .subgraph_host import keep_saved_values, promoted_value, saved_values, sync_promoted
from .virtual_nodes import leave_out_notes, set_name, setters
from .workflow_graph import LoadedWorkflow, load_workflow

_SEEDS: Final = 2**31


class Conversion(dict[str, dict[str, Any]]):
    """A prompt converted from a workflow. It *is* the prompt: a dictionary of nodes.

    Attributes:
        warnings: Surprising things that the editor does with this workflow, and things that
            cannot be known without a custom node's JavaScript; each about one node.
        seed: The seed of the random choices in text.
        editor_version: The version of the editor whose rules were followed.
        editor_reason: Why it was this one.
    """

    def __init__(
        self,
        prompt: Mapping[str, dict[str, Any]],
        warnings: list[Problem],
        seed: int,
        writer: PromptWriter,
        editor_reason: str,
    ) -> None:
        super().__init__(prompt)
        self.warnings = warnings
        self.seed = seed
        self.editor_version: Final = writer.rules.name
        self.editor_reason = editor_reason
        self._writer = writer
        self._instances: dict[str, ExecutableNode] | None = None

    @property
    def prompt(self) -> dict[str, dict[str, Any]]:
        """The prompt as a plain dictionary."""
        return dict(self)

    @property
    def graph(self) -> Graph:
        """The prompt as a graph, with its scopes and its canvas: subgraphs, positions, groups, notes.

        Raises:
            PromptError: Someone changed the prompt, and it is not a prompt any longer.
        """
        classes = {key: one.node.type for key, one in self.instances.items() if one.node.role == "unknown"}
        return conversion_graph(self._writer, self, classes)

    def explain(self, node_id: str) -> list[ValueOrigin]:
        """Where each value of a node came from.

        Args:
            node_id: Its id in the prompt; nodes of the editor that are not in there can be asked
                for, too.

        Raises:
            KeyError: The workflow does not have that node.
        """
        return explain_node(self._writer, self.instances[node_id], self)

    @property
    def resolver(self) -> LinkResolver:
        """What follows a link to what feeds it."""
        return self._writer.resolver

    @property
    def instances(self) -> Mapping[str, ExecutableNode]:
        """The nodes as the editor holds them, by their ids in the prompt; those that it leaves out, too."""
        if self._instances is None:
            self._instances = {instance.key: instance for instance in self._writer.instances()}
        return self._instances


def convert_workflow(
    workflow: Mapping[str, Any],
    schema: Schema,
    *,
    editor: str | None = None,
    repair: bool = False,
    seed: int | None = None,
    packs: Iterable[Pack | ModuleType | str] = (),
) -> Conversion:
    """Convert an editor workflow to the prompt that the editor would send.

    Args:
        workflow: Editor JSON, version 0.4 or 1.
        schema: The classes of the server that the prompt is for.
        editor: The editor version to convert like: ``"1.49"``, or any other; for an unknown one, the
            nearest is used. By default, the one that the schema's server requires (or the server that a
            package or lock was made from), the one that saved the workflow, or the newest known one.
        repair: Convert to what the author meant where the editor clearly does not: text keeps its
            ``//`` and braces, muted and bypassed subgraphs stay out wherever they are, large
            seeds keep their digits, values saved on subgraph nodes and with dynamic combos count,
            legacy group nodes keep all their values, links are read in either form, and broken ones are
            left out instead of being an error.
        seed: For random choices in text (``{a|b}``) and random values of packs. By default, one is
            drawn and reported.
        packs: Plug-ins for custom node packs beside those that are installed and known: a `Pack`, a
            module that has one as ``PACK``, or that module's name or file. See ``docs/packs.md``.

    Returns:
        The prompt, with its warnings.

    Raises:
        ConversionError: It is not a workflow, or the editor itself fails on it.
    """
    choice = choose_editor(editor, schema, workflow if is_object(workflow) else {})
    rules = choice.rules
    chosen = secrets.randbelow(_SEEDS) if seed is None else seed
    report = ConversionReport(chosen, repair)
    for type_, note in choice.notes:
        report.add(type_, note)
    shapes = node_shapes(schema, rules)
    in_force = pack_set(packs, report, chosen)
    with collector_paused():
        loaded = load_workflow(workflow, shapes, rules, in_force, any_links=repair, repair_groups=repair)
        for graph in loaded.graphs:
            in_force.connect(graph)
        leave_out_notes(loaded.graphs, report)
        settle(loaded, rules)
        settle_types(loaded, rules)
        writer = PromptWriter(loaded.root, rules, repair, partial(random.Random, chosen), report)
        _apply_primitives(loaded, writer)
        _report_nodes(loaded, not (rules.host_copies or rules.host_values), report)
        prompt = writer.write()
    return Conversion(prompt, report.problems, chosen, writer, choice.reason)


def _report_nodes(loaded: LoadedWorkflow, drops_values: bool, report: ConversionReport) -> None:
    """Warn of nodes that only their pack's own code understands."""
    names = {name for graph in loaded.graphs for name in setters(graph)}
    for node in inner_first(loaded.root):
        if node.role == "unknown":
            report.unknown_class(node.key, node)
        elif node.role == "class":
            report_unaccounted(node, report)
        elif node.role == "host" and not report.repair and drops_values:
            _report_host(node, report)
        elif node.role == "get" and set_name(node) not in names:
            report.add("links_unknown", f"no Set node is named {shown(set_name(node))}", node.key, node)


def _report_host(node: LGraphNode, report: ConversionReport) -> None:
    """Warn of values that an older editor saved on a subgraph's node and this one drops [20]."""
    if node.definition is None:
        return
    for slot, _, value in saved_values(node):
        inner = promoted_value(slot, node.definition)
        if slot.link is None and inner is not None and inner.value != value:
            report.add(
                "host_value_dropped",
                f"the subgraph's node was saved with {shown(value)} here, but this version of the editor"
                f" sends the inner value {shown(inner.value)}; repair sends the former",
                node.key,
                node,
                slot.name,
            )


def _apply_primitives(loaded: LoadedWorkflow, writer: PromptWriter) -> None:
    for graph in (loaded.root, *loaded.graphs[:-1]):
        # Later editors look names up in the graph of the primitive node and what is inside it.
        here = graph is loaded.root or writer.rules.links_at_root
        replace = replaces(writer.lookup if here else NodeLookup(graph), writer.replacement)
        for node in graph.nodes:
            if node.role == "primitive":
                _apply_primitive(node, writer, replace)
    from_outside = (loaded.root, *loaded.graphs[:-1])
    if writer.repair and not writer.rules.host_values:
        for graph in from_outside:
            for node in graph.nodes:
                keep_saved_values(node)
    elif not writer.repair:
        # The editor does so whenever it saves the workflow: when it has loaded it, and for the prompt.
        for graph in from_outside * 2:
            sync_promoted(graph, writer.rules, writer.report)


def _apply_primitive(node: LGraphNode, writer: PromptWriter, replace: Callable[[str], str]) -> None:
    try:
        apply_primitive(node, writer.scope.graph, writer.rules, replace, repair=writer.repair)
    except LinkError as error:
        if not writer.repair:
            raise
        writer.report.add("broken_link", f"not applied: {error}", node.key, node)


__all__ = ["Conversion", "ConversionError", "convert_workflow"]


def report_unaccounted(node: LGraphNode, report: ConversionReport) -> None:
    """Warn of a custom node whose saved values do not fit the widgets of its class."""
    shape = node.shape
    values = node.raw.get("widgets_values")
    if shape is None or shape.core or node.pack is not None:
        return
    if is_object(values):
        names = {widget.name for widget in node.widgets}
        unknown = [name for name in values if name not in names and name != "videopreview"]
        if unknown:
            report.add(
                "values_not_understood",
                f"values saved as {', '.join(map(shown, unknown[:5]))} are left out: the class has no "
                "input of that name; only the node's own JavaScript knows what they mean",
                node.key,
                node,
            )
    elif is_array(values):
        places = sum(1 for widget in node.widgets if widget.saved)
        dropped = shape.forced_count if shape.forced is not None else places
        if len(values) in (places, dropped) or (not places and shape.is_output):
            return  # a node that shows something, and has no other widgets, saves what it showed
        saved = "1 value was saved" if len(values) == 1 else f"{len(values)} values were saved"
        fate = "they may be assigned to the wrong inputs" if places else "the saved values are left out"
        report.add(
            "values_not_understood",
            f"{saved}, but the class has {_count(places)}: the node's own code changes them, or the class"
            f" has changed since; {fate}",
            node.key,
            node,
        )


def _count(widgets: int) -> str:
    return {0: "no widgets", 1: "1 widget"}.get(widgets, f"{widgets} widgets")
