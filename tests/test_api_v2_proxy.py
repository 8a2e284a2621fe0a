"""Both clients through the real comfy-api-proxy in front of the simulator."""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from comfynodes import EmptyImage, ImageInvert, LoadImage, PreviewAny, SaveImage, SaveImageWebsocket
from PIL import Image

from comfyflow import Workflow, workflow
from comfyflow.client import Limits
from comfyflow.client.flow import Answer, Flow, Forward, Request, sleep
from comfyflow.client.run_event import NodeOutputs, RunDone, RunEvent, RunStarted
from comfyflow.errors import (
    ClientError,
    ExecutionError,
    Interrupted,
    PromptLost,
    PromptRejected,
    ServerError,
    ServerUnreachable,
    SocketUnavailable,
    WaitTimeout,
)
from comfyflow.simulator import Simulator
from tests.api_v2_proxy import proxied
from tests.clients import KINDS, connected
from tests.command import Command
from tests.simulated import tireless
from tests.test_client_seed_faults import until

Connect = Callable[..., Any]

SECONDS = 60.0


@pytest.fixture(scope="module")
def server() -> Generator[Simulator]:
    with Simulator(profile="0.27.0") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def url(server: Simulator) -> Generator[str]:
    with proxied(server.url) as url:
        yield url


@pytest.fixture(autouse=True)
def no_faults(server: Simulator) -> Generator[None]:
    yield
    server.faults.clear()


@pytest.fixture(params=KINDS)
def connect(url: str, request: pytest.FixtureRequest) -> Generator[Connect]:
    with ExitStack() as stack:

        def opened(**options: Any) -> Any:
            return stack.enter_context(connected(request.param, url, **options))

        yield opened


@pytest.fixture
def client(connect: Connect) -> Any:
    return connect()


def color() -> int:
    """A colour that no test before has used, so that nothing is cached."""
    return uuid.uuid4().int % 0xFFFFFF


def red(size: int = 16) -> SaveImage:
    return SaveImage(images=EmptyImage(width=size, height=size, batch_size=1, color=color()))


@workflow
def copied(picture: Any) -> SaveImage:
    return SaveImage(images=LoadImage(image=picture).IMAGE, filename_prefix="copied")


def picture() -> Image.Image:
    return Image.new("RGB", (8, 8), color())


def posts(server: Simulator) -> int:
    return len(server.prompts)


# What comes back


def test_a_workflow_gives_what_its_root_gives(client: Any, server: Simulator, tmp_path: Path) -> None:
    result = client.run(red(24), timeout=SECONDS)
    (image,) = result.output.images
    data = client.read(image)
    assert Image.open(io.BytesIO(data)).size == (24, 24)
    assert image.prompt_id == result.prompt_id
    assert server.prompts[-1].prompt_id == result.prompt_id
    assert client.save(image, tmp_path / "a.png").read_bytes() == data
    assert [path.read_bytes() for path in client.download(result, tmp_path / "all")] == [data]
    assert image.url.startswith(client.url)


def test_only_what_is_wanted_is_run(client: Any, server: Simulator) -> None:
    first, second = red(), red()
    made = Workflow((first, second))
    result = client.run(made, targets=[first], timeout=SECONDS)
    assert len(result.files) == 1
    assert len(server.prompts[-1].prompt) == 2


def test_a_refusal_has_its_problems_and_places(client: Any, server: Simulator) -> None:
    before = posts(server)
    node = SaveImage(images=EmptyImage(width=0, height=8, batch_size=1, color=0))
    with pytest.raises(PromptRejected) as caught:
        client.run(node, validate=False, timeout=SECONDS)
    (problem, *_) = [problem for problem in caught.value.report.errors if problem.node_id]
    assert (problem.type, problem.class_type) == ("value_smaller_than_min", "EmptyImage")
    assert problem.place is not None
    assert problem.place.file == __file__
    assert posts(server) == before


def test_a_node_that_raises(client: Any, server: Simulator) -> None:
    server.fail_next("no luck", exception_type="ValueError", class_type="ImageInvert")
    node = SaveImage(images=ImageInvert(image=EmptyImage(width=8, height=8, batch_size=1, color=color())))
    with pytest.raises(ExecutionError, match="no luck") as caught:
        client.run(node, timeout=SECONDS)
    assert (caught.value.class_type, caught.value.node_id) == ("ImageInvert", "2")
    assert caught.value.place is not None
    assert caught.value.place.file == __file__


def test_what_the_server_dropped_and_the_api_does_not_tell(client: Any) -> None:
    good, bad = red(), SaveImage(images=EmptyImage(width=0, height=8, batch_size=1, color=0))
    result = client.run(Workflow((good, bad)), validate=False, timeout=SECONDS)
    assert result[good].images
    with pytest.raises(PromptRejected, match=r"No file of it came.*dropped"):
        _ = result[bad]
    assert list(result.missing) == [result._prepared.id_of(bad)]


def test_texts_do_not_come_and_that_is_said(client: Any) -> None:
    text = PreviewAny(source="a")
    result = client.run(Workflow((red(), text)), timeout=SECONDS)
    with pytest.raises(PromptRejected, match="only text"):
        _ = result[text]


