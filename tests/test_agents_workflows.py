"""Agents check, convert, compare and write workflows: JSON that they give, and files below the root."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from mcp.shared.exceptions import MCPError
from PIL import Image, PngImagePlugin

from comfyflow import read_workflow
from comfyflow.recipes import txt2img
from comfyflow.schema.package import reference_schema
from tests.agent import Agent, text, with_agent, workbench
from tests.test_documents import EDITOR

T = TypeVar("T")
ROOT = Path(__file__).parents[1]


def with_tools(root: Path, act: Callable[[Agent], Awaitable[T]]) -> T:
    return with_agent(workbench(root, reference_schema()), act)


def told(root: Path, tool: str, **arguments: Any) -> str:
    return with_tools(root, lambda agent: agent.told(tool, **arguments))


def refused(root: Path, tool: str, **arguments: Any) -> str:
    return with_tools(root, lambda agent: agent.refused(tool, **arguments))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with workflows in it, and things beside it that nobody may name."""
    folder = tmp_path / "root"
    folder.mkdir()
    prompt = json.dumps(prompt_of())
    (folder / "prompt.json").write_text(prompt)
    (folder / "editor.json").write_text(json.dumps(EDITOR))
    (folder / "flow.py").write_text("raise SystemExit('it was run')")
    (folder / ".hidden.json").write_text(prompt)
    (folder / ".git").mkdir()
    (folder / ".git" / "config.json").write_text(prompt)
    (tmp_path / "outside.json").write_text(prompt)
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", prompt)
    Image.new("RGB", (8, 8)).save(folder / "made.png", pnginfo=info)
    if sys.platform != "win32":
        (folder / "link.json").symlink_to(tmp_path / "outside.json")
        (folder / "loop.json").symlink_to(folder / "loop.json")
        os.mkfifo(folder / "pipe.json")
    return folder


def prompt_of(**values: Any) -> dict[str, Any]:
    return {**txt2img("a lighthouse", **values).to_prompt()}


NO_WORKFLOWS: tuple[Any, ...] = (
    "{",
    "[]",
    "[1]",
    "{}x",
    '{"a": NaN}',
    '{"1": ' * 500,
    "[" * 90_000,
    {},
    {"a": 1},
    {"nodes": 3},
    {"1": None},
    {"1": {"class_type": 3}},
    {"1": {"class_type": "KSampler", "inputs": {"model": ["1", 0]}}},
    {"nodes": [{"id": 1, "type": "\x1b[31m"}], "links": []},
)


async def is_told(agent: Agent, tool: str, given: Any) -> None:
    said = text(await agent.call(tool, workflow=given))
    assert said
    assert "Traceback" not in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)


@pytest.mark.parametrize("tool", ["validate_workflow", "convert_workflow", "run_workflow"])
def test_what_is_no_workflow_is_a_clear_answer(root: Path, tool: str) -> None:
    async def act(agent: Agent) -> None:
        for given in NO_WORKFLOWS:
            await is_told(agent, tool, given)

    with_tools(root, act)


@pytest.mark.slow
def test_what_is_no_workflow_is_no_python_or_a_proven_one(root: Path) -> None:
    async def act(agent: Agent) -> None:
        for given in NO_WORKFLOWS:
            await is_told(agent, "workflow_to_python", given)

    with_tools(root, act)


def test_a_workflow_of_the_editor_is_converted(root: Path) -> None:
    found = json.loads(told(root, "convert_workflow", workflow=dict(EDITOR)))
    assert {node["class_type"] for node in found.values()} == {"EmptyImage", "SaveImage"}
    assert json.loads(told(root, "convert_workflow", workflow="editor.json")) == found


def test_python_is_written_that_gives_the_same_graph(root: Path) -> None:
    said = told(root, "workflow_to_python", workflow=prompt_of(), name="lighthouse")
    assert "def lighthouse(" in said
    assert "KSampler(" in said


def test_a_difference_and_a_check_are_told(root: Path) -> None:
    same = told(root, "diff_workflows", before=prompt_of(), after="prompt.json")
    assert same == "the same"
    assert "steps" in told(root, "diff_workflows", before=prompt_of(), after=prompt_of(steps=3))
    assert "schema:" in told(root, "check_workflow", workflow="prompt.json")
    assert "below the root" in refused(root, "check_workflow", workflow="prompt.json", lock="../a.lock.json")


