from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.graph import (
    ROOT,
    Canvas,
    Graph,
    GraphNode,
    Group,
    Link,
    Note,
    Scope,
    ScopeInput,
    ScopeOutput,
    read_prompt,
)
from comfyflow.graph.canvas import Point, Size
from comfyflow.layout import Section, appearance, layout, ordering, part, read_sheets
from comfyflow.layout.columns import ItemColumns
from comfyflow.layout.groups import _remembered, arrange
from comfyflow.layout.heights import isotonic
from comfyflow.layout.ordering import crossings, inversions, ordered, swapped
from comfyflow.layout.ranks import forward, ranks
from comfyflow.layout.wire import Wire, cross, crossing_count, cuts
from comfyflow.schema.package import reference_schema

TITLE = 30.0
EXAMPLE = Path(__file__).parents[1] / "examples" / "txt2img.prompt.json"
Box = tuple[float, float, float, float]


def text_to_image() -> Graph:
    return read_prompt(json.loads(EXAMPLE.read_text(encoding="utf-8")))


@st.composite
def drawings(draw: st.DrawFn, circles: bool = True) -> tuple[list[Size], list[Wire], list[list[int]]]:
    count = draw(st.integers(1, 14))
    sizes = draw(
        st.lists(
            # A node is as high as its slots need: the lowest of these stands at 84.
            st.tuples(st.integers(60, 500), st.integers(90, 400)).map(
                lambda size: (float(size[0]), float(size[1]))
            ),
            min_size=count,
            max_size=count,
        )
    )
    pairs = draw(st.lists(st.tuples(*[st.integers(0, count - 1)] * 2, *[st.integers(0, 2)] * 2), max_size=24))
    wires = [
        Wire(source, 44.0 + 20 * out, target, 44.0 + 20 * slot)
        for source, target, out, slot in pairs
        if circles or source < target
    ]
    home = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    groups = [[box for box in range(count) if home[box] == number] for number in (1, 2, 3)]
    groups.append(sorted({*groups[0], *groups[1]}))
    return sizes, wires, groups


def boxes_of(sizes: Sequence[Size], places: Sequence[Point]) -> list[Box]:
    return [(*place, *size) for place, size in zip(places, sizes, strict=True)]


def overlapping(boxes: Sequence[Box]) -> Iterator[tuple[Box, Box]]:
    for one, other in itertools.combinations(boxes, 2):
        across = one[0] < other[0] + other[2] - 1e-6 and other[0] < one[0] + one[2] - 1e-6
        if across and one[1] < other[1] + other[3] - 1e-6 and other[1] < one[1] + one[3] - 1e-6:
            yield one, other


@settings(max_examples=40)
@given(drawings())
def test_no_box_lies_over_another(drawing: tuple[list[Size], list[Wire], list[list[int]]]) -> None:
    sizes, wires, groups = drawing
    for grouped in ((), groups):
        places = arrange(sizes, wires, grouped)
        assert not list(overlapping(boxes_of(sizes, places)))
        kept = list(places)
        places.clear()  # what is remembered is nobody's to change
        assert kept == arrange(sizes, wires, grouped)
        _remembered.cache_clear()
        assert kept == arrange(sizes, wires, grouped)


@settings(max_examples=40)
@given(drawings())
def test_nothing_else_stands_where_a_group_is(
    drawing: tuple[list[Size], list[Wire], list[list[int]]],
) -> None:
    sizes, wires, groups = drawing
    boxes = boxes_of(sizes, arrange(sizes, wires, groups))
    for group in groups:
        held = [boxes[box] for box in group]
        if held:
            left, top = min(box[0] for box in held), min(box[1] for box in held)
            right = max(box[0] + box[2] for box in held)
            bottom = max(box[1] + box[3] for box in held)
            area = (left, top, right - left, bottom - top)
            for other in set(range(len(boxes))) - set(group):
                assert not list(overlapping([area, boxes[other]]))


@given(drawings(circles=False))
def test_every_wire_leads_to_the_right(drawing: tuple[list[Size], list[Wire], list[list[int]]]) -> None:
    sizes, wires, _ = drawing
    places = arrange(sizes, wires)
    for wire in wires:
        assert places[wire.source][0] + sizes[wire.source][0] < places[wire.target][0]


@settings(max_examples=40)
@given(drawings())
def test_a_circle_is_opened_at_a_wire_that_leads_back(
    drawing: tuple[list[Size], list[Wire], list[list[int]]],
) -> None:
    sizes, wires, _ = drawing
    ahead = forward(len(sizes), wires)
    found = ranks(sizes, ahead, (75, 30))
    assert all(found[wire.source] < found[wire.target] for wire in ahead)
    assert set(found) == set(range(max(found) + 1))