# Events


def test_events_of_a_run(client: Any, server: Simulator) -> None:
    server.faults.slow_nodes = {None: 0.1}
    heard: list[RunEvent] = []
    node = SaveImage(images=ImageInvert(image=EmptyImage(width=8, height=8, batch_size=1, color=color())))
    result = client.run(node, on_event=heard.append, timeout=SECONDS)
    kinds = [type(event) for event in heard]
    assert kinds[-1] is RunDone
    assert kinds.count(RunStarted) == 1
    assert {event.node.node_id for event in heard if isinstance(event, NodeOutputs)} == {"3"}
    assert {event.prompt_id for event in heard} == {result.prompt_id}


def test_without_a_stream_the_job_is_asked_for(connect: Connect) -> None:
    asked: list[str] = []

    def look(request: Request, forward: Forward) -> Flow[Answer]:
        asked.append(request.path)
        return (yield from forward(request))

    client = connect(websocket=False, middleware=[look])
    heard: list[RunEvent] = []
    assert client.run(red(), on_event=heard.append, timeout=SECONDS).files
    assert isinstance(heard[-1], RunDone)
    assert not [path for path in asked if path.endswith("/events")]


def test_more_runs_than_the_proxy_has_streams(client: Any, server: Simulator) -> None:
    server.faults.slow_nodes = {None: 0.05}
    handles = [client.submit(red()) for _ in range(12)]
    assert [len(handle.result(SECONDS).files) for handle in handles] == [1] * 12


def test_the_first_prompts_come_at_once_from_many_threads(connect: Connect, server: Simulator) -> None:
    """The proxy refuses the first form of a label, and does so for each that was sent with it."""

    def together(request: Request, forward: Forward) -> Flow[Answer]:
        if request.method == "POST" and request.path == "/api/v2/jobs":
            arrived.append(request)
            if len(arrived) == 6:
                all_there.set()
            while not all_there.is_set():
                yield from sleep(0.01)
        return (yield from forward(request))

    arrived: list[Request] = []
    all_there = threading.Event()
    client = connect(middleware=[together])
    found: list[int] = []

    def run() -> None:
        found.append(len(client.run(red(), timeout=SECONDS).files))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert found == [1] * 6


# Cancelling, taking up


def test_cancelling(client: Any, server: Simulator) -> None:
    with tireless(server):
        first = client.submit(red())
        until(lambda: first.status().state == "running")
        second = client.submit(red())
        assert second.status().state == "pending"
        assert second.cancel(SECONDS) is True
        assert first.cancel(SECONDS) is True
        for handle in (first, second):
            with pytest.raises(Interrupted, match="was cancelled"):
                handle.result(SECONDS)
    assert first.cancel() is False


def test_a_wait_that_is_too_short_is_taken_up_by_another(
    client: Any, connect: Connect, server: Simulator
) -> None:
    server.faults.slow_nodes = {None: 0.5}
    handle = client.submit(red())
    with pytest.raises(WaitTimeout) as caught:
        handle.result(0.1)
    assert caught.value.prompt_id == handle.prompt_id
    other = connect().attach(handle.prompt_id)
    assert other.result(SECONDS).files == handle.result(SECONDS).files


def test_an_id_of_ones_own_finds_the_job_that_has_another(client: Any, connect: Connect) -> None:
    mine = str(uuid.uuid4())
    handle = client.submit(red(), prompt_id=mine)
    assert handle.prompt_id != mine
    assert connect().attach(mine).result(SECONDS).prompt_id == handle.prompt_id
    with pytest.raises(ClientError, match="already has a prompt"):
        client.submit(red(), prompt_id=mine)


def test_a_job_that_nobody_knows(client: Any) -> None:
    with pytest.raises(PromptLost):
        client.attach(str(uuid.uuid4()))


# Files


