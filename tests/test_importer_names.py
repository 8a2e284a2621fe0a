"""The values of other nodes in file names: how ``%Node.widget%`` finds its node, and what it gives [11]."""

from __future__ import annotations

from typing import Any

import pytest

from tests.editor_json import boundary, inputs_of, node, subgraph, with_subgraphs, workflow

NAME = "Node name for S&R"
Json = dict[str, Any]


def named(text: str, *nodes: Json, editor: str = "1.45") -> str:
    """What a name of a file becomes beside some nodes."""
    sent: str = inputs_of(workflow([*nodes, node(99, "SaveImage", [text])]), "99", editor)["filename_prefix"]
    return sent


def latent(id_: int, width: Any, title: str | None = None, name: str | None = None) -> Json:
    saved: Json = {} if title is None else {"title": title}
    if name is not None:
        saved["properties"] = {NAME: name}
    return node(id_, "Latent", [width, 64], **saved)


def test_the_name_for_it_comes_before_the_title_and_the_first_node_before_others() -> None:
    both = (latent(1, 16, title="A"), latent(2, 24, name="A"), latent(3, 32, name="A"))
    assert named("%A.width%", *both) == "24"
    assert named("%A.width%", latent(1, 16, title="A"), latent(2, 24, title="A")) == "16"
    assert named("%A.width%_%B.width%", latent(1, 16, title="A", name="B")) == "16_16"


@pytest.mark.parametrize("text", ["%A.nothing%", "%B.width%", "%A%", "%.width%", "%A.%"])
def test_what_names_no_widget_stays_as_it_is(text: str) -> None:
    assert named(f"x_{text}", latent(1, 16, title="A")) == f"x_{text}"


def test_a_text_without_a_sign_is_not_looked_at() -> None:
    assert named("A.width", latent(1, 16, title="A")) == "A.width"


def test_what_holds_nothing_gives_nothing() -> None:
    empty = node(1, "Note8", [None], title="A")
    assert named("x_%A.text%_y", empty) == "x__y"


def used(text: str, values: list[Any], editor: str, inner_title: str = "Inside") -> str:
    """A name of a file beside a use of a subgraph that shows the steps of a node in it."""
    inside = subgraph(
        "d",
        [node(5, "Sampler", [7, "fixed", 20, 8.0, "euler"], {"*steps": 1}, title=inner_title)],
        [[1, -10, 0, 5, 3]],
        [boundary("steps", "INT", 1)],
    )
    use = node(1, "d", values, {"*steps": None}, title="Use")
    made = with_subgraphs([use, node(99, "SaveImage", [text])], [], inside)
    sent: str = inputs_of(made, "99", editor)["filename_prefix"]
    return sent


@pytest.mark.parametrize(("editor", "value"), [("1.40", "33"), ("1.45", "20"), ("1.49", "33")])
def test_a_subgraphs_node_has_the_widgets_that_it_shows(editor: str, value: str) -> None:
    assert used("%Use.steps%", [33], editor) == value
    assert used("%Use.seed%", [33], editor) == "%Use.seed%", "that one is not shown"


def test_a_node_inside_is_found_before_the_one_that_stands_for_it() -> None:
    assert used("%Inside.seed%", [33], "1.45") == "7"
    assert used("%Use.seed%", [33], "1.45", inner_title="Use") == "7"
