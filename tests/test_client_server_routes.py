"""Files and the other routes of a server, against the simulator, by both clients."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import Any

import pytest
from comfynodes import (
    ImageInvert,
    LoadImage,
    PreviewImage,
)
from PIL import Image

from comfyflow import Workflow, with_id, workflow
from comfyflow.client.flow import Answer, Flow, Forward, Request
from comfyflow.errors import DownloadError, PromptError, ServerError, ValidationError
from comfyflow.simulator import Simulator
from tests.test_client_server import (
    Connect,
    client,
    color,
    connect,
    no_faults,
    pictures,
    prompt_of,
    red,
    running,
    server,
)

__all__ = ["client", "connect", "no_faults", "server"]


def picture_file(folder: Path, name: str = "photo.png", size: int = 8) -> Path:
    path = folder / name
    Image.new("RGB", (size, 8), (color() % 256, 3, 4)).save(path)
    return path


@workflow
def inverted(image: Any) -> PreviewImage:
    return PreviewImage(images=ImageInvert(image=LoadImage(image=image).IMAGE))


def test_local_files_are_uploaded_by_content(server: Simulator, client: Any, tmp_path: Path) -> None:
    photo = picture_file(tmp_path, f"{uuid.uuid4()}.png", 21)
    result = client.run(inverted(photo))
    assert result.prompt["1"]["inputs"]["image"] == photo.name
    assert Image.open(io.BytesIO(client.read(result.output.images[0]))).width == 21
    again = client.run(inverted(str(photo)))
    assert again.prompt["1"]["inputs"]["image"] == photo.name
    picture_file(tmp_path, photo.name, 22)
    other = client.run(inverted(photo))
    assert other.prompt["1"]["inputs"]["image"] == f"{photo.stem} (1).png"
    assert Image.open(io.BytesIO(client.read(other.output.images[0]))).width == 22


def test_a_local_file_that_is_not_there(client: Any, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"nothing\.png', which cannot be read") as caught:
        client.run(inverted(tmp_path / "nothing.png"))
    problem = caught.value.report.errors[0]
    assert (problem.class_type, problem.input_name) == ("LoadImage", "image")
    assert problem.place is not None


def test_a_name_of_the_server_stays_one(client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that the server may mean is only a local file if one is there."""
    uploaded = client.upload_image(picture_file(tmp_path), name=f"{uuid.uuid4()}.png", subfolder="deep")
    monkeypatch.chdir(tmp_path)
    result = client.run(inverted(uploaded.reference), validate=False)
    assert result.prompt["1"]["inputs"]["image"] == uploaded.reference


def test_uploading_and_looking(client: Any, tmp_path: Path) -> None:
    name = f"{uuid.uuid4()}.png"
    photo = picture_file(tmp_path)
    first = client.upload_image(photo, name=name, subfolder="a/b")
    assert (first.name, first.subfolder, first.type) == (name, "a/b", "input")
    assert first.reference == f"a/b/{name}"
    assert client.upload_image(photo.read_bytes(), name=name, subfolder="a/b") == first
    assert client.view(name, subfolder="a/b", type="input") == photo.read_bytes()
    preview = client.view(name, subfolder="a/b", type="input", preview="jpeg;50")
    assert Image.open(io.BytesIO(preview)).format == "JPEG"
    other = client.upload_image(picture_file(tmp_path, size=9), name=name, subfolder="a/b")
    assert other.name != name
    replaced = client.upload_image(photo, name=other.name, subfolder="a/b", overwrite=True)
    assert client.view(replaced.name, subfolder="a/b", type="input") == photo.read_bytes()
    mask = io.BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 7)).save(mask, "PNG")
    masked = client.upload_mask(mask.getvalue(), first, name=f"{uuid.uuid4()}.png")
    seen = Image.open(io.BytesIO(client.view(masked.name, type="input")))
    assert seen.getchannel("A").getpixel((0, 0)) == 7
    with pytest.raises(ServerError) as caught:
        client.view("no_such_file.png")
    assert caught.value.status == 404


def test_downloading_a_result(client: Any, tmp_path: Path) -> None:
    result = client.run(pictures(8, count=5))
    written = client.download(result, tmp_path / "out", parallel=3)
    assert [path.name for path in written] == [file.name for file in result.files]
    assert all(
        path.read_bytes() == client.read(file) for path, file in zip(written, result.files, strict=True)
    )
    again = client.download(result.output, tmp_path / "out")
    assert not {*written} & {*again}
    assert client.download(result.files, tmp_path / "out", overwrite=True) == written
    assert not list((tmp_path / "out").glob(".*")), "partial files are gone"


