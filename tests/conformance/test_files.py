"""Pictures and other files: uploaded, used, made, seen."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image

from . import prompts
from .session import Server, Session


def png(color: tuple[int, ...] = (200, 10, 10), size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(buffer, format="PNG")
    return buffer.getvalue()


def upload(server: Server, name: str, data: bytes, route: str = "image", **fields: str) -> httpx.Response:
    return server.http.post(f"/upload/{route}", data=fields, files={"image": (name, data, "image/png")})


@pytest.fixture
def name() -> str:
    return f"conformance-{uuid.uuid4().hex}.png"


def test_uploading_twice(server: Server, name: str) -> None:
    first = upload(server, name, png())
    assert first.json() == {"name": name, "subfolder": "", "type": "input"}
    assert upload(server, name, png()).json()["name"] == name
    other = upload(server, name, png((1, 2, 3))).json()["name"]
    assert other == name.replace(".png", " (1).png")
    assert upload(server, name, png((3, 2, 1)), overwrite="true").json()["name"] == name
    seen = server.http.get("/view", params={"filename": name, "type": "input"})
    assert seen.content == png((3, 2, 1))


def test_uploading_elsewhere(server: Server, name: str) -> None:
    answer = upload(server, name, png(), subfolder="conformance/deep", type="temp")
    assert answer.json() == {"name": name, "subfolder": "conformance/deep", "type": "temp"}
    params = {"filename": name, "subfolder": "conformance/deep", "type": "temp"}
    assert server.http.get("/view", params=params).status_code == 200


def test_uploads_that_fail(server: Server, name: str) -> None:
    assert upload(server, name, png(), subfolder="../outside").status_code == 400
    assert upload(server, "../outside.png", png()).status_code == 400
    assert upload(server, name, png(), type="bogus").status_code == 500
    assert server.http.post("/upload/image", data={"type": "input"}).status_code == 400


def test_a_mask(server: Server, name: str) -> None:
    upload(server, name, png())
    reference = json.dumps({"filename": name, "subfolder": "", "type": "input"})
    mask = upload(server, f"mask-{name}", png((0, 0, 0, 128)), "mask", original_ref=reference)
    params = {"filename": mask.json()["name"], "type": "input"}
    seen = Image.open(io.BytesIO(server.http.get("/view", params=params).content))
    assert seen.getpixel((0, 0)) == (200, 10, 10, 128)


def load(image: str) -> prompts.Prompt:
    return {
        "1": prompts.node("LoadImage", image=image),
        "2": prompts.node("PreviewImage", images=["1", 0]),
        "3": prompts.node("MaskToImage", mask=["1", 1]),
        "4": prompts.node("PreviewImage", images=["3", 0]),
    }


def pixel(server: Server, file: dict[str, str]) -> Any:
    seen = server.http.get("/view", params=file)
    return Image.open(io.BytesIO(seen.content)).getpixel((0, 0))


@pytest.mark.parametrize("kind", ["input", "output", "temp"])
def test_using_an_upload(server: Server, session: Session, name: str, kind: str) -> None:
    upload(server, name, png((10, 20, 30, 0)), subfolder="conformance", type=kind)
    suffix = "" if kind == "input" else f" [{kind}]"
    run = session.run(load(f"conformance/{name}{suffix}"))
    assert pixel(server, run.outputs["2"]["images"][0]) == (10, 20, 30)
    assert pixel(server, run.outputs["4"]["images"][0]) == (255, 255, 255)


def test_a_file_that_changed_is_loaded_again(server: Server, session: Session, name: str) -> None:
    upload(server, name, png((1, 1, 1)))
    session.run(load(name))
    upload(server, name, png((2, 2, 2)), overwrite="true")
    run = session.run(load(name))
    assert run.of("execution_cached")[0]["nodes"] == []
    assert pixel(server, run.outputs["2"]["images"][0]) == (2, 2, 2)


def test_an_upload_is_offered_at_once(server: Server, name: str) -> None:
    upload(server, name, png())
    node = server.http.get("/object_info/LoadImage").json()["LoadImage"]
    assert name in node["input"]["required"]["image"][0]


def test_a_saved_picture_knows_its_prompt_and_workflow(server: Server, session: Session) -> None:
    prefix = f"conformance/{uuid.uuid4().hex}"
    prompt = prompts.save(prefix, 0xFF00FF)
    workflow = {"id": "w", "nodes": [{"title": "é"}]}
    run = session.run(prompt, extra_data={"extra_pnginfo": {"workflow": workflow}})
    (file,) = run.outputs["9"]["images"]
    folder, stem = prefix.split("/")
    assert file == {"filename": f"{stem}_00001_.png", "subfolder": folder, "type": "output"}
    image = Image.open(io.BytesIO(server.http.get("/view", params=file).content))
    assert image.getpixel((0, 0)) == (255, 0, 255)
    assert json.loads(image.info["prompt"]) == prompt
    assert json.loads(image.info["workflow"]) == workflow
    (shown,) = run.outputs["8"]["images"]
    assert shown["type"] == "temp"
    assert pixel(server, shown) == (0, 255, 0)


def test_names_count_up(session: Session) -> None:
    prefix = f"conformance/{uuid.uuid4().hex}"
    names = [session.run(prompts.save(prefix)).outputs["9"]["images"][0]["filename"] for _ in range(2)]
    assert [name[-11:] for name in names] == ["_00001_.png", "_00002_.png"]


def test_a_prefix_may_not_lead_outside(session: Session) -> None:
    run = session.run(prompts.save("../../outside"))
    assert run.entry["status"]["status_str"] == "error"
    assert run.of("execution_error")[0]["node_id"] == "9"


@pytest.fixture
def seen(server: Server, name: str) -> dict[str, str]:
    """A picture with alpha to look at."""
    upload(server, name, png((10, 20, 30, 40), (16, 8)))
    return {"filename": name, "type": "input"}


def test_a_file_as_it_is(server: Server, seen: dict[str, str]) -> None:
    whole = server.http.get("/view", params=seen)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/png")
    assert whole.headers["content-disposition"] == f'filename="{seen["filename"]}"'
    part = server.http.get("/view", params=seen, headers={"Range": "bytes=4-9"})
    assert (part.status_code, part.content) == (206, whole.content[4:10])
    assert part.headers["content-range"] == f"bytes 4-9/{len(whole.content)}"
    same = server.http.get("/view", params=seen, headers={"If-None-Match": whole.headers["etag"]})
    assert same.status_code == 304
    head = server.http.head("/view", params=seen)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [("webp;90", "webp"), ("jpeg;50", "jpeg"), ("jpeg", "jpeg"), ("gif", "webp"), ("", "webp")],
)
def test_a_preview(server: Server, seen: dict[str, str], wanted: str, kind: str) -> None:
    answer = server.http.get("/view", params={**seen, "preview": wanted})
    assert answer.headers["content-type"] == f"image/{kind}"
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == (kind.upper(), (16, 8))


def test_a_channel(server: Server, seen: dict[str, str]) -> None:
    color = Image.open(io.BytesIO(server.http.get("/view", params={**seen, "channel": "rgb"}).content))
    assert (color.mode, color.getpixel((0, 0))) == ("RGB", (10, 20, 30))
    alpha = Image.open(io.BytesIO(server.http.get("/view", params={**seen, "channel": "a"}).content))
    assert (alpha.mode, alpha.getchannel("A").getpixel((0, 0))) == ("RGBA", 40)


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 404),
        ({"filename": ""}, 400),
        ({"filename": "no-such-file.png"}, 404),
        ({"filename": "../x.png"}, 400),
        ({"filename": "a..b.png"}, 400),
        ({"filename": "/etc/passwd"}, 400),
        ({"filename": "x.png", "type": "bogus"}, 400),
        ({"filename": "x.png", "subfolder": ".."}, 403),
        ({"filename": "passwd", "subfolder": "/etc"}, 403),
    ],
)
def test_what_cannot_be_seen(server: Server, params: dict[str, str], status: int) -> None:
    assert server.http.get("/view", params=params).status_code == status


def test_active_files_are_not_shown_as_such(server: Server) -> None:
    name = f"conformance-{uuid.uuid4().hex}.html"
    upload(server, name, b"<script>")
    answer = server.http.get("/view", params={"filename": name, "type": "input"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment") is server.is_new


def test_a_vector_picture_is_one_for_a_page_only(server: Server) -> None:
    """Since 0.33.0; else it is an attachment, for it may carry a script."""
    name = f"conformance-{uuid.uuid4().hex}.svg"
    upload(server, name, b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    kinds = {}
    for wanted in ("image", "document"):
        headers = {"Sec-Fetch-Dest": wanted}
        answer = server.http.get("/view", params={"filename": name, "type": "input"}, headers=headers)
        kinds[wanted] = answer.headers["content-type"]
        assert (answer.headers.get("vary") == "Sec-Fetch-Dest") is server.since(0, 33)
    whole = "image/svg+xml" if server.since(0, 33) or not server.is_new else "application/octet-stream"
    assert kinds["image"] == whole
    assert kinds["document"] == ("application/octet-stream" if server.is_new else whole)
