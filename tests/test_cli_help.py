from __future__ import annotations

import json
from typing import Any

import click
import pytest

import comfyflow.cli as codes
from comfyflow import errors
from comfyflow.cli.app import COMMANDS, app
from comfyflow.cli.help import ENVIRONMENT
from comfyflow.configuration import CREDENTIALS
from comfyflow.validate import server_error
from tests.command import Command


@pytest.fixture
def told(command: Command) -> dict[str, Any]:
    run = command("help", "--json")
    assert (run.code, run.err) == (0, "")
    value: dict[str, Any] = json.loads(run.out)
    return value


def leaves(
    group: click.Group, context: click.Context, path: tuple[str, ...] = ()
) -> dict[Any, click.Command]:
    found: dict[Any, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found[(*path, name)] = command
        if isinstance(command, click.Group):
            found |= leaves(command, context, (*path, name))
    return found


def described(commands: list[dict[str, Any]], path: tuple[str, ...] = ()) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for each in commands:
        found[(*path, each["name"])] = each
        found |= described(each.get("commands", []), (*path, each["name"]))
    return found


def test_every_command_and_option_is_told(told: dict[str, Any]) -> None:
    assert told["format"] == 1
    assert [each["name"] for each in told["commands"]] == list(COMMANDS)
    shown = described(told["commands"])
    commands = leaves(app, click.Context(app))
    assert shown.keys() == commands.keys()
    for path, command in commands.items():
        options = {option for each in shown[path]["options"] for option in each["options"]}
        wanted = [each for each in command.params if isinstance(each, click.Option)]
        assert options >= {option for each in wanted for option in each.opts}
        assert [each["name"] for each in shown[path]["arguments"]] == [
            each.name for each in command.params if isinstance(each, click.Argument)
        ]


def test_types_defaults_choices_and_variables(told: dict[str, Any]) -> None:
    shown = described(told["commands"])
    options = {
        option: each
        for path in (("run",), ("view",), ("simulate",))
        for each in shown[path]["options"]
        for option in each["options"]
    }
    assert options["--type"]["choices"] == ["output", "input", "temp"]
    assert options["--type"]["default"] == "output"
    assert (options["--port"]["type"], options["--port"]["maximum"]) == ("integer range", 65535)
    assert options["--out"]["default"] == "output"
    assert options["--set"]["multiple"]
    assert options["--detach"]["flag"]
    assert options["--server"]["environment"] == ["COMFYFLOW_SERVER"]
    assert shown[("run",)]["takes_workflow_parameters"]
    assert not shown[("status",)]["takes_workflow_parameters"]


def test_every_variable_of_the_connection_is_told() -> None:
    assert {name.removeprefix("COMFYFLOW_").lower() for name in ENVIRONMENT.values()} >= {*CREDENTIALS}


def test_every_exit_code_error_and_problem_has_its_meaning(told: dict[str, Any]) -> None:
    known = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
    assert {each["code"] for each in told["exit_codes"]} == {0, *known}
    assert [each["name"] for each in told["errors"]] == errors.__all__
    words = {value for name, value in vars(server_error).items() if name.isupper() and isinstance(value, str)}
    assert {each["type"] for each in told["problems"]} > words
    for each in (*told["exit_codes"], *told["errors"], *told["problems"]):
        assert each["meaning"]


def test_help_for_people(command: Command) -> None:
    assert command("help").out == command("--help").out
    assert command("help", "run").out == command("run", "--help").out
    (only,) = json.loads(command("help", "wait", "--json").out)["commands"]
    assert only["name"] == "wait"
    run = command("help", "wiat")
    assert (run.code, run.out) == (2, "")
    assert "did you mean 'wait'?" in run.err
