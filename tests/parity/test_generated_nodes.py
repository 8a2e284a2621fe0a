"""Every node of both recorded servers: generated, imported, made, and named right in the prompt."""

from __future__ import annotations

import os
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from comfyflow import Workflow, with_id
from comfyflow.codegen import Options, Package, generate
from comfyflow.node import Node, OutputSlot
from comfyflow.schema import Schema, load_schema, unfold_inputs
from tests.generated import classes_of, load_package, makings, shuffled

DATA = Path(os.environ.get("COMFYFLOW_PARITY_DATA", Path(__file__).parents[3] / "shared" / "data"))
SERVERS = {"0.33.0": 887, "0.27.0": 801, "0.3.64": 496}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no recorded data in {DATA}")


def schema_of(version: str, models: bool) -> Schema:
    name = f"{version}.json.gz" if models else f"{version}-no-models.json.gz"
    return load_schema(DATA / "object_info" / name, version)


class Generated:
    def __init__(self, version: str, folder: Path) -> None:
        self.schema = schema_of(version, models=False)
        self.package: Package = generate(self.schema, Options())
        self.module: ModuleType = load_package(self.package, folder)
        self.classes: dict[str, Any] = classes_of(self.module)


@pytest.fixture(scope="module", params=SERVERS)
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return Generated(request.param, tmp_path_factory.mktemp("stubs"))


def test_every_node_is_generated_and_none_is_skipped(generated: Generated) -> None:
    assert len(generated.package.generated) == SERVERS[str(generated.schema.version)]
    assert generated.package.skipped == ()
    assert set(generated.classes) == set(generated.schema)


def test_every_node_stands_in_the_servers_module(generated: Generated) -> None:
    for class_type, cls in generated.classes.items():
        expected = f"{generated.module.__name__}.{generated.schema[class_type].python_module}"
        assert cls.__module__ == expected


def test_every_output_is_an_attribute_in_its_slot(generated: Generated) -> None:
    for class_type, cls in generated.classes.items():
        outputs = generated.schema[class_type].outputs
        slots = [value for value in vars(cls).values() if isinstance(value, OutputSlot)]
        assert [slot._slot for slot in slots] == [output.index for output in outputs]
        assert cls._output_types == tuple(output.type for output in outputs)
        for output in outputs:
            if output.name.isidentifier() and [other.name for other in outputs].count(output.name) == 1:
                assert getattr(cls, output.name) is slots[output.index]


def test_every_node_puts_the_servers_names_into_the_prompt(generated: Generated) -> None:
    made = 0
    for class_type, cls in generated.classes.items():
        schema = generated.schema[class_type]
        for arguments in makings(cls, schema):
            node: Node = with_id(cls(**arguments), "made")
            inputs = Workflow(node).to_prompt()["made"]["inputs"]
            unfolded = {entry.name: entry for entry in unfold_inputs(schema.inputs, inputs)}
            assert set(inputs) <= set(unfolded), class_type
            assert {name for name, entry in unfolded.items() if entry.required} <= set(inputs), class_type
            order = [entry.name for entry in schema.inputs]
            tops = list(dict.fromkeys(name.split(".")[0] if name not in order else name for name in inputs))
            assert tops == [name for name in order if name in tops], class_type
            made += 1
    assert made >= len(generated.classes)


def test_the_order_of_the_dictionary_does_not_matter(generated: Generated) -> None:
    other = shuffled(dict(generated.schema.raw), random.Random(1))
    again = generate(load_schema(other, str(generated.schema.version)), Options())
    assert again.files == generated.package.files


def test_installed_models_change_nothing(generated: Generated) -> None:
    version = str(generated.schema.version)
    full = generate(schema_of(version, models=True), Options())
    changed = {path for path, text in generated.package.files.items() if full.files.get(path) != text}
    assert changed <= {"schema.json"}
    assert set(full.files) == set(generated.package.files)
