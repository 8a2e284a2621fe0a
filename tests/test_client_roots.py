"""Roots of every shape come back in their shape; resolvers make something else of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from comfynodes import EmptyImage, PreviewAny, PreviewImage, SaveImage

from comfyflow import AsyncClient, Client, Workflow, bypassed, output_of, workflow
from comfyflow.client import Result, resolver
from comfyflow.errors import ClientError, GraphError, NodeUsageError
from comfyflow.output_file import ImageOutput, NodeOutput, TextOutput
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(params=KINDS)
def client(server: Simulator, request: pytest.FixtureRequest) -> Iterator[Any]:
    with connected(request.param, server.url) as client:
        yield client


def picture(color: int = 0) -> SaveImage:
    return SaveImage(images=EmptyImage(width=8, height=8, batch_size=1, color=color))


def text(words: str) -> PreviewAny:
    return PreviewAny(source=words)


class Made(NamedTuple):
    picture: ImageOutput
    words: TextOutput


@dataclass(frozen=True)
class Kept:
    pictures: dict[str, ImageOutput]
    words: TextOutput
    seed: int
    note: str | None = None
    more: tuple[TextOutput, ...] = field(default=())

    def __post_init__(self) -> None:
        assert self.seed >= 0


@workflow
def kept(seed: int) -> Kept:
    return Kept(
        {"a": output_of(picture(seed))}, output_of(text("kept")), seed, more=(output_of(text("more")),)
    )


def test_many_roots(client: Any) -> None:
    output = client.run(
        Workflow(picture(), text("a"), text("b"), text("c"), text("d"), text("e"), text("f"))
    ).output
    assert [type(given) for given in output] == [ImageOutput, *[TextOutput] * 6]
    assert [given.text for given in output[1:]] == list("abcdef")


def test_lists_and_nested_roots(client: Any) -> None:
    assert client.run(Workflow([text("a"), text("b")])).output[1].text == "b"
    (first, (second,)), third = client.run(Workflow((text("a"), [text("b")]), text("c"))).output
    assert (first.text, second.text, third.text) == ("a", "b", "c")


def test_a_dict(client: Any) -> None:
    output = client.run(Workflow({"picture": picture(), "words": text("a")})).output
    assert list(output) == ["picture", "words"]
    assert len(output["picture"].images) == 1
    assert output["words"].text == "a"


def test_a_named_tuple(client: Any) -> None:
    output = client.run(Workflow(Made(output_of(picture()), output_of(text("a"))))).output
    assert isinstance(output, Made)
    assert (len(output.picture.images), output.words.text) == (1, "a")
    first, second = output
    assert (first, second) == (output.picture, output.words)


def test_a_dataclass_and_what_stands_in_it_beside_nodes(client: Any) -> None:
    made = kept(7)
    output = client.run(made).output
    assert isinstance(output, Kept)
    assert (output.seed, output.note, output.words.text) == (7, None, "kept")
    assert len(output.pictures["a"].images) == 1
    assert [given.text for given in output.more] == ["more"]
    assert len(made.roots) == 3
    assert not isinstance(made.root.words, NodeOutput), "the workflow is made of nodes, and stays so"


def test_nodes_in_fields_need_no_output_of_at_run_time(client: Any) -> None:
    class Nodes(NamedTuple):
        picture: SaveImage
        words: PreviewAny

    made = Workflow(Nodes(picture(), text("a")))
    result = client.run(made)
    assert result.output.words.text == "a"
    assert result[made.root.picture] is result.output.picture


@pytest.mark.parametrize(
    ("root", "why"),
    [
        ({}, "at least one node"),
        ({"1": {"class_type": "SaveImage", "inputs": {}}}, "prompt JSON"),
        ({"a": 7}, "not of 7"),
        (Made(1, 2), "at least one node"),  # type: ignore[arg-type]
        (Made(SaveImage, 2), "SaveImage is a class"),  # type: ignore[arg-type]
        (({"a": [None]},), "not of None"),
    ],
)
def test_what_is_no_root(root: Any, why: str) -> None:
    with pytest.raises(NodeUsageError, match=why):
        Workflow(root)


def test_a_root_that_contains_itself_is_no_root() -> None:
    root: list[Any] = [text("a")]
    root.append(root)
    with pytest.raises(NodeUsageError, match="nested more than"):
        Workflow(root)


def test_a_root_that_is_bypassed_gives_nothing(client: Any) -> None:
    both = bypassed(PreviewImage(images=EmptyImage(width=8, height=8))), text("a")
    result = client.run(Workflow(both))
    assert [output.text for output in result.outputs.values()] == ["a"]
    with pytest.raises(GraphError, match="bypassed"):
        _ = result.output


@pytest.mark.parametrize(
    "use",
    [
        lambda result: [*result],
        list,
        lambda result: "2" in result,
        lambda result: SaveImage in result,
    ],
)
def test_a_result_is_no_list(client: Any, use: Callable[[Any], object]) -> None:
    with pytest.raises(
        TypeError, match=r"a Result .*: result\.files has all files, result\.output the output of"
    ):
        use(client.run(picture()))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (0, "0"),
        (slice(None), r"slice\(None"),
        (None, "None"),
        (SaveImage, "the class SaveImage"),
        (("2",), "'2'"),
    ],
)
def test_a_key_of_a_result_is_a_node(client: Any, key: Any, shown: str) -> None:
    result = client.run(picture())
    wanted = rf"takes a node of the workflow, or a node's id as a string, not .?{shown}"
    with pytest.raises(NodeUsageError, match=wanted) as error:
        result[key]
    assert isinstance(error.value, TypeError)
    assert isinstance(error.value, GraphError)
    with pytest.raises(NodeUsageError, match=wanted):
        client.attach(result.prompt_id).result()[key]


# Resolvers


@resolver(SaveImage)
async def sizes(output: ImageOutput) -> list[int]:
    return [len(await file.aread()) for file in output.images]


@resolver(SaveImage)
def names(output: ImageOutput) -> list[str]:
    return [file.name for file in output.images]


async def size(result: Result[ImageOutput]) -> int:
    return len(await result.output.images[0].aread())


def test_async_resolvers_are_awaited_and_read_files(server: Simulator) -> None:
    async def run() -> None:
        async with AsyncClient(server.url) as client:
            result = await client.run(picture(1))
            expected = len(await client.read(result.output.images[0]))
            assert await client.run(picture(1), resolver=size) == expected
            assert await client.run(picture(1), resolver=sizes) == [expected]
            assert await client.run(picture(1), resolver=names) == names(result)
            handle = await client.submit(Workflow(picture(1), text("a")), resolver=_first_size)
            assert await handle.result() == expected
            assert await handle.result() == expected
            assert [await made for made in result[sizes]] == [[expected]]
            client.register(sizes)
            made = picture(2)
            result = await client.run(made)
            assert await result.resolve(made) == [len(await result.output.images[0].aread())]

    asyncio.run(run())


async def _first_size(result: Result[Any]) -> int:
    return len(await result.output[0].images[0].aread())


def test_an_error_of_an_async_resolver_is_raised(server: Simulator) -> None:
    async def broken(result: Result[ImageOutput]) -> int:
        raise ZeroDivisionError

    async def run() -> None:
        async with AsyncClient(server.url) as client:
            with pytest.raises(ZeroDivisionError):
                await client.run(picture(1), resolver=broken)

    asyncio.run(run())


@pytest.mark.parametrize("one", [sizes, size])
def test_a_blocking_client_refuses_async_resolvers_before_it_sends_anything(
    server: Simulator, one: Any
) -> None:
    before = len(server.prompts)
    with Client(server.url) as client:
        for method in (client.run, client.submit):
            with pytest.raises(ClientError, match=r"the resolver sizes? must be awaited.*AsyncClient"):
                method(picture(3), resolver=one)
    assert len(server.prompts) == before


def test_a_blocking_client_refuses_what_has_to_be_awaited(server: Simulator) -> None:
    """A plain function may return a coroutine all the same; nothing is left that was never awaited."""

    def later(result: Result[ImageOutput]) -> Any:
        return size(result)

    with Client(server.url) as client:
        with pytest.raises(ClientError, match="the resolver later must be awaited"):
            client.run(picture(4), resolver=later)
        made = picture(5)
        result = client.run(made)
        with pytest.raises(ClientError, match="the resolver sizes must be awaited"):
            _ = result[sizes]
        client.register(sizes)
        with pytest.raises(ClientError, match="the resolver sizes must be awaited"):
            client.run(made).resolve(made)


def test_half_of_a_surrogate_pair_arrives_as_it_is(client: Any) -> None:
    """Browsers send it escaped; as bytes it is no UTF-8, and a server refuses the whole prompt."""
    words = "a\ud83d b \\ud83d \U0001f600"
    assert client.run(text(words)).output.text == words