@settings(max_examples=40)
@given(drawings(circles=False))
def test_an_order_has_no_more_crossings_than_it_began_with(
    drawing: tuple[list[Size], list[Wire], list[list[int]]],
) -> None:
    sizes, wires, _ = drawing
    ahead = forward(len(sizes), wires)
    columns = ItemColumns(sizes, ahead, ranks(sizes, ahead, (75, 30)))
    before = crossings(columns, columns.members)
    better = ordered(columns, columns.members)
    assert crossings(columns, better) <= before
    assert crossings(columns, swapped(columns, columns.members)) <= before
    assert [sorted(column) for column in better] == [sorted(column) for column in columns.members]


@settings(max_examples=40)
@given(drawings(circles=False))
def test_swaps_end_where_none_makes_fewer_wires_cross(
    drawing: tuple[list[Size], list[Wire], list[list[int]]],
) -> None:
    sizes, wires, _ = drawing
    ahead = forward(len(sizes), wires)
    columns = ItemColumns(sizes, ahead, ranks(sizes, ahead, (75, 30)))
    with patch.object(ordering, "_SWAPS", 1000):
        order = swapped(columns, columns.members)
    fewest = crossings(columns, order)
    for column in order:
        for upper, lower in itertools.pairwise(range(len(column))):
            column[upper], column[lower] = column[lower], column[upper]
            assert crossings(columns, order) >= fewest
            column[upper], column[lower] = column[lower], column[upper]


def test_swaps_look_only_at_what_may_have_changed() -> None:
    deep, rows = 30, 4
    sizes = [(200.0, 100.0)] * (deep * rows)
    wires = [Wire(box, 44, box + rows, 44) for box in range((deep - 1) * rows)]
    columns = ItemColumns(sizes, wires, [box // rows for box in range(deep * rows)])
    start = [[1, 0, 2, 3], *columns.members[1:]]
    with (
        patch.object(ordering, "_swap", wraps=ordering._swap) as swap,
        patch.object(ordering, "_slots", wraps=ordering._slots) as slots,
    ):
        assert swapped(columns, start) == columns.members
    # All columns once, and the one that has changed again; on both sides, each item is looked at once.
    assert swap.call_count == deep + 1
    assert slots.call_count == 2 * rows * (deep + 1)


def test_rows_of_a_long_chain_look_at_each_box_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    class Read(dict[int, int]):
        def __missing__(self, box: int) -> int:
            read.append(box)
            return box

    count = 400
    sizes = [(300.0, 120.0)] * count
    wires = [Wire(index, 44, index + 1, 44) for index in range(count - 1)]
    columns = ItemColumns(sizes, wires, range(count))
    monkeypatch.setattr(columns, "ranks", Read())
    edges = [(375.0 * column, 300.0) for column in range(count)]
    places = part._places(columns, sizes, [0.0] * count, edges)
    assert len({place[1] for place in places}) > 5
    assert len(read) == count


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 5)), min_size=1, max_size=8))
def test_isotonic_values_rise_and_keep_the_weighted_mean(pairs: list[tuple[int, int]]) -> None:
    wanted, weights = [float(value) for value, _ in pairs], [float(weight) for _, weight in pairs]
    found = isotonic(wanted, weights)
    assert all(one <= other + 1e-9 for one, other in itertools.pairwise(found))
    means = [sum(v * w for v, w in zip(values, weights, strict=True)) for values in (wanted, found)]
    assert math.isclose(*means, abs_tol=1e-6)
    if all(one < other for one, other in itertools.pairwise(wanted)):
        assert found == pytest.approx(wanted)


@given(st.lists(st.integers(0, 9), max_size=12))
def test_inversions_are_the_pairs_in_the_wrong_order(values: list[int]) -> None:
    assert inversions(values) == sum(one > other for one, other in itertools.combinations(values, 2))


SEGMENTS = st.tuples(*[st.integers(0, 12)] * 4).map(lambda line: (line[0], line[1], line[2] + 13, line[3]))


@given(st.lists(SEGMENTS, max_size=8))
def test_crossings_are_counted_by_pairs(lines: list[tuple[int, int, int, int]]) -> None:
    pairs = itertools.combinations(lines, 2)
    assert crossing_count(lines) == sum(cross(one, other) for one, other in pairs)