def test_a_file_is_sent_once_and_asked_for_by_its_hash(connect: Connect) -> None:
    pytest.importorskip("blake3")
    mine, asked = picture(), list[str]()

    def look(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        if request.path.startswith("/api/v2/assets") and request.method == "POST":
            asked.append(f"{request.path.removeprefix('/api/v2/assets')} {answer.status}")
        return answer

    for _ in range(2):  # two clients: the second one knows nothing
        client = connect(middleware=[look])
        result = client.run(copied(mine), timeout=SECONDS)
        assert Image.open(io.BytesIO(client.read(result.files[0]))).getpixel((0, 0)) == mine.getpixel((0, 0))
        client.run(copied(mine), timeout=SECONDS)
    assert asked == ["/from-hash 404", " 201", "/from-hash 200"]


def test_what_was_uploaded_or_given_before_is_an_input(client: Any, tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    uploaded = client.upload_image(tmp_path / "a.png", subfolder="sub")
    assert uploaded.asset_id
    first = client.run(copied(uploaded), timeout=SECONDS)
    again = client.run(copied(first.files[0]), timeout=SECONDS)
    assert again.files


# Faults


def test_a_lost_reply_neither_loses_nor_doubles(connect: Connect, server: Simulator) -> None:
    lost = 0

    def loses(request: Request, forward: Forward) -> Flow[Answer]:
        nonlocal lost
        answer = yield from forward(request)
        if request.method == "POST" and request.path == "/api/v2/jobs" and answer.status == 201 and not lost:
            lost += 1
            raise ServerUnreachable("the reply was lost")
        return answer

    before = posts(server)
    result = connect(middleware=[loses], limits=Limits(backoff=0.02)).run(red(), timeout=SECONDS)
    assert (lost, posts(server) - before) == (1, 1)
    assert result.files


def test_a_job_of_which_nobody_knows_is_not_sent_again(connect: Connect, server: Simulator) -> None:
    def loses(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        if request.path == "/api/v2/jobs" and (
            answer.status == 201 or dict(request.query).get("limit") == "100"
        ):
            raise ServerUnreachable("the reply was lost")
        return answer

    before = posts(server)
    client = connect(middleware=[loses], limits=Limits(retries=1, backoff=0.02))
    with pytest.raises(ServerError, match=r"may or may not be queued.*not sent again"):
        client.run(red(), timeout=SECONDS)
    assert posts(server) - before == 1


def test_a_stream_that_breaks_is_opened_again(connect: Connect, server: Simulator) -> None:
    opened = 0

    def breaks(request: Request, forward: Forward) -> Flow[Answer]:
        nonlocal opened
        if request.path.endswith("/events"):
            opened += 1
            if opened < 3:
                raise ServerUnreachable("the stream broke")
        return (yield from forward(request))

    server.faults.slow_nodes = {None: 0.5}
    client = connect(middleware=[breaks], limits=Limits(backoff=0.02, backoff_most=0.05))
    assert client.run(red(), timeout=SECONDS).files
    assert opened >= 3


def test_a_proxy_that_loses_its_comfyui(server: Simulator) -> None:
    with (
        Simulator(profile="0.27.0") as mine,
        proxied(mine.url) as url,
        connected("Client", url, limits=Limits(retries=1, backoff=0.02)) as client,
    ):
        assert client.run(red(), timeout=SECONDS).files
        mine.stop()
        with pytest.raises(ServerError, match="may or may not be queued"):
            client.run(red(), timeout=SECONDS)


def refused(handle: Any) -> None:
    with pytest.raises(ClientError):
        handle.result(SECONDS)


def test_closing_leaves_no_thread(url: str, server: Simulator) -> None:
    others = set(threading.enumerate())
    with tireless(server):
        with connected("Client", url) as client:
            handle = client.submit(red())
            until(lambda: handle.status().state == "running")
            other = threading.Thread(target=refused, args=(handle,))
            other.start()
        other.join(20)
        until(lambda: all(each.name != "comfyflow-events" for each in {*threading.enumerate()} - others))
        with connected("Client", url) as client:
            client.attach(handle.prompt_id).cancel(SECONDS)


# The command line


def test_a_prompt_from_the_command_line(
    command: Command, url: str, server: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(Workflow(red()).to_prompt()))
    before = posts(server)
    done = command("run", str(path), "--server", url, "--out", str(tmp_path / "out"))
    assert done.code == 0, done.err
    assert posts(server) - before == 1
    assert [file.suffix for file in (tmp_path / "out").iterdir()] == [".png"]


# What the API lacks


@pytest.mark.parametrize(
    "options",
    [
        {"front": True},
        {"number": 1.0},
        {"node_failure_policy": "continue_independent"},
        {"editor_workflow": {"nodes": [], "links": []}},
        {"extra_data": {"preview_method": "auto"}},
    ],
    ids=lambda options: next(iter(options)),
)
def test_what_the_api_lacks_is_refused_before_anything_is_sent(
    client: Any, server: Simulator, options: dict[str, Any]
) -> None:
    before = posts(server)
    with pytest.raises(ClientError, match=rf"Comfy API v2 does not support {next(iter(options))}"):
        client.run(red(), **options, timeout=SECONDS)
    assert posts(server) == before


def test_functions_for_events_that_never_come_are_refused_when_a_prompt_is_sent(
    client: Any, server: Simulator
) -> None:
    """And not before: at first nobody knows what kind of server it is."""
    before = posts(server)
    remove = client.on("progress", print)
    with pytest.raises(ClientError, match=r"no WebSocket for all prompts; handle\.events\(\) and on_event"):
        client.run(red(), timeout=SECONDS)
    assert posts(server) == before
    remove()
    assert client.run(red(), timeout=SECONDS).files
    with pytest.raises(ClientError, match="no WebSocket for all prompts"):
        client.on("progress", print)


def test_pictures_of_a_socket_and_its_events(client: Any, server: Simulator) -> None:
    before = posts(server)
    node = SaveImageWebsocket(images=EmptyImage(width=8, height=8, batch_size=1, color=color()))
    with pytest.raises(SocketUnavailable, match="which the Comfy API v2 does not have"):
        client.run(node, timeout=SECONDS)
    assert posts(server) == before
    with pytest.raises(ClientError, match=r"handle\.events"):
        client.events()
    with pytest.raises(ServerError, match="the Comfy API v2 does not have this route"):
        client.queue()
