"""The registry of dynamic inputs: all that the package knows of a kind stands in its class."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import comfyflow
from comfyflow import Workflow, read_prompt
from comfyflow.codegen import Options, generate
from comfyflow.dynamic import KINDS, DynamicInput, unfold_inputs
from comfyflow.dynamic.kind import Chosen
from comfyflow.python_source import to_python
from comfyflow.schema import InputSchema, Schema
from comfyflow.testing import strategies
from comfyflow.validate import validate_prompt

ROOT = Path(comfyflow.__file__).parent
GIVEN_AS_DATA = {"simulator/live_schema.py"}
"""What holds an /object_info."""


def test_only_its_own_file_names_a_kind() -> None:
    named = re.compile("|".join(KINDS))
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if named.search(path.read_text("utf-8")) and path.parent.name != "dynamic"
    }
    assert found == GIVEN_AS_DATA
    for kind in KINDS.values():
        module = sys.modules[kind.__module__]
        assert Path(str(module.__file__)).parent.name == "dynamic"
        assert [other for other in KINDS.values() if other.__module__ == kind.__module__] == [kind]


class DynamicPair(DynamicInput):
    """A kind that no server has: two inputs, ``pair.left`` and ``pair.right``."""

    type: ClassVar[str] = "COMFY_DYNAMICPAIR_V3"
    value_class: ClassVar[str] = "GroupRow"

    @property
    def fields(self) -> tuple[InputSchema, ...]:  # type: ignore[override]
        each = self.entry.options["each"]
        return self._read({"required": {"left": each, "right": each}})

    def unfold(self, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
        yield from unfold_inputs(self.fields, given, f"{name}.", depth)

    def chosen(self, name: str, given: Mapping[str, Any]) -> Chosen:
        return None, [(f"{name}.", self.fields)]

    def argument(self, plan: Any) -> Any:
        plan.inner_class(self.value_class, self.fields, f"The pair {self.entry.name}.")
        return plan.argument([plan.group])

    def fitted(self, call: Any, parameter: Any, name: str) -> Any:
        return call.inner(parameter.group, call.arguments(parameter.group, self.fields, f"{name}."))

    def cost(self, costs: Any, bound: Any, depth: int) -> float:
        return float(costs.of_inputs(self.fields, bound, depth + 1))

    def drawn(self, arguments: Any, name: str) -> list[Any]:
        return list(arguments.below(name, self.fields))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Schema:
    """A server with that kind."""
    monkeypatch.setitem(KINDS, DynamicPair.type, DynamicPair)
    monkeypatch.setattr("comfyflow.schema.input_schema.UNFOLDING", frozenset({DynamicPair.type}))
    pair = ["COMFY_DYNAMICPAIR_V3", {"each": ["INT", {"min": 0, "max": 9}]}]
    node = {
        "input": {"required": {"pair": pair}},
        "output": [],
        "output_node": True,
        "python_module": "nodes",
    }
    return Schema({"Both": node}, "0.33.0")


PROMPT = {"1": {"class_type": "Both", "inputs": {"pair.left": 1, "pair.right": 2}}}


def test_a_new_kind_is_unfolded_and_validated(server: Schema) -> None:
    assert [entry.name for entry in unfold_inputs(server["Both"].inputs, {})] == ["pair.left", "pair.right"]
    assert validate_prompt(PROMPT, server).valid
    wrong = {"1": {"class_type": "Both", "inputs": {"pair.left": 10}}}
    report = validate_prompt(wrong, server)
    assert {(error.type, error.input_name) for error in report.errors} == {
        ("value_bigger_than_max", "pair.left"),
        ("required_input_missing", "pair.right"),
    }


def test_a_new_kind_is_generated_and_called(
    server: Schema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(server, Options()).write(tmp_path / "pairnodes")
    monkeypatch.syspath_prepend(tmp_path)
    from pairnodes import Both  # type: ignore[import-not-found]

    assert (
        Workflow(Both(pair=Both.Pair(left=1, right=2))).compile().prompt["1"]["inputs"]
        == PROMPT["1"]["inputs"]
    )
    assert "Both(pair=Both.Pair(left=1, right=2))" in to_python(read_prompt(PROMPT), server, params=())


def test_a_new_kind_is_drawn(server: Schema) -> None:
    @given(st.data())
    def draws(data: st.DataObject) -> None:
        graph = data.draw(strategies.graphs(server))
        for node in graph.values():
            assert set(node.inputs) == {"pair.left", "pair.right"}

    draws()
