"""Tools that examine a workflow: is it valid, what is it, what has changed. Nothing is sent or written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from ..diff import canonical_hash
from ..diff import diff as compare
from ..errors import ComfyflowError, CommandError
from ..json_types import is_object
from ..validate import Report, validate_prompt
from .answer import ToolAnswer, one_line
from .python_text import python_text
from .tool import LOOKS, AgentTool, BoundedArguments, Progress

if TYPE_CHECKING:
    from ..schema import Schema
    from ..source import Source
    from .workbench import Workbench

_WORKFLOW: Final = (
    "Prompt JSON ({node id: {class_type, inputs}}) or editor JSON, as an object or a string; or the "
    "path of a file below the root that contains one (including a PNG made by ComfyUI); or a workflow tool's "
    "name."
)
_FILES: Final = (
    "These are files that the server does not list. The workflow can still be run: pictures below the root "
    "are uploaded, and the server is asked for the others ('name.png [output]' is an earlier run's output)."
)


class WorkflowArguments(BoundedArguments):
    """The arguments of a tool that examines one workflow."""

    workflow: dict[str, Any] | str = Field(description=_WORKFLOW)
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="If workflow names a workflow tool: its parameters."
    )


class ValidateWorkflow(WorkflowArguments):
    """Check a workflow as the server would, before it is run.

    Reports every problem with its node (or the file and line of a Python workflow), what is allowed, and the
    nearest valid name or value. Fix the errors, and check again until it is valid.
    """


class ConvertWorkflow(WorkflowArguments):
    """Convert an editor workflow to prompt JSON, as the editor itself would, with its warnings.

    Also returns the prompt JSON of a workflow tool, or of a file that carries one.
    """


class WorkflowToPython(WorkflowArguments):
    """Write a workflow as a Python module with typed nodes, proven to give the same graph."""

    name: str | None = Field(None, description="The function's name.")
    flat: bool = Field(False, description="Write no functions for subgraphs.")


class DiffWorkflows(BoundedArguments):
    """Compare two workflows by structure: nodes added, removed or rewired, and changed values.

    Ids and order do not count.
    """

    before: dict[str, Any] | str = Field(description=_WORKFLOW)
    after: dict[str, Any] | str = Field(description="The workflow before.")


class CheckWorkflow(WorkflowArguments):
    """Report whether a workflow would still run on the server, and what has changed for it there."""

    lock: str | None = Field(
        None,
        description="A `comfyflow lock` file below the root: the server that the workflow was made for.",
    )


def valid_data(report: Report) -> dict[str, Any]:
    """A report for programs."""
    return {
        "valid": report.valid,
        "ok": report.ok,
        "rests_on_files": report.rests_on_files,
        "errors": len(report.errors) + len(report.refusals),
        "warnings": len(report.warnings),
    }


REPORT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "valid": {"type": "boolean", "description": "The server would accept it."},
        "ok": {"type": "boolean", "description": "There is also no other reason not to send it."},
        "rests_on_files": {
            "type": "boolean",
            "description": "It is invalid only because of files that the server does not list; it may be "
            "run.",
        },
        "errors": {"type": "integer"},
        "warnings": {"type": "integer"},
    },
    "required": ["valid", "ok", "errors", "warnings"],
}


async def validate_workflow(bench: Workbench, asked: ValidateWorkflow, _progress: Progress) -> ToolAnswer:
    """Carry out `ValidateWorkflow`."""

    def look() -> ToolAnswer:
        source, schema = bench.read(asked.workflow, asked.parameters)
        report = report_of(source, schema)
        files = f"\n{_FILES}" if report.rests_on_files else ""
        return ToolAnswer(f"{_warnings(source)}{report}{files}", valid_data(report), limit=asked.max_bytes)

    return await bench.aside(look)


async def convert_workflow(bench: Workbench, asked: ConvertWorkflow, _progress: Progress) -> ToolAnswer:
    """Carry out `ConvertWorkflow`."""

    def look() -> ToolAnswer:
        source, _ = bench.read(asked.workflow, asked.parameters)
        return ToolAnswer(
            f"{_warnings(source)}{prompt_text(source)}",
            limit=asked.max_bytes,
            more="write it to a file with write_workflow, or use a larger max_bytes",
        )

    return await bench.aside(look)


async def workflow_to_python(bench: Workbench, asked: WorkflowToPython, _progress: Progress) -> ToolAnswer:
    """Carry out `WorkflowToPython`."""

    def look() -> ToolAnswer:
        source, schema = bench.read(asked.workflow, asked.parameters)
        text = python_text(source, schema, name=asked.name or source.name, flat=asked.flat)
        return ToolAnswer(
            text,
            limit=asked.max_bytes,
            more="write it to a file with write_workflow, or use a larger max_bytes",
        )

    return await bench.aside(look)


async def diff_workflows(bench: Workbench, asked: DiffWorkflows, _progress: Progress) -> ToolAnswer:
    """Carry out `DiffWorkflows`."""

    def look() -> ToolAnswer:
        before, after = (bench.read(each)[0].graph for each in (asked.before, asked.after))
        found = compare(before, after)
        return ToolAnswer(str(found), {"same": found.empty}, limit=asked.max_bytes)

    return await bench.aside(look)


async def check_workflow(bench: Workbench, asked: CheckWorkflow, _progress: Progress) -> ToolAnswer:
    """Carry out `CheckWorkflow`."""

    def look() -> ToolAnswer:
        from ..lock import Checked, read_lock
        from ..lock import check as check_prompt

        lock = read_lock(bench.root.file(asked.lock)) if asked.lock is not None else None
        source, schema = bench.read(asked.workflow, asked.parameters)
        old = lock if lock is not None else source.own_schema()
        drifts = check_prompt(source.prompt, schema, old, places=source.places)
        name = asked.workflow if isinstance(asked.workflow, str) else "the workflow"
        found = Checked(one_line(name), None, tuple(drifts))
        return ToolAnswer(f"{found}\n{schema}", {"runs": found.runs}, limit=asked.max_bytes)

    return await bench.aside(look)


def report_of(source: Source, schema: Schema) -> Report:
    """The report of a workflow."""
    return validate_prompt(source.prompt, schema, places=source.places)


def prompt_text(source: Source) -> str:
    """The prompt JSON of a workflow, with a line end.

    Raises:
        CommandError: It is not a prompt.
    """
    if not is_object(source.prompt):
        raise CommandError("that is not a prompt: {node id: {class_type, inputs}}")
    return json.dumps(source.prompt, indent=1, ensure_ascii=False) + "\n"


def digest_of(source: Source, schema: Schema) -> str:
    """The hash of what a workflow runs; ``""`` if it has none, because its nodes are too similar."""
    try:
        return canonical_hash(source.graph, schema)
    except ComfyflowError:
        return ""


def _warnings(source: Source) -> str:
    return "".join(f"warning: {one_line(str(each), 400)}\n" for each in source.warnings)


WORKFLOW_TOOLS: Final[tuple[AgentTool[Any], ...]] = (
    AgentTool(
        "validate_workflow", "Check a workflow", ValidateWorkflow, LOOKS, validate_workflow, REPORT_SCHEMA
    ),
    AgentTool("convert_workflow", "Convert to prompt JSON", ConvertWorkflow, LOOKS, convert_workflow),
    AgentTool("workflow_to_python", "Write as Python", WorkflowToPython, LOOKS, workflow_to_python),
    AgentTool("diff_workflows", "Compare two workflows", DiffWorkflows, LOOKS, diff_workflows),
    AgentTool("check_workflow", "Check against the server", CheckWorkflow, LOOKS, check_workflow),
)
