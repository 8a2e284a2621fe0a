"""From editor JSON to the prompt that the editor itself would send."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import ConversionError
from ..problem import Problem
from ..schema import Schema
from .editor_rules import editor_rules
from .link_resolver import LinkError
from .live_graph import Node
from .node_lookup import inner_first
from .node_shape import node_shapes
from .primitive_node import apply_primitive
from .prompt_writer import PromptWriter, replaces
from .report import Report
from .settling import settle, settle_types
from .subgraph_host import sync_promoted
from .workflow_graph import LoadedWorkflow, load_workflow

_SEEDS: Final = 2**31


class Conversion(dict[str, dict[str, Any]]):
    """A prompt that was made of a workflow. It *is* the prompt: a dictionary of nodes.

    Attributes:
        warnings: What the editor does with this workflow that would surprise, and what cannot be
            known without a custom node's own JavaScript; each about one node.
        seed: The seed of the random choices in texts.
        editor_version: The version of the editor whose rules were followed.
    """

    def __init__(
        self, prompt: Mapping[str, dict[str, Any]], warnings: list[Problem], seed: int, editor_version: str
    ) -> None:
        super().__init__(prompt)
        self.warnings = warnings
        self.seed = seed
        self.editor_version = editor_version

    @property
    def prompt(self) -> dict[str, dict[str, Any]]:
        """The prompt as a plain dictionary."""
        return dict(self)


def convert_workflow(
    workflow: Mapping[str, Any],
    schema: Schema,
    *,
    editor: str = "1.45",
    repair: bool = False,
    seed: int | None = None,
) -> Conversion:
    """Turn a workflow of the editor into the prompt that the editor would send.

    Args:
        workflow: Editor JSON, version 0.4 or 1.
        schema: The classes of the server that the prompt is for.
        editor: Whose rules to follow: ``"1.45"`` or ``"1.27"``.
        repair: Write what the author meant where the editor plainly does not: texts keep their
            ``//`` and braces, muted and bypassed subgraphs stay out wherever they stand, large
            seeds keep their digits, and broken links are left out instead of being an error.
        seed: For random choices in texts (``{a|b}``). Left out, one is drawn and reported.

    Returns:
        The prompt, with its warnings.

    Raises:
        ConversionError: It is no workflow, or the editor itself fails at it.
    """
    rules = editor_rules(editor)
    chosen = random.Random().randrange(_SEEDS) if seed is None else seed  # noqa: S311 - no secret
    report = Report(chosen, repair)
    loaded = load_workflow(workflow, node_shapes(schema, rules), rules)
    settle(loaded, rules)
    settle_types(loaded, rules)
    writer = PromptWriter(loaded.root, rules, repair, random.Random(chosen), report)  # noqa: S311
    _apply_primitives(loaded, writer)
    for node in inner_first(loaded.root):
        if node.role == "unknown":
            report.unknown_class(node.key, node)
    prompt = writer.write()
    return Conversion(prompt, report.problems, chosen, rules.name)


def _apply_primitives(loaded: LoadedWorkflow, writer: PromptWriter) -> None:
    replace = replaces(writer.lookup, writer.now)
    for graph in (loaded.root, *loaded.graphs[:-1]):
        for node in graph.nodes:
            if node.role == "primitive":
                _apply_primitive(node, writer, replace)
    for graph in (loaded.root, *loaded.graphs[:-1]):
        sync_promoted(graph)


def _apply_primitive(node: Node, writer: PromptWriter, replace: Callable[[str], str]) -> None:
    try:
        apply_primitive(node, writer.scope.graph, writer.rules, replace)
    except LinkError as error:
        if not writer.repair:
            raise
        writer.report.add("broken_link", f"not applied: {error}", node.key, node)


__all__ = ["Conversion", "ConversionError", "convert_workflow"]
