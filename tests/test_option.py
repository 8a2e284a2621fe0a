"""An option that does not exist is an error that names the nearest, wherever options are taken."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from comfyflow import convert_workflow, to_python
from comfyflow.batch import Batch, Recipe
from comfyflow.client import AsyncClient, Client, ClientOptions, SubmitOptions, WaitOptions
from comfyflow.graph.prompt import read_prompt
from comfyflow.schema import Schema, load_schema
from comfyflow.simulator import Simulator, simulates
from comfyflow.testing import strategies
from tests.simulated import NODES, SAVE


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator(NODES) as simulator:
        yield simulator


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_refuses_an_option_that_it_has_not(kind: Any) -> None:
    with pytest.raises(TypeError, match=r"Client\(\) got .* 'beerer'; did you mean 'bearer'\?") as caught:
        kind("http://127.0.0.1:1", beerer="a secret")
    assert "a secret" not in str(caught.value)


@pytest.mark.parametrize("call", ["run", "submit"])
def test_an_option_of_a_run_that_there_is_not_runs_nothing(call: str, server: Simulator) -> None:
    with Client(server.url) as client, pytest.raises(TypeError, match=rf"Client\.{call}\(\) .* 'validat'"):
        getattr(client, call)(SAVE, validat=False)

    async def asynchronously() -> None:
        async with AsyncClient(server.url) as client:
            with pytest.raises(TypeError, match=rf"AsyncClient\.{call}\(\) .* did you mean 'validate'\?"):
                await getattr(client, call)(SAVE, validat=False)

    asyncio.run(asynchronously())
    assert server.prompts == []


def test_the_nearest_option_of_a_run_is_told(server: Simulator) -> None:
    with Client(server.url) as client, pytest.raises(TypeError, match=r"'tiemout'; did you mean 'timeout'\?"):
        cast("Callable[..., Any]", client.run)(SAVE, tiemout=1)


def test_a_name_that_is_near_nothing_is_answered_with_all(server: Simulator) -> None:
    with (
        Client(server.url) as client,
        pytest.raises(TypeError, match=r"'xyzzy'; valid arguments: .*on_event.*timeout"),
    ):
        cast("Callable[..., Any]", client.run)(SAVE, xyzzy=1)


def _routes(kind: type) -> list[str]:
    """The methods of a client that are a route of the server."""
    named = (name for name, value in vars(kind).items() if hasattr(value, "__signature__"))
    return sorted(name for name in named if not name.startswith("_") and name not in ("run", "submit"))


@pytest.mark.parametrize("name", _routes(Client))
def test_a_route_refuses_a_keyword_that_it_has_not(name: str) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(TypeError, match=rf"Client\.{name}\(\) got"):
        getattr(client, name)(tpye="output")


def test_the_nearest_keyword_of_a_route_is_told() -> None:
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(TypeError, match=r"did you mean 'subfolder'\?"),
    ):
        cast("Callable[..., Any]", client.view)("a.png", subfoldr="x")


def test_an_awaited_route_refuses_a_keyword_too() -> None:
    async def call() -> None:
        async with AsyncClient("http://127.0.0.1:1") as client:
            await cast("Callable[..., Any]", client.view)("a.png", subfoldr="x")

    with pytest.raises(TypeError, match=r"AsyncClient\.view\(\) .*did you mean 'subfolder'\?"):
        asyncio.run(call())


def test_a_strategy_refuses_an_option_that_it_has_not() -> None:
    for strategy in (strategies.graphs, strategies.prompts, strategies.workflows, strategies.invalid_prompts):
        with pytest.raises(TypeError, match=r"'max_node'; did you mean 'max_nodes'\?"):
            cast("Callable[..., Any]", strategy)(Schema({}), max_node=3)


def test_reading_a_schema_refuses_an_option_that_it_has_not() -> None:
    with pytest.raises(TypeError, match=r"load_schema\(\) .* 'beerer'; did you mean 'bearer'\?"):
        cast("Callable[..., Any]", load_schema)({}, beerer="x")


OPTIONS: list[tuple[Any, type]] = [
    *((kind, ClientOptions) for kind in (Client, AsyncClient)),
    *((kind.run, WaitOptions) for kind in (Client, AsyncClient)),
    *((kind.submit, SubmitOptions) for kind in (Client, AsyncClient)),
    *((named, strategies.GraphOptions) for named in (strategies.graphs, strategies.invalid_prompts)),
    (load_schema, ClientOptions),
]


@pytest.mark.parametrize(("function", "kind"), OPTIONS)
def test_help_spells_every_option(function: Any, kind: type) -> None:
    """With its default, its type, and what it is for."""
    parameters = inspect.signature(function).parameters
    assert not any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    lines = [line.strip() for line in function.__doc__.splitlines()]
    for name in kind.__annotations__:
        assert parameters[name].default is not inspect.Parameter.empty
        assert parameters[name].annotation
        assert [line for line in lines if line.startswith(f"{name}: ")], name
    assert [line for line in lines if line.startswith("options:")] == []


def test_what_stands_before_and_behind_the_options_stays() -> None:
    lines = [line.strip() for line in (Client.run.__doc__ or "").splitlines()]
    places = [
        lines.index(next(line for line in lines if line.startswith(text)))
        for text in ("resolver:", "front:", "timeout:", "Returns:", "ValidationError:")
    ]
    assert places == sorted(places)
    assert inspect.signature(Client.run).parameters["timeout"].default == 3600.0
    assert inspect.signature(Client.run).parameters["websocket"].annotation == "bool | None"


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda client: client.delete_queued("abc"), "prompt_ids"),
        (lambda client: client.delete_history("abc"), "prompt_ids"),
        (lambda client: client.cancel_jobs("abc"), "prompt_ids"),
        (lambda client: client.jobs(status="abc"), "status"),
        (lambda client: client.assets(tags_all="abc"), "tags_all"),
        (lambda client: client.asset_tags(tags_none="abc"), "tags_none"),
        (lambda client: client.upload_asset(b"x", tags="abc"), "tags"),
    ],
)
def test_a_string_is_not_taken_as_a_list_of_its_letters(call: Callable[[Client], object], name: str) -> None:
    """Nothing is sent: no server is there."""
    told = rf"^{name} must be a list of [a-z ]+, not a string: write \['abc'\]$"
    with Client("http://127.0.0.1:9") as client, pytest.raises(TypeError, match=told):
        call(client)


def test_a_string_is_not_taken_as_the_ids_of_targets(server: Simulator) -> None:
    sent = len(server.prompts)
    with (
        Client(server.url) as client,
        pytest.raises(TypeError, match="targets must be a list of nodes"),
    ):
        client.run(SAVE, targets="12")
    assert len(server.prompts) == sent


def test_what_is_not_strings_is_refused_where_strings_are_listed() -> None:
    with Client("http://127.0.0.1:9") as client:
        with pytest.raises(TypeError, match="prompt_ids must be a list of ids, not None"):
            client.delete_queued(cast("Any", None))
        with pytest.raises(TypeError, match="prompt_ids must be a list of ids: 5 is not a string"):
            client.delete_history(cast("Any", ["a", 5]))


def test_a_string_is_not_taken_as_letters_elsewhere(tmp_path: Path) -> None:
    graph = read_prompt(SAVE)
    schema = load_schema(NODES)
    editor = {"nodes": [], "links": [], "version": 0.4}
    calls: list[tuple[str, Callable[[], object]]] = [
        ("node_ids", lambda: graph.upstream("12")),
        ("node_ids", lambda: graph.downstream("12")),
        ("params", lambda: to_python(SAVE, schema, params="seeds")),
        ("packs", lambda: convert_workflow(editor, schema, packs="my_pack")),
        ("outputs", lambda: simulates("ThereIsNone", outputs="IMAGE")),
        ("servers", lambda: Batch(Recipe.of(SAVE), [], servers="http://127.0.0.1:9", out=tmp_path)),
    ]
    for name, call in calls:
        with pytest.raises(TypeError, match=f"^{name} must be a list.*, not a string: write "):
            call()
