"""Both clients against the simulator, as either version of a server."""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from comfynodes import (
    EmptyImage,
    EmptyLatentImage,
    ImageInvert,
    PreviewAny,
    PreviewImage,
    SaveImage,
    SaveImageWebsocket,
    SaveLatent,
)
from PIL import Image

from comfyflow import Workflow, raw_node, read_prompt, titled, to_prompt, workflow
from comfyflow.client import Limits, Result, resolver
from comfyflow.client import event as events
from comfyflow.client.run_event import (
    NodeOutputs,
    NodePicture,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
    RunDone,
    RunEvent,
    RunStarted,
)
from comfyflow.errors import (
    ClientError,
    DownloadError,
    ExecutionError,
    GraphError,
    Interrupted,
    OutOfMemory,
    PromptLost,
    PromptRejected,
    ServerUnreachable,
    ValidationError,
    WaitTimeout,
)
from comfyflow.output_file import ImageFile, ImageOutput, LatentOutput, NodeOutput, TextOutput
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected
from tests.simulated import tireless

CLIENT_OF = {"0.27.0": "Client", "0.3.64": "AsyncClient"}
"""Which client meets which version: what they have in common is written once, so two of four do."""

Connect = Callable[..., Any]


@pytest.fixture(scope="module", params=list(CLIENT_OF))
def server(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with Simulator(profile=request.param) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def no_faults(server: Simulator) -> Iterator[None]:
    yield
    server.faults.clear()


@pytest.fixture
def connect(server: Simulator) -> Iterator[Connect]:
    kind = CLIENT_OF[server.profile.version]
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(connected(kind, server.url, **options))


@pytest.fixture
def client(connect: Connect) -> Any:
    return connect()


def color() -> int:
    """A colour that no test before has used, so that nothing is cached."""
    return uuid.uuid4().int % 0xFFFFFF


def red(size: int = 16) -> SaveImage:
    return SaveImage(images=EmptyImage(width=size, height=size, batch_size=1, color=color()))


@workflow
def pictures(width: int, count: int = 1) -> SaveImage:
    return SaveImage(images=EmptyImage(width=width, height=8, batch_size=count, color=color()))


def prompt_of(node: Any) -> dict[str, Any]:
    return Workflow(node).to_prompt()


def running(client: Any) -> Any:
    """A prompt that the server has begun with."""
    handle = client.submit(red())
    while handle.status().state != "running":
        time.sleep(0.01)
    return handle


# What comes back


def test_a_workflow_gives_what_its_root_gives(client: Any) -> None:
    made = pictures(24, count=2)
    result = client.run(made)
    assert isinstance(result.output, ImageOutput)
    assert len(result.output.images) == 2
    data = client.read(result.output.images[0])
    assert Image.open(io.BytesIO(data)).size == (24, 8)
    assert result.output.images[0].type == "output"
    assert result.output.images[0].prompt_id == result.prompt_id
    assert result.output.images[0].node_id == "2"
    assert result.outcome.from_history


def test_files_of_a_blocking_client_fetch_themselves(server: Simulator, tmp_path: Path) -> None:
    with connected("Client", server.url) as client:
        result = client.run(pictures(24))
        image = result.output.images[0]
        assert image.pil().size == (24, 8)
        assert image.save(tmp_path).read_bytes() == image.bytes()
        assert image.metadata["prompt"]["2"]["class_type"] == "SaveImage"
        assert image.url == (f"{server.url}/api/view?filename={image.name}&type=output")


def test_files_of_an_async_client_say_how_to_get_them(server: Simulator) -> None:
    with connected("AsyncClient", server.url) as client:
        image = client.run(pictures(24)).output.images[0]
        with pytest.raises(ClientError, match="`await file"):
            image.bytes()
        with pytest.raises(ClientError, match="`await file"):
            image.save("a.png")


def test_several_roots_and_single_nodes(client: Any) -> None:
    saved, shown = red(), PreviewImage(images=EmptyImage(width=8, height=8, batch_size=1, color=color()))
    result = client.run(Workflow((saved, shown)))
    first, second = result.output
    assert (first.images[0].type, second.images[0].type) == ("output", "temp")
    assert result[shown] is second
    assert result[saved].files == first.files
    with pytest.raises(GraphError):
        result[red()]


def test_prompt_json(client: Any) -> None:
    result = client.run(prompt_of(red()))
    assert isinstance(result.output, ImageOutput)
    assert result["2"] is result.output
    with pytest.raises(ClientError, match="no node '77'"):
        result["77"]
    two = client.run(prompt_of((red(), red())))
    assert len(two.files) == 2
    with pytest.raises(ClientError, match="no single output"):
        _ = two.output


def test_text_and_latents(client: Any) -> None:
    text = PreviewAny(
        source=raw_node("StringConcatenate", {"string_a": "a", "string_b": "b", "delimiter": "-"})[0]
    )
    output = client.run(text, validate=False).output
    assert isinstance(output, TextOutput)
    assert output.text == "a-b"
    latent = SaveLatent(samples=EmptyLatentImage(width=64, height=64))
    kept = client.run(latent).output
    assert isinstance(kept, LatentOutput)
    assert client.read(kept.latents[0])[8:9] == b"{"


def test_a_cached_run_gives_the_same(client: Any) -> None:
    node = red()
    first, second = client.run(node), client.run(node)
    assert first.output.images[0].name == second.output.images[0].name
    assert set(second.outcome.cached) == {"1", "2"}
    assert first.prompt_id != second.prompt_id


def test_pictures_over_the_socket_are_outputs_and_previews_are_not(
    server: Simulator, connect: Connect
) -> None:
    client = connect()
    node = SaveImageWebsocket(images=EmptyImage(width=8, height=4, batch_size=3, color=color()))
    seen: list[RunEvent] = []
    output = client.run(node, on_event=seen.append).output
    assert [image.name for image in output.files] == ["2_00001.png", "2_00002.png", "2_00003.png"]
    picture = output.files[0]
    assert isinstance(picture, ImageFile)
    assert (picture.pil().size, picture.url) == ((8, 4), "")
    assert len([event for event in seen if type(event) is NodePicture]) == 3
    assert not [event for event in seen if type(event) is NodePreview]


def test_pictures_over_a_socket_that_is_not_there_are_missed(connect: Connect) -> None:
    client = connect(websocket=False)
    node = SaveImageWebsocket(images=EmptyImage(width=8, height=4, batch_size=1, color=color()))
    result = client.run(node, validate=False)
    with pytest.raises(DownloadError, match="SaveImage, PreviewImage"):
        _ = result.output


def test_resolvers(client: Any) -> None:
    @resolver(SaveImage)
    def names(output: ImageOutput) -> list[str]:
        return [image.name for image in output.images]

    node = red()
    assert client.run(node, resolver=names)[0].endswith("_.png")
    assert client.run(Workflow((node, red())))[names][0][0].endswith("_.png")
    assert client.run(node, resolver=lambda result: len(result.files)) == 1
    assert client.submit(node, resolver=names).result()[0].endswith("_.png")
    result = client.run(node)
    with pytest.raises(ClientError, match="no resolver is registered for SaveImage"):
        result.resolve(node)
    client.register(names)
    assert client.run(node).resolve(node)[0].endswith("_.png")


# What is wrong


def test_problems_are_found_before_anything_is_sent(server: Simulator, client: Any) -> None:
    before = len(server.prompts)
    wrong = SaveImage(images=EmptyImage(width=-5, height=8, batch_size=1, color=0))
    with pytest.raises(ValidationError) as caught:
        client.run(wrong)
    assert Path(__file__).name in str(caught.value)
    assert len(server.prompts) == before


def test_a_server_that_refuses_says_the_same(server: Simulator, client: Any) -> None:
    wrong = SaveImage(images=EmptyImage(width=-5, height=8, batch_size=1, color=0))
    with pytest.raises(ValidationError) as here:
        client.run(wrong)
    server.faults.rejections.append(here.value.report.to_server_json())
    with pytest.raises(PromptRejected) as there:
        client.run(wrong, validate=False)
    assert there.value.status == 400
    ours, theirs = here.value.report.errors, there.value.report.errors
    assert [problem.type for problem in ours] == [problem.type for problem in theirs]
    assert [problem.place for problem in ours] == [problem.place for problem in theirs]
    assert theirs[0].place is not None


def test_what_a_server_dropped_is_reported(client: Any) -> None:
    good = prompt_of(red())
    good["77"] = {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}, "_meta": {"title": "bad"}}
    handle = client.submit(good)
    assert [problem.node_id for problem in handle.report.errors] == ["77"]
    result = handle.result()
    assert result.report is handle.report
    with pytest.raises(PromptRejected, match="dropped node #77"):
        result["77"]
    assert len(result["2"].files) == 1


