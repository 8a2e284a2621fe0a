"""A client of `comfyflow mcp`, for tests: the official SDK's own."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mcp import Client
from mcp.types import CallToolResult, ImageContent, ResourceLink, TextContent
from PIL import Image

from comfyflow.agents import PublishedWorkflow, Root, SchemaInUse, Workbench
from comfyflow.agents.server import AgentServer
from comfyflow.bounds import AGENT_ANSWER
from comfyflow.client import AsyncClient
from comfyflow.schema import Schema

T = TypeVar("T")
SECONDS = 60.0


class Agent:
    """Calls tools, and sees that no answer is larger than it may be.

    Args:
        client: The SDK's.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.progress: list[tuple[float, float | None, str | None]] = []

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        async def seen(done: float, total: float | None, step: str | None) -> None:
            self.progress.append((done, total, step))

        result = await self.client.call_tool(tool, arguments, progress_callback=seen)
        assert isinstance(result, CallToolResult)
        size = len(result.model_dump_json(by_alias=True, exclude_none=True).encode())
        assert size <= arguments.get("max_bytes", AGENT_ANSWER)
        return result

    async def told(self, tool: str, **arguments: Any) -> str:
        """What a call that succeeds says."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, text(result)
        return text(result)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """What a call that fails says."""
        result = await self.call(tool, **arguments)
        assert result.is_error, text(result)
        return text(result)


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def pictures(result: CallToolResult) -> list[Image.Image]:
    blocks = [block for block in result.content if isinstance(block, ImageContent)]
    return [Image.open(io.BytesIO(base64.b64decode(block.data))) for block in blocks]


def links(result: CallToolResult) -> list[ResourceLink]:
    return [block for block in result.content if isinstance(block, ResourceLink)]


def workbench(
    root: Path,
    schema: Schema | None = None,
    url: str = "http://127.0.0.1:1",
    published: Mapping[str, PublishedWorkflow] | None = None,
    **options: Any,
) -> Workbench:
    """What tools share, for a server at an address."""
    place = Root(root)
    known = SchemaInUse((lambda: schema) if schema is not None else None, changes=False)
    return Workbench(place, place.folder / "output", known, lambda: AsyncClient(url), published, **options)


def with_agent(bench: Workbench, act: Callable[[Agent], Awaitable[T]]) -> T:
    """Let an agent act on a server in this process."""

    async def session() -> T:
        async with bench, Client(AgentServer(bench).server, raise_exceptions=True) as client:
            return await asyncio.wait_for(act(Agent(client)), SECONDS)

    return asyncio.run(session())


async def author(agent: Agent, root: Path) -> None:
    """Find a node, write a workflow with two mistakes, mend them by what is said, run it, get the picture."""
    found = await agent.told("search_nodes", words="empty latent", gives="LATENT")
    assert "EmptyLatentImage" in found
    described = await agent.told("describe_node", names=["EmptyLatentImage", "KSampler"])
    assert "width: INT, default 512, 16 to 16384" in described
    read = (await agent.client.read_resource("comfyflow://examples/txt2img")).contents[0]
    prompt: dict[str, Any] = json.loads(getattr(read, "text", ""))
    by_class = {node["class_type"]: node["inputs"] for node in prompt.values()}
    by_class["EmptyLatentImage"] |= {"width": 256, "height": 320}
    by_class["KSampler"] |= {"steps": 3, "sampler_name": "eulr"}
    by_class["SaveImage"]["filename_prefx"] = by_class["SaveImage"].pop("filename_prefix")

    refused = await agent.refused("run_workflow", workflow=prompt)
    assert "not sent" in refused
    report = await agent.call("validate_workflow", workflow=prompt)
    assert report.structured_content == {
        "valid": False,
        "ok": False,
        "rests_on_files": False,
        "errors": 2,
        "warnings": 1,
    }
    said = text(report)
    nearest = re.search(r"sampler_name is 'eulr', .* Did you mean '(\w+)'\?", said)
    right = re.search(r"error: (\w+) is required and missing\. The prompt has '(\w+)'", said)
    assert nearest is not None, said
    assert right is not None, said
    by_class["KSampler"]["sampler_name"] = nearest[1]
    by_class["SaveImage"][right[1]] = by_class["SaveImage"].pop(right[2])
    assert (await agent.told("validate_workflow", workflow=prompt)).startswith("valid")

    result = await agent.call("run_workflow", workflow=prompt, wait_seconds=SECONDS)
    assert not result.is_error, text(result)
    assert result.structured_content["state"] == "success"
    assert re.fullmatch(r"[0-9a-f]{64}", result.structured_content["hash"])
    (shown,) = pictures(result)
    assert shown.size == (256, 320)
    (path,) = result.structured_content["files"]
    with Image.open(root / path) as picture:
        assert picture.size == (256, 320)
    (link,) = links(result)
    blob = (await agent.client.read_resource(link.uri)).contents[0]
    assert base64.b64decode(getattr(blob, "blob", "")) == (root / path).read_bytes()
    done = [each[0] for each in agent.progress]
    assert done == sorted(done)
    assert done[-1] == agent.progress[-1][1] == len(prompt)
