"""What a test looks at: a workflow, a graph or prompt JSON, as one graph that can be walked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ClientError, NodeUsageError
from ..graph import Graph, Link
from ..json_types import is_object
from ..node import Node, OutputSlot
from ..problem import Place
from ..source import Source
from ..user_lines import short_path

if TYPE_CHECKING:
    from ..workflows import Workflow, WorkflowFunction

Looked: TypeAlias = "Workflow[Any] | Node | WorkflowFunction[..., Any] | Graph | Mapping[str, Any] | Subject"
"""What can be looked at: a workflow (or a function of one that needs no arguments, or its last
node), a graph, or prompt JSON."""


class Subject:
    """A graph under test. The same nodes are asked for again and again, so what is found out of
    them is kept.

    Args:
        source: Where it comes from.
        name: What messages call it.

    Raises:
        PromptError: It is JSON, but no prompt.
    """

    def __init__(self, source: Source, name: str = "the workflow") -> None:
        self.source = source
        self.graph: Graph = source.graph
        self.name = name

    @classmethod
    def of(cls, given: Looked) -> Subject:
        """Whatever is given, as a subject.

        Raises:
            PromptError: It is a mapping but no prompt.
            CompileError: It is a workflow that cannot be compiled.
            NodeUsageError: It is not one of what can be looked at.
        """
        from ..workflows import WorkflowFunction

        if isinstance(given, Subject):
            return given
        try:
            source = Source.of(given, arguments={})
        except ClientError:
            kind = type(given).__name__
            wanted = "expected a workflow, a graph or prompt JSON"
            raise NodeUsageError(f"{wanted}, got {given!r:.60} ({kind})") from None
        except TypeError as error:
            if not isinstance(given, WorkflowFunction):
                raise
            raise NodeUsageError(f"{given.name} needs arguments; call it with them: {error}") from None
        if is_object(given):
            return cls(source, "the graph" if isinstance(given, Graph) else "the prompt")
        return cls(source, f"the workflow {source.name!r}" if source.name else "the workflow")

    def is_same(self, other: Subject) -> bool:
        """Whether another subject is this graph: each look at a workflow compiles it again."""
        return other.graph is self.graph or other.source.prompt == self.source.prompt

    @cached_property
    def users(self) -> Mapping[str, list[str]]:
        """The nodes that are linked to each node."""
        return self.graph.users

    def output_name(self, link: Link) -> str:
        """What an output is called: by the node's class in Python, else by its slot."""
        made = self.source.class_of(link.node_id)
        if made is not None:
            for name, slot in vars(made).items():
                if isinstance(slot, OutputSlot) and slot._slot == link.slot:
                    return name
        return f"output {link.slot}"

    def called(self, node_id: str) -> str:
        """A node as people know it: ``'Refiner' (KSampler #5)``."""
        node = self.graph.get(node_id)
        if node is None:
            return f"node #{node_id}, which does not exist"
        shown = f"{node.class_type} #{node_id}"
        return shown if node.title in (None, node.class_type) else f"{node.title!r} ({shown})"

    def described(self, node_id: str) -> str:
        """A node with the line of source that made it, if there is one."""
        place = self.graph[node_id].place
        line = f"  {self.called(node_id)}"
        if place is None:
            return line
        source = place.source
        return f"{line}, made at {short(place)}" + (f"\n      {source}" if source else "")

    def listed(self, node_ids: Iterable[str], details: Mapping[str, list[str]] | None = None) -> str:
        """Nodes, one below the other, with what must be said about each; of very many, the first.

        Args:
            node_ids: The nodes.
            details: Lines to be below a node. Without any, the nodes are on a line each.
        """
        ids = list(node_ids)
        lines: list[str] = []
        for node_id in ids[:_SHOWN]:
            if details is None:
                place = self.graph[node_id].place
                lines.append(f"  {self.called(node_id)}{f', {short(place)}' if place is not None else ''}")
            else:
                lines.append(self.described(node_id))
                lines.extend(f"    {line}" for line in details.get(node_id, ()))
        if len(ids) > _SHOWN:
            lines.append(f"  … and {len(ids) - _SHOWN} more")
        return "\n".join(lines)


_SHOWN = 20
"""How many nodes a message lists."""


def short(place: Place) -> str:
    """A place, its file as seen from the current folder."""
    return f"{short_path(place.file)}:{place.line}"