def test_a_file_that_the_server_has_no_more(server: Simulator, client: Any, tmp_path: Path) -> None:
    """A cached success may name a file that was deleted from the disk."""
    node = red()
    image = client.run(node).output.images[0]
    (server.folders.of("output") / image.subfolder / image.name).unlink()
    again = client.run(node).output.images[0]
    with pytest.raises(DownloadError, match="no more"):
        client.read(again)
    with pytest.raises(DownloadError, match="no more"):
        client.save(again, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_the_server_itself(server: Simulator, client: Any) -> None:
    stats = client.system_stats()
    assert stats["system"]["comfyui_version"] == stats.system.comfyui_version == server.profile.version
    assert str(stats.version) == server.profile.version
    assert stats.devices[0].type in ("cpu", "cuda")
    assert client.features()["supports_preview_metadata"] is True
    assert list(client.object_info("KSampler")) == ["KSampler"]
    assert client.object_info("../queue") == {}
    schema = client.schema()
    assert str(schema.version) == server.profile.version
    assert client.schema(max_age=60) is schema
    assert client.schema() is not schema
    assert "euler" in client.samplers()
    assert "normal" in client.schedulers()
    for listing in ("checkpoints", "loras", "vaes", "controlnets", "upscale_models", "hypernetworks"):
        assert isinstance(getattr(client, listing)(), list)
    assert "checkpoints" in client.model_folders()
    assert isinstance(client.models("checkpoints"), list)
    assert isinstance(client.model_files("checkpoints"), list)
    assert client.model_metadata("checkpoints", "nothing.safetensors") is None
    with pytest.raises(ServerError) as caught:
        client.models("no_such_folder")
    assert caught.value.status == 404
    assert isinstance(client.embeddings(), list)
    assert isinstance(client.extensions(), list)
    assert isinstance(client.workflow_templates(), dict)
    assert isinstance(client.translations(), dict)
    assert isinstance(client.node_replacements(), dict)
    assert isinstance(client.global_subgraphs(), dict)
    assert isinstance(client.logs(), str)
    assert all(entry.time and entry.text for entry in client.log_entries())
    client.subscribe_logs()
    client.subscribe_logs(enabled=False)
    client.free(unload_models=True, free_memory=True)


def test_node_classes_are_kept_on_request(connect: Connect, tmp_path: Path) -> None:
    asked: list[str] = []

    def count(request: Request, forward: Forward) -> Flow[Answer]:
        asked.append(request.path)
        return (yield from forward(request))

    def fetched() -> int:
        return asked.count("/api/object_info")

    first = connect(middleware=[count])
    schema = first.schema(max_age=60, folder=tmp_path / "cache")
    assert "KSampler" in schema
    first.schema(max_age=60)
    again = connect(middleware=[count]).schema(max_age=60, folder=tmp_path / "cache")
    assert (again.raw, again.version, fetched()) == (schema.raw, schema.version, 1)
    connect(middleware=[count]).schema(max_age=0, folder=tmp_path / "cache")
    assert fetched() == 2
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"damaged")
    assert "KSampler" in connect(middleware=[count]).schema(max_age=60, folder=tmp_path / "cache")
    assert fetched() == 3


def test_prompt_json_is_made_fit_to_be_sent(server: Simulator, client: Any) -> None:
    """As the prompt inside a PNG is: with ``is_changed``, perhaps without titles."""
    image = {"width": 8, "height": 8, "batch_size": 1, "color": color()}
    shown = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}, "is_changed": [1]}
    prompt = {"1": {"class_type": "EmptyImage", "inputs": image}, "2": shown}
    client.run(prompt)
    sent = server.prompts[-1].body["prompt"]
    assert sent["1"]["_meta"] == {"title": "EmptyImage"}
    assert "is_changed" not in sent["2"]
    assert shown["is_changed"] == [1], "the caller's own object stays as it is"


def test_what_is_no_json_is_not_sent(client: Any) -> None:
    for value in (float("nan"), object(), {1, 2}):
        broken = prompt_of(red())
        broken["1"]["inputs"]["width"] = value
        with pytest.raises((PromptError, ValidationError)):
            client.run(broken)


def test_queue_and_history(server: Simulator, client: Any) -> None:
    client.clear_history()
    done = client.run(red())
    assert list(client.history()) == [done.prompt_id]
    assert client.history(max_items=1, offset=0)[done.prompt_id].outcome.ending == "success"
    assert client.history_entry(done.prompt_id).prompt == server.prompts[-1].prompt
    assert client.history_entry(str(uuid.uuid4())) is None
    server.faults.slow_nodes = {None: 0.8}
    handles = [running(client), client.submit(red()), client.submit(red(), front=True)]
    listed = client.queue()
    assert client.queue_remaining() == len(listed) == 3
    assert [entry.prompt_id for entry in listed.pending] == [handles[2].prompt_id, handles[1].prompt_id]
    client.clear_queue()
    handles[0].cancel()
    assert len(client.queue()) == 0
    client.delete_history([done.prompt_id])
    assert client.history_entry(done.prompt_id) is None


