"""ComfyUI workflows as typed, tested Python.

Node classes are generated from a server's /object_info; graphs are composed of them, checked as
the server will check them, compiled to prompt JSON and run.
"""

from typing import TYPE_CHECKING

from .lazy_import import lazily_imported

if TYPE_CHECKING:
    from ._version import __version__ as __version__
    from .client import AsyncClient as AsyncClient
    from .client import Client as Client
    from .errors import ClientError as ClientError
    from .errors import ComfyflowError as ComfyflowError
    from .errors import CompileError as CompileError
    from .errors import ExecutionError as ExecutionError
    from .errors import ValidationError as ValidationError
    from .exporter import WrittenWorkflow as WrittenWorkflow
    from .exporter import to_workflow as to_workflow
    from .graph import Graph as Graph
    from .graph import read_prompt as read_prompt
    from .graph import to_prompt as to_prompt
    from .importer import Conversion as Conversion
    from .importer import WorkflowFile as WorkflowFile
    from .importer import convert_workflow as convert_workflow
    from .importer import read_workflow as read_workflow
    from .input_file import foreign_path as foreign_path
    from .node import Node as Node
    from .node import Output as Output
    from .node import bypassed as bypassed
    from .node import raw_node as raw_node
    from .node import titled as titled
    from .node import with_id as with_id
    from .node import with_inputs as with_inputs
    from .problem import Place as Place
    from .problem import Problem as Problem
    from .python_source import to_python as to_python
    from .schema import Schema as Schema
    from .schema import load_schema as load_schema
    from .validate import Report as Report
    from .validate import validate_prompt as validate_prompt
    from .workflows import Workflow as Workflow
    from .workflows import output_of as output_of
    from .workflows.function import workflow as workflow

_EXPORTS = {
    "__version__": "_version",
    "AsyncClient": "client",
    "Client": "client",
    "ClientError": "errors",
    "CompileError": "errors",
    "ComfyflowError": "errors",
    "Conversion": "importer",
    "ExecutionError": "errors",
    "Graph": "graph",
    "Node": "node",
    "Output": "node",
    "Place": "problem",
    "Problem": "problem",
    "Report": "validate",
    "Schema": "schema",
    "ValidationError": "errors",
    "Workflow": "workflows",
    "WorkflowFile": "importer",
    "WrittenWorkflow": "exporter",
    "bypassed": "node",
    "convert_workflow": "importer",
    "foreign_path": "input_file",
    "load_schema": "schema",
    "output_of": "workflows",
    "raw_node": "node",
    "read_prompt": "graph",
    "read_workflow": "importer",
    "titled": "node",
    "to_prompt": "graph",
    "to_python": "python_source",
    "to_workflow": "exporter",
    "validate_prompt": "validate",
    "with_id": "node",
    "with_inputs": "node",
    "workflow": "workflows",
}
"""Where each public name is; a module is imported when a name of it is first used."""

__all__ = list(_EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    return lazily_imported(__name__, _EXPORTS, name)


def __dir__() -> list[str]:
    return sorted(_EXPORTS)
