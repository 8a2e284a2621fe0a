"""``comfyflow serve``: jobs from their parameters to their files."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow.simulator import Simulator
from tests.serving import Served, serving


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(previews=True) as made:
        yield made


@pytest.fixture(scope="module")
def served(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("out"), simulator) as made:
        yield made


def picture(color: str = "red", size: tuple[int, int] = (4, 2)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, "PNG")
    return made.getvalue()


def test_a_job_gives_a_picture(served: Served) -> None:
    job = served.done("plain", {"width": 6, "color": 255})
    assert (job["state"], job["workflow"], job["parameters"]) == (
        "completed",
        "plain",
        {"width": 6, "color": 255},
    )
    (output,) = job["outputs"]
    answer = served.http.get(output["url"])
    assert answer.headers["content-type"] == output["media_type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert hashlib.sha256(answer.content).hexdigest() == output["sha256"]
    assert Image.open(io.BytesIO(answer.content)).size == (6, 8)


def test_a_job_is_accepted_and_shown(served: Served) -> None:
    answer = served.job("greeting", {"name": "Ada"})
    assert answer.status_code == 202
    url = answer.headers["location"]
    assert [name for name, _, _ in served.events(f"{url}/events")][-1] == "state"
    job = served.http.get(url).json()
    assert (job["state"], [*job["texts"].values()]) == ("completed", [["Ada!"]])


def test_everything_that_is_wrong_with_parameters_is_told(served: Served) -> None:
    answer = served.job("plain", {"width": 0, "heigth": 5, "color": "red"})
    assert answer.status_code == 422
    said = answer.json()
    assert said["code"] == "invalid_parameters"
    width, height, color = said["problems"]
    assert (width["parameter"], width["value"]) == ("width", 0)
    assert width["limit"] == {"minimum": 1, "maximum": 16384}
    assert "at least 1" in width["message"]
    assert "did you mean 'height'?" in height["message"]
    assert color["message"].startswith("color expects an integer")


def test_a_parameter_that_is_missing_is_named(served: Served) -> None:
    said = served.job("greeting", {}).json()
    assert [each["message"] for each in said["problems"]] == ["name is missing; it expects a string"]


def test_what_the_workflow_itself_raises_is_told(served: Served) -> None:
    answer = served.job("greeting", {"name": "Ada", "times": 4})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_workflow")
    assert "so often nobody is greeted" in answer.json()["detail"]


def test_workflows_and_their_schemas(served: Served) -> None:
    found = {each["name"]: each for each in served.http.get("/workflows").json()["workflows"]}
    assert sorted(found) == ["from_path", "greeting", "inverted", "plain"]
    assert found["plain"]["example"] == {"width": 8, "height": 8, "color": 0}
    schema = served.http.get(found["plain"]["schema_url"]).json()
    assert schema["properties"]["width"]["description"] == "How wide it is."
    assert served.http.get("/workflows/plane/schema").json()["detail"].endswith("did you mean 'plain'?")
    assert served.job("plane", {}).status_code == 404


@pytest.mark.parametrize("name", ["inverted", "from_path"])
def test_a_picture_comes_with_a_form(served: Served, name: str) -> None:
    files = {"image": ("../../etc/passwd.png", picture("red"), "text/html")}
    answer = served.http.post(f"/workflows/{name}/jobs", files=files, headers={"Prefer": "wait=60"})
    job = answer.json()
    assert job["state"] == "completed", job
    shown = Image.open(io.BytesIO(served.http.get(job["outputs"][0]["url"]).content)).convert("RGB")
    assert shown.getpixel((0, 0)) == ((0, 255, 255) if name == "inverted" else (255, 0, 0))
    content = served.http.get(job["outputs"][0]["url"]).content
    assert str(served.service.options.out).encode() not in content  # it tells no path of this computer
    again = served.done(name, {"image": job["parameters"]["image"]})
    assert again["outputs"][0]["size"] == job["outputs"][0]["size"]


def test_fields_of_a_form_are_typed(served: Served) -> None:
    answer = served.http.post("/workflows/plain/jobs", files={"width": (None, "5"), "color": (None, "x")})
    assert [each["parameter"] for each in answer.json()["problems"]] == ["color"]
    fields = {"width": (None, "5"), "color": (None, "7")}
    answer = served.http.post("/workflows/plain/jobs", files=fields, headers={"Prefer": "wait=60"})
    assert answer.json()["parameters"] == {"width": 5, "color": 7}


def test_no_text_of_a_request_is_a_file_of_this_computer(
    served: Served, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.png").write_bytes(picture("blue"))
    for text in (
        "secret.png",
        str(tmp_path / "secret.png"),
        "missing.png",
        "../x.png",
        "upload:../secret.png",
    ):
        for name in ("inverted", "from_path"):
            job = served.done(name, {"image": text})
            assert (job["state"], job["failure"]["kind"]) == ("invalid", "invalid")
    assert [*simulator.folders.of("input").glob("**/secret*")] == []


def test_an_idempotency_key_is_taken_once(served: Served) -> None:
    first = served.job("greeting", {"name": "once"}, Idempotency_Key="k1")
    again = served.job("greeting", {"name": "once"}, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json()["id"] == again.json()["id"]
    other = served.job("greeting", {"name": "twice"}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reuse")
    refused = served.job("greeting", {"name": 5}, Idempotency_Key="k2")
    assert refused.status_code == 422
    assert served.job("greeting", {"name": "five"}, Idempotency_Key="k2").status_code == 202


def test_a_key_that_comes_many_times_at_once_is_taken_once(served: Served) -> None:
    found: list[str] = []

    def send() -> None:
        found.append(served.job("greeting", {"name": "at once"}, Idempotency_Key="many").json()["id"])

    threads = [threading.Thread(target=send) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(found) == 12
    assert len(set(found)) == 1


def test_jobs_are_listed_in_pages(served: Served) -> None:
    sent = [served.done("greeting", {"name": f"page {n}"})["id"] for n in range(5)]
    url, found = "/jobs?limit=2&workflow=greeting&state=completed", list[str]()
    while url and len(found) < 5:
        page = served.http.get(url).json()
        assert len(page["jobs"]) <= 2
        found += [each["id"] for each in page["jobs"]]
        url = page["next"]
    assert found[:5] == sent[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=-1", "state=done", "limit=²"])
def test_questions_that_make_no_sense_are_refused(served: Served, query: str) -> None:
    assert served.http.get(f"/jobs?{query}").status_code == 422


def test_parts_of_an_output_and_what_is_known_of_it(served: Served) -> None:
    url = served.done("plain", {})["outputs"][0]["url"]
    whole = served.http.get(url)
    part = served.http.get(url, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, whole.content[1:4])
    assert {name: whole.headers[name] for name in ("etag", "last-modified", "accept-ranges")} == {
        name: part.headers[name] for name in ("etag", "last-modified", "accept-ranges")
    }
    known = served.http.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert served.http.get(url, headers={"Range": "bytes=99999999-"}).status_code == 416


@pytest.mark.parametrize("n", ["1", "-1", "x", "0x0", "00000000000000000000", "²", "..%2f..%2fledger.sqlite"])
def test_outputs_that_there_are_none_of(served: Served, n: str) -> None:
    url = served.done("plain", {})["url"]
    assert served.http.get(f"{url}/outputs/{n}").status_code == 404


def test_an_output_that_is_gone_or_a_link_elsewhere(served: Served, tmp_path: Path) -> None:
    output = served.done("plain", {"color": 77})["outputs"][0]
    path = served.service.options.out / output["name"]
    path.unlink()
    assert served.http.get(output["url"]).status_code == 410
    (tmp_path / "elsewhere").write_text("secret")
    path.symlink_to(tmp_path / "elsewhere")
    assert served.http.get(output["url"]).status_code == 410
    paths: dict[str, Any] = served.http.get("/openapi.json").json()["paths"]
    for path in ("outputs/{n}", "outputs/{n}/thumbnail"):
        assert "410" in paths[f"/jobs/{{job_id}}/{path}"]["get"]["responses"]


def test_health(served: Served) -> None:
    said = served.http.get("/healthz")
    assert (said.status_code, said.json()["status"]) == (200, "ok")


def test_the_document_of_the_interface(served: Served) -> None:
    found: dict[str, Any] = served.http.get("/openapi.json").json()
    taken = found["paths"]["/workflows/plain/jobs"]["post"]["requestBody"]["content"]
    assert sorted(taken) == ["application/json", "multipart/form-data"]
    assert taken["application/json"]["example"] == {"width": 8, "height": 8, "color": 0}
    assert taken["application/json"]["schema"]["properties"]["width"]["maximum"] == 16384


def test_an_example_is_a_job_that_runs(served: Served) -> None:
    for each in served.http.get("/workflows").json()["workflows"]:
        if each["name"] not in ("inverted", "from_path"):
            assert served.done(each["name"], each["example"])["state"] == "completed"


def test_pages_of_other_sites_may_send_nothing(served: Served) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = served.http.post("/workflows/plain/jobs", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "other_site")
        assert "access-control-allow-origin" not in answer.headers
    own = str(served.http.base_url).rstrip("/")
    assert served.http.post("/workflows/plain/jobs", json={}, headers={"Origin": own}).status_code == 202


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "a b", "[::1"]
)
def test_names_that_are_not_ours(served: Served, host: str) -> None:
    assert served.http.get("/workflows", headers={"Host": host}).status_code in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8190", "192.168.0.7"])
def test_names_that_are_ours(served: Served, host: str) -> None:
    assert served.http.get("/workflows", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"width": NaN}', "application/json", 400),
        (b'{"width": 1, "width": 2}', "application/json", 400),
        (b'{"name": "\\ud800"}', "application/json", 400),
        (b"[" * 90_000, "application/json", 400),
        (b"[" * 200_000, "application/json", 413),
        (b'"' + b"x" * (5 << 20) + b'"', "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{}", "multipart/form-data", 400),
        (b"--x\r\nbad", "multipart/form-data; boundary=x", 400),
        (b'{"width": 1e999}', "application/json", 400),
    ],
    ids=lambda value: str(value)[:24],
)
def test_bodies_that_make_no_sense(served: Served, body: bytes, kind: str, status: int) -> None:
    answer = served.http.post("/workflows/plain/jobs", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"


def test_forms_that_are_too_much(served: Served) -> None:
    def status(**form: Any) -> int:
        return served.http.post("/workflows/plain/jobs", **form).status_code

    assert status(files=[("image", ("a.png", picture()))] * 33) == 400
    assert status(files=[("width", (None, "1"))] * 1001) == 400
    assert status(files={"width": (None, "1" * (2 << 20))}) == 400
    assert status(files={"image": ("a.png", b"<script>alert(1)</script>")}) == 422


def test_a_length_that_is_too_much_is_refused_before_it_comes(served: Served) -> None:
    with socket.create_connection((served.http.base_url.host, served.http.base_url.port or 0), 20) as line:
        head = (
            "POST /workflows/plain/jobs HTTP/1.1\r\nHost: 127.1.1.1\r\nContent-Length: 1099511627776\r\n\r\n"
        )
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


def test_whoever_takes_get_takes_head(served: Served) -> None:
    job = served.done("plain", {"width": 6})
    output = job["outputs"][0]["url"]
    for url in (
        "/healthz",
        "/workflows",
        "/workflows/plain/schema",
        "/jobs",
        job["url"],
        output,
        "/openapi.json",
    ):
        got, head = served.http.get(url), served.http.head(url)
        assert (head.status_code, head.content) == (200, b""), url
        kept = ("content-type", "content-length", "etag", "content-security-policy")
        assert [head.headers.get(name) for name in kept] == [got.headers.get(name) for name in kept], url
    events = served.http.head(job["events"])
    assert (events.status_code, events.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert served.http.head("/jobs/none").status_code == 404
    refused = served.http.head("/workflows/plain/jobs")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert served.http.put(job["url"]).headers["allow"] == "DELETE, GET, HEAD"
