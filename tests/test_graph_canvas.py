"""How a workflow lies in the editor."""

from __future__ import annotations

import pytest

from comfyflow import read_prompt
from comfyflow.graph import ROOT, Canvas, Group, Note
from comfyflow.graph.canvas import NOWHERE


@pytest.mark.parametrize(
    ("position", "inside"),
    [
        ((10, 20), True),
        ((110, 70), True),
        ((110, 20), True),
        ((10, 70), True),
        ((60, 40), True),
        ((9.9, 40), False),
        ((110.1, 40), False),
        ((60, 19.9), False),
        ((60, 70.1), False),
    ],
)
def test_a_group_holds_what_stands_in_it_and_on_its_edges(
    position: tuple[float, float], inside: bool
) -> None:
    assert Group("around", (10, 20, 100, 50)).holds(position) is inside


def test_groups_around_a_place_are_told_from_the_smallest_on_with_their_numbers() -> None:
    large, other, small = (Group(title, box) for title, box in (
        ("large", (0, 0, 100, 100)), ("other", (60, 60, 30, 30)), ("small", (10, 10, 20, 20)))
    )  # fmt: skip
    canvas = Canvas(groups={ROOT: (large, other, small)})
    assert [*canvas.groups_around(ROOT, (15, 15))] == [(2, small), (0, large)]
    assert [*canvas.groups_around(ROOT, (70, 70))] == [(1, other), (0, large)]
    assert [*canvas.groups_around("12", (15, 15))] == []


def test_a_canvas_that_nobody_has_seen_is_empty() -> None:
    empty = Canvas()
    assert (empty.positions, empty.groups, empty.notes, empty.sizes, empty.document) == ({}, {}, {}, {}, None)
    assert (empty.ends, empty.collapsed) == ({}, frozenset())
    assert [*empty.groups_around(ROOT, NOWHERE)] == []
    assert read_prompt({}).canvas == empty
    assert NOWHERE == (0.0, 0.0)


def test_two_canvases_are_the_same_whatever_file_they_came_from() -> None:
    """The file is not shown either: it may be as long as one likes."""
    notes = {ROOT: (Note("read me", None, (1, 2), markdown=False),)}
    assert Canvas(notes=notes, document={"version": 1}) == Canvas(notes=notes, document={"version": 0.4})
    assert Canvas(notes=notes) != Canvas()
    assert "document" not in repr(Canvas(document={"version": 1}))