def test_a_line_cuts_a_box_only_through_its_inside() -> None:
    box = (10.0, 10.0, 10.0, 10.0)
    assert cuts((0, 15, 30, 15), box)
    assert cuts((0, 0, 30, 30), box)
    assert not cuts((0, 10, 30, 10), box)
    assert not cuts((0, 15, 10, 15), box)
    assert not cuts((0, 20, 12, 40), box)
    assert cross((0, 0, 10, 10), (0, 10, 10, 0))
    assert not cross((0, 0, 10, 10), (0, 0, 10, 5))
    assert not cross((0, 0, 10, 10), (0, 1, 10, 11))


def test_a_long_chain_is_broken_into_rows() -> None:
    count = 40
    sizes = [(300.0, 120.0)] * count
    wires = [Wire(index, 44, index + 1, 44) for index in range(count - 1)]
    places = arrange(sizes, wires)
    wide = max(place[0] for place in places) + 300
    high = max(place[1] for place in places) + 120
    assert wide < 4.7 * high
    assert not list(overlapping(boxes_of(sizes, places)))
    assert (
        sum(places[index + 1][0] < places[index][0] for index in range(count - 1))
        == len({place[1] for place in places}) - 1
    )
    short = arrange(sizes[:12], wires[:11])
    assert {place[1] for place in short} == {0.0}


def test_parts_stand_on_shelves_and_share_no_columns() -> None:
    sizes = [(200.0, 100.0)] * 24
    wires = [Wire(index, 44, index + 1, 44) for index in range(0, 24, 2)]
    places = arrange(sizes, wires)
    wide = max(place[0] for place in places) + 200
    high = max(place[1] for place in places) + 100
    assert 1 < wide / high < 3.5


def test_a_loader_stands_in_the_column_before_its_first_user() -> None:
    sizes = [(200.0, 100.0)] * 6
    chain = [Wire(index, 44, index + 1, 44) for index in range(4)]
    places = arrange(sizes, [*chain, Wire(5, 44, 4, 64)])
    assert places[5][0] == places[3][0]


def test_wires_past_many_columns_do_not_make_lanes_without_end() -> None:
    count = 600
    sizes = [(100.0, 60.0)] * count
    wires = [Wire(index, 44, index + 1, 44) for index in range(count - 1)]
    wires += [Wire(index, 64, count - 1, 44 + index) for index in range(count - 2)]
    ahead = forward(count, wires)
    columns = ItemColumns(sizes, ahead, ranks(sizes, ahead, (75, 30)))
    assert len(columns.heights) < 1000 + 10 * count
    assert len(columns.paths) < len(wires)
    assert len(arrange(sizes, wires)) == count


def test_a_workflow_is_laid_out_left_to_right() -> None:
    graph = text_to_image()
    canvas = layout(graph, reference_schema())
    assert set(canvas.positions) == set(canvas.sizes) == set(graph)
    boxes = [(x, y - TITLE, w, h + TITLE) for (x, y), (w, h) in sized(canvas)]
    assert not list(overlapping(boxes))
    for node_id in graph:
        for source in graph.sources(node_id):
            right = canvas.positions[source][0] + canvas.sizes[source][0]
            assert right < canvas.positions[node_id][0]
    assert not canvas.groups


def sized(canvas: Canvas) -> list[tuple[Point, Size]]:
    return [(place, canvas.sizes[key]) for key, place in canvas.positions.items()]


def test_sections_become_groups_and_notes_stand_in_them_or_left_of_all() -> None:
    graph = text_to_image()
    first, *rest = list(graph)
    inside = Note("what this is for", None, (0, 0), False)
    outside = Note("# The workflow\n" + "words " * 200, "About", (0, 0), True)
    sections = [Section("all", list(graph)), Section("one", [first, "absent"], notes=(inside,))]
    canvas = layout(graph, reference_schema(), sections=sections, notes={ROOT: [outside]})
    large, small = canvas.groups[ROOT]
    assert (large.title, small.title) == ("all", "one")
    assert small.holds(canvas.positions[first])
    assert all(large.holds(canvas.positions[node_id]) for node_id in graph)
    assert not any(small.holds(canvas.positions[node_id]) for node_id in rest)
    placed, left = canvas.notes[ROOT]
    assert placed.text == inside.text
    assert small.holds(placed.position)
    assert left.size is not None
    assert left.position[0] + left.size[0] < large.box[0]
    assert left.size[1] > 300


