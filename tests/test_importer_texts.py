"""Strangers' texts cost as much as they are long, and become what the editor makes of them."""

from __future__ import annotations

import multiprocessing
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfyflow.errors import ConversionError
from comfyflow.graph import ROOT
from comfyflow.importer.prompt_text import chosen_text
from comfyflow.python_source.program import find_units
from comfyflow.python_source.proof import checked_graph
from tests.editor_json import boundary, convert, inputs_of, node, subgraph, with_subgraphs, workflow
from tests.growing_texts import TEXTS, lines_run

LENGTH = 1500
STEEPEST = 2.6
LONG = 2_000_000
PROCESSOR_SECONDS = 60

SEARCHED = ["comments that nothing closes", "metadata of SVG that nothing closes", "JSON"]
"""Texts whose cost is that of a search, which takes no lines of Python."""


@pytest.mark.parametrize("name", TEXTS)
def test_twice_the_text_takes_twice_the_steps(name: str) -> None:
    TEXTS[name](LENGTH)()  # what is made once is made now
    once, twice = (lines_run(TEXTS[name](length)) for length in (LENGTH, 2 * LENGTH))
    assert twice <= STEEPEST * once


@pytest.mark.parametrize("name", SEARCHED)
def test_long_texts_are_searched_once(name: str) -> None:
    pytest.importorskip("resource")
    process = multiprocessing.get_context("spawn").Process(target=read_long, args=(name,))
    process.start()
    process.join()
    assert process.exitcode == 0


