"""Pictures: what is drawn, in every form, and that no text of a stranger is more than a text.

``COMFYFLOW_UPDATE_EXAMPLES=1`` draws the pictures of the examples anew.
"""

from __future__ import annotations

import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from comfyflow import Workflow, raw_node
from comfyflow.cli.app import app
from comfyflow.cli.target import load_workflow
from comfyflow.errors import PictureError
from comfyflow.graph import ROOT, Canvas, Graph, GraphNode, Group, Link, Note, Scope, read_prompt
from comfyflow.importer import convert_workflow
from comfyflow.layout import layout
from comfyflow.layout.appearance import TITLE_HEIGHT
from comfyflow.picture import Picture
from comfyflow.picture.drawing import draw
from comfyflow.picture.text import place_text, shortened, wrapped_lines
from comfyflow.picture.theme import type_colour
from comfyflow.problem import Place, Problem
from comfyflow.schema.package import reference_schema
from comfyflow.validate import validate_prompt

from .editor_json import node, outputs, workflow
from .test_examples import EXAMPLES, PARAMETERS, WORKFLOWS, _required

ROOT_FOLDER = EXAMPLES.parent
GOLDENS = Path(__file__).parent / "goldens" / "pictures"
SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "style", "rect", "text", "g", "path", "circle"}
ATTRIBUTES = {
    "class", "cx", "cy", "d", "data-from", "data-inner", "data-needs", "data-node", "data-to", "data-words",
    "fill", "font-family", "font-size", "height", "r", "role", "rx", "stroke", "text-anchor", "viewBox",
    "width", "x", "y", "{http://www.w3.org/XML/1998/namespace}space",
}  # fmt: skip
HOSTILE = [
    "</title><script>hacked()</script>",
    '"><svg onload=hacked()>',
    "javascript:hacked()",
    "]]><script>hacked()</script><![CDATA[",
    "</svg></main><img src=x onerror=hacked()>",
    "</style><script>hacked()</script>",
    "\u2028hacked()\u2029//\u202e",
    "&lt;script&gt;hacked()&lt;/script&gt;",
    "{{ 7 * 7 }}{% raw %}",
    "\x00\x1b[31m\ud800\ufffe",
]


def hostile_graph(words: list[str]) -> Graph:
    """A graph in which every text is a stranger's: ids, classes, names, values, titles, groups, notes."""
    a, b, c, *_ = words * 3
    nodes = [
        GraphNode(f"{a}:1", b, {c: a, "value": {a: [b, c]}}, title=c, origin=Place(f"{b}.py", 3), scope=a),
        GraphNode("2", a, {b: Link(f"{a}:1", 1), c: a}, title=b),
    ]
    canvas = Canvas(
        groups={ROOT: (Group(a, (0, 0, 900, 400)),)},
        notes={ROOT: (Note(f"{b}\n{c}", a, (-400, 0), True),)},
    )
    return Graph(nodes, [Scope(a, name=b, title=c)], canvas)


def hostile_picture(words: list[str]) -> Picture:
    problem = Problem("t", words[0], node_id="2", input_name=words[-1], class_type=words[0])
    return Picture(hostile_graph(words), problems=[problem], title=words[0])


class Page(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}


def check_svg(svg: str) -> ET.Element:
    root = ET.fromstring(svg)  # noqa: S314  # our own
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in ELEMENTS
        assert set(element.attrib) <= ATTRIBUTES
    return root


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_picture_of_an_example_is_its_golden(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT_FOLDER)
    made = load_workflow(EXAMPLES / f"{name}.py", None, PARAMETERS.get(name, _required(name)))
    same_as_golden(made.picture().svg, name)


def same_as_golden(svg: str, name: str) -> None:
    golden = GOLDENS / f"{name}.svg"
    if os.environ.get("COMFYFLOW_UPDATE_EXAMPLES"):
        golden.write_text(svg, encoding="utf-8")
    assert svg == golden.read_text(encoding="utf-8")
    check_svg(svg)
    assert str(ROOT_FOLDER) not in svg


def test_the_picture_of_a_broken_workflow_is_its_golden() -> None:
    text = (EXAMPLES / "txt2img.prompt.json").read_text(encoding="utf-8").replace('"euler"', '"eulre"')
    schema = reference_schema()
    report = validate_prompt(json.loads(text), schema)
    picture = Picture(read_prompt(json.loads(text)), schema, problems=report.problems, title="checked")
    assert "cf-error-text" in picture.svg
    same_as_golden(picture.svg, "checked")


