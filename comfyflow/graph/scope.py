"""Scopes: which subgraph of the editor a node is in, and what goes in and out of that.

A prompt is flat; it tells scopes only by the spelling of ids: ``12:3`` is node 3 in the subgraph that
node 12 of the canvas stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ..bounds import MAX_SCOPE_DEPTH

ROOT: Final = ""
"""The id of the scope that is the workflow itself."""


class Link(NamedTuple):
    """The source of an input: a node and the slot of one of its outputs."""

    node_id: str
    slot: int


class ScopeInput(NamedTuple):
    """An input of a scope.

    Attributes:
        name: Its name.
        label: What the editor shows instead, or None.
        type: Its type.
        source: What feeds it from outside, or None.
        has_value: Whether nothing feeds it and it has its own value instead.
        value: That value.
        targets: The inputs of nodes that take what comes in: node id and input name.
    """

    name: str
    label: str | None = None
    type: Any = None
    source: Link | None = None
    has_value: bool = False
    value: Any = None
    targets: tuple[tuple[str, str], ...] = ()


class ScopeOutput(NamedTuple):
    """An output of a scope: its name, label and type, and what it gives, or None."""

    name: str
    label: str | None = None
    type: Any = None
    source: Link | None = None


class Scope(NamedTuple):
    """One use of a subgraph.

    Attributes:
        scope_id: The id of the node that stands for it: ``12``, or ``12:5`` inside another one.
        outer: The id of the scope that this node is in.
        name: What the subgraph is called, or ``""``.
        title: What the node is called, or ``""``.
        definition: Which subgraph, or ``""``; several scopes may share one.
        inputs: What goes in.
        outputs: What comes out.
    """

    scope_id: str
    outer: str = ROOT
    name: str = ""
    title: str = ""
    definition: str = ""
    inputs: tuple[ScopeInput, ...] = ()
    outputs: tuple[ScopeOutput, ...] = ()


def spelled_scopes(node_id: str) -> Iterator[str]:
    """The ids of the scopes that the id of a node spells, outer ones first.

    What is nested deeper than `MAX_SCOPE_DEPTH` is in the innermost of these.
    """
    end = -1
    for _ in range(MAX_SCOPE_DEPTH):
        end = node_id.find(":", end + 1)
        if end < 0:
            return
        if end > 0 and end + 1 < len(node_id):
            yield node_id[:end]


def spelled_scope(node_id: str) -> str:
    """The id of the innermost scope that the id of a node spells."""
    return [ROOT, *spelled_scopes(node_id)][-1] if ":" in node_id else ROOT


def read_scopes(node_ids: Iterable[str]) -> dict[str, Scope]:
    """The scopes that ids of nodes spell, by id, outer ones first."""
    found: dict[str, Scope] = {}
    for node_id in node_ids:
        if ":" not in node_id:
            continue
        outer = ROOT
        for scope_id in spelled_scopes(node_id):
            if scope_id not in found:
                found[scope_id] = Scope(scope_id, outer)
            outer = scope_id
    return found
