from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from comfyflow.graph import Canvas, read_prompt, to_prompt
from comfyflow.input_file import InputFile, UploadedFile
from comfyflow.lock import Drift
from comfyflow.parameters import Parameters
from comfyflow.problem import Problem
from comfyflow.record import Record, replace
from comfyflow.schema import InputSchema, NodeSchema, OutputSchema
from tools.bench.spine import TXT2IMG

FILES = st.builds(UploadedFile, st.text(), st.text(), st.sampled_from(["input", "temp", "output"]))


@given(FILES, FILES)
def test_records_are_compared_by_their_fields(one: UploadedFile, other: UploadedFile) -> None:
    same = (one.name, one.subfolder, one.type) == (other.name, other.subfolder, other.type)
    assert (one == other) == same
    assert not same or hash(one) == hash(other)


@given(FILES)
def test_a_copy_is_equal(one: UploadedFile) -> None:
    pickled = pickle.loads(pickle.dumps(one))  # noqa: S301  # of this test
    assert pickled == copy.copy(one) == copy.deepcopy(one) == replace(one) == one


@given(FILES, st.text())
def test_one_field_is_replaced(one: UploadedFile, name: str) -> None:
    changed = replace(one, name=name)
    assert changed == UploadedFile(name, one.subfolder, one.type, one.asset_id)
    assert type(changed) is UploadedFile


def test_a_record_is_not_changed() -> None:
    file = UploadedFile("a.png")
    with pytest.raises(AttributeError, match=r"UploadedFile\.name cannot be set: make a new one"):
        file.name = "b.png"
    with pytest.raises(AttributeError, match=r"UploadedFile\.name cannot be deleted"):
        del file.name
    with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
        replace(file, nmae="b.png")


def test_what_is_compared_and_shown() -> None:
    problem = Problem("a_type", "what happened")
    assert problem == replace(problem, extra_info={"received_value": 1})
    assert hash(problem) == hash(replace(problem, extra_info={"received_value": 1}))
    assert problem != replace(problem, node_id="1")
    assert problem != Drift("a_type", "what happened")
    assert problem != ("a_type", "what happened")
    assert "content" not in repr(InputFile("a.png", "a.png", content=b"x"))
    assert repr(UploadedFile("a.png")) == (
        "UploadedFile(name='a.png', subfolder='', type='input', asset_id='')"
    )
    assert "document" not in repr(Canvas(document={}))
    assert Canvas(document={"a": 1}) == Canvas()


def test_a_graph_is_copied_with_its_canvas() -> None:
    graph = read_prompt({"1": {"class_type": "A", "inputs": {"text": "a", "clip": ["2", 0]}}})
    pickled = pickle.loads(pickle.dumps(graph))  # noqa: S301  # of this test
    for same in (pickled, copy.deepcopy(graph)):
        assert to_prompt(same) == to_prompt(graph)
        assert same.canvas == graph.canvas


RECORDS: tuple[type[Record], ...] = (
    Canvas,
    Drift,
    InputFile,
    InputSchema,
    NodeSchema,
    OutputSchema,
    Problem,
    UploadedFile,
)


@pytest.mark.parametrize("kind", RECORDS)
def test_the_fields_are_what_is_given(kind: type[Record]) -> None:
    """In the order of the arguments, and under their names: else it would not be compared by all."""
    names = kind.__init__.__code__.co_varnames[1 : kind.__init__.__code__.co_argcount]
    assert kind._names == names == tuple(field.name for field in dataclasses.fields(cast("Any", kind)))
    values: dict[str, Any] = {name: (name,) for name in names}
    made = kind(**values)
    assert {name: getattr(made, name) for name in names} == values
    assert kind(*values.values()) == made
    pickled = pickle.loads(pickle.dumps(made))  # noqa: S301  # of this test
    assert pickled == copy.copy(made) == copy.deepcopy(made) == made
    least = kind(*list(values.values())[: len(names) - len(kind.__init__.__defaults__ or ())])
    pickled = pickle.loads(pickle.dumps(least))  # noqa: S301  # of this test
    assert pickled == copy.deepcopy(least) == least, "what is left out is nothing that cannot be copied"


def test_pydantic_reads_a_record_as_it_reads_a_dataclass() -> None:
    adapter = TypeAdapter(UploadedFile)
    file = UploadedFile("b.png", "s")
    assert adapter.validate_json('{"name": "b.png", "subfolder": "s"}') == file
    assert adapter.validate_python({"name": "b.png", "subfolder": "s"}) == file
    assert adapter.validate_python(file) is file
    assert adapter.dump_python(file) == {"name": "b.png", "subfolder": "s", "type": "input", "asset_id": ""}
    with pytest.raises(ValidationError, match="1 validation error for UploadedFile\nname\n  Field required"):
        adapter.validate_json("{}")
    assert adapter.json_schema()["required"] == ["name"]
    assert TypeAdapter(Problem).validate_python({"type": "a", "message": "b"}) == Problem("a", "b")
    (entry,) = TypeAdapter(NodeSchema).dump_python(NODE)["inputs"]
    assert entry["name"] == "image"
    assert TypeAdapter(object).dump_json(file) == adapter.dump_json(file)


NODE = NodeSchema("A", "A", "", "nodes", (InputSchema("image", "IMAGE", True),), (), False, {})


def test_a_record_is_a_dataclass_to_who_asks() -> None:
    file = UploadedFile("b.png", "s")
    assert dataclasses.is_dataclass(file)
    assert dataclasses.asdict(file) == {"name": "b.png", "subfolder": "s", "type": "input", "asset_id": ""}
    assert dataclasses.replace(file, name="c.png") == UploadedFile("c.png", "s")
    assert dataclasses.asdict(NODE)["inputs"][0]["options"] == {}
    assert [field.name for field in dataclasses.fields(Drift("a", "b"))][-1] == "new"

    @dataclasses.dataclass(frozen=True)
    class Numbered(Problem):
        row: int = 0

    made = Numbered("a", "b", row=3)
    assert (made.type, made.extra_info, made.row) == ("a", {}, 3)
    assert made == Numbered("a", "b", row=3) != Numbered("a", "b", row=4)
    match file:
        case UploadedFile(name, subfolder):
            assert (name, subfolder) == ("b.png", "s")


def test_a_parameter_may_be_an_uploaded_file() -> None:
    def flow(image: UploadedFile, other: UploadedFile | Path = Path("a.png")) -> None: ...

    file, text = UploadedFile("b.png", "s"), '{"name": "b.png", "subfolder": "s"}'
    for parameter in Parameters(signature(flow, eval_str=True).parameters).values():
        assert parameter.from_texts([text]) == file
        assert parameter.from_json({"name": "b.png", "subfolder": "s"}) == file


def test_a_workflow_is_made_and_checked_without_what_takes_long_to_import() -> None:
    heavy = (
        "asyncio",
        "click",
        "dataclasses",
        "httpx",
        "inspect",
        "jinja2",
        "msgspec",
        "networkx",
        "pydantic",
    )
    code = f"{TXT2IMG}\nimport sys\nprint(sorted(set({heavy!r}) & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