def test_a_picture_shows_titles_slots_values_and_lines_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT_FOLDER)
    made = load_workflow(EXAMPLES / "txt2img.py", None, PARAMETERS["txt2img"])
    root = check_svg(made.picture(theme="light").svg)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"KSampler", "#5", "seed", "7", "latent_image", "a lighthouse at dusk"} <= set(texts)
    tooltips = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert any(re.match(r"KSampler #5\nexamples/txt2img.py:\d+\n", text) for text in tooltips)
    links = [element for element in root.iter(f"{SVG}path") if "data-from" in element.attrib]
    assert len(links) == sum(1 for node in made.graph.values() for _ in node.links)
    assert {link.attrib["stroke"] for link in links} >= {type_colour("MODEL"), type_colour("LATENT")}


def test_problems_are_drawn_in_place() -> None:
    graph = read_prompt(json.loads((EXAMPLES / "txt2img.prompt.json").read_text(encoding="utf-8")))
    first = next(iter(graph))
    found = [
        Problem("a", "is missing", node_id=first, input_name="ckpt_name"),
        Problem("b", "is odd", "warning", node_id=first),
        Problem("c", "is fine", "note", node_id=first),
        Problem("d", "is nowhere"),
    ]
    root = check_svg(Picture(graph, reference_schema(), problems=found).svg)
    (frame,) = [each for each in root.iter(f"{SVG}rect") if each.attrib["class"] == "cf-error"]
    texts = {each.text: each.attrib["class"] for each in root.iter(f"{SVG}text")}
    assert texts["is missing (+1)"] == "cf-error-text"
    assert texts["ckpt_name"] == "cf-error-text"
    assert frame is not None
    marked = Picture(graph, marks={first: "added"}).svg
    assert 'class="cf-node cf-added"' in marked


def test_scopes_are_drawn_below_one_another_and_only_numbers_join_them() -> None:
    graph = hostile_graph(["scope", "class", "name"])
    root = check_svg(Picture(graph).svg)
    boards = root.findall(f"{SVG}g")
    assert len(boards) == 2
    hosts = [each for each in root.iter(f"{SVG}g") if "data-inner" in each.attrib]
    assert [each.attrib["data-inner"] for each in hosts] == ["2"]
    assert root.attrib["data-needs"].split() == ["2,1"]
    assert [each.text for each in root.iter(f"{SVG}text") if each.attrib["class"] == "cf-heading"] == ["name"]
    doors = [each for each in root.iter(f"{SVG}g") if each.attrib["class"] == "cf-door"]
    assert [[text.text for text in door.iter(f"{SVG}text")] for door in doors] == [["Outputs", "*"]]


@settings(max_examples=25)
@given(st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), min_size=3, max_size=3, unique=True))
def test_no_text_of_a_stranger_is_markup(words: list[str]) -> None:
    picture = hostile_picture([word or "x" for word in words])
    check_svg(picture.svg)
    page = Page()
    page.feed(picture.html)
    assert page.elements.count("script") == page.elements.count("style") == page.elements.count("svg") == 1
    assert not any(name.startswith("on") or name in ("href", "src", "style") for name in page.attributes)
    assert "img" not in page.elements
    assert "\u2028" not in picture.html


@settings(max_examples=25)
@given(st.lists(st.text(max_size=30) | st.sampled_from(HOSTILE), min_size=3, max_size=3, unique=True))
def test_no_text_of_a_stranger_is_mermaid_or_dot(words: list[str]) -> None:
    picture = hostile_picture([word or "x" for word in words])
    label = r'"[^"]*"'
    for line in picture.mermaid.splitlines()[1:]:
        node, arrow = rf"(subgraph )?n\d+\[{label}\]|end", rf"n\d+ -->\|{label}\| n\d+"
        assert re.fullmatch(rf" *({node}|{arrow})", line), line
    quoted = r'"(?:[^"\\]|\\.)*"'
    for line in picture.dot.splitlines()[3:-1]:
        node = rf"n\d+ \[label={quoted}\];|subgraph cluster_n\d+ \{{ label={quoted};|\}}"
        arrow = rf'n\d+ -> n\d+ \[label={quoted}, color="#[0-9a-f]{{6}}"\];'
        assert re.fullmatch(rf" *({node}|{arrow})", line), line


def test_the_page_allows_only_its_own_script_and_no_request() -> None:
    html = hostile_picture(HOSTILE[:3]).html
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    assert "http://www.w3.org/2000/svg" in html
    assert len(re.findall(r"https?://", html)) == 1


