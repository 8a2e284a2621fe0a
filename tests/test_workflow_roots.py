"""What a workflow may be made of, and what comes back in its shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from comfynodes import EmptyImage, PreviewImage, SaveImage

from comfyflow import Workflow, raw_node
from comfyflow.errors import CompileError, NodeUsageError
from comfyflow.workflows.root import map_root, root_nodes


class Pair(NamedTuple):
    one: Any
    other: Any


@dataclass
class Both:
    picture: Any
    words: str = "none"


@dataclass(frozen=True)
class Firm:
    picture: Any


def save(width: int = 8) -> SaveImage:
    return SaveImage(images=EmptyImage(width=width, height=8))


def named(root: object) -> Any:
    return map_root(root, lambda node: node._class_type)


def test_what_stands_for_the_nodes_has_their_shape() -> None:
    one, other = save(), PreviewImage(images=EmptyImage(width=9, height=9))
    assert named(one) == "SaveImage"
    assert named(EmptyImage(width=8, height=8).IMAGE) == "EmptyImage"
    assert named([one, (other,)]) == ("SaveImage", ("PreviewImage",))
    assert named({"a": one, "b": {"c": [other]}}) == {"a": "SaveImage", "b": {"c": ("PreviewImage",)}}
    pair = named(Pair(one, {"deep": other}))
    assert isinstance(pair, Pair)
    assert pair == Pair("SaveImage", {"deep": "PreviewImage"})


@pytest.mark.parametrize("kind", [Both, Firm])
def test_an_object_of_the_user_s_comes_back_as_another_of_its_class(kind: Any) -> None:
    root = kind(picture=save())
    made = named(root)
    assert type(made) is kind
    assert made.picture == "SaveImage"
    assert isinstance(root.picture, SaveImage), "the user's own is left as it was"
    assert getattr(made, "words", "none") == "none"


@pytest.mark.parametrize("inside", [lambda it: it, lambda it: [save(), it], lambda it: {"a": it}])
def test_a_class_in_the_place_of_a_node_is_called_one(inside: Any) -> None:
    with pytest.raises(NodeUsageError, match="SaveImage is a class; call it to create a node"):
        list(root_nodes(inside(SaveImage)))


def test_the_nodes_of_a_root_are_found_in_their_order() -> None:
    nodes = [save(width) for width in (8, 16, 24, 32)]
    root: Mapping[str, Any] = {"a": nodes[0], "b": Both(nodes[1]), "c": [Pair(nodes[2], nodes[3].images)]}
    assert list(root_nodes(root)) == nodes


class Endless:
    """Says of itself, as numbers of numpy do, that there is a plain value in it; it is never plain."""

    ndim = 0

    def item(self) -> Endless:
        return self


def test_a_value_that_never_becomes_plain_is_refused() -> None:
    with pytest.raises(CompileError, match="input 'x' of Any: the value is nested more than"):
        Workflow(raw_node("Any", {"x": Endless()})).compile()


@pytest.mark.parametrize("kind", [Pair, Both])
def test_objects_of_the_user_s_are_nested_no_deeper_than_lists(kind: Any) -> None:
    """A plain value beside the nodes may stand at any depth."""
    root: Any = save()
    for _ in range(49):
        root = kind(root, "words")
    assert len([*root_nodes(root)]) == 1
    for _ in range(12):
        root = kind(root, "words")
    with pytest.raises(NodeUsageError, match="nested more than 50 levels deep"):
        [*root_nodes(root)]


@pytest.mark.parametrize("beside", ["a text", 3, 2.5, True, None])
def test_what_may_stand_beside_nodes_comes_back_as_it_is(beside: Any) -> None:
    for root in (Both(save(), beside), Pair(save(), beside)):
        assert [node._class_type for node in root_nodes(root)] == ["SaveImage"]
        assert named(root) == type(root)("SaveImage", beside)
    for root in ([save(), beside], {"a": save(), "b": beside}, (beside,)):
        with pytest.raises(NodeUsageError, match="a workflow is made of nodes, "):
            [*root_nodes(root)]


@pytest.mark.parametrize("odd", [{1, 2}, b"x", object(), 1j, range(2)])
def test_nothing_else_may_stand_beside_nodes(odd: Any) -> None:
    for root in (Both(save(), odd), Pair(save(), odd), Both(save(), [odd]), Pair([save()], ("text",))):
        with pytest.raises(NodeUsageError, match="a workflow is made of nodes, not of "):
            [*root_nodes(root)]


@pytest.mark.parametrize(("depth", "refused"), [(49, False), (50, True)])
def test_how_deep_the_roots_of_a_workflow_may_be_nested(depth: int, refused: bool) -> None:
    root: Any = Both(save(), "text")
    for _ in range(depth):
        root = [root]
    if refused:
        with pytest.raises(NodeUsageError, match="nested more than 50 levels deep"):
            [*root_nodes(root)]
    else:
        assert len([*root_nodes(root)]) == 1