def test_what_kills_a_worker_is_never_sent(server: Simulator, client: Any) -> None:
    prompt = {**prompt_of(red()), "5": {"class_type": "EmptyImage"}}
    before = len(server.prompts)
    with pytest.raises(ValidationError) as caught:
        client.run(prompt, validate=False)
    assert [problem.node_id for problem in caught.value.report.problems] == ["5"]
    assert len(server.prompts) == before


def test_a_node_that_raises(server: Simulator, client: Any) -> None:
    server.fail_next("no luck", exception_type="ValueError", class_type="ImageInvert")
    node = SaveImage(images=ImageInvert(image=EmptyImage(width=8, height=8, batch_size=1, color=color())))
    with pytest.raises(ExecutionError) as caught:
        client.run(node)
    error = caught.value
    assert (error.class_type, error.node_id, error.exception_type) == ("ImageInvert", "2", "ValueError")
    assert error.exception_message == "no luck"
    assert error.place is not None
    assert error.place.file == __file__
    assert "ImageInvert(" in str(error)
    assert error.traceback


def test_memory_that_runs_out(server: Simulator, client: Any) -> None:
    server.fail_next("Allocation on device", out_of_memory=True)
    with pytest.raises(OutOfMemory):
        client.run(red())


@pytest.fixture
def never_done(server: Simulator) -> Iterator[None]:
    with tireless(server):
        yield


