"""Which release of the editor is followed: asked for, the server's, the package's, the file's, the newest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow import load_schema
from comfyflow.codegen import Options, generate
from comfyflow.errors import ConversionError
from comfyflow.importer import convert_workflow
from comfyflow.importer.editor_rules import NEWEST
from comfyflow.lock import make_lock, read_lock
from comfyflow.schema import Schema
from comfyflow.simulator import Simulator
from tests.command import Command
from tests.editor_json import classes, node, workflow

KNOWN = f"{NEWEST.major}.{NEWEST.minor}"

Json = dict[str, Any]


def saved(version: Any = None) -> Json:
    """A workflow whose values in an object tell the editors apart: 1.53 leaves the defaults, 1.45 clears."""
    extra = {} if version is None else {"extra": {"frontendVersion": version}}
    return workflow([node(1, "Latent", {"width": 5})], **extra)


def followed(made: Json, schema: Schema, editor: str | None = None) -> str:
    return convert_workflow(made, schema, editor=editor, seed=1).editor_version


def test_the_order() -> None:
    bare, stated = Schema(classes(), "0.33.0"), Schema(classes(), "0.33.0", editor="1.49.6")
    assert followed(saved("1.52.7"), stated, "1.38") == "1.38"
    assert followed(saved("1.52.7"), stated) == "1.49"
    assert followed(saved("1.52.7"), bare) == "1.52"
    assert followed(saved(), bare) == KNOWN


@pytest.mark.parametrize("said", [5, None, [], "newest", "0.0.0", {"a": 1}])
def test_what_is_no_version_says_nothing(said: Any) -> None:
    assert followed(saved(said), Schema(classes(), "0.33.0", editor="0.0.0")) == KNOWN


def test_why_is_said() -> None:
    bare = Schema(classes(), "0.33.0")
    asked = convert_workflow(saved("1.52.7"), bare, editor="1.49.6", seed=1)
    assert (asked.editor_version, asked.editor_reason) == ("1.49", "which was requested")
    assert convert_workflow(saved("1.52.7"), bare, seed=1).editor_reason == "which saved the workflow"


def notes(made: Json, editor: str | None = None) -> list[str]:
    found = convert_workflow(made, Schema(classes(), "0.33.0"), editor=editor, seed=1).warnings
    return [warning.message for warning in found if warning.type == "editor_unknown"]


def test_the_nearest_known_is_said() -> None:
    assert notes(saved(), "1.49.6") == []
    for asked, nearest in (("1.99", KNOWN), ("1.3", "1.26")):
        (said,) = notes(saved(), asked)
        assert said == (
            f"editor {asked}, which was requested, is unknown (known are 1.26 to {KNOWN}):"
            f" converting like the nearest, {nearest}"
        )


def test_a_file_of_a_newer_editor_is_said_in_one_line() -> None:
    assert len(notes(saved("1.99.1"))) == 1
    (said,) = notes(saved("1.99.1"), "1.49")
    assert said == (
        f"editor 1.99 saved the workflow and is newer than any known version (known are 1.26 to {KNOWN}):"
        " converting like 1.49, which was requested"
    )


def test_what_is_asked_for_must_be_a_version() -> None:
    with pytest.raises(
        ConversionError, match=r"'latest' is not an editor version; expected something like 1\.45"
    ):
        followed(saved(), Schema(classes()), "latest")
    for wrong in ("1.4x", "1", "1.", "v", "1.45.20.1.1", "editor 1.45", "1.45 beta"):
        with pytest.raises(ConversionError, match="is not an editor version"):
            followed(saved(), Schema(classes()), wrong)
    for right in ("1.45", "v1.45", "1.45.20", " 1.45.20 ", "1.45.20-rc.1"):
        assert followed(saved(), Schema(classes()), right) == "1.45"


@pytest.mark.parametrize(
    ("version", "editor", "expected"),
    [("0.27.0", None, "1.45"), ("0.33.0", None, "1.49"), ("0.33.0", "1.52.1", "1.52")],
)
def test_a_package_and_a_lock_say_it(version: str, editor: str | None, expected: str, tmp_path: Path) -> None:
    schema = Schema(classes(), version, editor=editor)
    generate(schema, Options()).write(tmp_path / "nodes")
    beside = load_schema(tmp_path / "nodes" / "schema.json")
    assert followed(saved("1.38.1"), beside) == expected
    lock = make_lock({"one": {"1": {"class_type": "Latent", "inputs": {}}}}, schema)
    (tmp_path / "lock.json").write_text(lock.to_text())
    assert followed(saved("1.38.1"), read_lock(tmp_path / "lock.json").schema) == expected


# The commands.


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def on_disk(folder: Path, version: str | None = None) -> str:
    """A workflow with a number as its text and values that only some editors read."""
    made = workflow(
        [
            node(1, "EmptyImage", {"width": 64}),
            node(2, "SaveImage", ["x"], {"images": 1}),
        ],
        [[1, 1, 0, 2, 0, "IMAGE"]],
        **({} if version is None else {"extra": {"frontendVersion": version}}),
    )
    path = folder / "saved.json"
    path.write_text(json.dumps(made))
    return str(path)


def converted(command: Command, *words: str) -> Any:
    run = command("convert", *words)
    assert run.code == 0, run.err
    return json.loads(run.out)["1"]["inputs"]["width"]


def test_convert_takes_the_editor_and_the_servers(
    command: Command, server: Simulator, tmp_path: Path
) -> None:
    file = on_disk(tmp_path, "1.58.1")
    assert converted(command, file, "--editor", "1.53") == 512
    assert converted(command, file, "--editor", "1.45") is None
    required = convert_workflow(json.loads(Path(file).read_text()), load_schema(server.url), seed=1)
    assert required.editor_reason == f"which is the editor of {server.url}"
    assert converted(command, file, "--server", server.url) == required["1"]["inputs"]["width"]


def test_run_follows_the_servers_editor_or_the_one_asked_for(
    command: Command, server: Simulator, tmp_path: Path
) -> None:
    file = on_disk(tmp_path, "1.58.1")
    out = str(tmp_path / "out")
    asked = command("run", file, "--editor", "1.53", "--server", server.url, "--out", out)
    assert asked.code == 0, asked.err
    newer = command("run", file, "--editor", "1.99", "--server", server.url, "--out", out)
    assert "editor 1.99, which was requested, is unknown" in newer.err


@pytest.mark.parametrize("name", ["to-python", "validate"])
def test_other_commands_take_the_editor(name: str, command: Command, tmp_path: Path) -> None:
    file = on_disk(tmp_path)
    said = command(name, file, "--editor", "1.99", "--repair")
    assert "editor 1.99, which was requested, is unknown" in said.out + said.err
    refused = command(name, file, "--editor", "latest")
    assert "'latest' is not an editor version" in refused.err


def test_diff_takes_the_editor(command: Command, tmp_path: Path) -> None:
    file = on_disk(tmp_path)
    prompt = tmp_path / "prompt.json"
    prompt.write_text(command("convert", file, "--editor", "1.45").out)
    assert command("diff", file, str(prompt), "--editor", "1.45").code == 0
    assert command("diff", file, str(prompt), "--editor", "1.53").code == 1


@pytest.mark.parametrize("name", ["convert", "to-python", "validate"])
def test_where_a_pack_is_missing_the_user_is_told_how_to_name_a_server(
    name: str, command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "saved.json"
    nodes = [{"id": 1, "type": "Of A Pack", "widgets_values": [1]}]
    file.write_text(json.dumps({"version": 0.4, "nodes": nodes, "links": []}))
    said = command(name, str(file))
    told = "has no custom nodes; to use your server's, pass --server URL" in said.out + said.err
    assert told == ("[unknown_class]" in said.out + said.err)
