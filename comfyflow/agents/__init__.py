"""Tools for agents: workflows, and what it takes to write them, over the Model Context Protocol.

``comfyflow mcp`` serves them, over standard input and output or over HTTP. Nothing here runs an agent's
code: it gives JSON, or names a file below the root, and Python is run only of workflows that the user has
named on the command line. Needs the extra ``mcp``.
"""

from .published import PublishedWorkflow as PublishedWorkflow
from .root import Root as Root
from .schema_in_use import SchemaInUse as SchemaInUse
from .workbench import Workbench as Workbench

__all__ = ["PublishedWorkflow", "Root", "SchemaInUse", "Workbench"]
