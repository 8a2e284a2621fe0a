from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.graph import Canvas
from comfyflow.input_file import InputFile, UploadedFile
from comfyflow.lock import Drift
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
    assert kind.__match_args__ == names
    values: dict[str, Any] = {name: (name,) for name in names}
    made = kind(**values)
    assert {name: getattr(made, name) for name in names} == values
    assert kind(*values.values()) == made


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
