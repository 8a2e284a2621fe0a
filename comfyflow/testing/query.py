"""Questions about a graph: which nodes there are, what they are given, what leads to what.

What an input must be is a condition that can say what it wants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, overload

from ..errors import NodeUsageError
from ..graph import GraphNode, Link
from ..graph.walk import nearest_first
from ..json_types import is_number
from ..nearest import nearest
from ..node import Node
from ..problem import Place
from .subject import Looked, Subject


class Condition:
    """A condition on a value.

    Args:
        words: The condition in words, after "is": ``at most 8``.
        holds: Whether a value satisfies it.
    """

    __slots__ = ("holds", "words")

    def __init__(self, words: str, holds: Callable[[Any], bool]) -> None:
        self.words: str = words
        self.holds: Callable[[Any], bool] = holds

    def __repr__(self) -> str:
        return f"<{self.words}>"


def at_most(limit: float) -> Condition:
    """A number that is not larger."""
    return Condition(f"at most {limit}", lambda value: is_number(value) and value <= limit)


def at_least(limit: float) -> Condition:
    """A number that is not smaller."""
    return Condition(f"at least {limit}", lambda value: is_number(value) and value >= limit)


def between(low: float, high: float) -> Condition:
    """A number from `low` to `high`, both included."""
    return Condition(f"from {low} to {high}", lambda value: is_number(value) and low <= value <= high)


def one_of(*values: object) -> Condition:
    """One of some values."""
    listed = ", ".join(map(repr, values))
    return Condition(f"one of {listed}", lambda value: value in values)


def matching(pattern: str) -> Condition:
    """A string in which a regular expression is found."""
    found = re.compile(pattern)
    return Condition(
        f"a string matching {pattern!r}",
        lambda value: isinstance(value, str) and found.search(value) is not None,
    )


def satisfying(predicate: Callable[[Any], object], words: str | None = None) -> Condition:
    """A value for which your function returns True.

    Args:
        predicate: The function.
        words: The condition in words, after "is"; by default, the function's name.
    """
    name = getattr(predicate, "__name__", "accepted by the function")
    return Condition(words or f"that satisfies {name}", lambda value: bool(predicate(value)))


def linked(to: Any = None) -> Condition:
    """An input that is linked.

    Args:
        to: The class (in Python or by name) of the node that it is linked to; by default, any.
    """
    wanted = None if to is None else class_type_of(to)

    def holds(value: LinkedOutput | object) -> bool:
        return isinstance(value, LinkedOutput) and wanted in (None, value.node.class_type)

    return Condition("linked" if wanted is None else f"linked to a {wanted}", holds)


def condition_of(wanted: object) -> Condition:
    """A condition as it is; of any other value, to equal it. A function is asked."""
    if isinstance(wanted, Condition):
        return wanted
    if callable(wanted):
        return satisfying(wanted)
    return Condition(repr(wanted), lambda value: _equal(value, wanted))


def _equal(value: object, wanted: object) -> bool:
    """Whether a server would take two values for the same: 1 and 1.0 are, 1 and True are not."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


What: TypeAlias = "type[Node] | str | Node"
"""Which nodes are meant: a class of a generated package, a class by its name on the server, or
one node that the test made itself."""


class LinkedOutput:
    """An output that an input is linked to.

    Attributes:
        node: The node.
        slot: The index of the output.
    """

    __slots__ = ("node", "slot")

    def __init__(self, node: FoundNode, slot: int) -> None:
        self.node: FoundNode = node
        self.slot: int = slot

    @property
    def name(self) -> str:
        """The output's name where the class is known in Python, else ``output 0``."""
        return self.node._subject.output_name(Link(self.node.node_id, self.slot))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinkedOutput) and (other.node, other.slot) == (self.node, self.slot)

    def __hash__(self) -> int:
        return hash((self.node, self.slot))

    def __repr__(self) -> str:
        return f"<{self.name} of {self.node}>"


