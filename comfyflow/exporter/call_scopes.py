"""Functions of Python that a workflow calls, as scopes: one definition, and one use of it for each call."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType
from typing import Any, Final, TypeAlias

from ..bounds import MAX_SCOPE_DEPTH
from ..graph import ROOT, Graph, GraphNode, Link, Scope, ScopeInput, ScopeOutput
from ..node import is_output, slot_of
from ..schema import Schema
from ..workflows import Workflow
from ..workflows.compile import Ids
from .document import saved_id, uuid_of
from .source_notes import FunctionCall, Origin, called_again


def given_parameters(code: CodeType) -> frozenset[tuple[str, str]]:
    """The arguments in a function's calls, and the values in its dictionaries, that are a parameter of it.

    Args:
        code: The function's code; of one whose source cannot be read, nothing is known.

    Returns:
        Pairs of an argument's name and a parameter's.
    """
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    function = _function(code)
    if function is None:
        return frozenset()
    return frozenset(pair for pair in _arguments(function) if pair[1] in names)


def _function(code: CodeType) -> ast.AST | None:
    for node in ast.walk(_tree(code.co_filename)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


@lru_cache(maxsize=32)
def _tree(file: str) -> ast.AST:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def _arguments(function: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg is not None and isinstance(keyword.value, ast.Name):
                    yield keyword.arg, keyword.value.id
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and isinstance(key.value, str)
                    and isinstance(value, ast.Name)
                ):
                    yield key.value, value.id


_PLAIN: Final = (str, int, float, bool)


Exits: TypeAlias = "dict[Any, list[tuple[tuple[int, ...], int]]]"
"""By form what goes out of some use of it: the path of a node, and a slot."""


@dataclass(eq=False)
class _ScopedCall:
    """One call, as a scope to be.

    Attributes:
        call: The call.
        outer: The use that it is in, or None.
        depth: How many uses it is in.
        nodes: The ids in the prompt of the nodes that it made, in their order.
        inner: The uses that are in it, in their order.
        raised: The parameter that each constant comes from, by node and input.
        number: The number of the node that stands for it.
        form: What it shares with other calls of the same function.
    """

    call: FunctionCall
    outer: _ScopedCall | None
    depth: int
    nodes: list[str] = field(default_factory=list[str])
    inner: list[_ScopedCall] = field(default_factory=list["_ScopedCall"])
    raised: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    number: int = 0
    form: Any = None

    def members(self) -> Iterator[_ScopedCall]:
        """It and all uses in it, outer ones first."""
        waiting: list[_ScopedCall] = [self]
        while waiting:
            use = waiting.pop()
            yield use
            waiting.extend(reversed(use.inner))


def with_call_scopes(
    workflow: Workflow[Any], schema: Schema, *, values_differ: bool
) -> tuple[Graph, Mapping[str, Origin]] | None:
    """The graph of a workflow in which each call of a function is a scope, and where each was called.

    Nodes get the ids that they have in subgraphs. None if no function was called, or where the
    workflow's function does not make the same again.

    Args:
        workflow: The workflow.
        schema: The classes of its nodes.
        values_differ: Whether uses of one subgraph may have their own values in the editor.
    """
    again = called_again(workflow)
    if again is None:
        return None
    made, calls = again
    compiled = made.compile()
    if compiled.prompt != workflow.compile().prompt:
        return None
    tops = _uses(calls, compiled.ids)
    return _Scoping(compiled.graph, compiled.ids, schema, values_differ).scoped(tops) if tops else None


def _uses(calls: list[FunctionCall], ids: Ids) -> list[_ScopedCall]:
    """The uses on the workflow's own canvas; those without nodes of the workflow are left out."""
    known: dict[FunctionCall, _ScopedCall] = {}
    tops: list[_ScopedCall] = []
    order = {node_id: place for place, node_id in enumerate(ids.values())}
    for call in calls:
        outer = known[call.outer] if call.outer is not None else None
        if outer is not None and outer.depth + 1 >= MAX_SCOPE_DEPTH:
            use = outer
        else:
            use = _ScopedCall(call, outer, 0 if outer is None else outer.depth + 1)
            (tops if outer is None else outer.inner).append(use)
        known[call] = use
        use.nodes += [ids[node] for node in call.nodes if node in ids and _is_plain(ids[node])]
    for use in [each for top in tops for each in top.members()]:
        use.nodes.sort(key=order.__getitem__)
    _drop_empty(tops)
    return tops


def _is_plain(node_id: str) -> bool:
    """Whether an id is a number, which a node in a subgraph can have."""
    return isinstance(saved_id(node_id), int)


def _drop_empty(tops: list[_ScopedCall]) -> None:
    for use in reversed([each for top in tops for each in top.members()]):
        use.inner[:] = [inner for inner in use.inner if inner.nodes or inner.inner]
    tops[:] = [top for top in tops if top.nodes or top.inner]