def test_priority(server: Simulator, client: Any) -> None:
    server.faults.slow_nodes = {"EmptyImage": 2.0}
    first = running(client)
    handles = [first, *(client.submit(red(), number=number) for number in (9e9, 5e9, 7e9))]
    assert [handle.number for handle in handles[1:]] == [9e9, 5e9, 7e9]
    pending = [entry.prompt_id for entry in client.queue().pending]
    server.faults.slow_nodes = {}
    assert pending == [handles[index].prompt_id for index in (2, 3, 1)]
    for handle in handles:
        handle.result(30)


def test_targets(client: Any) -> None:
    saved, shown = with_id(red(), "save"), with_id(red(), "show")
    result = client.run(Workflow((saved, shown)), targets=[shown])
    assert list(result.outputs) == ["show"]


def test_jobs(server: Simulator, client: Any) -> None:
    result = client.run(red())
    if server.profile.version == "0.3.64":
        assert client.job(result.prompt_id) is None
        with pytest.raises(ServerError) as caught:
            client.jobs()
        assert caught.value.status == 404
        return
    assert client.job(result.prompt_id)["status"] == "completed"
    assert result.prompt_id in [job["id"] for job in client.jobs(status=["completed"], limit=5)]
    assert client.cancel_jobs([result.prompt_id]) is False


def test_users_settings_and_files(client: Any) -> None:
    assert client.users().storage == "server"
    client.store_setting("test.one", [1, {"a": None}])
    client.store_settings({"test.two": "zwei"})
    assert client.setting("test.one") == [1, {"a": None}]
    assert client.settings()["test.two"] == "zwei"
    assert client.setting("test.none") is None
    path = f"workflows/{uuid.uuid4()} ü.json"
    assert client.put_userdata(path, b"{}") == path
    with pytest.raises(ServerError) as caught:
        client.put_userdata(path, b"[]", overwrite=False)
    assert caught.value.status == 409
    assert client.get_userdata(path) == b"{}"
    assert path.removeprefix("workflows/") in client.list_userdata("workflows")
    (entry,) = [entry for entry in client.browse_userdata("workflows") if entry.path == path]
    assert (entry["path"], entry.is_folder, entry.size) == (path, False, len(client.get_userdata(path)))
    moved = client.move_userdata(path, f"{path}.old")
    assert client.get_userdata(moved) == b"{}"
    client.delete_userdata(moved)
    with pytest.raises(ServerError):
        client.get_userdata(moved)
    assert client.list_userdata("no_such_folder") == []


def test_any_other_route(client: Any) -> None:
    answer = client.request("get", "/api/prompt")
    assert (answer.status, answer.ok) == (200, True)
    assert client.request("GET", "no/such/route").status == 404
    posted = client.request("POST", "/api/free", json={"unload_models": True})
    assert posted.status == 200


def test_middleware_wraps_every_request(connect: Connect) -> None:
    seen: list[tuple[str, int]] = []

    def outer(request: Request, forward: Forward) -> Flow[Answer]:
        answer = yield from forward(request)
        seen.append((request.label, answer.status))
        return answer

    def inner(request: Request, forward: Forward) -> Flow[Answer]:
        if request.path == "/api/secret":
            return Answer(200, {}, b'{"made": "up"}')
        return (yield from forward(request))

    client = connect(middleware=[outer, inner])
    client.run(red())
    assert client.request("GET", "/api/secret").content == b'{"made": "up"}'
    assert ("POST /api/prompt", 200) in seen
    assert seen[-1] == ("GET /api/secret", 200)


@pytest.mark.parametrize("given", [None, 5, "", " "])
@pytest.mark.parametrize("name", ["attach", "history_entry", "job", "interrupt"])
def test_what_is_no_id_of_a_prompt_is_refused(client: Any, name: str, given: Any) -> None:
    """Servers take an interrupt of the prompt "" as one of any prompt."""
    if name == "interrupt" and given is None:
        return
    with pytest.raises((TypeError, ValueError), match="a prompt's id must "):
        getattr(client, name)(given)


@pytest.mark.parametrize("call", [("history", "max_items"), ("history", "offset"), ("jobs", "limit")])
def test_counts_are_whole_numbers(client: Any, call: tuple[str, str]) -> None:
    name, option = call
    for wrong in ("x", 2.5, True):
        with pytest.raises(TypeError, match=f"{option} must be a whole number, not {wrong!r}"):
            getattr(client, name)(**{option: wrong})


@pytest.mark.parametrize("name", ["models", "model_files"])
def test_a_model_folder_that_is_not_there_is_told_the_nearest(client: Any, name: str) -> None:
    with pytest.raises(ServerError, match=r"has no model folder 'lora'; did you mean 'loras'\?$") as caught:
        getattr(client, name)("lora")
    assert caught.value.status == 404
    with pytest.raises(ServerError, match=r"has no model folder 'xyz'; available: checkpoints, "):
        getattr(client, name)("xyz")
    with pytest.raises(TypeError, match="names and ids must be strings, not None"):
        getattr(client, name)(None)