def read_long(name: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    TEXTS[name](LONG)()


def as_the_editor(text: str, source: random.Random) -> str:
    """Rule 10, word for word: a block's chosen alternative is rewritten as a text of its own."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    out, place = "", 0

    def escaped() -> str:
        nonlocal place
        place += 2
        return text[place - 2 : place] if place <= len(text) else "\\undefined"

    while place < len(text):
        if text[place] == "\\":
            out += escaped()
        elif text[place] == "{":
            place += 1
            parts, depth = [""], 0
            while place < len(text):
                char = text[place]
                if char == "\\":
                    parts[-1] += escaped()
                    continue
                place += 1
                if char == "}" and depth == 0:
                    break
                depth += (char == "{") - (char == "}")
                if char == "|" and depth == 0:
                    parts.append("")
                else:
                    parts[-1] += char
            out += as_the_editor(source.choice(parts), source)
        else:
            out += text[place]
            place += 1
    return re.sub(r"\\([{}|])", r"\1", out)


PIECES = st.sampled_from(["{", "}", "|", "\\", "/", "*", "a", "b", "\n", "//", "/*", "*/", "{a|b}"])


@given(st.lists(PIECES, max_size=24).map("".join), st.integers(0, 9))
@settings(max_examples=300)
def test_dynamic_prompts_are_what_the_editor_makes_of_them(text: str, seed: int) -> None:
    assert chosen_text(text, random.Random(seed)) == as_the_editor(text, random.Random(seed))


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("\0000\1 {a} {b}", "\0000\1 {a} {b}"),
        ("{\0001\1\0001\1}{\0000\1\0000\1}", "{\0001\1\0001\1}{\0000\1\0000\1}"),
        ("{a {b|b} c}", "{a b c}"),
        ("{{a}|{a}}", "{a}"),
        ("{ a | b", "{ a | b"),
        ("{ a | {b|b}", "{ a | b"),
        ("a | b }", "a | b }"),
        (r"\{a\|b\} {c\}}", r"{a|b} {c\}}"),
        (r"C:\dir\{c|c}", r"C:\dir{c|c}"),
        (r"C:\\dir\\{c|c}", r"C:\\dir\\c"),
        ("ends with \\", "ends with \\"),
    ],
)
def test_repair_changes_choices_and_nothing_else(text: str, sent: str) -> None:
    assert inputs_of(workflow([node(1, "Encode", [text])]), "1", repair=True)["text"] == sent


def test_text_that_cannot_be_chosen_from_is_not_reported_as_a_choice() -> None:
    made = workflow([node(1, "Encode", ['{"a": 1} or a | b'])])
    assert [warning.type for warning in convert(made).warnings] == ["text_rewritten"]
    assert convert(made, repair=True).warnings == []


def test_braces_that_are_lost_beside_a_choice_are_reported() -> None:
    made = workflow([node(1, "Encode", ['{"a": {b|c}}'])])
    assert [warning.type for warning in convert(made).warnings] == ["random_choice", "text_rewritten"]


def test_names_cannot_make_a_short_text_endless() -> None:
    long = node(1, "Note8", ["x" * 1_000_000], properties={"Node name for S&R": "N"})
    saved = node(2, "SaveImage", ["%N.text%" * 1000], {"images": None})
    with pytest.raises(ConversionError, match=r"such as %N\.text%, expand to more than 10000000 characters"):
        convert(workflow([long, saved]))


def doubling(levels: int, leaf: list[Any], id_: str = "1") -> dict[str, Any]:
    """Subgraphs that each use the next one twice."""
    inner = [
        subgraph(f"d{level}", [node(int(id_), f"d{level + 1}"), node(2, f"d{level + 1}")], [])
        for level in range(levels)
    ]
    return with_subgraphs([node(1, "d0")], [], *inner, subgraph(f"d{levels}", leaf, []))


@pytest.mark.parametrize("editor", ["1.45", "1.27"])
@pytest.mark.parametrize("levels", [17, 60, 199])
def test_subgraphs_are_counted_before_they_are_expanded(levels: int, editor: str) -> None:
    made = doubling(levels, [node(1, "Encode", ["a"])])
    with pytest.raises(ConversionError, match=r"the subgraphs in .* expand to .* nodes; more than 100,000"):
        convert(made, editor)


def test_subgraphs_within_the_bound_are_expanded() -> None:
    assert len(convert(doubling(6, [node(1, "Encode", ["a"])]))) == 64


def test_the_bound_of_what_is_expanded_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "nodes=60")
    with pytest.raises(ConversionError, match=r"more than 60 are .* set COMFYFLOW_BOUNDS=nodes=…$"):
        convert(doubling(6, [node(1, "Encode", ["a"])]))
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "nodes=200")
    assert len(convert(doubling(6, [node(1, "Encode", ["a"])]))) == 64


def test_muted_subgraphs_do_not_count_where_they_are_not_expanded() -> None:
    made = doubling(60, [node(1, "Encode", ["a"])])
    made["nodes"][0]["mode"] = 2
    assert convert(made) == {}


def test_nested_texts_and_ids_are_counted_too() -> None:
    made = doubling(12, [node(1, "Encode", ["long " * 10_000])])
    with pytest.raises(ConversionError, match="characters of ids and text"):
        convert(made)
    host = node("x" * 100_000, "d")
    many = [node(number, "Encode", ["a"]) for number in range(2, 1002)]
    with pytest.raises(ConversionError, match="characters of ids and text"):
        convert(with_subgraphs([host], [], subgraph("d", many, [])))


def test_subgraphs_in_a_circle_or_too_deep_are_refused() -> None:
    circle = subgraph("d", [node(5, "e")], []), subgraph("e", [node(6, "d")], [])
    with pytest.raises(ConversionError, match="'subgraph d' contains itself"):
        convert(with_subgraphs([node(1, "d")], [], *circle))
    deep = [subgraph(f"d{level}", [node(1, f"d{level + 1}")], []) for level in range(201)]
    with pytest.raises(ConversionError, match="nested more than 200 deep"):
        convert(with_subgraphs([node(1, "d0")], [], *deep))


def test_group_nodes_are_counted_before_they_are_expanded() -> None:
    group = {"nodes": [{"type": "Invert", "index": number} for number in range(1000)], "links": []}
    made = workflow([node(number, "workflow>G") for number in range(101)], extra={"groupNodes": {"G": group}})
    with pytest.raises(ConversionError, match="the group nodes expand to 101000 nodes"):
        convert(made)


NOTE = node(3, "Sticky Note (mypack)", ["read me"], properties={"cnr_id": "mypack"})


@pytest.mark.parametrize("editor", ["1.45", "1.27"])
def test_a_note_of_a_pack_that_the_server_does_not_have_is_left_out(editor: str) -> None:
    conversion = convert(workflow([node(1, "Encode", ["a"]), NOTE]), editor)
    assert list(conversion) == ["1"]
    (warning,) = conversion.warnings
    assert (warning.type, warning.node_id) == ("note_left_out", "3")
    assert "'Sticky Note (mypack)', which comes with the pack 'mypack'" in warning.message
    assert "left out of the prompt" in warning.message


def test_a_note_inside_a_subgraph_is_left_out() -> None:
    inside = subgraph("d", [node(5, "Encode", ["a"]), NOTE], [])
    assert list(convert(with_subgraphs([node(1, "d")], [], inside))) == ["1:5"]


def test_an_unknown_node_with_an_output_is_no_note_unless_repair_is_asked_for() -> None:
    loader = {**NOTE, "outputs": [{"name": "o", "type": "*", "links": []}]}
    made = workflow([node(1, "Encode", ["a"]), loader])
    assert set(convert(made)) == {"1", "3"}
    assert set(convert(made, repair=True)) == {"1"}


def test_a_note_alone_stays_so_that_the_missing_class_is_told() -> None:
    conversion = convert(workflow([NOTE]))
    assert list(conversion) == ["3"]
    assert [warning.type for warning in conversion.warnings] == ["unknown_class"]


def test_a_class_that_the_server_renames_is_no_note() -> None:
    assert set(convert(workflow([node(1, "Encode", ["a"]), node(3, "Load3DAnimation", [])]))) == {"1", "3"}


def test_unknown_nodes_that_feed_something_stay() -> None:
    feeding = node(3, "Source (mypack)", ["x"])
    conversion = convert(workflow([feeding, node(1, "Invert", None, {"image": 1})], [[1, 3, 0, 1, 0]]))
    assert set(conversion) == {"1", "3"}
    assert [warning.type for warning in conversion.warnings] == ["unknown_class"]
    outward = subgraph(
        "d", [node(5, "Source (mypack)", ["x"])], [[1, 5, 0, -20, 0]], [], [boundary("o", "*", 1)]
    )
    made = with_subgraphs([node(1, "d"), node(2, "Invert", None, {"image": 7})], [[7, 1, 0, 2, 0]], outward)
    assert "1:5" in convert(made)


def test_unknown_nodes_with_inputs_stay() -> None:
    conversion = convert(
        workflow([node(1, "Encode", ["a"]), node(3, "Player (mypack)", [], {"audio": None})])
    )
    assert set(conversion) == {"1", "3"}


def test_what_a_foreign_note_says_is_told() -> None:
    (note,) = convert(workflow([node(1, "Encode", ["a"]), NOTE])).graph.canvas.notes[ROOT]
    assert note.text == "read me"


def test_nodes_side_by_side_share_what_they_stand_in() -> None:
    graph = convert(doubling(3, [node(1, "Encode", ["a"]), node(2, "Encode", ["a"])])).graph
    assert len(graph) == 16
    assert {len(graph.around(node_id)) for node_id in graph} == {4}
    assert len({each.scope for each in graph.values()}) == 8


def test_twice_the_small_subgraphs_take_twice_the_steps() -> None:
    def written(count: int) -> int:
        hosts = [node(number, "d") for number in range(1, count + 1)]
        made = with_subgraphs(hosts, [], subgraph("d", [node(1, "Encode", ["a"])], []))
        prompt = convert(made).prompt
        return lines_run(lambda: find_units(checked_graph(prompt), 2))

    written(1)  # what is imported for the first time is imported now
    assert written(400) <= STEEPEST * written(200)
