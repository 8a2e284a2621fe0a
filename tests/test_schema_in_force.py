"""Which server, schema and node package are in force, where nobody says and where somebody does.

The rule is told in ``docs/schema-in-force.md``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfyflow import Client, Workflow, load_schema
from comfyflow.cli.target import load_workflow
from comfyflow.codegen import Options, generate
from comfyflow.configuration import config_file, named_server
from comfyflow.errors import ComfyflowError, ConfigurationError, SchemaError
from comfyflow.schema import Schema
from comfyflow.simulator import Simulator
from comfyflow.testing import assert_valid
from tests.command import Command
from tests.simulated import NODES, SAVE, node_class

HERE = Path(__file__).parents[1]


def txt2img() -> Workflow[Any]:
    """A workflow that names a checkpoint."""
    small = ["--steps", "2", "--prompt", "a lighthouse"]
    return load_workflow(HERE / "examples/txt2img.py", None, small)


ONLY_HERE = {**NODES, "OnlyHere": node_class({"image": ["IMAGE"]}, ["IMAGE"], True)}


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with Simulator(ONLY_HERE) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYFLOW_SERVER", raising=False)
    monkeypatch.setenv("COMFYFLOW_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")


def configure(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)


def prompt_file(tmp_path: Path, prompt: Any = SAVE) -> str:
    path = tmp_path / "prompt.json"
    path.write_text(json.dumps(prompt))
    return str(path)


# The server in force


def test_the_option_comes_before_the_environment_and_that_before_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (named_server().url, named_server().is_default) == ("http://127.0.0.1:8188", True)
    configure(tmp_path, 'server = "config:1"')
    assert (named_server().url, named_server().by) == ("config:1", str(tmp_path / "config.toml"))
    monkeypatch.setenv("COMFYFLOW_SERVER", "variable:1")
    assert (named_server().url, named_server().by) == ("variable:1", "COMFYFLOW_SERVER")
    assert (named_server("option:1").url, named_server("option:1").by) == ("option:1", "--server")


def test_a_client_without_an_address_goes_by_the_same_rule(tmp_path: Path, server: Simulator) -> None:
    configure(tmp_path, f'server = "{server.url}"')
    with Client() as client:
        assert client.url == server.url
        assert client.run(SAVE).files


def test_an_empty_server_is_no_reason_to_ask_another(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYFLOW_SERVER", "http://127.0.0.1:9")
    for words in (["status"], ["nodes"], ["gen-stubs", "--check"], ["where"]):
        run = command(*words, "--server", "")
        assert run.code != 0
        assert "--server is empty" in run.out + run.err


def test_a_config_file_that_was_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COMFYFLOW_CONFIG", str(tmp_path / "nowhere.toml"))
    with pytest.raises(ConfigurationError, match=r"COMFYFLOW_CONFIG is set to .*nowhere\.toml"):
        named_server()
    assert config_file() == tmp_path / "nowhere.toml"


# The schema in force


@pytest.mark.parametrize("by", ["option", "variable", "config"])
@pytest.mark.parametrize("words", [["nodes", "OnlyHere"], ["validate"], ["hash"], ["lock", "-o", "x.lock"]])
def test_commands_that_read_a_schema_ask_the_named_server(
    by: str,
    words: list[str],
    command: Command,
    server: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if by == "config":
        configure(tmp_path, f'server = "{server.url}"')
    elif by == "variable":
        monkeypatch.setenv("COMFYFLOW_SERVER", server.url)
    options = ["--server", server.url] if by == "option" else []
    only = {**SAVE, "12": {"class_type": "OnlyHere", "inputs": {"image": ["1", 0]}}}
    targets = [] if words[0] == "nodes" else [prompt_file(tmp_path, only)]
    run = command(words[0], *targets, *words[1:], *options)
    assert run.code == 0, run.out + run.err
    if words[0] != "hash":
        assert (run.out + run.err).splitlines()[-1] == (f"schema: ComfyUI 0.33.0, from {server.url}")


def test_without_any_name_it_is_the_node_package(command: Command, tmp_path: Path) -> None:
    run = command("validate", prompt_file(tmp_path))
    assert re.fullmatch(
        r"schema: 887 node classes of ComfyUI 0\.33\.0, from .*comfynodes.schema\.json",
        run.out.splitlines()[-1],
    )


def test_a_named_server_that_does_not_answer_is_told_and_not_replaced(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(tmp_path, 'server = "http://127.0.0.1:9"')
    run = command("validate", prompt_file(tmp_path))
    assert run.code == 2
    assert f"(from {tmp_path / 'config.toml'}" in run.err
    assert "--stubs comfynodes" in run.err
    assert command("validate", prompt_file(tmp_path), "--stubs", "comfynodes").code == 0
    assert command("nodes", "KSampler", "--stubs", "comfynodes").code == 0


def test_a_workflow_in_python_is_compiled_without_asking_a_server(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYFLOW_SERVER", "http://127.0.0.1:9")
    assert command("compile", str(HERE / "examples/text.py")).code == 0


def test_options_that_name_two_schemas_are_refused(command: Command, tmp_path: Path) -> None:
    run = command("nodes", "--server", "x", "--stubs", "comfynodes")
    assert (run.code, run.err) == (2, "comfyflow: pass --server or --stubs, not both\n")


@pytest.mark.parametrize("words", [["nodes"], ["validate"], ["lock"], ["convert"], ["to-python"]])
def test_a_schema_of_nothing_is_not_replaced_by_another(
    words: list[str], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    editor = {
        "nodes": [
            {"id": 1, "type": "EmptyImage", "inputs": [], "outputs": [], "widgets_values": [8, 8, 1, 0]}
        ],
        "links": [],
        "version": 0.4,
    }
    target = [] if words == ["nodes"] else [prompt_file(tmp_path, editor if words == ["convert"] else SAVE)]
    with_it = command(*words, *target, "--object-info", str(empty))
    without = command(*words, *target)
    assert (with_it.out, with_it.err) != (without.out, without.err), "the empty schema made no difference"


def test_a_schema_of_nothing_is_taken_by_python_too(server: Simulator) -> None:
    report = txt2img().validate(Schema({}, "0.27.0"))
    assert not report.valid
    assert str(report).splitlines()[-1] == "schema: 0 node classes of ComfyUI 0.27.0, from a dictionary"
    with pytest.raises(AssertionError, match="not valid"):
        assert_valid(txt2img(), Schema({}, "0.27.0"))
    with Client(server.url) as client, pytest.raises(ComfyflowError, match="0 node classes"):
        client.run(txt2img(), schema=Schema({}, "0.27.0"))


def test_a_report_says_as_json_which_schema_it_was_made_against(command: Command, tmp_path: Path) -> None:
    run = command("validate", prompt_file(tmp_path), "--format", "json")
    told = json.loads(run.out)["schema"]
    assert (told["version"], told["node_classes"]) == ("0.33.0", 887)
    assert "comfynodes" in told["source"]


def test_check_ends_with_what_it_compared_with(command: Command, server: Simulator, tmp_path: Path) -> None:
    lock = tmp_path / "comfyflow.lock"
    assert command("lock", prompt_file(tmp_path), "-o", str(lock)).code == 0
    run = command("check", prompt_file(tmp_path), "--lock", str(lock))
    assert run.out.splitlines()[-1] == f"schema: 3 node classes of ComfyUI 0.33.0, from {lock}"
    run = command("check", prompt_file(tmp_path), "--lock", str(lock), "--server", server.url)
    assert run.out.splitlines()[-1].endswith(f"from {server.url}")


# What is no schema

BODY = {"prompt": SAVE, "client_id": "x"}
OTHERS = {
    "a prompt": SAVE,
    "the body of a POST /prompt": BODY,
    "an editor workflow": {"nodes": [], "links": [], "version": 0.4},
    "a server's history": {"an-id": {"prompt": [1, "an-id", SAVE, {}, ["9"]], "outputs": {}, "status": {}}},
    "the response to GET /system_stats": {"system": {"os": "linux"}, "devices": []},
    "the response to GET /queue": {"queue_running": [], "queue_pending": []},
    "a server's error response": {"error": "unauthorized"},
    "JSON without any node class": {"name": "a package", "version": "1.0.0"},
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_object_info_is_refused_by_name(what: str, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(OTHERS[what]))
    run = command("gen-stubs", "--object-info", str(path), "--out", str(tmp_path / "made"))
    assert run.code == 2
    assert f"{path} is {what}, not an /object_info" in run.err
    assert not (tmp_path / "made").exists()
    with pytest.raises(SchemaError, match=f"is {what}, not an /object_info"):
        load_schema(OTHERS[what])


@pytest.mark.parametrize("text", ["{}", '{"nodes": {}, "comfyui_version": "0.27.0"}'])
def test_gen_stubs_writes_no_package_of_nothing(text: str, command: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text(text)
    run = command("gen-stubs", "--object-info", str(path), "--out", str(tmp_path / "made"))
    assert run.code == 2
    assert "no node can be generated" in run.err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("my-nodes", "my_nodes"), ("class", "class_nodes"), ("2nodes", "nodes_2nodes"), ("json", "json_nodes"),
     ("comfyflow", "comfyflow_nodes"), ("my nodes.d", "my_nodes_d")],
)  # fmt: skip
def test_a_package_that_nobody_could_import_is_not_written(
    name: str, nearest: str, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "object_info.json"
    path.write_text(json.dumps(NODES))
    for more in ([], ["--check"]):
        run = command("gen-stubs", "--object-info", str(path), "--out", str(tmp_path / name), *more)
        assert run.code == 2
        assert run.err.endswith(f"write to {tmp_path / nearest}\n")
    assert not (tmp_path / name).exists()
    assert command("gen-stubs", "--object-info", str(path), "--out", str(tmp_path / nearest)).code == 0


# The node package in force


def stubs(folder: Path, classes: dict[str, Any] = ONLY_HERE) -> None:
    """A package ``comfynodes`` of its own."""
    generate(Schema(classes, "0.27.0"), Options()).write(folder / "comfynodes")


def ran(words: list[str], folder: Path, **environment: str) -> str:
    """What a program prints that is started in a folder, as an installed one is."""
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(
        words, cwd=folder, env={**known, **environment}, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


COMMAND = [sys.executable, "-c", "import sys; sys.path.remove(''); from comfyflow.cli import main; main()"]
"""The command as it is installed: the current folder is not where Python looks for modules."""


def test_a_package_in_the_current_folder_comes_before_an_installed_one(tmp_path: Path) -> None:
    stubs(tmp_path)
    found = json.loads(ran([*COMMAND, "where", "--json"], tmp_path))
    assert found["stubs"]["folder"] == str(tmp_path / "comfynodes")
    assert found["schema"]["node_classes"] == len(ONLY_HERE)
    assert "OnlyHere" in ran([*COMMAND, "nodes", "OnlyHere"], tmp_path)


def test_nothing_else_in_the_current_folder_is_imported(tmp_path: Path) -> None:
    for name in ("gzip", "rich", "comfynodes", "tomllib", "difflib"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    (tmp_path / "comfyui").mkdir()
    assert "887" in ran([*COMMAND, "where"], tmp_path)


def test_a_package_beside_the_workflow_comes_first(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    stubs(tmp_path, NODES)
    stubs(flows)
    (flows / "flow.py").write_text(
        "from comfyflow import workflow\nfrom comfynodes import EmptyImage, OnlyHere\n\n\n@workflow\n"
        "def flow() -> OnlyHere:\n"
        "    return OnlyHere(image=EmptyImage(width=8, height=8, batch_size=1, color=0))\n"
    )
    last = ran([*COMMAND, "validate", "flows/flow.py"], tmp_path).splitlines()[-1]
    assert last.endswith(f"from {flows / 'comfynodes' / 'schema.json'}")


TEST = """
import comfynodes

