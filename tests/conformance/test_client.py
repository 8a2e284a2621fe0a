"""Both clients, on the simulator as either version, and on the server at COMFYUI_URL."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow.client import Limits
from comfyflow.client import event as events
from comfyflow.client.run_event import NodeOutputs, NodesCached, NodeStarted, RunDone, RunStarted
from comfyflow.errors import ExecutionError, PromptLost, PromptRejected, ServerError
from comfyflow.output_file import ImageOutput, TextOutput
from tests.clients import KINDS, connected

from .session import Server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def client(kind: str, server: Server) -> Iterator[Any]:
    server.wait_until_idle()
    with connected(kind, server.url) as client:
        yield client


def color() -> int:
    return uuid.uuid4().int % 0xFFFFFF


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def picture(show: str = "PreviewImage", count: int = 1, size: int = 16) -> dict[str, Any]:
    more = {"filename_prefix": "comfyflow/conformance"} if show == "SaveImage" else {}
    return {
        "1": node("EmptyImage", width=size, height=8, batch_size=count, color=color()),
        "2": node("ImageInvert", image=["1", 0]),
        "9": node(show, images=["2", 0], **more),
    }


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_run_gives_its_pictures(client: Any, tmp_path: Path) -> None:
    prompt = picture("SaveImage", count=3, size=24)
    result = client.run(prompt, timeout=60)
    assert isinstance(result.output, ImageOutput)
    assert [image.subfolder for image in result.files] == ["comfyflow"] * 3
    written = client.download(result, tmp_path, parallel=2)
    wanted = prompt["1"]["inputs"]["color"] ^ 0xFFFFFF
    for path in written:
        seen = Image.open(path).convert("RGB")
        assert seen.size == (24, 8)
        red, green, blue = seen.getpixel((3, 3))  # type: ignore[misc]
        assert abs((wanted >> 16) - red) <= 1
        assert abs((wanted >> 8 & 255) - green) <= 1
        assert abs((wanted & 255) - blue) <= 1
    assert result.outcome.from_history


def test_events_come_in_order_and_an_identical_run_is_cached(client: Any) -> None:
    prompt = picture()
    told = list(client.submit(prompt).events(60))
    kinds = [type(event) for event in told]
    assert kinds[:2] == [RunStarted, NodesCached]
    assert [event.node.node_id for event in told if isinstance(event, NodeStarted)] == ["1", "2", "9"]
    assert kinds.count(NodeOutputs) == 1
    assert kinds[-1] is RunDone
    again = client.run(prompt, timeout=60)
    assert set(again.outcome.cached) == {"1", "2", "9"}
    assert len(again.files) == 1


def test_without_a_socket(kind: str, server: Server) -> None:
    with connected(kind, server.url, websocket=False) as client:
        assert len(client.run(picture(), timeout=60).files) == 1


@pytest.mark.usefixtures("picture_sender")
def test_pictures_over_the_socket(client: Any) -> None:
    output = client.run(picture("SaveImageWebsocket", count=2, size=20), timeout=60).output
    assert [opened(image.bytes()).size for image in output.files] == [(20, 8), (20, 8)]


def test_text(client: Any) -> None:
    word = str(uuid.uuid4())
    prompt = {
        "1": node("StringConcatenate", string_a=word, string_b="ü", delimiter="-"),
        "2": node("PreviewAny", source=["1", 0]),
    }
    output = client.run(prompt, timeout=60).output
    assert isinstance(output, TextOutput)
    assert output.text == f"{word}-ü"


def test_a_node_that_raises(client: Any, tmp_path: Path) -> None:
    broken = client.upload_image(b"this is no picture", name=f"{uuid.uuid4()}.png")
    prompt = {"1": node("LoadImage", image=broken.reference), "9": node("PreviewImage", images=["1", 0])}
    with pytest.raises(ExecutionError) as caught:
        client.run(prompt, timeout=60)
    assert (caught.value.node_id, caught.value.class_type) == ("1", "LoadImage")
    assert caught.value.traceback
    assert client.history_entry(caught.value.prompt_id).outcome.ending == "error"


def test_a_refused_prompt(client: Any) -> None:
    wrong = {**picture(), "9": node("PreviewImage")}
    with pytest.raises(PromptRejected) as caught:
        client.run(wrong, timeout=60)
    assert [(problem.node_id, problem.type) for problem in caught.value.report.errors] == [
        ("9", "required_input_missing")
    ]


def test_a_dropped_output(client: Any) -> None:
    result = client.run({**picture(), "77": node("PreviewImage")}, timeout=60)
    assert [problem.node_id for problem in result.report.errors] == ["77"]
    assert len(result["9"].files) == 1
    with pytest.raises(PromptRejected):
        result["77"]


def test_uploads(client: Any) -> None:
    data = io.BytesIO()
    Image.new("RGB", (21, 9), (1, 2, color() % 256)).save(data, "PNG")
    name = f"{uuid.uuid4()} ü.png"
    uploaded = client.upload_image(data.getvalue(), name=name, subfolder="deep/er")
    assert client.upload_image(data.getvalue(), name=name, subfolder="deep/er") == uploaded
    prompt = {"1": node("LoadImage", image=uploaded.reference), "9": node("PreviewImage", images=["1", 0])}
    result = client.run(prompt, timeout=60)
    assert opened(client.read(result.output.images[0])).size == (21, 9)
    again = {
        "1": node("LoadImage", image=result.output.images[0].annotated_name),
        "9": node("PreviewImage", images=["1", 0]),
    }
    assert opened(client.read(client.run(again, timeout=60).output.images[0])).size == (21, 9)


def test_many_prompts_at_once(client: Any) -> None:
    found: list[int] = []

    def work(size: int) -> None:
        result = client.run(picture(size=size), timeout=120)
        found.append(opened(client.read(result.files[0])).width)

    threads = [threading.Thread(target=work, args=(size,)) for size in range(8, 32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    assert sorted(found) == list(range(8, 32))


def test_cancelling_and_being_deleted(kind: str, server: Server) -> None:
    server.wait_until_idle()
    with connected(kind, server.url, limits=Limits(quiet=0.3)) as client:
        handles = [client.submit(picture("PreviewImage", count=40, size=256)) for _ in range(6)]
        assert handles[-1].cancel(60) in (True, False)
        client.delete_queued([handles[-2].prompt_id])
        endings = [handle.wait(120).ending for handle in handles]
        assert len(client.queue()) == 0
        assert set(endings[:-2]) == {"success"}
        assert endings[-2] in ("lost", "success")
        assert endings[-1] in ("interrupted", "success")


def test_taking_up_a_prompt(kind: str, server: Server, client: Any) -> None:
    prompt_id = client.submit(picture()).prompt_id
    with connected(kind, server.url) as other:
        assert len(other.attach(prompt_id).result(60).files) == 1
    with pytest.raises(PromptLost):
        client.attach(str(uuid.uuid4()))


def test_all_routes_answer(client: Any) -> None:
    for name in ("features", "settings", "workflow_templates", "translations"):
        assert isinstance(getattr(client, name)(), dict), name
    assert client.system_stats().version is not None
    assert client.users().raw
    for name in (
        "embeddings",
        "extensions",
        "model_folders",
        "samplers",
        "schedulers",
        "checkpoints",
        "loras",
    ):
        assert isinstance(getattr(client, name)(), list), name
    for name in ("vaes", "controlnets", "upscale_models", "hypernetworks", "log_entries", "list_userdata"):
        assert isinstance(getattr(client, name)(), list), name
    for name in ("node_replacements", "global_subgraphs"):
        assert isinstance(getattr(client, name)(), dict), name
    assert "euler" in client.samplers()
    assert isinstance(client.logs(), str)
    assert client.object_info("NoSuchNode") == {}
    assert client.model_metadata("checkpoints", "none.safetensors") is None
    with pytest.raises(ServerError) as caught:
        client.view(f"{uuid.uuid4()}.png")
    assert caught.value.status == 404
    client.free()


def test_userdata(client: Any) -> None:
    path = f"workflows/{uuid.uuid4()} ü.json"
    assert client.put_userdata(path, b"{}") == path
    assert client.get_userdata(path) == b"{}"
    moved = client.move_userdata(path, f"{path}.old.json")
    assert moved.removeprefix("workflows/") in client.list_userdata("workflows")
    client.delete_userdata(moved)


@pytest.mark.usefixtures("picture_sender")
def test_everything_that_comes_over_the_socket_is_known(kind: str, server: Server, client: Any) -> None:
    found: list[events.ServerEvent] = []
    thread = threading.Thread(target=lambda: found.extend(client.events(60)))
    thread.start()
    client.run(picture(), timeout=60)
    client.run(picture("SaveImageWebsocket"), timeout=60)
    client.close()
    thread.join(30)
    strange = (events.UnknownMessage, events.UnknownFrame, events.UnreadableMessage)
    of_packs = [event for event in found if isinstance(event, events.UnknownMessage) and "." in event.type]
    assert not [event for event in found if isinstance(event, strange) and event not in of_packs]
    assert any(isinstance(event, events.SocketImage) for event in found)
