"""What has a bound: as much as it allows is taken, one more is refused or cut off.

Large bounds are made small here; what is tested is where they lie, not how large they are.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from comfyflow import Workflow, load_schema, raw_node, read_prompt
from comfyflow.bounds import MAX_NODE_ID, MIB, Bounds, Unpacker, marks, unpack_gzip
from comfyflow.client import Limits
from comfyflow.client.core import Core, call
from comfyflow.client.flow import Answer, Request, Send
from comfyflow.client.http import AnswerBody
from comfyflow.codegen.combo import MAX_CHARACTERS, fixed_choices
from comfyflow.embedded_text import embedded_texts, embedded_values
from comfyflow.errors import (
    BoundsError,
    ClientError,
    CompileError,
    ConversionError,
    LockError,
    NodeUsageError,
    PythonSourceError,
    SchemaError,
    ServerError,
    WorkflowFileError,
)
from comfyflow.graph import Graph, GraphNode, Link
from comfyflow.importer import convert_workflow, read_workflow
from comfyflow.lock import make_lock, read_lock
from comfyflow.output_file import ImageFile
from comfyflow.python_source import to_python
from comfyflow.python_source.text import note_lines
from comfyflow.schema import Schema
from tests.clients import KINDS, connected
from tests.editor_json import SCHEMA, convert, node, subgraph, with_subgraphs, workflow
from tests.flows import Flag, World, answer
from tests.nodes import Save
from tests.test_output_file import png
from tests.test_schema import V1_NODE

ONCE = Limits(retries=0)


def nested(levels: int, innermost: Any = 1) -> Any:
    """A value in so many lists, one in another."""
    for _ in range(levels):
        innermost = [innermost]
    return innermost


# What a server sends


def transport(body: bytes) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(body)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_in_memory(kind: str) -> None:
    body = b"x" * 5000
    with connected(kind, "http://host", transport=transport(body), bounds=Bounds(answer=5000)) as client:
        assert client.view("a.png") == body
    with (
        connected(kind, "http://host", transport=transport(body), bounds=Bounds(answer=4999)) as client,
        pytest.raises(ClientError, match="COMFYFLOW_BOUNDS=answer="),
    ):
        client.view("a.png")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_on_disk(kind: str, tmp_path: Path) -> None:
    body, target = b"x" * 5000, tmp_path / "a.png"
    with (
        connected(kind, "http://host", transport=transport(body), bounds=Bounds(file=4999)) as client,
        pytest.raises(ClientError, match="COMFYFLOW_BOUNDS=file="),
    ):
        client.save(ImageFile("a.png"), target)
    assert list(tmp_path.iterdir()) == []
    with connected(kind, "http://host", transport=transport(body), bounds=Bounds(file=5000)) as client:
        client.save(ImageFile("a.png"), target)
    assert target.read_bytes() == body


@pytest.mark.parametrize(("redirects", "followed"), [(5, True), (6, False)])
def test_redirects(redirects: int, followed: bool) -> None:
    left = iter(range(redirects))

    def respond(_: Request) -> Answer:
        return Answer(302, {"location": "/next"}, b"") if next(left, None) is not None else answer({})

    world = World(respond, ONCE)
    if followed:
        assert world.drive(call(world.core, Request("GET", "/"))).ok
    else:
        with pytest.raises(ServerError, match="302"):
            world.drive(call(world.core, Request("GET", "/")))


# What is read as JSON


def test_json_of_a_file(tmp_path: Path) -> None:
    text = json.dumps({"A": V1_NODE})
    file = tmp_path / "object_info.json"
    file.write_text(text)
    assert list(load_schema(file, bounds=Bounds(json=len(text)))) == ["A"]
    with pytest.raises(SchemaError, match="COMFYFLOW_BOUNDS=json="):
        load_schema(file, bounds=Bounds(json=len(text) - 1))


@pytest.mark.parametrize(
    ("seconds", "came", "slow"),
    [
        (10.0, 0, False),  # the first ten seconds are free
        (11.0, 100, False),
        (11.0, 99, True),
        (20.0, 1000, False),
        (20.0, 999, True),
    ],
)
def test_the_pace_of_an_answer(seconds: float, came: int, slow: bool) -> None:
    world = World(lambda _: answer({}))
    mine, bounds = world.core, Bounds(rate=100, grace=10)
    core = Core(
        mine.address, mine.credentials, Flag, mine.recognition, bounds=bounds, clock=lambda: world.now
    )
    body = AnswerBody(core, Send(Request("GET", "/x")), Answer(200, {}))
    world.now = seconds
    if not slow:
        body.write(b" " * came)
        assert len(body.answer.content) == came
        return
    with pytest.raises(httpx.ReadTimeout, match="less than 100 bytes a second"):
        body.write(b" " * came)


def test_values_of_json(tmp_path: Path) -> None:
    text = json.dumps({"A": V1_NODE})
    file = tmp_path / "object_info.json"
    file.write_text(text)
    assert list(load_schema(file, bounds=Bounds(values=marks(text)))) == ["A"]
    with pytest.raises(SchemaError, match="COMFYFLOW_BOUNDS=values="):
        load_schema(file, bounds=Bounds(values=marks(text) - 1))


def test_a_workflow_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "flow.json"
    file.write_text(json.dumps({"1": {"class_type": "A", "inputs": {}}}))
    size = file.stat().st_size
    for name in ("LARGEST", "LARGEST_JSON"):
        with monkeypatch.context() as patched:
            patched.setattr(f"comfyflow.importer.workflow_file.{name}", size)
            assert read_workflow(file).prompt is not None
            patched.setattr(f"comfyflow.importer.workflow_file.{name}", size - 1)
            with pytest.raises(WorkflowFileError, match=f"larger than {size - 1} bytes"):
                read_workflow(file)


def test_wrappers_around_a_prompt() -> None:
    """Servers and tools wrap a prompt as ``prompt``, ``output`` and the like, a few times over."""
    wrapped: Any = {"1": {"class_type": "A", "inputs": {}}}
    for _ in range(3):
        wrapped = {"prompt": wrapped}
    assert read_workflow(wrapped).prompt is not None
    with pytest.raises(WorkflowFileError, match="neither an editor workflow"):
        read_workflow({"prompt": wrapped})


# What is unpacked


def exactly(ratio: int, size: int) -> bytes:
    """Packed data that is unpacked to so many times its size; the name in its head makes up the rest."""
    packed = gzip.compress(b"\0" * size * ratio, mtime=0)
    head, name = packed[:3] + b"\x08" + packed[4:10], b"x" * (size - len(packed) - 1) + b"\0"
    return head + name + packed[10:]


def unpacked(data: bytes, bounds: Bounds, most: int) -> int:
    return sum(map(len, Unpacker(bounds, most, "answer", "it").feed(data)))


def unpacked_whole(data: bytes, bounds: Bounds, most: int) -> int:
    return len(unpack_gzip(data, bounds, most, "answer", "it"))


@pytest.mark.parametrize("unpack", [unpacked, unpacked_whole])
def test_unpacked_data(unpack: Callable[[bytes, Bounds, int], int]) -> None:
    data = gzip.compress(b"x" * 5000)
    assert unpack(data, Bounds(), 5000) == 5000
    with pytest.raises(BoundsError, match="COMFYFLOW_BOUNDS=answer="):
        unpack(data, Bounds(), 4999)


@pytest.mark.parametrize("unpack", [unpacked, unpacked_whole])
def test_the_ratio_of_unpacked_data(unpack: Callable[[bytes, Bounds, int], int]) -> None:
    data = exactly(500, size=5000)
    assert unpack(data, Bounds(ratio=500), 2**40) == 500 * 5000
    with pytest.raises(BoundsError, match="more than 499 times its compressed size"):
        unpack(data, Bounds(ratio=499), 2**40)


@pytest.mark.parametrize("unpack", [unpacked, unpacked_whole])
def test_the_first_mebibyte_is_free_of_the_ratio(unpack: Callable[[bytes, Bounds, int], int]) -> None:
    assert unpack(gzip.compress(b"\0" * MIB), Bounds(ratio=1), 2**40) == MIB
    with pytest.raises(BoundsError, match="more than 1 times its compressed size"):
        unpack(gzip.compress(b"\0" * (MIB + 1)), Bounds(ratio=1), 2**40)


# What stands in pictures


def test_the_texts_of_a_picture() -> None:
    """They count together."""
    data = png(prompt="a" * 60, workflow="b" * 40)
    assert len(embedded_texts(data, Bounds(text=100))) == 2
    with pytest.raises(BoundsError, match="COMFYFLOW_BOUNDS=text="):
        embedded_texts(data, Bounds(text=99))


def test_a_packed_text_of_a_picture() -> None:
    packed = b"prompt\0\0" + zlib.compress(b"a" * 100)
    plain = png(prompt="")
    start = plain.index(b"tEXt") - 4
    end = start + 12 + int.from_bytes(plain[start : start + 4], "big")
    chunk = len(packed).to_bytes(4, "big") + b"zTXt" + packed
    data = plain[:start] + chunk + zlib.crc32(b"zTXt" + packed).to_bytes(4, "big") + plain[end:]
    assert embedded_texts(data, Bounds(text=100)) == {"prompt": "a" * 100}
    with pytest.raises(BoundsError, match="COMFYFLOW_BOUNDS=text="):
        embedded_texts(data, Bounds(text=99))


def test_the_values_in_a_text_of_a_picture() -> None:
    """With more values than are read, it stays a text."""
    data = png(prompt='{"a": [1, 2]}')
    assert embedded_values(data, Bounds(text_values=3)) == {"prompt": {"a": [1, 2]}}
    assert embedded_values(data, Bounds(text_values=2)) == {"prompt": '{"a": [1, 2]}'}


# What a workflow in Python holds


def test_levels_of_a_value() -> None:
    held = Workflow(raw_node("A", {"x": nested(100)})).to_prompt()["1"]["inputs"]["x"]
    assert held == {"__value__": nested(100)}
    with pytest.raises(CompileError, match="nested more than 100 levels deep"):
        Workflow(raw_node("A", {"x": nested(101)})).to_prompt()


def test_levels_of_what_a_workflow_is_made_of() -> None:
    save = Save(images=raw_node("A")[0])
    assert Workflow(nested(50, save)).roots == (save,)
    with pytest.raises(NodeUsageError, match="nested more than 50 levels deep"):
        Workflow(nested(51, save))


# What is written as Python


def source_of(**inputs: Any) -> str:
    return to_python(Graph([GraphNode("1", "A", inputs)]), Schema({}))


def test_levels_of_a_value_in_source() -> None:
    assert source_of(x={"__value__": nested(50)}).count("[") >= 50
    for innermost in (1, []):
        with pytest.raises(PythonSourceError, match="nested more than 50 levels deep"):
            source_of(x={"__value__": nested(50, [innermost])})


def test_digits_of_a_number_in_source() -> None:
    assert str(2**1024 - 1) in source_of(x=2**1024 - 1)
    with pytest.raises(PythonSourceError, match="a number that is too large"):
        source_of(x=2**1024)


def test_uses_of_a_subgraph_that_differ() -> None:
    """Uses that differ in a few values are one function; in more, a function each."""

    image, text = ["IMAGE", {}], ["STRING", {}]
    schema = Schema(
        {
            "A": {"input": {"required": {"value": text}, "optional": {"x": image}}, "output": ["IMAGE"]},
            "B": {"input": {"required": {"one": image, "two": image}}, "output": [], "output_node": True},
        }
    )

    def functions(differing: int) -> int:
        nodes: list[GraphNode] = []
        for host in ("1", "2"):
            for number in range(differing):
                inputs: dict[str, Any] = {"x": Link(f"{host}:{number - 1}", 0)} if number else {}
                nodes.append(GraphNode(f"{host}:{number}", "A", {**inputs, "value": f"{host} {number}"}))
        last = {"one": Link(f"1:{differing - 1}", 0), "two": Link(f"2:{differing - 1}", 0)}
        return to_python(Graph([*nodes, GraphNode("9", "B", last)]), schema, params=()).count("\ndef ")

    assert (functions(12), functions(13)) == (2, 3)


# What the editor saved


def chain_of_subgraphs(levels: int) -> Any:
    definitions = [subgraph(f"d{level}", [node(1, f"d{level + 1}")], []) for level in range(levels - 1)]
    last = subgraph(f"d{levels - 1}", [node(1, "Encode", ["a"])], [])
    return with_subgraphs([node(1, "d0")], [], *definitions, last)


def test_subgraphs_in_subgraphs() -> None:
    assert len(convert(chain_of_subgraphs(200))) == 1
    with pytest.raises(ConversionError, match="nested more than 200 deep"):
        convert(chain_of_subgraphs(201))


def test_nodes_of_subgraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [node(number, "Encode", ["a"]) for number in range(1, 6)]
    made = with_subgraphs([node(11, "d"), node(12, "d")], [], subgraph("d", inside, []))
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "nodes=10")
    assert len(convert(made)) == 10
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "nodes=9")
    with pytest.raises(ConversionError, match="expand to 10 nodes; more than 9 are not converted"):
        convert(made)


def test_ids_and_texts_of_subgraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """``11:1`` and ``12:1`` are the inner node's id, the host's, a colon, and the text is 95 long."""
    inside = [node(1, "Encode", ["a" * 95])]
    made = with_subgraphs([node(11, "d"), node(12, "d")], [], subgraph("d", inside, []))
    characters = sum(len(key) + 95 for key in convert(made))
    monkeypatch.setenv("COMFYFLOW_BOUNDS", f"expanded={characters}")
    assert len(convert(made)) == 2
    monkeypatch.setenv("COMFYFLOW_BOUNDS", f"expanded={characters - 1}")
    with pytest.raises(ConversionError, match="characters of ids and text"):
        convert(made)


def test_nodes_of_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of all graphs count."""
    inside = [node(number, "Encode", ["a"]) for number in range(1, 4)]
    made = with_subgraphs([node(11, "d"), node(12, "Show")], [], subgraph("d", inside, []))
    monkeypatch.setattr("comfyflow.importer.workflow_graph.MAX_NODES", 5)
    assert convert(made)
    monkeypatch.setattr("comfyflow.importer.workflow_graph.MAX_NODES", 4)
    with pytest.raises(ConversionError, match="has 5 nodes; more than 4 are not converted"):
        convert(made)


