"""What a server says of itself, and what it keeps for its users."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from . import prompts
from .session import Server, Session

ROUTES = (
    *("/system_stats", "/features", "/prompt", "/queue", "/history", "/embeddings", "/extensions"),
    "/models",
    *(
        "/models/checkpoints",
        "/models/no_such_folder",
        "/experiment/models",
        "/experiment/models/checkpoints",
    ),
    *("/object_info/KSampler", "/users", "/settings", "/workflow_templates", "/i18n", "/view"),
    *("/view_metadata/checkpoints", "/global_subgraphs", "/node_replacements", "/userdata", "/nope"),
)


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_stands_under_api_too(server: Server, route: str) -> None:
    bare, prefixed = server.http.get(route), server.http.get(f"/api{route}")
    assert bare.status_code == prefixed.status_code
    assert bare.headers.get("content-type") == prefixed.headers.get("content-type")


def test_system_stats(server: Server) -> None:
    stats = server.http.get("/system_stats").json()
    assert stats.keys() == {"system", "devices"}
    assert stats["system"].keys() >= {
        *("os", "ram_total", "ram_free", "comfyui_version", "required_frontend_version", "python_version"),
        *("pytorch_version", "embedded_python", "argv"),
    }
    assert stats["devices"][0].keys() == {
        *("name", "type", "index", "vram_total", "vram_free", "torch_vram_total", "torch_vram_free")
    }


def test_features(server: Server) -> None:
    features = server.http.get("/features").json()
    assert features["supports_preview_metadata"] is True
    assert features["max_upload_size"] > 0


def test_object_info(server: Server) -> None:
    nodes = server.http.get("/object_info").json()
    assert {"KSampler", "EmptyImage", "SaveImage", "PreviewAny"} <= nodes.keys()
    node = nodes["EmptyImage"]
    assert node.keys() >= {"input", "output", "output_is_list", "output_name", "category", "output_node"}
    assert server.http.get("/object_info/EmptyImage").json() == {"EmptyImage": node}
    assert server.http.get("/object_info/NoSuchClass").json() == {}


def test_models(server: Server) -> None:
    folders = server.http.get("/models").json()
    assert {"checkpoints", "loras", "vae", "controlnet", "upscale_models", "embeddings"} <= set(folders)
    for folder in ("checkpoints", "loras"):
        files = server.http.get(f"/models/{folder}").json()
        assert all(isinstance(name, str) for name in files)
        entries = server.http.get(f"/experiment/models/{folder}").json()
        assert all(entry.keys() == {"name", "pathIndex", "modified", "created", "size"} for entry in entries)
    assert ("detection" in folders) is server.is_new
    assert ("datasets" in folders) is server.since(0, 33)
    assert server.http.get("/models/no_such_folder").status_code == 404
    assert server.http.get("/view_metadata/loras", params={"filename": "x.ckpt"}).status_code == 404


def test_routes_of_later_versions(server: Server) -> None:
    for route in ("/global_subgraphs", "/node_replacements"):
        answer = server.http.get(route)
        if answer.status_code == 404:
            assert not server.is_new
        else:
            assert isinstance(answer.json(), dict)


def test_what_is_not_there(server: Server) -> None:
    assert server.http.get("/no/such/route").status_code == 404
    assert server.http.get("/api/internal/logs").status_code == 404
    assert server.http.put("/prompt", json={}).status_code == 405
    assert server.http.get("/interrupt").status_code == 404


def test_pages_of_other_sites_are_refused(server: Server) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert server.http.get("/prompt", headers=foreign).status_code == 403
    assert server.http.post("/interrupt", headers=foreign).status_code == 403
    assert server.http.get("/prompt", headers={"Origin": server.url}).status_code == 200
    cross = server.http.get("/prompt", headers={"Sec-Fetch-Site": "cross-site"})
    assert cross.status_code == (403 if server.is_new else 200)


def test_logs(server: Server, session: Session) -> None:
    assert isinstance(server.http.get("/internal/logs").json(), str)
    raw = server.http.get("/internal/logs/raw").json()
    assert raw.keys() == {"entries", "size"}
    assert all(entry.keys() == {"t", "m"} for entry in raw["entries"])
    subscription = {"clientId": session.client_id, "enabled": True}
    assert server.http.patch("/internal/logs/subscribe", json=subscription).content == b""
    run = session.run(prompts.preview())
    assert all(data.keys() == {"entries", "size"} for data in run.of("logs"))
    assert run.of("logs")
    server.http.patch("/internal/logs/subscribe", json={**subscription, "enabled": False})
    session.rest()
    assert "logs" not in session.run(prompts.preview()).types


def test_folders(server: Server) -> None:
    paths = server.http.get("/internal/folder_paths").json()
    assert isinstance(paths["checkpoints"], list)
    for kind in ("input", "output", "temp"):
        names = server.http.get(f"/internal/files/{kind}").json()
        assert all(name.endswith(f" [{kind}]") is server.is_new for name in names)
    assert server.http.get("/internal/files/bogus").status_code == 400


def test_users(server: Server) -> None:
    assert server.http.get("/users").json() == {"storage": "server", "migrated": True}


def test_settings(server: Server) -> None:
    key = f"conformance.{uuid.uuid4().hex}"
    assert server.http.get(f"/settings/{key}").json() is None
    assert server.http.post(f"/settings/{key}", json={"a": [1]}).content == b""
    assert server.http.get(f"/settings/{key}").json() == {"a": [1]}
    assert server.http.post("/settings", json={key: None}).status_code == 200
    assert server.http.get("/settings").json()[key] is None


@pytest.fixture
def folder(server: Server) -> Iterator[str]:
    name = f"conformance-{uuid.uuid4().hex}"
    yield name
    for path in server.http.get("/userdata", params={"dir": name, "recurse": "true"}).json():
        server.http.delete(f"/userdata/{name}%2F{path.replace('/', '%2F')}")


def test_user_files(server: Server, folder: str) -> None:
    def at(path: str) -> str:
        return "/userdata/" + f"{folder}/{path}".replace("/", "%2F")

    assert server.http.post(at("a.json"), content=b'{"x": 1}').json() == f"{folder}/a.json"
    assert server.http.post(at("a.json"), params={"overwrite": "false"}, content=b"").status_code == 409
    info = server.http.post(at("sub/b.json"), params={"full_info": "true"}, content=b"{}").json()
    assert info.keys() == {"path", "size", "modified", "created"}
    assert (type(info["modified"]) is int) is server.is_new
    assert server.http.get(at("a.json")).json() == {"x": 1}
    assert server.http.get(at("missing.json")).status_code == 404

    def listed(**params: str) -> object:
        return server.http.get("/userdata", params={"dir": folder, **params}).json()

    assert listed() == ["a.json"]
    assert sorted(listed(recurse="true")) == ["a.json", "sub/b.json"]  # type: ignore[call-overload]
    assert ["sub/b.json", "sub", "b.json"] in listed(recurse="true", split="true")  # type: ignore[operator]
    tree = server.http.get("/v2/userdata", params={"path": folder}).json()
    assert [(entry["name"], entry["type"]) for entry in tree] == [
        *(("sub", "directory"), ("a.json", "file"), ("b.json", "file"))
    ]
    moved = server.http.post(f"{at('a.json')}/move/{folder}%2Fc.json")
    assert moved.json() == f"{folder}/c.json"
    assert server.http.post(f"{at('c.json')}/move/{folder}%2Fsub%2Fb.json?overwrite=false").status_code == 409
    assert server.http.delete(at("c.json")).status_code == 204
    assert server.http.delete(at("c.json")).status_code == 404


def test_user_files_stay_inside(server: Server) -> None:
    assert server.http.get("/userdata").status_code == 400
    assert server.http.get("/userdata", params={"dir": "no-such-folder"}).status_code == 404
    assert server.http.get("/userdata", params={"dir": "../.."}).status_code == 403
    assert server.http.get("/userdata/..%2F..%2Fmain.py").status_code == 403
    assert server.http.get("/v2/userdata", params={"path": "../.."}).status_code == 400


def test_free_answers_nothing(server: Server) -> None:
    assert server.http.post("/free", json={"unload_models": True}).content == b""
    assert server.http.post("/free").status_code == 500


def test_a_users_style_sheet(server: Server) -> None:
    """Since 0.33.0 it is one; no other file is shown as what it is."""
    wanted = {"user.css": "inline", "other.css": "attachment"}
    for name, disposition in wanted.items():
        assert server.http.post(f"/userdata/{name}", content=b"p {}").status_code == 200
        answer = server.http.get(f"/userdata/{name}")
        shown = answer.headers.get("content-disposition")
        assert shown == (disposition if server.since(0, 33) else "attachment" if server.is_new else shown)
        if server.since(0, 33):
            assert answer.headers["content-type"].startswith("text/css") is (name == "user.css")
        server.http.delete(f"/userdata/{name}")
