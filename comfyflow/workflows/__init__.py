"""Workflows in Python: what is reachable from some nodes, and how it becomes a prompt."""

from .function import WorkflowFunction as WorkflowFunction
from .function import is_workflow as is_workflow
from .function import workflow as workflow
from .workflow import Compiled as Compiled
from .workflow import Workflow as Workflow