def test_the_highest_id_of_a_node() -> None:
    """A node inside whose id is taken gets the next one; behind the highest there is none."""

    def converted(last: int) -> Any:
        made = with_subgraphs(
            [node(1, "Show"), node(11, "d")], [], subgraph("d", [node(1, "Encode", ["a"])], [])
        )
        return convert({**made, "last_node_id": last})

    assert f"11:{MAX_NODE_ID}" in converted(MAX_NODE_ID - 1)
    with pytest.raises(ConversionError, match="no free node id left"):
        converted(MAX_NODE_ID)


@pytest.mark.parametrize(("count", "told"), [(999, 999), (1000, 1000), (1001, 1000)])
def test_groups_of_a_canvas(count: int, told: int) -> None:
    """The largest are told."""
    boxes = [{"title": str(size), "bounding": [0, 0, size, 1]} for size in range(1, count + 1)]
    graph = convert({**workflow([node(1, "Encode", ["a"])], []), "groups": boxes}).graph
    groups = graph.canvas.groups[""]
    assert (len(groups), groups[0].title, groups[-1].title) == (told, str(count), str(count - told + 1))


@pytest.mark.parametrize(("count", "more"), [(400, 0), (401, 1)])
def test_lines_of_a_note(count: int, more: int) -> None:
    lines = list(note_lines("", "\n".join(f"line {number}" for number in range(count)), 100))
    assert lines[399] == "# > line 399"
    assert lines[400:] == ([f"# ({more} more lines)"] if more else [])