class _Scoping:
    def __init__(self, graph: Graph, ids: Ids, schema: Schema, values_differ: bool) -> None:
        self._graph = graph
        self._ids = ids
        self._schema = schema
        self._values_differ = values_differ
        self._use_of: dict[str, _ScopedCall] = {}
        self._names: dict[str, str] = {}

    def scoped(self, tops: list[_ScopedCall]) -> tuple[Graph, Mapping[str, Origin]]:
        """The graph with scopes, and where each was called."""
        uses = [use for top in tops for use in top.members()]
        for use in uses:
            self._use_of.update(dict.fromkeys(use.nodes, use))
            self._raise(use)
        for use in reversed(uses):
            use.form = self._form(use)
        self._raise_further(uses)
        self._number(uses)
        exits = self._exits(uses)
        scopes = [self._scope(use, exits) for use in uses]
        nodes = [self._node(node) for node in self._graph.values()]
        called = {self._scope_id(use): use.call.origin for use in uses if use.call.origin is not None}
        return Graph(nodes, scopes, self._graph.canvas), called

    def _raise(self, use: _ScopedCall) -> None:
        """Find out which constants are parameters of the function."""
        uses = given_parameters(use.call.code)
        for node_id in use.nodes:
            for name, value in self._graph[node_id].inputs.items():
                for argument, parameter in uses:
                    given = use.call.given.get(parameter)
                    same = type(given) is type(value) and isinstance(value, _PLAIN) and given == value
                    if same and _same_name(argument, name):
                        use.raised[node_id, name] = parameter

    def _raise_further(self, uses: list[_ScopedCall]) -> None:
        """Let a function show what its own calls show, where that is not the same in all uses of it."""
        groups: dict[Any, list[_ScopedCall]] = {}
        for use in uses:
            groups.setdefault(use.form, []).append(use)
        for _ in range(MAX_SCOPE_DEPTH):
            raised = [
                self._raise_from(members, place)
                for members in groups.values()
                for place in range(len(members[0].inner))
            ]
            if not any(raised):
                return

    def _raise_from(self, uses: list[_ScopedCall], place: int) -> bool:
        """Whether the uses of one form now show more of what their inner one at a place shows."""
        more = False
        for parameter in dict.fromkeys(uses[0].inner[place].raised.values()):
            held = [_keys(use.inner[place], parameter) for use in uses]
            values = {repr(self._graph[node_id].inputs[name]) for (node_id, name), *_ in held}
            if len(values) == 1 or held[0][0] in uses[0].raised:
                continue
            taken = set(uses[0].raised.values())
            label = parameter if parameter not in taken else f"{parameter}_{len(taken) + 1}"
            for use, keys in zip(uses, held, strict=True):
                use.raised.update(dict.fromkeys(keys, label))
            more = True
        return more

    def _path(self, use: _ScopedCall, node_id: str) -> tuple[int, ...] | None:
        """Where a node is in a use: through which inner ones, and its place; None if it does not."""
        inner = self._use_of.get(node_id)
        if inner is None:
            return None
        path = [inner.nodes.index(node_id)]
        while inner is not use:
            outer = inner.outer
            if outer is None:
                return None
            path.append(outer.inner.index(inner))
            inner = outer
        return (*reversed(path),)

    def _entering(self, use: _ScopedCall) -> list[Link]:
        """The links from outside, in the order in which they are met."""
        found: dict[Link, None] = {}
        for each in use.members():
            for node_id in each.nodes:
                for _, link in self._graph[node_id].links:
                    if self._path(use, link.node_id) is None:
                        found[link] = None
        return list(found)

    def _form(self, use: _ScopedCall) -> Any:
        """What two calls must share to be uses of one subgraph."""
        entering = {link: place for place, link in enumerate(self._entering(use))}

        def told(node_id: str, name: str, value: Any) -> Any:
            if type(value) is Link:
                return ("link", self._path(use, value.node_id) or entering[value], value.slot)
            parameter = use.raised.get((node_id, name))
            if parameter is not None and self._values_differ:
                return ("parameter", parameter, type(value).__name__)
            return ("value", repr(value))

        nodes = tuple(
            (
                self._graph[node_id].class_type,
                self._graph[node_id].title,
                tuple(
                    (name, told(node_id, name, value)) for name, value in self._graph[node_id].inputs.items()
                ),
            )
            for node_id in use.nodes
        )
        inner = tuple(
            (
                each.form,
                tuple(self._path(use, link.node_id) or entering[link] for link in self._entering(each)),
            )
            for each in use.inner
        )
        given = tuple((name, entering.get(link)) for name, link in self._linked_parameters(use))
        return (use.call.code, nodes, inner, given)

    def _linked_parameters(self, use: _ScopedCall) -> list[tuple[str, Link]]:
        """The parameters that are outputs of nodes, with the links that these are."""
        found: list[tuple[str, Link]] = []
        for name, value in use.call.given.items():
            if is_output(value):
                node, slot = slot_of(value)
                if node in self._ids:
                    found.append((name, Link(self._ids[node], slot)))
        return found

    def _number(self, uses: list[_ScopedCall]) -> None:
        """Give uses and inner nodes their ids; uses of one form share the numbers inside."""
        last = max((number for number in map(saved_id, self._graph) if isinstance(number, int)), default=0)
        first: dict[Any, _ScopedCall] = {}
        for use in uses:
            model = first.setdefault(use.form, use)
            if use.outer is None or first[use.outer.form] is use.outer:
                last += 1
                use.number = last
            else:
                use.number = first[use.outer.form].inner[use.outer.inner.index(use)].number
            for node_id, like in zip(use.nodes, model.nodes, strict=True):
                self._names[node_id] = f"{self._scope_id(use)}:{like}"

    def _scope_id(self, use: _ScopedCall | None) -> str:
        parts: list[str] = []
        while use is not None:
            parts.append(str(use.number))
            use = use.outer
        return ":".join(reversed(parts))

    def _exits(self, uses: list[_ScopedCall]) -> Exits:
        """By form what some use of it gives to the outside: paths of nodes, and slots."""
        found: dict[Any, dict[tuple[tuple[int, ...], int], None]] = {use.form: {} for use in uses}
        for node_id, node in self._graph.items():
            for _, link in node.links:
                use = self._use_of.get(link.node_id)
                while use is not None and self._path(use, node_id) is None:
                    path = self._path(use, link.node_id)
                    if path is not None:
                        found[use.form][path, link.slot] = None
                    use = use.outer
        return {form: sorted(exits) for form, exits in found.items()}

    def _scope(self, use: _ScopedCall, exits_of: Exits) -> Scope:
        exits = exits_of[use.form]
        entering = self._entering(use)
        named = {link: name for name, link in reversed(self._linked_parameters(use))}
        inputs = [self._linked(link, named.get(link)) for link in entering]
        for parameter in dict.fromkeys(use.raised.values()):
            targets = _keys(use, parameter)
            value = self._graph[targets[0][0]].inputs[targets[0][1]]
            places = tuple((self._names[node_id], name) for node_id, name in targets)
            inputs.append(ScopeInput(parameter, type="*", has_value=True, value=value, targets=places))
        outputs = [self._output(use, path, slot) for path, slot in exits]
        scope_id = self._scope_id(use)
        name = use.call.name.replace("_", " ").strip().capitalize() or use.call.name
        key = uuid_of("function", use.call.name, str([*exits_of].index(use.form)))
        outer = self._scope_id(use.outer) if use.outer is not None else ROOT
        return Scope(scope_id, outer, name, "", key, tuple(inputs), tuple(outputs))

    def _linked(self, link: Link, name: str | None) -> ScopeInput:
        own, type_ = self._described(link)
        return ScopeInput(name or own, type=type_, source=self._renamed(link))

    def _output(self, use: _ScopedCall, path: tuple[int, ...], slot: int) -> ScopeOutput:
        for place in path[:-1]:
            use = use.inner[place]
        link = Link(use.nodes[path[-1]], slot)
        name, type_ = self._described(link)
        return ScopeOutput(name, type=type_, source=self._renamed(link))

    def _described(self, link: Link) -> tuple[str, str]:
        """The name and the type of an output."""
        known = self._schema.get(self._graph[link.node_id].class_type)
        if known is None or link.slot >= len(known.outputs):
            return f"output {link.slot + 1}", "*"
        output = known.outputs[link.slot]
        return output.name, output.type if output.match_template is None else "*"

    def _renamed(self, link: Link) -> Link:
        return Link(self._names.get(link.node_id, link.node_id), link.slot)

    def _node(self, node: GraphNode) -> GraphNode:
        inputs = dict(node.inputs)
        inputs.update((name, self._renamed(link)) for name, link in node.links)
        use = self._use_of.get(node.node_id)
        return GraphNode(
            self._names.get(node.node_id, node.node_id),
            node.class_type,
            inputs,
            node.title,
            node.origin,
            node.extra,
            self._scope_id(use),
        )


def _keys(use: _ScopedCall, parameter: str) -> list[tuple[str, str]]:
    return [key for key, raised in use.raised.items() if raised == parameter]


def _same_name(argument: str, name: str) -> bool:
    """Whether an argument in Python may be the input of that name on the wire."""
    return argument == name or _letters(argument) == _letters(name)


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