def test_a_workflow_is_written_below_the_root_in_each_form(root: Path) -> None:
    told(root, "write_workflow", workflow=prompt_of(steps=7), path="new/a.json")
    assert json.loads((root / "new/a.json").read_text()) == prompt_of(steps=7)
    told(root, "write_workflow", workflow="prompt.json", path="b.json", form="editor")
    assert read_workflow(root / "b.json").workflow is not None
    told(root, "write_workflow", workflow="prompt.json", path="c.py", form="python")
    assert "@workflow" in (root / "c.py").read_text()


@pytest.mark.parametrize(
    ("path", "more", "why"),
    [
        ("../new.json", {}, "not below the root"),
        ("/new.json", {}, "not below the root"),
        ("link.json", {"overwrite": True}, "not below the root"),
        (".github/new.json", {}, "is hidden"),
        ("new.txt", {}, "must end with .json"),
        ("new.json", {"form": "python"}, "must end with .py"),
        ("prompt.json", {}, "already exists"),
        ("flow.py", {"form": "python", "overwrite": True}, "already exists"),
        ("settings.json", {"overwrite": True}, "already exists"),
        ("folder.json", {"overwrite": True}, ""),
        ("prompt.json/new.json", {}, ""),
    ],
)
def test_nothing_else_is_written(root: Path, path: str, more: dict[str, Any], why: str) -> None:
    (root / "settings.json").write_text('{"theme": "dark"}')
    (root / "folder.json").mkdir()
    before = {file: file.read_bytes() for file in root.parent.rglob("*") if file.is_file()}
    assert why in refused(root, "write_workflow", workflow=prompt_of(), path=path, **more)
    assert {file: file.read_bytes() for file in root.parent.rglob("*") if file.is_file()} == before


def test_json_of_a_workflow_is_replaced_where_it_is_asked_for(root: Path) -> None:
    told(root, "write_workflow", workflow=prompt_of(steps=9), path="prompt.json", overwrite=True)
    assert json.loads((root / "prompt.json").read_text()) == prompt_of(steps=9)


def test_tools_say_what_they_may_do(root: Path) -> None:
    async def act(agent: Agent) -> dict[str, Any]:
        return {tool.name: tool for tool in (await agent.client.list_tools()).tools}

    tools = with_tools(root, act)
    looking = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
    assert looking == tools.keys() - {"run_workflow", "cancel_job", "write_workflow"}
    assert tools["run_workflow"].annotations.open_world_hint
    assert not tools["run_workflow"].annotations.idempotent_hint
    assert tools["write_workflow"].annotations.destructive_hint
    assert tools["cancel_job"].annotations.destructive_hint
    for tool in tools.values():
        assert tool.description
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert all("description" in entry for entry in tool.input_schema["properties"].values())


def test_resources_are_read_and_nothing_else(root: Path) -> None:
    async def act(agent: Agent) -> None:
        listed = (await agent.client.list_resources()).resources
        assert {each.uri for each in listed} >= {"comfyflow://guide", "comfyflow://examples/txt2img"}
        for each in listed:
            (read,) = (await agent.client.read_resource(each.uri)).contents
            content = getattr(read, "text", "")
            assert content
            if each.mime_type == "application/json":
                said = await agent.told("validate_workflow", workflow=content)
                assert said.startswith("valid") or "list of files" in said or "not one of its choices" in said
        (node,) = (await agent.client.read_resource("comfyflow://nodes/KSampler")).contents
        assert "steps: INT" in getattr(node, "text", "")
        for address in (
            "comfyflow://examples/txt2im", "comfyflow://guide/../..", "comfyflow://nodes/Nothing", "file:///etc/passwd",
            "comfyflow://jobs/1/0/a.png", "comfyflow://jobs/../../0", "comfyflow://jobs//", "x",
        ):  # fmt: skip
            with pytest.raises(MCPError, match=r"unknown|nothing found"):
                await agent.client.read_resource(address)

    with_tools(root, act)
