"""What an input takes, as an annotation: its type, its limits, its choices, and what forms are told."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from annotated_types import Ge, Le
from pydantic import TypeAdapter, ValidationError

from comfyflow.bounds import LISTED_CHOICES
from comfyflow.schema import InputSchema, Schema
from comfyflow.workflows.value_type import Hint, limits_of, literal_of, notes_of, value_annotation
from tests.small_schema import node_class

EXACT = 2**53 - 1
RULE = f"Numbers above {EXACT} must be sent as strings from JavaScript, which rounds them."


def entry_of(kind: Any, class_type: str = "Take", /, **options: Any) -> InputSchema:
    found = Schema({class_type: node_class({"x": [kind, options]})}, "0.36.0").get(class_type)
    assert found is not None
    return found.by_name["x"]


def form(kind: Any, /, **options: Any) -> dict[str, Any]:
    """What a form is told of an input."""
    return TypeAdapter(value_annotation(entry_of(kind, **options), "Take")).json_schema()


def taken(kind: Any, value: Any, /, **options: Any) -> bool:
    """Whether a value is taken for an input."""
    try:
        TypeAdapter(value_annotation(entry_of(kind, **options))).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("INT", {"min": 1, "max": 9}, {"type": "integer", "minimum": 1, "maximum": 9}),
        ("INT", {"min": 0.5, "max": 9.5}, {"type": "integer", "minimum": 1, "maximum": 9}),
        ("FLOAT", {"min": 0.5, "max": 9.5, "step": 0.1},
         {"type": "number", "minimum": 0.5, "maximum": 9.5, "x-step": 0.1}),
        ("FLOAT", {"min": float("-inf"), "max": float("inf")}, {"type": "number"}),
        ("INT", {"step": 8}, {"type": "integer", "x-step": 8}),
        ("INT", {"step": 0}, {"type": "integer"}),
        ("INT", {"step": -1}, {"type": "integer"}),
        ("INT", {"step": True}, {"type": "integer"}),
        ("INT", {"step": "8"}, {"type": "integer"}),
        ("FLOAT", {"step": float("inf")}, {"type": "number"}),
        ("INT", {"control_after_generate": True}, {"type": "integer", "x-seed": True}),
        ("FLOAT", {"control_after_generate": True}, {"type": "number"}),
        ("STRING", {"multiline": True}, {"type": "string", "x-multiline": True}),
        ("STRING", {"multiline": "yes"}, {"type": "string"}),
        ("BOOLEAN", {}, {"type": "boolean"}),
        ("INT,FLOAT", {"min": 1}, {"anyOf": [{"type": "number"}, {"type": "integer"}]}),
        ("MODEL", {}, {}),
        (["a", "b", 3], {}, {"enum": ["a", "b", 3]}),
        ("COMBO", {"options": ["a", "b"], "multiselect": True},
         {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}),
    ],
)  # fmt: skip
def test_what_a_form_is_told(kind: Any, options: dict[str, Any], told: dict[str, Any]) -> None:
    assert form(kind, **options) == told


@pytest.mark.parametrize(
    ("least", "pattern"), [(-1, "^-?[0-9]+$"), (0, "^[0-9]+$"), (1, "^[0-9]+$"), (None, "^-?[0-9]+$")]
)
def test_a_number_that_javascript_would_round_may_be_a_text(least: int | None, pattern: str) -> None:
    options: dict[str, Any] = {"max": EXACT + 1} if least is None else {"max": EXACT + 1, "min": least}
    number = {"type": "integer", "maximum": EXACT + 1} | ({} if least is None else {"minimum": least})
    assert form("INT", **options) == {
        "anyOf": [number, {"type": "string", "pattern": pattern}],
        "$comment": RULE,
    }


def test_up_to_which_number_javascript_is_exact() -> None:
    assert form("INT", max=EXACT) == {"type": "integer", "maximum": EXACT}
    assert form("FLOAT", max=2.0 * EXACT) == {"type": "number", "maximum": 2.0 * EXACT}
    assert [*notes_of(entry_of("INT", max=EXACT), "Take")] == []
    assert [*notes_of(entry_of("INT", max=EXACT + 1), "Take")] == [Hint(exact=True)]


@pytest.mark.parametrize(
    ("kind", "limits"), [(int, [Ge(1), Le(9)]), (float, [Ge(0.5), Le(9.5)]), (str, []), (bool, [])]
)
def test_only_numbers_have_limits(kind: type[Any], limits: list[Any]) -> None:
    assert [*limits_of(entry_of("FLOAT", min=0.5, max=9.5), kind)] == limits


@pytest.mark.parametrize(
    ("count", "listed"), [(0, False), (1, True), (LISTED_CHOICES, True), (LISTED_CHOICES + 1, False)]
)
def test_how_many_choices_are_listed(count: int, listed: bool) -> None:
    choices = [f"choice {number}" for number in range(count)]
    assert literal_of(entry_of(choices)) == (Literal[tuple(choices)] if listed else None)
    assert taken(choices, "another") is not listed


@pytest.mark.parametrize("odd", [1.5, None, {"a": 1}])
def test_choices_that_no_literal_can_hold_are_any_text(odd: Any) -> None:
    assert literal_of(entry_of(["a", odd])) is None
    assert form(["a", odd]) == {"type": "string", "x-files": "Take.x"}


def test_whose_files_an_input_chooses_from() -> None:
    models = ["a.safetensors", "b.safetensors"]
    assert form(models) == {"type": "string", "x-files": "Take.x"}
    assert form(["a.png"], image_upload=True) == {"type": "string", "x-upload": "image"}
    assert [*notes_of(entry_of(models), "Loader")] == [Hint(files="Loader.x")]
