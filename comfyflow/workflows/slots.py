"""The slots of a node as the editor has them: what a bypassed node passes on depends on their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..dynamic import is_wild
from ..errors import SchemaError
from ..graph.bypass import ANYTHING
from ..node import Node, is_output, slot_of
from ..schema import NodeSchema, unfold_inputs

_TYPES: Final[Mapping[type[object], str]] = {bool: "BOOLEAN", int: "INT", float: "FLOAT", str: "STRING"}


def slots_of(node: Node) -> dict[str, str]:
    """The types of a node's inputs by name, in the editor's order: sockets first, then widgets.

    The schema beside the node's class tells. Where there is none, it is what the node is given: links
    are sockets then, of the type of what they lead to.
    """
    given = node._inputs
    known = _schema_of(node)
    if known is not None:
        entries = sorted(unfold_inputs(known.inputs, given), key=lambda entry: entry.is_widget)
        slots = {entry.name: ANYTHING if is_wild(entry.type) else entry.type for entry in entries}
        if slots.keys() >= given.keys():
            return slots
    by_kind = sorted(given.items(), key=lambda entry: not is_output(entry[1]))
    return {name: _type_of_value(value) for name, value in by_kind}


def type_of(node: Node, slot: int) -> str:
    """The type of one of a node's outputs."""
    types = node._output_types
    return types[slot] if slot < len(types) and not is_wild(types[slot]) else ANYTHING


def _type_of_value(value: object) -> str:
    if is_output(value):
        return type_of(*slot_of(value))
    return _TYPES.get(type(value), "COMBO")


def _schema_of(node: Node) -> NodeSchema | None:
    from ..schema.package import package_schema

    try:
        return package_schema({type(node).__module__}).get(node._class_type)
    except SchemaError:
        return None
