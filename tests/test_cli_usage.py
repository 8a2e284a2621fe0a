from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from comfyflow.cli import node_classes
from comfyflow.cli.app import COMMANDS, app
from tests.command import Command

WORKFLOW = """
from comfyflow import raw_node, workflow

@workflow
def picture(width: int = 8):
    return raw_node("SaveImage", {"images": raw_node("EmptyImage", {"width": width})[0]})
"""
WITH_WORKFLOW = ("run", "validate", "compile", "hash", "lock", "check")


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "picture.py"
    path.write_text(WORKFLOW)
    return str(path)


def loaded_by(*words: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); "
        "from comfyflow.cli import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stderr.split())


def test_the_list_of_commands_imports_none() -> None:
    modules = {f"comfyflow.cli.{listed.module}" for listed in COMMANDS.values()}
    assert not loaded_by("--help") & modules
    assert not loaded_by("--version") & modules
    assert loaded_by("status", "--help") & modules == {"comfyflow.cli.status"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_tells_what_it_takes(command: Command, name: str) -> None:
    assert f"  {name} " in command("--help").out
    run = command(name, "--help")
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith(f"Usage: comfyflow {name} [OPTIONS]")
    found = app.get_command(click.Context(app), name)
    assert found is not None
    assert found.name == name
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert all(option in run.out for option in parameter.opts)
            assert parameter.is_flag or parameter.metavar or isinstance(parameter.type, click.Choice)
        else:
            assert parameter.metavar
            assert str(parameter.metavar) in run.out.partition("\n\n")[0]


def test_defaults_and_ranges_are_told(command: Command) -> None:
    shown = " ".join(command("gen-stubs", "--help").out.split())
    for told in ("[default: comfynodes]", "[default: docs]", "[default: 100; x>=0]", "-v, --verbose"):
        assert told in shown
    assert "[default: 8188; 0<=x<=65535]" in " ".join(command("simulate", "--help").out.split())
    assert "[default: text]" in command("validate", "--help").out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("runn", "No such command 'runn'. Did you mean 'run'?"),
        ("zzz", "No such command 'zzz'."),
        ("--versio", "Did you mean"),
        ("status --servr x", "--server"),
        ("status --server", "Option '--server' requires an argument"),
        ("status extra", "unexpected extra argument"),
        ("diff a", "Missing argument 'B'"),
        ("run", "Missing argument 'TARGET'"),
        ("hash", "Missing argument 'TARGET...'"),
        ("simulate --port 65536", "65536 is not in the range 0<=x<=65535"),
        ("simulate --port x", "'x' is not a valid integer"),
        ("validate a.json --format xml", "'xml' is not one of 'text', 'json'"),
        ("view a --type INPUT", "'INPUT' is not one of 'output', 'input', 'temp'"),
        ("run a.json --timeout nan", "Invalid value for '--timeout': nan is not a number of seconds"),
        ("run a.json --timeout -1", "-1.0 is not in the range x>=0"),
    ],
)
def test_a_wrong_use_is_answered_with_what_is_right(command: Command, words: str, why: str) -> None:
    run = command(*words.split())
    assert (run.code, run.out) == (2, "")
    assert why in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize("name", WITH_WORKFLOW)
def test_an_unknown_option_before_the_workflow_is_none_of_its_parameters(
    command: Command, script: str, name: str
) -> None:
    for words in (("--widht", "9", script), ("--zzz",), ("-z", script)):
        run = command(name, *words)
        assert (run.code, run.out) == (2, "")
        assert f"No such option '{words[0]}'; a workflow's own parameters go after" in run.err
    assert "--server" in command(name, "--servr", "x", script).err


@pytest.mark.parametrize("name", WITH_WORKFLOW)
def test_help_behind_a_workflow_tells_its_parameters(command: Command, script: str, name: str) -> None:
    told = " ".join(command(name, script, "--help").out.split())
    assert f"Parameters of {script}: --width INT [default: 8]" in told
    assert "Parameters of" not in command(name, "--help").out


def test_ctrl_c(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(node_classes, "reference_schema", interrupted)
    run = command("nodes")
    assert (run.code, run.out, run.err) == (130, "", "comfyflow: interrupted\n")


def test_nobody_reads_a_list() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from comfyflow.cli import main; main()", "nodes"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