def test_what_names_in_texts_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    named = node(1, "Note8", ["x" * 30], title="N")
    made = workflow([named, node(2, "SaveImage", ["%N.text%-%N.text%"])])
    monkeypatch.setattr("comfyflow.importer.prompt_text.MAX_REPLACED", 60)
    assert len(convert(made)["2"]["inputs"]["filename_prefix"]) == 61
    monkeypatch.setattr("comfyflow.importer.prompt_text.MAX_REPLACED", 59)
    with pytest.raises(ConversionError, match="expand to more than 59 characters"):
        convert(made)


@pytest.mark.parametrize(("value", "sent"), [(2**53, 2**53), (2**53 + 1, 2**53)])
def test_integers_that_javascript_holds(value: int, sent: int) -> None:
    made = workflow([node(1, "Sampler", [value, "fixed"])])
    assert convert_workflow(made, SCHEMA, editor="1.45", seed=1)["1"]["inputs"]["seed"] == sent


# What a lock holds


def test_a_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = Schema({"A": {"input": {}, "output": []}}, "0.27.0")
    file = tmp_path / "comfyflow.lock"
    file.write_text(make_lock({"a": {"1": {"class_type": "A", "inputs": {}}}}, schema).to_text())
    monkeypatch.setattr("comfyflow.lock.lock_file.MAX_BYTES", file.stat().st_size)
    assert list(read_lock(file).nodes) == ["A"]
    monkeypatch.setattr("comfyflow.lock.lock_file.MAX_BYTES", file.stat().st_size - 1)
    with pytest.raises(LockError, match="too large for a lock"):
        read_lock(file)


