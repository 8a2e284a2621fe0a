"""Workflows, and what is made of them, copied and sent to other processes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, EmptyImage, ImageInvert, SaveImage

from comfyflow import (
    Report,
    Workflow,
    bypassed,
    raw_node,
    titled,
    to_workflow,
    validate_prompt,
    with_id,
    with_inputs,
    workflow,
)
from comfyflow.errors import CompileError
from comfyflow.graph import GraphNode
from comfyflow.node import place_of
from comfyflow.validate.server_error import ErrorEntry

Copy = Callable[[Any], Any]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # pickled here


copies = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])


@workflow
def various(width: int) -> tuple[SaveImage, SaveImage]:
    """A node of each kind, with all that can be set on a node."""
    model, clip, _ = CheckpointLoaderSimple(ckpt_name="a")
    text = with_id(CLIPTextEncode(clip=clip, text="a lighthouse"), "text")
    raw = raw_node("Curve", {"points": [[0, 1]], "model": model, "text": text})
    image = titled(with_inputs(EmptyImage(width=width), {"more": raw[1]}), "the picture")
    return SaveImage(images=bypassed(ImageInvert(image=image))), SaveImage(images=ImageInvert(image=image))


def prompt_of(made: Workflow[Any]) -> Any:
    return made.to_prompt()


@copies
def test_a_copy_of_a_workflow_is_the_same_workflow(copied: Copy) -> None:
    made = various(8)
    other = copied(made)
    assert other.to_prompt() == made.to_prompt()
    assert other.name == "various"
    assert dict(other.compile().places) == dict(made.compile().places)
    assert [*map(type, other.roots)] == [*map(type, made.roots)]
    assert type(other.root) is tuple
    assert str(other.validate()) == str(made.validate())


@copies
def test_what_is_made_of_a_workflow_can_be_copied(copied: Copy) -> None:
    made = various(8)
    compiled = made.compile()
    assert copied(compiled).prompt == compiled.prompt
    assert dict(copied(made.graph).places) == dict(made.graph.places)
    report = made.validate()
    other: Report = copied(report)
    assert (str(other), other.to_json(), other.ok) == (str(report), report.to_json(), report.ok)
    schema = made.schema()
    validate_prompt({"1": {"class_type": "LoadImage", "inputs": {"image": "gone.png"}}}, schema)
    assert list(copied(schema)) == list(schema)


def test_a_deep_copy_is_another_workflow() -> None:
    made = various(8)
    other = copy.deepcopy(made)
    titled(other.roots[0], "another")
    assert made.to_prompt() != other.to_prompt()
    assert copy.copy(made).roots == made.roots


@copies
def test_a_copied_node_has_its_links_and_its_place(copied: Copy) -> None:
    save = SaveImage(images=ImageInvert(image=EmptyImage()))
    other = copied(save)
    assert place_of(other) == place_of(save)
    assert Workflow(other).to_prompt() == Workflow(save).to_prompt()
    loader = CheckpointLoaderSimple(ckpt_name="a")
    assert repr(copied(loader.MODEL)) == repr(loader.MODEL)


class Noted(SaveImage):
    """A user's class that has an attribute of its own."""


class Slotted(EmptyImage):
    __slots__ = ("extra",)


class Kept(GraphNode):
    __slots__ = ("note",)


@copies
def test_what_users_add_to_nodes_is_copied(copied: Copy) -> None:
    noted: Any = Noted(images=EmptyImage())
    noted.note = ["kept"]
    assert copied(noted).note == ["kept"]
    slotted: Any = Slotted()
    slotted.extra = 5
    assert copied(slotted).extra == 5
    node: Any = Kept("1", "A", {}, origin=place_of(noted))
    node.note = "kept"
    other = copied(node)
    assert (type(other), other.note, other.place, other.node_id) == (Kept, "kept", place_of(noted), "1")
    assert copied(raw_node(""))._class_type == ""


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_keeps_the_code_that_made_it_and_its_call(copied: Copy) -> None:
    made = sections(8)
    groups = [group["title"] for group in to_workflow(made)["groups"]]
    assert groups == ["the end", "the source"]
    assert to_workflow(copied(made)) == to_workflow(made)
    assert [group["title"] for group in to_workflow(pickled(made)).get("groups", ())] == []


@workflow
def sections(width: int) -> SaveImage:
    """A picture."""
    # ---- the source ----
    image = EmptyImage(width=width)
    # ---- the end ----
    inverted = ImageInvert(image=image)
    return SaveImage(images=inverted)


@copies
def test_a_workflow_with_a_cycle_can_be_copied(copied: Copy) -> None:
    node = raw_node("A")
    with_inputs(node, {"image": node[0]})
    other = copied(Workflow(node))
    (root,) = other.roots
    assert root._inputs["image"]._node is root
    with pytest.raises(CompileError, match="depends on itself"):
        other.to_prompt()


@copies
def test_a_long_chain_can_be_copied(copied: Copy) -> None:
    image: Any = EmptyImage()
    for _ in range(3_000):
        image = ImageInvert(image=image)
    made = Workflow(SaveImage(images=image))
    other = copied(made)
    assert other.to_prompt() == made.to_prompt()
    assert str(copied(made.validate())) == str(made.validate())


def test_workflows_are_sent_to_other_processes() -> None:
    made = [various(width) for width in (8, 16)]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert [*pool.map(prompt_of, made)] == [each.to_prompt() for each in made]


def test_a_report_is_sent_without_the_servers_classes() -> None:
    """Plans of classes that look for files have functions in them, which cannot be pickled."""
    schema = various(8).schema()
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "gone.png"}},
        "2": {"class_type": "SaveImag", "inputs": {"images": ["1", 0], "filename_prefix": "a"}},
    }
    report = validate_prompt(prompt, schema)
    data = pickle.dumps(report)
    assert len(data) < 10_000
    other = pickled(report)
    assert (str(other), other.to_json(), other._repr_html_()) == (
        str(report),
        report.to_json(),
        report._repr_html_(),
    )
    assert str(pickled(other)) == str(report)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copied_report_is_of_use_in_this_process(copied: Copy) -> None:
    report = various(8).validate()
    assert str(copied(report).refused()) == str(report.refused())
    entry = ErrorEntry("custom_validation_failed", "Custom validation failed", "gone", {})
    assert str(copied(report).with_errors({"1": [entry]})) == str(report.with_errors({"1": [entry]}))


def test_a_copied_node_has_marks_of_its_own() -> None:
    node = titled(EmptyImage(), "first")
    titled(copy.copy(node), "second")
    assert Workflow(SaveImage(images=node)).to_prompt()["1"]["_meta"]["title"] == "first"