def test_a_picture_is_saved_in_the_form_that_its_name_ends_with(tmp_path: Path) -> None:
    picture = Picture(hostile_graph(["a", "b", "c"]))
    for suffix, start in (
        (".svg", b"<svg"),
        (".html", b"<!doctype"),
        (".mmd", b"flowchart LR"),
        (".dot", b"digraph"),
    ):
        assert picture.save(tmp_path / f"x{suffix}").read_bytes().startswith(start)
    with pytest.raises(PictureError, match=r"\.svg, \.html, \.mmd, \.dot, \.png; '\.gif' is not one of them"):
        picture.save(tmp_path / "x.gif")
    with pytest.raises(PictureError, match="the file name has no suffix"):
        picture.save(tmp_path / "x")
    with pytest.raises(PictureError, match="cannot write"):
        picture.save(tmp_path / "absent" / "x.svg")
    assert set(picture._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}


def test_a_theme_that_is_none_is_refused() -> None:
    wrong: Any = "drak"
    with pytest.raises(PictureError, match="theme must be one of auto, light, dark, not 'drak'"):
        Picture(read_prompt({}), theme=wrong)


def test_an_argument_of_another_type_is_named() -> None:
    made: Any = Workflow(raw_node("EmptyImage", {}))
    with pytest.raises(PictureError, match=r"schema must be a Schema, not str: save\(\) writes"):
        made.picture("x.svg")
    with pytest.raises(PictureError, match=r"not Workflow: for a Workflow, call picture\(\)"):
        Picture(made)


def test_a_png_is_drawn_and_what_is_missing_for_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture(hostile_graph(HOSTILE[:3]), theme="dark")
    assert picture.png.startswith(b"\x89PNG\r\n")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(PictureError, match=r"pip install 'comfyflow-dsl\[pictures\]'"):
        Picture(hostile_graph(["a", "b", "c"])).save(tmp_path / "x.png")


def test_the_command_keeps_the_places_of_the_editor_unless_it_is_to_arrange_them(tmp_path: Path) -> None:
    nodes = [
        node(1, "EmptyImage", [32, 32, 1, 0], outputs=outputs([1]), pos=[900, 40], size=[300, 200]),
        node(2, "PreviewImage", links={"images": 1}, pos=[10, 20], size=[200, 200]),
    ]
    file, out = tmp_path / "x.json", tmp_path / "x.svg"
    file.write_text(json.dumps(workflow(nodes, [[1, 1, 0, 2, 0, "IMAGE"]])), encoding="utf-8")

    assert left_edges(file, out) == [950, 60]
    source, target = left_edges(file, out, "--arrange")
    assert source + 300 < target


def test_a_node_that_was_saved_too_low_is_as_high_as_its_rows() -> None:
    sampler = GraphNode("1", "KSampler", {"seed": 1, "steps": 20})
    canvas = Canvas({"1": (0.0, 0.0)}, sizes={"1": (300.0, 20.0)})
    root = check_svg(Picture(Graph([sampler], canvas=canvas), reference_schema()).svg)
    (body,) = [each for each in root.iter(f"{SVG}rect") if each.attrib["class"] == "cf-body"]
    assert (body.attrib["width"], body.attrib["height"]) == ("300", str(30 + 20 * 4 + 8 + 24 * 7 + 6))
    assert "denoise" in [each.text for each in root.iter(f"{SVG}text")]


def left_edges(file: Path, out: Path, *options: str) -> list[float]:
    done = CliRunner().invoke(app, ["graph", str(file), "-o", str(out), *options])
    assert done.exit_code == 0, done.output
    root = check_svg(out.read_text(encoding="utf-8"))
    bodies = [each for each in root.iter(f"{SVG}rect") if each.attrib["class"] == "cf-body"]
    return [float(each.attrib["x"]) for each in bodies]


