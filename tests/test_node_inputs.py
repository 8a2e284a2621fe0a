from __future__ import annotations

from typing import Any

import pytest

from comfyflow import Workflow, raw_node, with_inputs
from comfyflow.errors import CompileError, NodeUsageError
from tests.nodes import Empty, Invert, Loader


def test_a_node_can_be_given_inputs_that_its_class_does_not_have() -> None:
    image, other = Empty(), Empty(color=1)
    assert with_inputs(image, {"new": 3, "mask": other, "width": 8}) is image
    assert list(image._inputs) == ["width", "height", "color", "new", "mask"]
    assert image._inputs["width"] == 8
    prompt = Workflow(Invert(image=image)).to_prompt()
    assert prompt["2"]["inputs"]["mask"] == ["1", 0]
    raw = with_inputs(raw_node("X", {"a": 1}), {"b": {"c": 2}})
    assert raw._inputs == {"a": 1, "b": {"c": 2}}


@pytest.mark.parametrize("value", [Loader, Loader(ckpt_name="a"), len])
def test_what_is_no_value_is_refused(value: Any) -> None:
    image = Empty()
    with pytest.raises(NodeUsageError, match="input 'new' of EmptyImage got"):
        with_inputs(image, {"new": value})
    assert "new" not in image._inputs
    with pytest.raises(NodeUsageError, match="expected a node, got 3"):
        with_inputs(3, {})  # type: ignore[type-var]


def test_a_circle_that_is_closed_so_is_found() -> None:
    first = Empty()
    second = Invert(image=first)
    with_inputs(first, {"mask": second})
    with pytest.raises(CompileError, match="depends on itself"):
        Workflow(second).to_prompt()
