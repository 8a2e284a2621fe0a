"""A bypassed node hands on the same in Python as in the editor: every class of the reference package."""

from __future__ import annotations

from typing import Any

import comfynodes
import pytest

from comfyflow import Schema, bypassed, convert_workflow
from comfyflow.dynamic import is_wild
from comfyflow.node import Node, SingleOutputNode, _Slot
from comfyflow.schema import unfold_inputs
from comfyflow.schema.package import reference_schema
from comfyflow.workflows.compile import build_graph, number_nodes, reachable_nodes
from tests.editor_json import node, workflow

ANYTHING = "*"


def made(class_type: str, inputs: dict[str, Any], kind: str = ANYTHING) -> Any:
    """A node of a class that no package has, with one output of a type."""
    members = {"__slots__": (), "_class_type": class_type, "_output_types": (kind,)}
    found = type("Made", (SingleOutputNode,), members)
    node = found.__new__(found)
    node._make(inputs)
    return node


def with_helpers(schema: Schema, kinds: set[str]) -> Schema:
    """The schema with a class for each type that gives it, and one that takes it."""
    plain = {"output_name": ["x"], "output_node": True, "category": "", "python_module": "nodes"}
    gives = {f"Give {kind}": {"input": {"required": {}}, "output": [kind], **plain} for kind in kinds}
    takes = {
        f"Take {kind}": {
            "input": {"required": {"value": [kind, {"forceInput": True}]}},
            "output": [],
            **plain,
        }
        for kind in kinds
    }
    return Schema({**schema.raw, **gives, **takes}, schema.version, editor=schema.editor)


def plain(kind: str) -> str:
    return ANYTHING if is_wild(kind) else kind


def sockets(schema: Schema, class_type: str, left_out: int | None) -> list[tuple[str, str]]:
    """The sockets of a class, without every other one; of those that grow, none is left out."""
    entries = [entry for entry in unfold_inputs(schema[class_type].inputs, {}) if not entry.is_widget]
    return [
        (entry.name, plain(entry.type))
        for index, entry in enumerate(entries)
        if index % 2 != left_out or "." in entry.name
    ]


def in_python(class_type: str, linked: list[tuple[str, str]], outputs: list[str]) -> list[str | None]:
    """What each output hands on: the input that is linked there."""
    cls: type[Node] = next(
        found
        for name in [class_type, *dir(comfynodes)]
        if getattr(found := getattr(comfynodes, name, None), "_class_type", None) == class_type
    )
    middle: Any = cls.__new__(cls)
    gives = {name: made(f"Give {kind}", {}, kind) for name, kind in linked}
    middle._make(dict(gives))
    bypassed(middle)
    takes = [made(f"Take {kind}", {"value": _Slot(middle, slot)}) for slot, kind in enumerate(outputs)]
    ids = number_nodes(reachable_nodes([*gives.values(), *takes]))
    graph = build_graph(ids)
    names = {ids[give]: name for name, give in gives.items()}
    return [names[link.node_id] if (link := graph[ids[take]].inputs.get("value")) else None for take in takes]


def in_editor(
    schema: Schema, class_type: str, linked: list[tuple[str, str]], outputs: list[str]
) -> list[str | None]:
    links: list[list[Any]] = []
    nodes = [node(1, class_type, None, {}, mode=4)]
    names: dict[str, str] = {}
    for number, (name, kind) in enumerate(linked, 10):
        nodes.append(node(number, f"Give {kind}"))
        links.append([number, number, 0, 1, 0])
        nodes[0]["inputs"].append({"name": name, "type": kind, "link": number})
        names[str(number)] = name
    for slot, kind in enumerate(outputs):
        number = 1000 + slot
        nodes.append(node(number, f"Take {kind}", None, {"value": number}))
        links.append([number, 1, slot, number, 0])
    prompt = convert_workflow(workflow(nodes, links), schema)
    taken = [prompt[str(1000 + slot)]["inputs"].get("value") for slot in range(len(outputs))]
    return [names[link[0]] if link is not None else None for link in taken]


@pytest.mark.parametrize("left_out", [None, 0, 1])
def test_every_output_of_every_class(left_out: int | None) -> None:
    reference = reference_schema()
    linked = {name: sockets(reference, name, left_out) for name in reference if reference[name].outputs}
    outputs = {name: [plain(output.type) for output in reference[name].outputs] for name in linked}
    kinds = {kind for each in linked.values() for _, kind in each}
    schema = with_helpers(reference, kinds.union(*outputs.values()))
    different: dict[str, Any] = {}
    for name, given in linked.items():
        here = in_python(name, given, outputs[name])
        there = in_editor(schema, name, given, outputs[name])
        if here != there:
            different[name] = (here, there)
    total = sum(map(len, outputs.values()))
    print(f"{total} outputs of {len(outputs)} classes; {len(different)} classes differ: {different}")
    assert total > 1000
    assert not different