def test_a_note_stands_below_the_nodes_of_its_group_and_in_the_groups_around_it() -> None:
    graph = text_to_image()
    first, second, *_ = list(graph)
    note = Note("about the first", None, (0, 0), False)
    sections = [
        Section("both", [first, second]),
        Section("inner", [first], notes=(note,)),
        Section("the same", [first], notes=(note,)),
    ]
    schema = reference_schema()
    canvas = layout(graph, schema, sections=sections)
    boxes = {group.title: group.box for group in canvas.groups[ROOT]}
    for inner, outer in (("the same", "inner"), ("inner", "both")):
        left, top, width, height = boxes[inner]
        around = boxes[outer]
        assert around[0] < left
        assert around[1] < top
        assert left + width < around[0] + around[2]
        assert top + height < around[1] + around[3]
    places = [placed.position for placed in canvas.notes[ROOT]]
    bottom = canvas.positions[first][1] + canvas.sizes[first][1]
    assert all(place[1] > bottom for place in places)
    again = layout(Graph(graph.values(), canvas=canvas), schema, afresh=True)
    assert {group.title for group in again.groups[ROOT]} == set(boxes)
    assert len(again.notes[ROOT]) == 2
    assert all(place[1] > again.positions[first][1] for place in (one.position for one in again.notes[ROOT]))


def test_places_are_kept_and_what_is_new_stands_free_beside_what_it_needs() -> None:
    graph = text_to_image()
    schema = reference_schema()
    *known, last = graph.order()
    placed = layout(graph, schema)
    kept = {node_id: placed.positions[node_id] for node_id in known}
    fence = Group("not here", (placed.positions[last][0] - 50, placed.positions[last][1] - 100, 2000, 900))
    note = Note("n", None, (fence.box[0], fence.box[1] + 1000), False)
    canvas = Canvas(kept, {ROOT: (fence,)}, {ROOT: (note,)})
    found = layout(Graph(graph.values(), canvas=canvas), schema, notes={ROOT: [note]})
    assert {node_id: found.positions[node_id] for node_id in known} == kept
    boxes = [(x, y - TITLE, w, h + TITLE) for (x, y), (w, h) in sized(found)]
    assert not list(overlapping(boxes))
    assert not fence.holds(found.positions[last])
    (source,) = graph.sources(last)
    assert found.positions[last][0] > found.positions[source][0]
    assert found.groups == canvas.groups
    assert found.notes[ROOT][0] == note
    assert found.notes[ROOT][1].position[0] < min(place[0] for place in found.positions.values())
    again = layout(Graph(graph.values(), canvas=found), schema, afresh=True)
    assert not list(overlapping([(x, y - TITLE, w, h + TITLE) for (x, y), (w, h) in sized(again)]))
    assert again.positions != found.positions


def test_new_nodes_that_are_linked_to_nothing_stand_below() -> None:
    nodes = [GraphNode("a", "X", {}), *(GraphNode(f"n{index}", "X", {}) for index in range(250))]
    canvas = Canvas({"a": (40.0, 50.0)}, sizes={"a": (100.0, 60.0)})
    found = layout(Graph(nodes, canvas=canvas))
    assert found.positions["a"] == (40.0, 50.0)
    assert all(place[1] > 110 for key, place in found.positions.items() if key != "a")
    assert not list(overlapping([(x, y - TITLE, w, h + TITLE) for (x, y), (w, h) in sized(found)]))


def scoped() -> Graph:
    """A picture that goes through a scope in a scope; the inner one does not tell what goes in and out."""
    nodes = [
        GraphNode("1", "LoadImage", {"image": "x.png"}),
        GraphNode("2:5", "ImageInvert", {"image": Link("1", 0)}, scope="2"),
        GraphNode("2:3:6", "ImageInvert", {"image": Link("2:5", 0)}, scope="2:3"),
        GraphNode("2:3:7", "ImageInvert", {"image": Link("2:5", 0)}, scope="2:3"),
        GraphNode("4", "SaveImage", {"images": Link("2:3:7", 0), "filename_prefix": "x"}),
        GraphNode("8", "SaveImage", {"images": Link("gone", 0), "filename_prefix": "x"}),
    ]
    outer = Scope(
        "2",
        name="Upside down",
        inputs=(ScopeInput("picture", source=Link("1", 0), targets=(("2:5", "image"),), type="IMAGE"),),
        outputs=(ScopeOutput("IMAGE", type="IMAGE", source=Link("2:3:7", 0)),),
    )
    return Graph(nodes, [outer, Scope("2:3", "2")])