def test_where(comfy_schema):
    print("found", comfynodes.__file__)
    assert "OnlyHere" in comfy_schema
"""


@pytest.mark.parametrize(
    "program",
    [["-m", "pytest"], ["-c", "import sys; sys.path.remove(''); import pytest; sys.exit(pytest.main())"]],
)
@pytest.mark.parametrize("folder", [".", "tests"])
def test_pytest_finds_the_package_of_the_project_however_it_is_started(
    program: list[str], folder: str, tmp_path: Path
) -> None:
    stubs(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p no:cacheprovider"\n')
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text("import comfynodes\n")
    (tmp_path / "tests" / "test_it.py").write_text(TEST)
    words = [sys.executable, *program]
    if program[0] == "-c":
        words[-1] = words[-1].replace("pytest.main()", "pytest.main(['-s'])")
    else:
        words.append("-s")
    out = ran(words, tmp_path / folder)
    assert f"found {tmp_path / 'comfynodes' / '__init__.py'}" in out


# Told


def test_where_tells_all_of_it(command: Command, server: Simulator, tmp_path: Path) -> None:
    configure(tmp_path, f'server = "{server.url}"')
    run = command("where")
    assert run.code == 0
    lines = {line.split()[0]: line for line in run.out.splitlines()}
    assert list(lines) == ["server", "schema", "stubs", "config", "versions"]
    assert lines["server"].endswith(f"{server.url} ({tmp_path / 'config.toml'}): ComfyUI 0.33.0")
    assert lines["schema"].endswith(f"{len(ONLY_HERE)} node classes of ComfyUI 0.33.0, from {server.url}")
    assert "comfynodes: 887 node classes" in lines["stubs"]
    assert str(tmp_path / "config.toml") in lines["config"]
    assert sys.executable in lines["versions"]


def test_where_is_one_if_there_is_no_schema(command: Command, tmp_path: Path) -> None:
    configure(tmp_path, 'server = "http://name:secret@127.0.0.1:9"')
    run = command("where", "--json")
    assert run.code == 1
    found = json.loads(run.out)
    assert found["server"]["url"] == "http://127.0.0.1:9"
    assert "no ComfyUI server answers" in found["schema"]["error"]


# The simulator's schema


def test_a_checkpoint_that_the_simulator_runs_is_right_by_its_own_schema(
    command: Command, tmp_path: Path
) -> None:
    made = txt2img()
    with Simulator() as server, Client(server.url) as client:
        assert made.validate(load_schema(server.url)).ok
        assert made.validate(client.schema()).ok
        assert client.run(made, schema=client.schema()).files
        run = command("validate", prompt_file(tmp_path, made.to_prompt()), "--server", server.url)
        assert run.code == 0, run.out


def test_a_simulator_of_named_models_refuses_all_others_by_its_schema() -> None:
    with Simulator(models={"checkpoints": ["one.safetensors"]}) as server:
        report = txt2img().validate(load_schema(server.url))
    assert [problem.type for problem in report.errors] == ["value_not_in_list"]
