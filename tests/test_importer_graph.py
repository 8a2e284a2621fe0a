from __future__ import annotations

from comfyflow.graph import ROOT, Graph, Link, to_prompt
from comfyflow.importer import Conversion

from .editor_json import boundary, convert, node, outputs, subgraph, with_subgraphs, workflow

INVERT = subgraph(
    "d",
    [
        node(5, "Invert", links={"image": 1}, outputs=outputs([2]), pos=[10, 20]),
        node(6, "Note", ["look"], pos=[500, 500], size=[200, 90]),
    ],
    [[1, -10, 0, 5, 0], [2, 5, 0, -20, 0]],
    [boundary("image", "IMAGE", 1)],
    [boundary("IMAGE", "IMAGE", 2)],
)
INVERT["groups"] = [{"title": "inside", "bounding": [0, 0, 100, 100]}]


def hosted() -> Conversion:
    """A picture that a subgraph inverts, in a group, and a class that nobody knows."""
    return convert(
        with_subgraphs(
            [
                node(1, "LoadImage", ["x.png"], outputs=outputs([1], []), pos=[0, 0]),
                node(
                    2,
                    "d",
                    links={"image": 1},
                    outputs=outputs([2]),
                    title="Upside down",
                    pos={"0": 300, "1": 40},
                    size={"0": 210, "1": 60},
                ),
                node(3, "SaveImage", ["out"], {"images": 2}, pos=[600, 0], size=[-1, 40]),
                node(4, "Mystery", outputs=outputs([])),
            ],
            [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]],
            INVERT,
            groups=[
                {"title": "small", "bounding": [290, 30, 50, 50]},
                {"title": "large", "bounding": [-10, -10, 900, 900]},
                {"bounding": "none"},
            ],
        )
    )


def test_the_graph_of_a_conversion_is_its_prompt() -> None:
    conversion = hosted()
    graph = conversion.graph
    assert list(graph) == list(conversion)
    prompt = to_prompt(graph)
    assert prompt.pop("4") == {**conversion["4"], "class_type": "Mystery"}
    assert prompt == {node_id: entry for node_id, entry in conversion.items() if node_id != "4"}


def test_a_scope_says_what_goes_in_and_out() -> None:
    graph = hosted().graph
    (scope,) = graph.scopes.values()
    assert graph.around("2:5") == [scope]
    assert graph["2:5"].scope == scope.scope_id == "2"
    assert (scope.outer, scope.name, scope.title, scope.definition) == (
        ROOT,
        "subgraph d",
        "Upside down",
        "d",
    )
    (entry,) = scope.inputs
    assert (entry.name, entry.source, entry.targets) == ("image", Link("1", 0), (("2:5", "image"),))
    (given,) = scope.outputs
    assert given.source == Link("2:5", 0)


def test_a_canvas_says_where_things_stand_and_what_is_around_them() -> None:
    canvas = hosted().graph.canvas
    assert canvas.positions["2"] == (300.0, 40.0)
    assert canvas.positions["2:5"] == (10.0, 20.0)
    assert [group.title for group in canvas.groups[ROOT]] == ["large", "small", ""]
    assert [group.title for _, group in canvas.groups_around(ROOT, canvas.positions["2"])] == [
        "small",
        "large",
    ]
    assert [group.title for _, group in canvas.groups_around("2", canvas.positions["2:5"])] == ["inside"]
    assert [(note.text, note.size) for note in canvas.notes["2"]] == [("look", (200.0, 90.0))]
    assert canvas.sizes == {"2": (210.0, 60.0)}


def test_a_graph_is_of_the_prompt_as_it_is_now() -> None:
    conversion = convert(workflow([node(1, "LoadImage", ["x.png"])]))
    conversion["1"]["inputs"]["image"] = "y.png"
    graph: Graph = conversion.graph
    assert graph["1"].inputs["image"] == "y.png"
