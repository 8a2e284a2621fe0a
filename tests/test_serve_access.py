"""``comfyflow serve``: API keys, their limits, and whose jobs are whose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from comfyflow.errors import ConfigurationError
from comfyflow.serve.access import Access, ApiKey, read_keys
from comfyflow.serve.refusal import Refusal
from comfyflow.simulator import Simulator
from tests.serving import Served, greeting, serving

ADA, BOB = "ada-has-a-long-key", "bob-has-a-long-key"


def key(name: str, text: str, rate: float = 60.0, queue: int = 100) -> ApiKey:
    return ApiKey(name, hashlib.sha256(text.encode()).digest(), rate, queue)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    keys = [key("ada", ADA), key("bob", BOB, rate=2)]
    with (
        Simulator() as simulator,
        serving(
            tmp_path_factory.mktemp("out"), simulator, functions=[greeting], keys=keys, names=["gpu.example"]
        ) as made,
    ):
        yield made


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong-key-that-is-long"},
        {"Authorization": f"Basic {ADA}"},
        {"Authorization": ADA},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ADA[:-1]},
        {"X-API-Key": f"{ADA} {ADA}"},
    ],
    ids=str,
)
def test_nothing_but_health_is_told_without_a_key(served: Served, headers: dict[str, str]) -> None:
    def status(path: str, method: str = "GET") -> int:
        return served.http.request(method, path, headers=headers).status_code

    for path in (
        "/workflows",
        "/workflows/greeting/schema",
        "/jobs",
        "/jobs/x",
        "/jobs/x/events",
        "/jobs/x/outputs/0",
        "/jobs/x/outputs/0/thumbnail",
    ):
        assert status(path) == 401, path
    for path in ("/workflows/greeting/jobs", "/workflows/other/jobs"):
        assert status(path, "POST") == 401, path
    assert status("/jobs/x", "DELETE") == 401
    health = served.http.get("/healthz", headers=headers)
    assert (health.status_code, health.json()["servers"]) == (200, {})


def test_a_refusal_says_how_to_give_a_key(served: Served) -> None:
    answer = served.http.get("/jobs")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization: Bearer KEY" in answer.json()["detail"]


def test_the_jobs_of_one_key_are_not_there_for_another(served: Served) -> None:
    sent = served.http.post("/workflows/greeting/jobs", json={"name": "Ada"}, headers=bearer(ADA)).json()
    assert served.http.get(sent["url"], headers={"X-API-Key": ADA}).status_code == 200
    assert served.http.get(sent["url"], headers=bearer(BOB)).status_code == 404
    assert served.http.delete(sent["url"], headers=bearer(BOB)).status_code == 404
    assert served.http.get(sent["events"], headers=bearer(BOB)).status_code == 404
    for path in ("outputs/0", "outputs/0/thumbnail"):
        answer = served.http.get(f"{sent['url']}/{path}", headers=bearer(BOB))
        assert "unknown job" in answer.json()["detail"]
    assert served.http.get("/jobs", headers=bearer(BOB)).json()["jobs"] == []
    assert [each["id"] for each in served.http.get("/jobs", headers=bearer(ADA)).json()["jobs"]] == [
        sent["id"]
    ]


def test_the_same_idempotency_key_of_two_is_two(served: Served) -> None:
    def sent(text: str) -> httpx.Response:
        headers = {**bearer(text), "Idempotency-Key": "same"}
        return served.http.post("/workflows/greeting/jobs", json={"name": "x"}, headers=headers)

    assert sent(ADA).json()["id"] != sent(BOB).json()["id"]


def test_a_name_that_was_allowed_is_ours(served: Served) -> None:
    headers = {**bearer(ADA), "Host": "GPU.example:8190"}
    assert served.http.get("/workflows", headers=headers).status_code == 200


def test_jobs_a_minute_are_counted() -> None:
    now = [0.0]
    access = Access([key("ada", ADA, rate=2), key("bob", BOB, rate=0.5)], lambda: now[0])
    ada, bob = access.who({"authorization": f"bearer {ADA}"}), access.who({"x-api-key": BOB})
    access.spend(ada)
    access.spend(ada)
    with pytest.raises(Refusal, match="more than 2 jobs per minute") as refused:
        access.spend(ada)
    assert refused.value.headers()["Retry-After"] == "30"
    access.spend(bob)
    with pytest.raises(Refusal):
        access.spend(bob)
    now[0] = 31.0
    access.spend(ada)
    with pytest.raises(Refusal):
        access.spend(ada)
    now[0] = 1e6
    for _ in range(2):
        access.spend(ada)
    with pytest.raises(Refusal):
        access.spend(ada)


def test_keys_of_a_file_and_of_the_environment(tmp_path: Path) -> None:
    digest = hashlib.sha256(BOB.encode()).hexdigest()
    file = tmp_path / "keys.toml"
    file.write_text(f'[keys.ada]\nkey = "{ADA}"\nrate = 0.5\n[keys.bob]\nsha256 = "{digest}"\nqueue = 3\n')
    found = read_keys(file, {"COMFYFLOW_SERVE_KEY": "one-of-the-environment"})
    assert found[:2] == (key("ada", ADA, rate=0.5), key("bob", BOB, queue=3))
    assert found[2].name == "default"
    assert read_keys(None, {}) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be under"),
        ("[key.ada]", "must be under"),
        ("[keys]", "must be under"),
        ("x = 1\n[keys.ada]\nkey='0123456789abcdef'", "must be under"),
        ("[keys]\nada = 1", "must be a table"),
        ("[keys.ada]", "needs key"),
        ("[keys.ada]\nkey = 'short'", "16 characters"),
        ("[keys.ada]\nsha256 = 'x'", "needs key"),
        ("[keys.ada]\nkey = '0123456789abcdef'\nrate = 0", "rate must be"),
        ("[keys.ada]\nkey = '0123456789abcdef'\nrate = nan", "rate must be"),
        ("[keys.ada]\nkey = '0123456789abcdef'\nqueue = true", "queue must be"),
        ("[keys.ada]\nkey = '0123456789abcdef'\nrat = 1", "did you mean 'rate'"),
        ("[keys.'a/b']\nkey = '0123456789abcdef'", "a name may have"),
        ("[keys.a]\nkey = '0123456789abcdef'\n[keys.b]\nkey = '0123456789abcdef'", "the same API key"),
        ("[", "cannot read"),
    ],
)
def test_keys_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_keys(file, {})
    assert "0123456789abcdef" not in str(refused.value)


def test_a_file_of_keys_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_keys(tmp_path / "none.toml", {})


def test_what_is_refused_or_came_before_is_not_counted(tmp_path: Path) -> None:
    keys = [key("bob", BOB, rate=2)]
    with Simulator() as simulator, serving(tmp_path, simulator, functions=[greeting], keys=keys) as served:

        def status(name: object, **more: str) -> int:
            headers = {**bearer(BOB), **more}
            answer = served.http.post("/workflows/greeting/jobs", json={"name": name}, headers=headers)
            return answer.status_code

        assert [status(5) for _ in range(5)] == [422] * 5
        assert status("one", **{"Idempotency-Key": "k"}) == 202
        assert [status("one", **{"Idempotency-Key": "k"}) for _ in range(5)] == [200] * 5
        assert status("other", **{"Idempotency-Key": "k"}) == 422
        assert status("two") == 202
        assert status("three") == 429
