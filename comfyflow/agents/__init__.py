"""Tools for agents: workflows, and everything needed to write them, over the Model Context Protocol.

``comfyflow mcp`` serves them, over standard input and output or over HTTP. Nothing here runs an agent's code:
an agent sends JSON, or names a file below the root; the only Python that runs is that of workflows named on
the command line. Needs the extra ``mcp``.
"""

from .published import PublishedWorkflow as PublishedWorkflow
from .root import Root as Root
from .schema_in_use import SchemaInUse as SchemaInUse
from .workbench import Workbench as Workbench

__all__ = ["PublishedWorkflow", "Root", "SchemaInUse", "Workbench"]
