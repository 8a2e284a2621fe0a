"""Every route that the clients wrap, on the simulator as either version, and at COMFYUI_URL."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from comfyflow.client import Limits
from comfyflow.client import event as events
from comfyflow.errors import ClientError, Interrupted, ServerError, WaitTimeout
from comfyflow.output_file import OutputFile
from tests.clients import KINDS, connected

from . import prompts
from .session import Server

ASKED_SOON = Limits(quiet=0.3)
"""Of a prompt that the server has forgotten, the socket says nothing: only that it was quiet tells."""


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    server.wait_until_idle()
    with connected(request.param, server.url, limits=ASKED_SOON) as client:
        yield client


@pytest.fixture
def busy(client: Any) -> Any:
    """A prompt that runs for a while; whatever is sent after it waits."""
    handle = client.submit(prompts.slow())
    until(lambda: handle.status().state == "running")
    return handle


def until(happened: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def png(color: tuple[int, ...], size: tuple[int, int] = (16, 8)) -> bytes:
    data = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(data, "PNG")
    return data.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


# Prompts


def test_what_is_sent_with_a_prompt(server: Server, client: Any) -> None:
    mine, workflow = str(uuid.uuid4()), {"id": str(uuid.uuid4()), "nodes": [], "links": []}
    prompt = prompts.save("conformance/routes")
    handle = client.submit(
        prompt,
        prompt_id=mine,
        editor_workflow=workflow,
        extra_data={"note": "x"},
        partner_api_key="comfyui-secret-key",
        targets=["9"],
    )
    result = handle.result(60)
    assert (handle.prompt_id, result.prompt_id) == (mine, mine)
    assert list(result.outputs) == ["9"]
    texts = opened(client.read(result.files[0])).info
    assert json.loads(texts["workflow"]) == workflow
    assert json.loads(texts["prompt"]).keys() == prompt.keys()
    entry = client.history_entry(mine)
    stored = entry.raw["prompt"][3]
    assert stored["note"] == "x"
    assert stored["client_id"] == client.client_id
    assert "comfyui-secret-key" not in json.dumps(entry.raw)
    with pytest.raises(ClientError, match="already has a prompt"):
        client.submit(prompts.preview(), prompt_id=mine)


def test_front_and_number(client: Any, busy: Any) -> None:
    later = client.submit(prompts.preview(), number=10**6)
    normal = client.submit(prompts.preview())
    front = client.submit(prompts.preview(), front=True)
    listed = client.queue()
    assert [entry.prompt_id for entry in listed.running] == [busy.prompt_id]
    assert [entry.prompt_id for entry in listed.pending] == [
        handle.prompt_id for handle in (front, normal, later)
    ]
    assert client.queue_remaining() == len(listed) == 4
    assert (later.number, normal.number > 0, front.number < 0) == (10**6, True, True)
    assert later.status().ahead == 3
    for handle in (front, normal, later):
        handle.result(60)


def test_clearing_the_queue_leaves_what_runs(client: Any, busy: Any) -> None:
    gone = client.submit(prompts.preview())
    client.clear_queue()
    assert [entry.prompt_id for entry in (*client.queue().running, *client.queue().pending)] in (
        [busy.prompt_id],
        [],
    )
    assert gone.wait(60).ending == "lost"
    assert busy.wait(60).ending == "success"


@pytest.mark.parametrize("by_id", [True, False])
def test_interrupting(client: Any, busy: Any, by_id: bool) -> None:
    client.interrupt(str(uuid.uuid4()))
    assert busy.status().state == "running"
    client.interrupt(busy.prompt_id if by_id else None)
    with pytest.raises(Interrupted, match=r"was interrupted at (Empty|Preview)?Image"):
        busy.result(60)


def test_cancelling_says_whether_there_was_anything(client: Any, busy: Any) -> None:
    waiting = client.submit(prompts.preview())
    with pytest.raises(WaitTimeout):
        waiting.result(0.01)
    assert (waiting.cancel(60), busy.cancel(60)) == (True, True)
    for handle in (waiting, busy):
        with pytest.raises(Interrupted, match="was cancelled"):
            handle.result(60)
        assert handle.cancel(60) is False
    assert client.history_entry(waiting.prompt_id) is None
    assert client.history_entry(busy.prompt_id).outcome.ending == "interrupted"


def test_pages_of_the_history(client: Any) -> None:
    ids = [client.run(prompts.preview(), timeout=60).prompt_id for _ in range(3)]
    whole = list(client.history())
    assert whole[-3:] == ids
    assert list(client.history(max_items=2)) == ids[-2:]
    assert list(client.history(max_items=1, offset=len(whole) - 2)) == ids[1:2]
    client.delete_history([ids[1], str(uuid.uuid4())])
    assert client.history_entry(ids[1]) is None
    assert list(client.history(max_items=2)) == [ids[0], ids[2]]
    client.clear_history()
    assert client.history() == {}


def test_jobs(server: Server, client: Any) -> None:
    workflow = {"id": str(uuid.uuid4())}
    done = client.run(prompts.preview(), editor_workflow=workflow, timeout=60).prompt_id
    if not server.is_new:
        assert client.job(done) is None
        for asked in (client.jobs, lambda: client.cancel_jobs([done])):
            with pytest.raises(ServerError) as caught:
                asked()
            assert caught.value.status in (404, 405)
        return
    assert [job.id for job in client.jobs(workflow_id=workflow["id"])] == [done]
    assert client.job(done).status == "completed"
    assert client.job(str(uuid.uuid4())) is None
    running = client.submit(prompts.slow())
    until(lambda: running.status().state == "running")
    assert [job.id for job in client.jobs(status=["in_progress"], sort_order="desc", limit=5)] == [
        running.prompt_id
    ]
    assert client.cancel_jobs([done]) is False
    assert client.cancel_jobs([running.prompt_id]) is True
    assert running.wait(60).ending == "interrupted"
    assert client.job(running.prompt_id).status == "cancelled"


# Files


def test_looking_at_files(server: Server, client: Any) -> None:
    name = f"{uuid.uuid4()} ü&?.png"
    stored = client.upload_image(png((10, 20, 30, 40)), name=name, subfolder="conformance/deep", type="temp")
    assert (stored.name, stored.subfolder, stored.type) == (name, "conformance/deep", "temp")
    where = {"subfolder": stored.subfolder, "type": "temp"}
    assert client.view(name, **where) == png((10, 20, 30, 40))
    assert httpx.get(client.view_url(name, **where)).content == png((10, 20, 30, 40))
    for preview, kind in (("webp;90", "WEBP"), ("jpeg", "JPEG")):
        assert opened(client.view(name, **where, preview=preview)).format == kind
        assert opened(httpx.get(client.view_url(name, **where, preview=preview)).content).format == kind
    assert opened(client.view(name, **where, channel="rgb")).mode == "RGB"
    assert opened(client.view(name, **where, channel="a")).getchannel("A").getpixel((0, 0)) == 40


def test_uploading_pictures_and_masks(client: Any, tmp_path: Any) -> None:
    name = f"{uuid.uuid4()}.png"
    path = tmp_path / name
    path.write_bytes(png((200, 10, 10)))
    first = client.upload_image(path)
    assert first.reference == name
    other = client.upload_image(png((1, 2, 3)), name=name)
    assert other.name != name
    assert client.upload_image(png((3, 2, 1)), name=name, overwrite=True) == first
    assert client.view(name, type="input") == png((3, 2, 1))
    masked = client.upload_mask(png((0, 0, 0, 128)), first, name=f"mask-{name}")
    assert opened(client.view(masked.name, type="input")).getpixel((0, 0)) == (3, 2, 1, 128)
    for wrong in ({"subfolder": "../.."}, {"type": "bogus"}):
        with pytest.raises(ServerError):
            client.upload_image(png((1, 1, 1)), name=name, **wrong)


def test_a_download_is_resumed(server: Server, client: Any, tmp_path: Any) -> None:
    """``If-Range`` is not heeded: that it is the same file, only the ``ETag`` of the rest says."""
    name = f"{uuid.uuid4()}.png"
    client.upload_image(png((1, 2, 3), (64, 64)), name=name)
    query = {"filename": name, "type": "input"}
    whole = client.request("GET", "/api/view", query=query)
    tag = whole.headers["etag"]
    assert not tag.startswith("W/")
    for known in (tag, '"of another file"'):
        headers = {"Range": "bytes=9-", "If-Range": known}
        rest = client.request("GET", "/api/view", query=query, headers=headers)
        assert (rest.status, rest.content, rest.headers["etag"]) == (206, whole.content[9:], tag)
        assert rest.headers["content-range"] == f"bytes 9-{len(whole.content) - 1}/{len(whole.content)}"
    client.upload_image(png((3, 2, 1), (64, 64)), name=name, overwrite=True)
    assert client.request("HEAD", "/api/view", query=query).headers["etag"] != tag
    saved = client.save(OutputFile(name, type="input"), tmp_path / "a.png")
    assert saved.read_bytes() == png((3, 2, 1), (64, 64))


# The server


def test_its_nodes(server: Server, client: Any) -> None:
    everything = client.object_info()
    assert client.object_info("EmptyImage") == {"EmptyImage": everything["EmptyImage"]}
    schema = client.schema(max_age=60)
    assert len(schema) == len(everything)
    assert tuple(int(part) for part in str(schema.version).split(".")) == server.version
    assert client.schema(max_age=60) is schema
    assert {"euler", "heun"} <= set(client.samplers())
    assert {"normal", "karras"} <= set(client.schedulers())
    assert client.run(prompts.preview(), schema=schema, timeout=60).files


def test_its_models(client: Any) -> None:
    assert {"checkpoints", "loras", "vae", "controlnet"} <= set(client.model_folders())
    for folder, named in (("checkpoints", "checkpoints"), ("loras", "loras"), ("controlnet", "controlnets")):
        names = client.models(folder)
        assert names == getattr(client, named)()
        assert {entry["name"] for entry in client.model_files(folder)} == set(names)
    for asked in (client.models, client.model_files):
        with pytest.raises(ServerError) as caught:
            asked("no/such folder")
        assert caught.value.status == 404


def test_its_log(client: Any) -> None:
    found: list[events.ServerEvent] = []
    thread = threading.Thread(target=lambda: found.extend(client.events(60)))
    thread.start()
    until(lambda: client.connected)
    client.subscribe_logs()
    client.run(prompts.preview(), timeout=60)
    until(lambda: any(isinstance(event, events.LogEntries) and event.entries for event in found))
    client.subscribe_logs(enabled=False)
    client.close()
    thread.join(30)
    assert not thread.is_alive()


def test_its_settings(client: Any) -> None:
    key = f"conformance.{uuid.uuid4().hex}"
    assert client.setting(key) is None
    client.store_setting(key, {"a": [1, None]})
    assert client.setting(key) == {"a": [1, None]}
    client.store_settings({key: "ü"})
    assert client.settings()[key] == "ü"
    assert client.users()["storage"] == "server"


def test_its_users_files(client: Any) -> None:
    folder = f"conformance-{uuid.uuid4().hex}"
    path = f"{folder}/a b ü?.json"
    assert client.put_userdata(path, b"{}") == path
    for refused in (
        lambda: client.put_userdata(path, b"[]", overwrite=False),
        lambda: client.move_userdata(path, path),
    ):
        with pytest.raises(ServerError) as caught:
            refused()
        assert caught.value.status == 409
    assert [entry["name"] for entry in client.browse_userdata(folder)] == ["a b ü?.json"]
    assert client.list_userdata(folder) == ["a b ü?.json"]
    assert client.list_userdata(f"{folder}/none") == []
    moved = client.move_userdata(path, f"{folder}/sub/b.json")
    assert client.get_userdata(moved) == b"{}"
    client.delete_userdata(moved)
    for gone in (client.get_userdata, client.delete_userdata):
        with pytest.raises(ServerError) as caught:
            gone(moved)
        assert caught.value.status == 404


def test_any_other_route(client: Any) -> None:
    assert client.request("GET", "/api/prompt").content.startswith(b'{"exec_info"')
    assert client.request("GET", "/nope").status == 404
    for path in ("/api/system_stats", "/system_stats"):
        head = client.request("HEAD", path)
        assert (head.status, head.content) == (200, b"")
    client.free(unload_models=True, free_memory=True)