class FoundNode:
    """One node of the graph that is looked at.

    Args:
        subject: The graph.
        node_id: The node.
    """

    __slots__ = ("_subject", "node_id")

    def __init__(self, subject: Subject, node_id: str) -> None:
        self._subject = subject
        self.node_id: str = node_id

    @property
    def graph_node(self) -> GraphNode:
        """The node of the graph."""
        return self._subject.graph[self.node_id]

    @property
    def class_type(self) -> str:
        """The server's class."""
        return self.graph_node.class_type

    @property
    def title(self) -> str | None:
        """What the editor calls it, or None."""
        return self.graph_node.title

    @property
    def place(self) -> Place | None:
        """The line of source that made it, or None."""
        return self.graph_node.place

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it is given, by wire name: constants as they are, links as `LinkedOutput`."""
        return {name: self._seen(value) for name, value in self.graph_node.inputs.items()}

    def upstream(self, what: What | None = None) -> FoundNodes:
        """The nodes that it depends on, the nearest first.

        Args:
            what: Only nodes of this class.
        """
        return self._reached(self._subject.graph.sources, what)

    def downstream(self, what: What | None = None) -> FoundNodes:
        """The nodes that depend on it, the nearest first.

        Args:
            what: Only nodes of this class.
        """
        return self._reached(self._subject.users.__getitem__, what)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, FoundNode)
            and other.node_id == self.node_id
            and other._subject.is_same(self._subject)
        )

    def __hash__(self) -> int:
        return hash((self.node_id, self.class_type))

    def __str__(self) -> str:
        return self._subject.called(self.node_id)

    def __repr__(self) -> str:
        return f"<{self}>"

    def _seen(self, value: Any) -> Any:
        if type(value) is Link and value.node_id in self._subject.graph:
            return LinkedOutput(FoundNode(self._subject, value.node_id), value.slot)
        return value

    def _reached(self, step: Callable[[str], Iterable[str]], what: What | None) -> FoundNodes:
        found = [node_id for node_id in nearest_first([self.node_id], step) if node_id != self.node_id]
        return FoundNodes(self._subject, filter(_matches(self._subject, what), found))


class FoundNodes(Sequence[FoundNode]):
    """Nodes of the graph that is looked at."""

    def __init__(self, subject: Subject, node_ids: Iterable[str]) -> None:
        self._subject = subject
        self._ids = list(node_ids)

    @overload
    def __getitem__(self, index: int) -> FoundNode: ...

    @overload
    def __getitem__(self, index: slice) -> FoundNodes: ...

    def __getitem__(self, index: int | slice) -> FoundNode | FoundNodes:
        if isinstance(index, slice):
            return FoundNodes(self._subject, self._ids[index])
        return FoundNode(self._subject, self._ids[index])

    def __iter__(self) -> Iterator[FoundNode]:
        return (FoundNode(self._subject, node_id) for node_id in self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FoundNodes) and list(other) == list(self)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"[{', '.join(map(str, self))}]"


def find(
    workflow: Looked,
    what: What | None = None,
    /,
    *,
    title: str | None = None,
    where: Mapping[str, Any] | None = None,
    **inputs: Any,
) -> FoundNode:
    """The one matching node of a workflow.

    ::

        sampler = find(workflow, KSampler)
        assert sampler.inputs["steps"] == 20
        assert sampler.inputs["positive"].node.inputs["text"] == "a lighthouse"

    Args:
        workflow: A workflow, a graph, or prompt JSON.
        what: The class, in Python or by name, or a node that the test made; by default, any.
        title: The node's title.
        where: What its inputs must be, by wire name: values, or conditions such as `at_most`.
        inputs: The same, for names that Python takes: ``cfg=at_most(8)``.

    Raises:
        AssertionError: There is none, or there are several.
    """
    __tracebackhide__ = True
    conditions = {**(where or {}), **inputs}
    found = find_all(workflow, what, title=title, where=conditions)
    if len(found) == 1:
        return found[0]
    subject, words = found._subject, described(what, title, conditions)
    if found:
        ids = [node.node_id for node in found]
        raise AssertionError(
            f"{subject.name} should have one {words} but has {len(found)}:\n{subject.listed(ids, {})}"
        )
    raise AssertionError(missing(subject, what, words, conditions))


def find_all(
    workflow: Looked,
    what: What | None = None,
    /,
    *,
    title: str | None = None,
    where: Mapping[str, Any] | None = None,
    **inputs: Any,
) -> FoundNodes:
    """All matching nodes of a workflow, in the order of the prompt. See `find`."""
    subject = Subject.of(workflow)
    wanted = _matches(subject, what)
    conditions = {name: condition_of(value) for name, value in {**(where or {}), **inputs}.items()}
    return FoundNodes(
        subject,
        [
            node_id
            for node_id, node in subject.graph.items()
            if wanted(node_id)
            and (title is None or node.title == title)
            and all(holds(FoundNode(subject, node_id), name, each) for name, each in conditions.items())
        ],
    )


def path_between(source: FoundNode, target: FoundNode) -> FoundNodes | None:
    """The shortest path along links from one node to another, both included.

    Args:
        source: Where it starts.
        target: A node of the same graph that depends on it, or not.

    Returns:
        The nodes on the way, or None if there is none.
    """
    subject = source._subject
    if not target._subject.is_same(subject):
        raise NodeUsageError(f"{source} and {target} are nodes of different graphs")
    way = subject.graph.way(source.node_id, target.node_id)
    return None if way is None else FoundNodes(subject, way)


def holds(node: FoundNode, name: str, condition: Condition) -> bool:
    """Whether an input of a node is what it must be; one that is not given is nothing."""
    inputs = node.inputs
    return name in inputs and condition.holds(inputs[name])


def shown_input(value: object) -> str:
    """A value of an input for a message: a constant as it is, a link by its node."""
    if isinstance(value, LinkedOutput):
        return f"linked to {value.name} of {value.node}"
    text = repr(value)
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"


def class_type_of(what: object) -> str:
    """The server's name of a class that is given in Python or by name.

    Raises:
        NodeUsageError: It is neither.
    """
    if isinstance(what, str):
        return what
    name = getattr(what, "_class_type", None)
    if isinstance(what, type) and issubclass(what, Node) and isinstance(name, str):
        return name
    raise NodeUsageError(f"expected a node class or its name, got {what!r:.60}")


def _matches(subject: Subject, what: What | None) -> Callable[[str], bool]:
    if what is None:
        return subject.graph.__contains__
    if isinstance(what, Node):
        if subject.source.compiled is None:
            raise NodeUsageError(f"{what!r} was made in Python, but {subject.name} was not: pass its class")
        wanted = subject.source.compiled.ids.get(what)
        return lambda node_id: node_id == wanted
    name = class_type_of(what)
    return lambda node_id: subject.graph[node_id].class_type == name


def missing(
    subject: Subject, what: What | None, words: str, conditions: Mapping[str, Any] | None = None
) -> str:
    """The message that a workflow does not have that node, with those that are nearest to it."""
    similar = list(find_all(subject, what)) if what is not None else []
    if similar:
        wanted = {name: condition_of(value) for name, value in (conditions or {}).items()}
        details = {node.node_id: unlike(node, wanted) for node in similar}
        return f"{subject.name} has no {words}. Its {plural(what)}:\n{subject.listed(details, details)}"
    classes = {node.class_type for node in subject.graph.values()}
    near = nearest(class_type_of(what), classes) if isinstance(what, (str, type)) else None
    hint = f" Did you mean {near}?" if near is not None else ""
    return f"{subject.name} has no {words}.{hint} Its nodes:\n{subject.listed(subject.graph)}"


def unlike(node: FoundNode, conditions: Mapping[str, Condition]) -> list[str]:
    """What of a node is not as it should be."""
    inputs = node.inputs
    return [
        f"{name} is {shown_input(inputs[name])}" if name in inputs else f"{name} is missing"
        for name, condition in conditions.items()
        if not holds(node, name, condition)
    ]


def described(what: What | None, title: str | None = None, inputs: Mapping[str, Any] | None = None) -> str:
    """Which nodes are meant, in words: ``KSampler with cfg at most 8``."""
    parts = [] if title is None else [f"the title {title!r}"]
    parts.extend(f"{name} {condition_of(value).words}" for name, value in (inputs or {}).items())
    name = "node" if what is None else repr(what) if isinstance(what, Node) else class_type_of(what)
    return f"{name} with {' and '.join(parts)}" if parts else name


def plural(what: What | None) -> str:
    """What the nodes of a class are called."""
    return "nodes" if what is None or isinstance(what, Node) else f"{class_type_of(what)} nodes"


_WIDTH = 80
"""How many characters of a value a message shows."""