@pytest.mark.parametrize("collapsed", [True, False])
def test_of_a_collapsed_node_only_the_title_bar_is_drawn(collapsed: bool) -> None:
    flags = {"collapsed": collapsed}
    saved = workflow(
        [
            node(
                1,
                "EmptyImage",
                [512, 64, 1, 0],
                outputs=outputs([1]),
                pos=[0, 0],
                size=[300, 130],
                flags=flags,
            ),
            node(2, "ImageInvert", None, {"image": 1}, outputs=outputs([2]), pos=[500, 0], flags=flags),
            node(3, "SaveImage", ["x"], {"images": 2}, pos=[900, 0]),
        ],
        [[1, 1, 0, 2, 0], [2, 2, 0, 3, 0]],
    )
    graph = convert_workflow(saved, reference_schema(), seed=0).graph
    picture = draw(graph, reference_schema())
    closed, inner, last = picture.panels[0].figures
    assert (closed.box[3] == inner.box[3] == TITLE_HEIGHT) is collapsed
    assert ("512" not in {text.text for text in closed.texts}) is collapsed
    assert [len(figure.dots) for figure in (closed, inner)] == [1, 2]
    assert "x" in {text.text for text in last.texts}
    arranged = Graph(graph.values(), (), layout(graph, reference_schema(), afresh=True))
    assert draw(arranged, reference_schema()).panels[0].figures[0].box[3] > TITLE_HEIGHT


def test_the_prompt_in_a_file_is_drawn_on_the_canvas_of_the_workflow_beside_it(tmp_path: Path) -> None:
    nodes = [
        node(1, "EmptyImage", [32, 32, 1, 0], outputs=outputs([1]), pos=[900, 40], size=[300, 200]),
        node(2, "PreviewImage", links={"images": 1}, pos=[10, 20], size=[200, 200]),
    ]
    saved = workflow(nodes, [[1, 1, 0, 2, 0, "IMAGE"]])
    inputs = {"width": 64, "height": 32, "batch_size": 1, "color": 0}
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": inputs},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    file, out = tmp_path / "x.png", tmp_path / "x.svg"

    def write(editor: object) -> None:
        chunks = PngInfo()
        chunks.add_text("prompt", json.dumps(prompt))
        chunks.add_text("workflow", json.dumps(editor))
        Image.new("RGB", (8, 8)).save(file, pnginfo=chunks)

    write(saved)
    assert left_edges(file, out) == [950, 60]
    assert ">64</text>" in out.read_text(encoding="utf-8")
    source, target = left_edges(file, out, "--arrange")
    assert source + 300 < target
    endless = {"id": "a", "name": "a", "nodes": [node(2, "a")], "links": []}
    broken = {**workflow([node(1, "a")], []), "definitions": {"subgraphs": [endless]}}
    for other in (broken, workflow([node(5, "LoadImage", ["a.png"])], [])):
        write(other)
        source, target = left_edges(file, out)
        assert source < target


def test_texts_are_cut_to_the_room_that_there_is() -> None:
    assert shortened("abcdef", 70) == "abcdef"
    assert shortened("abcdefghijk", 46) == "abcde…"
    assert shortened("one\ntwo", 70) == "one…"
    assert wrapped_lines("one two three", 61, 9) == ["one two", "three"]
    assert wrapped_lines("abcdefghijkl", 46, 9) == ["abcdef", "ghijkl"]
    assert wrapped_lines("a\nb\nc", 70, 2) == ["a", "b…"]
    assert wrapped_lines("", 70, 2) == [""]
    assert shortened("模糊低质量", 46) == "模糊…"
    assert wrapped_lines("模糊低质量", 46, 9) == ["模糊低", "质量"]
    assert place_text(Place(str(Path.cwd() / "a" / "b.py"), 3)) == "a/b.py:3"
    assert place_text(Place("/elsewhere/b.py", 3)) == "b.py:3"
    assert type_colour("IMAGE,MASK") == type_colour("IMAGE")
    assert type_colour("PACK_TYPE") == type_colour("PACK_TYPE") != type_colour("*")


def test_the_command_draws_a_workflow_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    run = CliRunner()
    out = tmp_path / "x.svg"
    prompt = json.loads((EXAMPLES / "txt2img.prompt.json").read_text(encoding="utf-8"))
    sound = tmp_path / "sound.json"
    sound.write_text(json.dumps(prompt), encoding="utf-8")
    done = run.invoke(app, ["graph", str(sound), "-o", str(out), "--check", "--theme", "dark"])
    assert (done.exit_code, done.output) == (0, "")
    assert "@media" not in out.read_text(encoding="utf-8")
    sampler = next(node for node in prompt.values() if node["class_type"] == "KSampler")
    sampler["inputs"]["sampler_name"] = "eulre"
    sound.write_text(json.dumps(prompt), encoding="utf-8")
    done = run.invoke(app, ["graph", str(sound), "-o", str(out), "--check"])
    assert done.exit_code == 1
    assert "sampler_name" in done.output
    assert "cf-error-text" in out.read_text(encoding="utf-8")
    done = run.invoke(app, ["graph", str(sound), "-o", str(tmp_path / "x.gif")])
    assert isinstance(done.exception, PictureError)