@pytest.mark.usefixtures("never_done")
def test_a_prompt_that_is_interrupted(server: Simulator, client: Any) -> None:
    handle = running(client)
    client.interrupt()
    with pytest.raises(Interrupted, match="was interrupted"):
        handle.result(20)


@pytest.mark.usefixtures("never_done")
def test_cancelling(server: Simulator, client: Any) -> None:
    first, second = running(client), client.submit(red())
    assert second.status().state == "pending"
    assert second.cancel() is True
    assert second.status().state == "interrupted"
    assert first.cancel() is True
    for handle in (first, second):
        with pytest.raises(Interrupted, match="was cancelled"):
            handle.result(20)
    assert first.cancel() is False
    assert len(client.queue()) == 0


def test_a_prompt_that_somebody_deletes(server: Simulator, connect: Connect) -> None:
    client = connect(limits=Limits(quiet=0.2))
    server.faults.slow_nodes = {None: 0.3}
    first, second = running(client), client.submit(red())
    client.delete_queued([second.prompt_id])
    with pytest.raises(PromptLost):
        second.result(20)
    assert first.result(20).files


def test_a_wait_that_is_too_short(server: Simulator, client: Any) -> None:
    server.faults.slow_nodes = {None: 0.4}
    handle = client.submit(red())
    with pytest.raises(WaitTimeout) as caught:
        handle.result(0.2)
    assert caught.value.prompt_id == handle.prompt_id
    assert handle.result(20).files


def test_what_is_no_workflow(client: Any) -> None:
    with pytest.raises(ClientError, match="call the function"):
        client.run(pictures)
    with pytest.raises(ClientError, match="not int"):
        client.run(3)


# Events


def test_events_of_a_run(client: Any) -> None:
    inverted = titled(
        ImageInvert(image=EmptyImage(width=8, height=8, batch_size=1, color=color())), "Invert!"
    )
    handle = client.submit(SaveImage(images=inverted))
    told = list(handle.events(30))
    assert [type(event) for event in told[:2]] == [RunStarted, NodesCached]
    assert isinstance(told[-1], RunDone)
    assert told[-1].outcome.ending == "success"
    started = [event for event in told if isinstance(event, NodeStarted)]
    assert [event.node.class_type for event in started] == ["EmptyImage", "ImageInvert", "SaveImage"]
    assert started[1].node.title == "Invert!"
    assert started[1].node.place is not None
    assert started[1].node.place.file == __file__
    assert [event.node.node_id for event in told if isinstance(event, NodeOutputs)] == ["3"]
    assert [type(event) for event in handle.events(30)] == [type(event) for event in told]


