"""In which order a function makes its nodes: what stands in one group of the canvas stands together."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.python_source import to_python
from comfyflow.python_source.annotation import Annotations, CanvasGroup
from comfyflow.schema import Schema

IMAGE, TEXT = ["IMAGE", {}], ["STRING", {}]
SCHEMA = Schema(
    {
        "Make": {"input": {"required": {"name": TEXT}}, "output": ["IMAGE"]},
        "Blend": {
            "input": {"required": {"name": TEXT}, "optional": {f"image{n}": IMAGE for n in range(9)}},
            "output": ["IMAGE"],
        },
    }
)


def sections(groups: dict[str, str], **links: str) -> list[str]:
    """The groups and the nodes of a function, in the order in which they are written.

    Args:
        groups: The title of the group of a node.
        links: What a node is linked to, by its name: ``c="ab"``. Those with nothing are ``Make``.
    """
    nodes = [
        GraphNode(
            name,
            "Blend" if used else "Make",
            {"name": name, **{f"image{place}": Link(source, 0) for place, source in enumerate(used)}},
            f"Node {name}",  # what has a title is made on a line of its own
        )
        for name, used in links.items()
    ]
    numbered = {
        title: CanvasGroup(title, "", number) for number, title in enumerate(dict.fromkeys(groups.values()))
    }
    annotations = Annotations(groups={name: numbered[title] for name, title in groups.items()})
    source = to_python(Graph(nodes), SCHEMA, params=(), annotations=annotations)
    return [title or name for title, name in re.findall(r'# --- (.+) ---|\bname="(.)"', source)]


def test_numbered_groups_stand_in_the_order_of_their_numbers() -> None:
    """Whatever order their nodes would have without them."""
    groups = {"a": "Step 2", "b": "Step 1", "c": "3. Last"}
    assert sections(groups, a="", b="", c="", d="abc") == [
        "Step 1", "b", "Step 2", "a", "3. Last", "c", "d",
    ]  # fmt: skip


def test_groups_without_a_number_come_after_those_with_one() -> None:
    groups = {"a": "Sky", "b": "Step 7", "c": "Sea"}
    assert sections(groups, a="", b="", c="", d="abc") == [
        "Step 7", "b", "Sky", "a", "Sea", "c", "d",
    ]  # fmt: skip


def test_a_group_that_can_be_finished_comes_before_one_that_must_be_taken_up_again() -> None:
    """Else ``Step 1`` would stand there twice: before and after what it waits for."""
    groups = {"a": "Step 1", "b": "Step 2", "c": "Step 1"}
    assert sections(groups, a="", b="", c="ab") == ["Step 2", "b", "Step 1", "a", "c"]


def test_groups_that_need_each_other_are_taken_up_again() -> None:
    groups = {"a": "One", "b": "Two", "c": "One", "d": "Two"}
    assert sections(groups, a="", b="a", c="b", d="c") == [
        "One", "a", "Two", "b", "One", "c", "Two", "d",
    ]  # fmt: skip


@given(st.data())
def test_every_node_is_written_once_after_what_it_needs(data: st.DataObject) -> None:
    names = "abcdefgh"
    links: dict[str, Any] = {
        name: "".join(sorted(data.draw(st.sets(st.sampled_from(names[:place]), max_size=3)))) if place else ""
        for place, name in enumerate(names)
    }
    links["z"] = names
    titles = st.sampled_from(["Step 1", "Step 2", "Sky", ""])
    drawn = {name: data.draw(titles) for name in names}
    written = [word for word in sections({n: t for n, t in drawn.items() if t}, **links) if len(word) == 1]
    assert sorted(written) == sorted(links)
    for name, used in links.items():
        assert all(written.index(source) < written.index(name) for source in used)