# What node classes are generated of


def test_choices_that_become_a_literal() -> None:
    def choices(count: int, length: int = 3) -> Any:
        names = [f"{number:0{length}}" for number in range(count)]
        (entry,) = Schema({"A": {"input": {"required": {"x": [names, {}]}}, "output": []}})["A"].inputs
        return fixed_choices(entry, 100)

    assert len(choices(100) or ()) == 100
    assert choices(101) is None
    assert len(choices(10, MAX_CHARACTERS // 10) or ()) == 10
    assert choices(10, MAX_CHARACTERS // 10 + 1) is None


def test_inputs_that_grow() -> None:
    def grown(most: int) -> int:
        template = {"input": {"required": {"x": ["IMAGE", {}]}}, "prefix": "x", "min": 1, "max": most}
        (entry,) = Schema(
            {"A": {"input": {"required": {"x": ["COMFY_AUTOGROW_V3", {"template": template}]}}, "output": []}}
        )["A"].inputs
        assert entry.autogrow is not None
        return len(entry.autogrow.names)

    assert (grown(99), grown(100), grown(101)) == (99, 100, 100)


def test_a_prompt_of_any_size_is_read() -> None:
    """A prompt has no bound of its own: the file or the answer that it came in has one."""
    assert (
        len(read_prompt({str(number): {"class_type": "A", "inputs": {}} for number in range(5000)})) == 5000
    )
