"""Workflows that node packs ship, run by ``comfyflow run`` on a server that has the packs.

They are those that the server shows as its packs' templates, and those of the recorded data. What needs a
class or a model that the server lacks is left out; pictures that a workflow names are uploaded first. What a
class does by itself, such as fetching a model, nobody can know before: it may fail there, and the command has
to say so.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfyflow import Client, Schema, convert_workflow
from comfyflow.errors import ConversionError
from comfyflow.json_types import array_or_empty, is_object, object_or_empty
from comfyflow.validate import validate_prompt
from tests.command import Command, Run
from tests.parity.data import DATA

from .conftest import URL
from .session import Server

pytestmark = pytest.mark.skipif(
    not URL, reason="COMFYUI_URL names no server: its packs' workflows cannot run"
)

WANTED = 10
MOST_NODES = 40
MOST_TRIED = 40
SECONDS = 180


@dataclass(frozen=True)
class Shipped:
    """A workflow that a pack ships, and the prompt that it becomes on this server."""

    pack: str
    name: str
    workflow: dict[str, Any]
    prompt: dict[str, Any]


def of_server(client: Client) -> Iterator[tuple[str, str, Any]]:
    for pack, names in client.workflow_templates().items():
        for name in names:
            answer = client.request("GET", f"/api/workflow_templates/{pack}/{name}.json")
            if answer.ok:
                yield pack, name, json.loads(answer.content)


def of_data() -> Iterator[tuple[str, str, Any]]:
    for path in sorted((DATA / "node_packs" / "workflows").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                yield path.name.partition(".")[0], record["name"], record["workflow"]


def pictures(prompt: dict[str, Any], schema: Schema) -> set[str]:
    """The names of pictures that nodes want to load."""
    found: set[str] = set()
    for node in prompt.values():
        known = schema.get(node["class_type"])
        for name, value in node["inputs"].items():
            entry = known.by_name.get(name) if known is not None else None
            if entry is not None and entry.options.get("image_upload") and isinstance(value, str):
                found.add(value)
    return found


def upload(client: Client, name: str) -> None:
    picture = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").resize((96, 64)).save(picture, "PNG")
    folder, _, file = name.rpartition("/")
    client.upload_image(picture.getvalue(), name=file, subfolder=folder)


def is_of_pack(prompt: dict[str, Any], schema: Schema) -> bool:
    modules = [schema[node["class_type"]].python_module for node in prompt.values()]
    return any(module.startswith("custom_nodes.") for module in modules)


def runnable(client: Client) -> list[Shipped]:
    """What the server can run as far as its ``/object_info`` tells, small ones first, the packs in turn."""
    schema = client.schema()
    by_pack: dict[str, list[Shipped]] = {}
    for pack, name, workflow in itertools.chain(of_server(client), of_data()):
        if not is_object(workflow) or len(workflow.get("nodes") or ()) > MOST_NODES:
            continue
        try:
            prompt = dict(convert_workflow(workflow, schema, seed=1))
        except ConversionError:
            continue
        if not prompt or any(node["class_type"] not in schema for node in prompt.values()):
            continue
        if is_of_pack(prompt, schema):
            by_pack.setdefault(pack, []).append(Shipped(pack, name, dict(workflow), prompt))
    for shipped in by_pack.values():
        shipped.sort(key=lambda one: len(one.prompt))
    turns = itertools.zip_longest(*by_pack.values())
    return [one for turn in turns for one in turn if one is not None]


def sound(client: Client, shipped: Shipped, schema: Schema) -> bool:
    """Whether the server has all models and files that it names; pictures are put there."""
    missing = pictures(shipped.prompt, schema)
    for name in missing:
        upload(client, name)
    errors = validate_prompt(shipped.prompt, schema).errors
    return all(
        object_or_empty(shipped.prompt[error.node_id or ""]["inputs"]).get(error.input_name or "") in missing
        for error in errors
    )


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out.splitlines()]


def named_files(output: dict[str, Any]) -> int:
    """How many files a node gave, whatever its pack calls them."""
    return sum(
        1
        for values in output.values()
        for value in array_or_empty(values)
        if is_object(value) and value.get("filename") and value.get("type") in ("output", "temp", "input")
    )


def check(server: Server, run: Run) -> bool:
    """The command says what the history says; returns whether the prompt succeeded."""
    said = lines(run)
    entry = server.entry(said[0]["prompt_id"])
    assert entry["status"]["status_str"] == ("success" if run.code == 0 else "error"), run
    if run.code == 0:
        written = {line["node"]: line["files"] for line in said if line["event"] == "files"}
        for node_id, output in entry["outputs"].items():
            assert len(written.get(node_id, ())) == named_files(output), (node_id, output)
        assert all(Path(file).stat().st_size for files in written.values() for file in files)
        return True
    assert run.code == 3, run
    (raised,) = [data for kind, data in entry["status"]["messages"] if kind == "execution_error"]
    (error,) = [line for line in said if line["event"] == "error"]
    assert f"{raised['node_type']} #{raised['node_id'].partition('.')[0]}" in error["message"]
    assert raised["exception_type"] in error["message"]
    return False


def test_ten_workflows_of_packs_run(
    server: Server, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(server.url) as client:
        found = runnable(client)
        if len(found) < WANTED:
            pytest.skip(f"the server has the classes of {len(found)} of its packs' workflows only")
        schema = client.schema()
        tried, ran, told = 0, list[Shipped](), list[str]()
        for shipped in found:
            if len(ran) == WANTED or tried == MOST_TRIED:
                break
            if not sound(client, shipped, schema):
                continue
            tried += 1
            file = tmp_path / f"{tried}.json"
            file.write_text(json.dumps(shipped.workflow))
            out = str(tmp_path / f"out-{tried}")
            server.wait_until_idle()
            words = ("run", str(file), "--server", server.url, "--out", out, "--timeout", str(SECONDS))
            run = command(*words, "--json")
            done = check(server, run)
            told.append(f"{shipped.pack}: {shipped.name}: {'ran' if done else 'failed there, and said so'}")
            if done:
                ran.append(shipped)
    if tried < WANTED:
        pytest.skip(f"{tried} of {len(found)} workflows of packs need no model that the server lacks")
    with capsys.disabled():
        print("", *told, sep="\n")
    assert len(ran) == WANTED, told
