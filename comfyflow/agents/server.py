"""The Model Context Protocol server: its tools and resources, and the dispatch of calls."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Tool,
)

from .._version import __version__
from ..batch.sheet.thumbnail import SIDE
from ..bounds import AGENT_ANSWER
from ..errors import ComfyflowError
from ..nearest import did_you_mean
from .answer import ToolAnswer, one_line, undisguised
from .documents import TEMPLATES, documents, read_document
from .job_answer import JOB_SCHEMA
from .node_tools import NODE_TOOLS
from .run_tools import RUN_TOOLS, run_given
from .tool import RUNS, AgentTool, Progress
from .workflow_tools import WORKFLOW_TOOLS

if TYPE_CHECKING:
    from .published import PublishedWorkflow
    from .workbench import Workbench

TOOLS: Final[Mapping[str, AgentTool[Any]]] = {
    tool.name: tool for tool in (*NODE_TOOLS, *WORKFLOW_TOOLS, *RUN_TOOLS)
}
"""The tools that exist without any workflow."""

_LOG: Final = logging.getLogger("comfyflow.agents")

_INSTRUCTIONS: Final = (
    "ComfyUI workflows: find node classes (search_nodes, describe_node), write prompt JSON, check it "
    "(validate_workflow) until it is valid, and run it (run_workflow). The resource comfyflow://guide shows "
    "how; comfyflow://examples/... are workflows to start from."
)


class AgentServer:
    """Answers the requests of agents.

    Args:
        bench: What tools share.
    """

    def __init__(self, bench: Workbench) -> None:
        self.bench: Final = bench
        published = bench.published
        names = f" Workflows that are tools: {', '.join(published)}." if published else ""
        self.server: Final[Server[Any]] = Server(
            "comfyflow",
            version=__version__,
            title="comfyflow: ComfyUI workflows",
            instructions=f"{_INSTRUCTIONS}{names}",
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )

    async def serve_stdio(self) -> None:
        """Serve the client at the other end of standard input and output, until it closes them."""
        async with self.bench, stdio_server() as (read, write):
            await self.server.run(read, write, self.server.create_initialization_options())

    async def _list_tools(
        self, _context: ServerRequestContext[Any], _asked: PaginatedRequestParams | None
    ) -> ListToolsResult:
        own = [_listed(workflow) for workflow in self.bench.published.values()]
        return ListToolsResult(tools=[*own, *(tool.listed() for tool in TOOLS.values())])

    async def _call_tool(
        self, context: ServerRequestContext[Any], asked: CallToolRequestParams
    ) -> CallToolResult:
        async def progress(done: float, total: float, step: str) -> None:
            await context.session.report_progress(done, total, step)

        try:
            answer = await self._answer(asked.name, asked.arguments or {}, progress)
        except ComfyflowError as error:
            answer = ToolAnswer(str(error), is_error=True)
        except OSError as error:
            answer = ToolAnswer(f"cannot read or write: {error}", is_error=True)
        return answer.result()

    async def _answer(self, name: str, given: Mapping[str, Any], progress: Progress) -> ToolAnswer:
        bench = self.bench
        if name in bench.published:
            seconds = bench.wait_seconds
            return await run_given(bench, (name, given), name, seconds, progress, SIDE, AGENT_ANSWER)
        tool = TOOLS.get(name)
        if tool is None:
            hint = did_you_mean(name, [*bench.published, *TOOLS], "tools/list lists them")
            raise MCPError(INVALID_PARAMS, f"unknown tool {one_line(name)!r}; {hint}")
        return await tool.run(bench, given, progress)

    async def _list_resources(
        self, _context: ServerRequestContext[Any], _asked: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        return ListResourcesResult(resources=documents(self.bench))

    async def _list_templates(
        self, _context: ServerRequestContext[Any], _asked: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[*TEMPLATES])

    async def _read_resource(
        self, _context: ServerRequestContext[Any], asked: ReadResourceRequestParams
    ) -> ReadResourceResult:
        try:
            return await self.bench.aside(read_document, self.bench, str(asked.uri))
        except ComfyflowError as error:
            raise MCPError(INVALID_PARAMS, undisguised(str(error))) from None


def _listed(workflow: PublishedWorkflow) -> Tool:
    return Tool(
        name=workflow.name,
        title=workflow.name,
        description=workflow.description,
        input_schema=dict(workflow.json_schema),
        output_schema=JOB_SCHEMA,
        annotations=RUNS,
    )