def test_events_without_a_socket_still_end(connect: Connect) -> None:
    client = connect(websocket=False)
    told = list(client.submit(red()).events(30))
    assert isinstance(told[-1], RunDone)


def test_all_events_of_a_server(server: Simulator, connect: Connect) -> None:
    listener, worker = connect(), connect()
    found: list[events.ServerEvent] = []

    def listen() -> None:
        for event in listener.events(20):
            found.append(event)
            if isinstance(event, events.Status) and event.queue_remaining == 0 and len(found) > 4:
                return

    thread = threading.Thread(target=listen)
    thread.start()
    while not listener.connected:
        time.sleep(0.01)
    worker.run(red())
    worker.run(red())
    thread.join(20)
    assert not thread.is_alive()
    kinds = {type(event) for event in found}
    assert events.Connected in kinds
    assert events.Status in kinds
    assert events.ExecutionStart not in kinds, "another client's run is not ours to see"


def test_closing_ends_what_listens(connect: Connect) -> None:
    client = connect()
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(client.events()))
    thread.start()
    while not client.connected:
        time.sleep(0.01)
    client.close()
    thread.join(10)
    assert not thread.is_alive()


def test_several_prompts_in_flight_from_several_threads(connect: Connect) -> None:
    client = connect()
    sizes: dict[int, Any] = {}

    def work(size: int) -> None:
        sizes[size] = client.run(pictures(size)).output.images[0]

    threads = [threading.Thread(target=work, args=(size,)) for size in range(8, 24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({image.name for image in sizes.values()}) == 16
    for size, image in sizes.items():
        assert Image.open(io.BytesIO(client.read(image))).width == size


def test_taking_up_a_prompt_of_an_earlier_program(server: Simulator, connect: Connect) -> None:
    server.faults.slow_nodes = {None: 0.3}
    prompt_id = connect().submit(red()).prompt_id
    assert connect().attach(prompt_id).result(20).files
    assert connect().attach(prompt_id).result(20).output.files


# How it is connected


def test_nobody_there() -> None:
    for kind in KINDS:
        with connected(kind, "http://127.0.0.1:9", limits=Limits(retries=1, backoff=0.01)) as client:
            with pytest.raises(ServerUnreachable, match="no ComfyUI server answers"):
                client.system_stats()
            with pytest.raises(ServerUnreachable):
                client.run(prompt_of(red()))


def test_a_result_is_shown_shortly(client: Any) -> None:
    result: Result[NodeOutput] = client.run(red())
    assert repr(result) == f"<Result of prompt {result.prompt_id}: 1 file>"
    assert client.submit(red()).prompt_id != result.prompt_id


def test_progress_and_previews_of_a_sampler(server: Simulator, connect: Connect) -> None:
    from comfynodes import CheckpointLoaderSimple, CLIPTextEncode, KSampler, VAEDecode

    loaded = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
    text = CLIPTextEncode(text="a hill", clip=loaded.CLIP)
    latent = KSampler(
        model=loaded.MODEL,
        seed=color(),
        steps=4,
        sampler_name="euler",
        scheduler="normal",
        positive=text,
        negative=text,
        latent_image=EmptyLatentImage(width=64, height=64),
    )
    node = PreviewImage(images=VAEDecode(samples=latent, vae=loaded.VAE))
    told: list[RunEvent] = []
    result = connect().run(node, on_event=told.append, extra_data={"preview_method": "latent2rgb"})
    steps = [event.value for event in told if isinstance(event, NodeProgress) and event.maximum == 4]
    assert steps[-1] == 4
    if server.profile.version == "0.27.0":
        previews = [event for event in told if type(event) is NodePreview]
        assert previews
        assert previews[0].node.class_type == "KSampler"
        assert previews[0].pil().size[0] > 0
    assert [file.type for file in result.files] == ["temp"], "a preview is no output"


def test_a_graph_runs(client: Any) -> None:
    given = read_prompt(prompt_of(titled(red(), "mine")))
    result = client.run(given)
    assert len(result.files) == 1
    assert to_prompt(read_prompt(result.prompt)) == to_prompt(given)
