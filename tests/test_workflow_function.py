"""Functions that make workflows, and what a workflow does with the schema of its classes."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from comfynodes import EmptyImage, SaveImage

from comfyflow import Schema, Workflow, load_schema, raw_node, workflow
from comfyflow.errors import NodeUsageError
from comfyflow.workflows import WorkflowFunction


def save(width: int = 64) -> SaveImage:
    return SaveImage(images=EmptyImage(width=width, height=64))


def test_a_function_that_gives_no_nodes_is_told_with_the_line_that_it_begins_at() -> None:
    @workflow
    def forgetful() -> Any:
        return None

    with pytest.raises(NodeUsageError) as caught:
        forgetful()
    assert caught.value.place is not None
    assert caught.value.place.source == "@workflow"
    assert caught.value.place.file == __file__


def test_what_is_called_without_a_name_is_a_workflow() -> None:
    made = WorkflowFunction(functools.partial(save, 32))
    assert made.name == "workflow"
    assert made().name == "workflow"
    assert made().to_prompt()["1"]["inputs"]["width"] == 32
    assert repr(made).startswith("<workflow workflow(")


@pytest.mark.parametrize("said", ["Unknown", "'a' + 1", "no such", "int.no_such", "list["])
def test_an_annotation_that_cannot_be_evaluated_stays_as_it_is_written(said: str) -> None:
    def function(width):  # type: ignore[no-untyped-def]
        return save(width)

    function.__annotations__["width"] = said
    assert workflow(function).parameters["width"].annotation == said
    assert workflow(save).parameters["width"].annotation is int


def test_a_workflow_is_checked_with_the_schema_of_its_classes_or_another() -> None:
    made = Workflow(save())
    assert made.validate().ok
    assert {"EmptyImage", "SaveImage"} <= set(made.schema())
    report = made.validate(Schema({}, "0.27.0"))
    assert [problem.class_type for problem in report.errors] == ["EmptyImage", "SaveImage"]
    wrong = Workflow(save(width=-5)).validate()
    assert [(problem.node_id, problem.input_name) for problem in wrong.errors] == [("1", "width")]
    assert wrong.errors[0].place is not None
    assert wrong.errors[0].place.file == __file__


def test_a_picture_has_the_slots_of_the_schema_in_use_and_follows_its_reader() -> None:
    made = workflow(save)()
    shown = made.picture()
    assert (shown.schema, shown.theme, shown._title) == (made.schema(), "auto", "save")
    other = load_schema(made.schema().raw, "0.27.0")
    assert made.picture(other, theme="dark").schema is other
    assert made.picture(other, theme="dark").theme == "dark"
    assert Workflow(raw_node("X")).picture().schema is None
    assert "height" in shown.svg
    checked = Workflow(save(width=-5)).picture(check=True)
    assert [problem.input_name for problem in checked._problems] == ["width"]
    assert not Workflow(save(width=-5)).picture()._problems
    assert made._repr_mimebundle_()["text/plain"] == "<Workflow save>"