def test_each_scope_has_a_canvas_of_its_own() -> None:
    sheets = read_sheets(scoped(), reference_schema())
    assert {key: list(sheet.shapes) for key, sheet in sheets.items()} == {
        ROOT: ["1", "2", "4", "8"],
        "2": ["2:5", "2:3"],
        "2:3": ["2:3:6", "2:3:7"],
    }
    links = [(link.source, link.slot, link.target, link.name) for link in sheets[ROOT].links]
    assert links == [("1", 0, "2", "picture"), ("2", 0, "4", "images")]
    assert [(link.source, link.target) for link in sheets["2"].links] == [("2:5", "2:3")]
    assert [(link.source, link.slot, link.target) for link in sheets["2"].doors] == [
        ("", 0, "2:5"),
        ("2:3", 0, ""),
    ]
    assert [(link.source, link.target) for link in sheets["2:3"].doors] == [
        ("", "2:3:6"),
        ("", "2:3:7"),
        ("2:3:7", ""),
    ]
    assert [slot.name for slot in sheets["2"].shapes["2:3"].inputs] == ["image"]
    assert {link.type for link in sheets[ROOT].links} == {"IMAGE"}
    canvas = layout(scoped(), reference_schema())
    assert set(canvas.positions) == {"1", "2", "4", "8", "2:5", "2:3", "2:3:6", "2:3:7"}
    assert canvas.positions["1"][0] < canvas.positions["2"][0] < canvas.positions["4"][0]
    assert canvas.positions["2:5"][0] < canvas.positions["2:3"][0]


def test_a_node_is_as_large_as_the_editor_makes_it() -> None:
    schema = reference_schema()
    sampler = GraphNode("1", "KSampler", {"model": Link("2", 0), "seed": 1, "steps": 20})
    shape = appearance(sampler, schema["KSampler"])
    assert [slot.name for slot in shape.inputs] == ["model", "positive", "negative", "latent_image"]
    names = [widget.name for widget in shape.widgets]
    assert names == ["seed", "control_after_generate", "steps", "cfg", "sampler_name", "scheduler", "denoise"]
    assert shape.least[1] == 20 * 4 + 8 + 24 * 7 + 6
    assert shape.input_height("negative") == 54
    assert shape.input_height("steps") == 20 * 4 + 8 + 24 * 2 + 12
    assert shape.output_height(0) == shape.output_height(9) == 14
    text = appearance(GraphNode("1", "CLIPTextEncode", {"text": "x"}), schema["CLIPTextEncode"])
    assert text.least[1] == 20 + 8 + 54 + 6
    assert text.size == (430, 192)
    decode = appearance(GraphNode("1", "VAEDecode", {}), schema["VAEDecode"])
    assert decode.least == decode.size == (len("samples" + "IMAGE") * 8 + 45, 46)


def test_a_class_that_nobody_knows_has_what_its_prompt_says() -> None:
    node = GraphNode("1", "Mystery", {"a": Link("2", 0), "b": 3}, "A title")
    shape = appearance(node, None, outputs=2)
    assert (shape.title, [slot.name for slot in shape.inputs]) == ("A title", ["a"])
    assert [(widget.name, widget.value) for widget in shape.widgets] == [("b", 3)]
    assert len(shape.outputs) == 2
    assert shape.input_height("absent") == 14
    sizes = {"1": (500.0, 400.0)}
    assert layout(Graph([node]), sizes=sizes).sizes == sizes
    assert layout(Graph()) == Canvas()


def test_inside_a_scope_the_order_is_that_of_what_leads_in() -> None:
    """The nodes stand as their inputs do, whatever their order in the graph; the boundary beside them."""
    count = 6
    nodes = [
        GraphNode("1", "EmptyImage", {}),
        *(
            GraphNode(f"2:{10 + number}", "ImageInvert", {"image": Link("1", 0)}, scope="2")
            for number in range(count)
        ),
    ]
    entries = [
        ScopeInput(
            f"image {number}", type="IMAGE", source=Link("1", 0), targets=((f"2:{10 + number}", "image"),)
        )
        for number in reversed(range(count))
    ]
    ends = [
        ScopeOutput(f"out {n}", type="IMAGE", source=Link(f"2:{10 + n}", 0)) for n in reversed(range(count))
    ]
    graph = Graph(nodes, [Scope("2", inputs=tuple(entries), outputs=tuple(ends))])
    canvas = layout(graph, reference_schema())
    tops = [canvas.positions[f"2:{10 + number}"][1] for number in range(count)]
    assert tops == sorted(tops, reverse=True)
    (entry, exit_), inner = canvas.ends["2"], [canvas.positions[f"2:{10 + n}"] for n in range(count)]
    assert entry[0] + 128 < min(place[0] for place in inner)
    assert exit_[0] > max(place[0] for place in inner)
    assert min(tops) < entry[1] < max(tops)
