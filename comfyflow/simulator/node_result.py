"""What a node's function gets and gives, list by list, as a server hands it on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..json_types import is_list, is_object, is_tuple
from ..schema import NodeSchema, unfold_inputs
from .node_function import NodeResult


def zipped(inputs: dict[str, list[Any]], whole: bool) -> Iterable[dict[str, Any]]:
    """The inputs of each execution: lists side by side, the last value of short ones again."""
    if whole:
        return [dict(inputs)]
    count = max((len(values) for values in inputs.values()), default=1)
    if any(not values for values in inputs.values()):
        count = 0
    return (
        {name: values[min(index, len(values) - 1)] for name, values in inputs.items()}
        for index in range(count)
    )


def nested_values(schema: NodeSchema, values: dict[str, Any]) -> dict[str, Any]:
    """Values under dotted names, as the nested ones that node functions take."""
    dynamic = {entry.name for entry in schema.inputs if entry.is_dynamic}
    if not dynamic:
        return values
    nested: dict[str, Any] = {name: {} for name in dynamic if any(k.startswith(f"{name}.") for k in values)}
    for name, value in values.items():
        parts = name.split(".")
        if parts[0] not in dynamic:
            nested[name] = value
        elif len(parts) == 1:
            nested.setdefault(name, {})[name] = value
        else:
            place = nested
            for part in parts[:-1]:
                place = place.setdefault(part, {})
            place[parts[-1]] = value
    return nested


def refuse_unknown(schema: NodeSchema, values: dict[str, Any]) -> None:
    """Raise what Python raises where a node is given an input that it does not know.

    Raises:
        TypeError: There is an input of that name.
    """
    declared = {entry.name for entry in unfold_inputs(schema.inputs, values)}
    for name in values:
        if name not in declared and name.split(".", 1)[0] not in schema.by_name:
            raise TypeError(f"{schema.class_type} got an unexpected keyword argument {name!r}")


def as_result(returned: Any) -> NodeResult:
    """What a function returned, in one form."""
    if isinstance(returned, NodeResult):
        return returned
    if is_object(returned) and returned and set(returned) <= {"ui", "result", "expand"}:
        return NodeResult(tuple(returned.get("result", ())), returned.get("ui"), returned.get("expand"))
    if is_tuple(returned):
        return NodeResult(returned)
    return NodeResult(() if returned is None else (returned,))


def merged_outputs(results: list[NodeResult], schema: NodeSchema) -> list[list[Any]]:
    """The values of each output, one an execution; lists put end to end."""
    merged: list[list[Any]] = []
    for output in schema.outputs:
        column = [result.outputs[output.index] for result in results if output.index < len(result.outputs)]
        merged.append(
            [value for part in column if is_list(part) for value in part] if output.is_list else column
        )
    return merged


def merged_ui(results: list[NodeResult]) -> dict[str, Any]:
    """What all executions show, put end to end."""
    shown = [result.ui for result in results if result.ui]
    if not shown:
        return {}
    return {key: [value for ui in shown for value in ui[key]] for key in shown[0]}
