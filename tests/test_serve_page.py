"""The page of ``comfyflow serve`` and what it asks for beside jobs; `test_serve_page_opened` opens it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from comfynodes import CheckpointLoaderSimple, EmptyImage, LoraLoader, PreviewAny, SaveImage
from PIL import Image

from comfyflow.client import Client
from comfyflow.importer import convert_workflow
from comfyflow.serve.access import ApiKey
from comfyflow.serve.served_workflow import ServedWorkflow
from comfyflow.serve.target import served_function
from comfyflow.simulator import Simulator
from comfyflow.workflows import workflow
from tests.serving import Served, greeting, plain, serving

KEY = "a long enough key"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as made:
        yield made


@pytest.fixture(scope="module")
def served(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("out"), simulator) as made:
        yield made


class Elements(HTMLParser):
    """What is in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.found[-1][0] if self.found else "", []).append(data)


def test_the_page_is_one_file_that_asks_the_service_alone(served: Served) -> None:
    answer = served.http.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    found = Elements(answer.text)
    for tag, attributes in found.found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("src", "href", "action"):
            link = attributes.get(name)
            assert link is None or link.startswith(("#", "data:,", "/openapi.json")), (tag, link)
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_its_policy_allows_what_is_in_it_and_nothing_else(served: Served) -> None:
    answer = served.http.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for kind in ("script", "style"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert answer.headers["x-frame-options"] == "DENY"
    assert (
        served.http.head("/").headers["content-security-policy"] == answer.headers["content-security-policy"]
    )


def test_the_page_needs_no_key_and_tells_nothing(simulator: Simulator, tmp_path: Path) -> None:
    keys = [ApiKey("ada", hashlib.sha256(KEY.encode()).digest())]
    with serving(tmp_path / "out", simulator, functions=[plain], keys=keys) as served:
        assert served.http.get("/workflows").status_code == 401
        answer = served.http.get("/")
        assert answer.status_code == 200
        assert "plain" not in Elements(answer.text).texts.get("h3", [])
        job = served.done("plain", {}, X_API_Key=KEY)
        assert served.http.get(job["workflow_url"]).status_code == 401
        assert served.http.get(job["workflow_url"], headers={"X-API-Key": KEY}).status_code == 200


def test_a_job_gives_its_workflow_for_the_editor(served: Served, simulator: Simulator) -> None:
    job = served.done("plain", {"width": 6, "color": 255})
    answer = served.http.get(job["workflow_url"])
    assert answer.headers["content-disposition"] == 'attachment; filename="plain.json"'
    made = convert_workflow(answer.json(), simulator.schema).prompt
    (image,) = [node for node in made.values() if node["class_type"] == "EmptyImage"]
    assert (image["inputs"]["width"], image["inputs"]["color"]) == (6, 255)
    assert made == simulator.prompts[-1].prompt


def test_what_tells_of_a_job_has_its_values(served: Served) -> None:
    """Prompts that are filled again too, of which the first was made with other values."""
    for width in range(20, 26):
        job = served.done("plain", {"width": width})
        with Image.open(io.BytesIO(served.http.get(job["outputs"][0]["url"]).content)) as picture:
            carried = json.loads(picture.info["workflow"])
        for made in (served.http.get(job["workflow_url"]).json(), carried):
            (note,) = [node for node in made["nodes"] if node["type"] == "MarkdownNote"]
            assert note["widgets_values"][0].endswith(
                f"- **width**: {width}\n- **height**: 8\n- **color**: 0"
            )


@pytest.mark.parametrize("name", ["inverted", "from_path"])
def test_the_workflow_of_a_job_names_its_files_as_the_server_does(
    served: Served, simulator: Simulator, name: str
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (4, 2), "red").save(picture, "PNG")
    sent = served.http.post(
        f"/workflows/{name}/jobs",
        files={"image": ("x.png", picture.getvalue())},
        headers={"Prefer": "wait=60"},
    )
    job = sent.json()
    assert job["state"] == "completed", job
    answer = served.http.get(job["workflow_url"])
    assert str(served.service.options.out) not in answer.text
    made = convert_workflow(answer.json(), simulator.schema).prompt
    (loads,) = [node for node in made.values() if node["class_type"] == "LoadImage"]
    assert loads["inputs"]["image"] == job["parameters"]["image"].removeprefix("upload:")
    assert made == simulator.prompts[-1].prompt


def changed_plain() -> ServedWorkflow:
    """Another workflow of the same name."""

    @workflow
    def plain(width: int = 8) -> SaveImage:
        return SaveImage(images=EmptyImage(width=width, height=8, batch_size=2, color=0), filename_prefix="x")

    return served_function(plain)


def test_a_workflow_that_is_not_what_it_was_is_not_told(simulator: Simulator, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with serving(out, simulator, functions=[plain, greeting]) as served:
        jobs = [served.done("plain", {"width": 6}), served.done("greeting", {"name": "Ada"})]
    with serving(out, simulator, others=[changed_plain()]) as served:
        told = [served.http.get(job["workflow_url"]) for job in jobs]
        assert [answer.status_code for answer in told] == [410, 410]
        assert [answer.json()["code"] for answer in told] == ["changed", "no_workflow"]
        assert "no longer served" in told[1].json()["detail"]
        again = served.done("plain", {"width": 6})
        assert served.http.get(again["workflow_url"]).status_code == 200


def test_a_job_is_opened_in_the_editor_of_its_server(simulator: Simulator, tmp_path: Path) -> None:
    with serving(tmp_path / "out", simulator, functions=[plain], editor=True) as served:
        assert served.http.get("/workflows").json()["editor"] is True
        job = served.done("plain", {"width": 6})
        for _ in range(2):
            answer = served.http.post(f"{job['url']}/open")
            assert answer.json() == {"server": simulator.url, "name": f"plain {job['id'][:8]}"}
        with Client(simulator.url) as client:
            kept = json.loads(client.get_userdata(f"workflows/plain {job['id'][:8]}.json"))
        assert kept == served.http.get(job["workflow_url"]).json()


def test_where_no_server_has_an_editor_none_is_opened(served: Served) -> None:
    assert served.http.get("/workflows").json()["editor"] is False
    answer = served.http.post(f"{served.done('plain', {})['url']}/open")
    assert (answer.status_code, answer.json()["code"]) == (422, "no_editor")
    assert served.http.post("/jobs/none/open").status_code == 404


@workflow
def described(checkpoint: str = "x.safetensors", loras: Sequence[str] = (), steps: int = 1) -> PreviewAny:
    """Names files of the server."""
    model, clip, _ = CheckpointLoaderSimple(ckpt_name=checkpoint)
    for each in loras:
        model, clip = LoraLoader(
            model=model, clip=clip, lora_name=each, strength_model=steps, strength_clip=steps
        )
    return PreviewAny(source=model)


def test_the_files_that_servers_have_are_listed(tmp_path: Path) -> None:
    models = [{"checkpoints": ["a.safetensors", "b.safetensors"]}, {"checkpoints": ["c.safetensors"]}]
    one, other = (Simulator(models=each) for each in models)
    with one, other, serving(tmp_path / "out", one, other, functions=[described, plain]) as served:
        found = served.http.get("/workflows/described/choices").json()["choices"]
        assert sorted(found["checkpoint"]) == ["a.safetensors", "b.safetensors", "c.safetensors"]
        assert "steps" not in found
        assert served.http.get("/workflows/plain/choices").json() == {"choices": {}}
        assert served.http.get("/workflows/none/choices").status_code == 404


def test_a_file_of_no_kind_is_a_mistake_of_its_parameter(served: Served) -> None:
    files = {"image": ("x.png", b"<script>alert(1)</script>")}
    said: dict[str, Any] = served.http.post("/workflows/inverted/jobs", files=files).json()
    assert (said["status"], said["code"]) == (422, "file_kind")
    assert [each["parameter"] for each in said["problems"]] == ["image"]


def test_parameters_that_a_form_sends_as_texts_are_the_values_that_were_meant(served: Served) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (4, 2), "red").save(picture, "PNG")
    files = [("image", ("x.png", picture.getvalue())), ("more", (None, json.dumps(["a", '["b"]'])))]
    sent = served.http.post("/workflows/inverted/jobs", files=files, headers={"Prefer": "wait=60"})
    assert sent.json()["parameters"]["more"] == ["a", '["b"]']
