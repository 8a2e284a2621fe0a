"""Results, outputs and files, copied and sent to other processes."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from comfynodes import EmptyImage, LoadImage, PreviewAny, PreviewImage, SaveImage, SaveImageWebsocket

from comfyflow import Client, Workflow
from comfyflow.client import Result, resolver
from comfyflow.errors import ClientError, PartialSuccess
from comfyflow.output_file import ImageFile, ImageOutput, OutputFile, TextOutput
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected

Copy = Callable[[Any], Any]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # pickled here


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(params=KINDS)
def client(server: Simulator, request: pytest.FixtureRequest) -> Iterator[Any]:
    with connected(request.param, server.url) as client:
        yield client


def picture(color: int = 0) -> SaveImage:
    return SaveImage(
        images=EmptyImage(width=8, height=8, batch_size=1, color=color), filename_prefix="a/copied"
    )


class Made(NamedTuple):
    picture: SaveImage
    words: PreviewAny


def made(color: int = 0) -> Workflow[Made]:
    return Workflow(Made(picture(color), PreviewAny(source="a lighthouse")))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_of_a_result_has_what_the_result_has(client: Any, copied: Copy) -> None:
    result = client.run(made())
    other = copied(result)
    assert (repr(other), other.prompt_id) == (repr(result), result.prompt_id)
    assert (other.completion_status, other.summary) == ("success", result.summary)
    assert (other.prompt, other.report, dict(other.missing)) == (result.prompt, None, {})
    assert type(other.output.picture) is ImageOutput
    assert type(other.output.words) is TextOutput
    assert other.output.words.text == "a lighthouse"
    assert other.files == result.files
    assert [file.url for file in other.files] == [file.url for file in result.files]
    assert [file.annotated_name for file in other.files] == [file.annotated_name for file in result.files]
    assert [output.raw for output in other.outputs.values()] == [
        output.raw for output in result.outputs.values()
    ]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_in_the_same_process_reads_files(server: Simulator, copied: Copy) -> None:
    with Client(server.url) as client:
        result = client.run(picture(1))
        data = result.files[0].bytes()
        for value in (result, result.output):
            assert copied(value).files[0].bytes() == data
        assert copied(result.files[0]).bytes() == data


def reads(file: ImageFile, folder: Path) -> list[Callable[[], object]]:
    """Every way to read a file."""
    return [
        file.bytes,
        file.pil,
        lambda: file.metadata,
        lambda: file.save(folder),
        lambda: asyncio.run(file.aread()),
        lambda: asyncio.run(file.asave(folder)),
    ]


def test_a_pickled_file_says_that_its_client_is_not_there(
    client: Any, server: Simulator, tmp_path: Path
) -> None:
    result = client.run(picture(2))
    other = pickled(result)
    for file in (other.files[0], pickled(result.output).images[0], pickled(pickled(result.files[0]))):
        assert type(file) is ImageFile
        for read in reads(file, tmp_path):
            with pytest.raises(
                ClientError, match="png was pickled, so it has no client to fetch it with"
            ) as error:
                read()
            assert f"client.save(file, path) of a client for {server.url}" in str(error.value)
            assert error.value.prompt_id == result.prompt_id
        assert "has no client" in file._repr_html_()
        assert file.url == result.files[0].url
        assert client.read(file) == client.read(result.files[0])
        assert client.save(file, tmp_path).read_bytes() == client.read(file)


def test_a_file_without_a_client_is_not_a_missing_file() -> None:
    with pytest.raises(ClientError, match=r"^far\.png has no client to fetch it with: call client\.read"):
        OutputFile("far.png").bytes()


def test_pictures_from_the_socket_are_in_the_pickle(client: Any) -> None:
    result = client.run(SaveImageWebsocket(images=EmptyImage(width=8, height=8, batch_size=1, color=3)))
    other = pickled(result)
    assert other.output.images[0].loaded
    assert other.output.images[0].bytes() == result.output.images[0].bytes()


def test_a_pickled_result_is_an_input_of_the_next_run(client: Any, server: Simulator) -> None:
    first = pickled(client.run(picture(4)))
    second = client.run(SaveImage(images=LoadImage(image=first).IMAGE))
    assert second.files
    again = SaveImage(images=LoadImage(image=first).IMAGE)
    refused = pytest.raises(ClientError, match="has no client to fetch it with")
    with Simulator() as another, Client(another.url) as elsewhere, refused:
        elsewhere.run(again)


def test_a_result_of_prompt_json_and_one_that_was_attached(client: Any) -> None:
    result = client.run(made(5).to_prompt())
    attached = client.attach(result.prompt_id).result()
    for each in (result, attached):
        assert pickled(each).files == each.files


@resolver(SaveImage)
def names(output: ImageOutput) -> list[str]:
    return [file.name for file in output.files]


def test_resolvers_of_the_client_stay_behind(client: Any) -> None:
    client.register(names)
    workflow = made(6)
    result = client.run(workflow)
    assert copy.copy(result).resolve(workflow.root.picture) == [result.files[0].name]
    other_workflow, other = pickled((workflow, result))
    assert other[other_workflow.root.picture].files == (result.files[0],)
    assert other[names] == ([result.files[0].name],)
    with pytest.raises(ClientError, match="no resolver is registered"):
        other.resolve(other_workflow.root.picture)


def run_at(url: str, color: int) -> Result[Made]:
    with Client(url) as client:
        return client.run(made(color))


def run_partly(url: str, width: int) -> Result[Any]:
    with Client(url) as client:
        kept = PreviewImage(images=EmptyImage(width=8, height=width, batch_size=1))
        return client.run(Workflow(picture(width), kept), node_failure_policy="continue_independent")


def run_in_part_what_is_defined_here(url: str, width: int) -> Result[Any]:
    class Here(NamedTuple):
        kept: PreviewImage
        lost: SaveImage

    with Client(url) as client:
        kept = PreviewImage(images=EmptyImage(width=8, height=width, batch_size=1))
        return client.run(Workflow(Here(kept, picture(width))), node_failure_policy="continue_independent")


def test_results_come_out_of_other_processes() -> None:
    spawned = get_context("spawn")
    with Simulator(profile="0.37.0") as server, ProcessPoolExecutor(1, mp_context=spawned) as pool:
        result = pool.submit(run_at, server.url, 7).result()
        assert result.output.words.text == "a lighthouse"
        with Client(server.url) as client:
            assert client.read(result.files[0]).startswith(b"\x89PNG")
        server.fail_next("boo", class_type="SaveImage")
        with pytest.raises(PartialSuccess, match="`result` of this error has them") as error:
            pool.submit(run_partly, server.url, 9).result()
        found = error.value.result
        assert found.completion_status == "partial_success"
        assert [type(each).__name__ for each in found.missing.values()] == ["ExecutionError"]
        assert len(found.files) == 1
        server.fail_next("boo", class_type="SaveImage")
        with pytest.raises(PartialSuccess, match="is a partial success: 1 node failed") as error:
            pool.submit(run_in_part_what_is_defined_here, server.url, 10).result()
        assert error.value.result is None
        assert "result" not in str(error.value)
