"""Workflows in Python: what is reachable from some nodes, and how it becomes a prompt."""

# The module of that name comes first: pyright takes what is bound last for `workflow`.
from .workflow import Compiled as Compiled  # isort: skip
from .workflow import Workflow as Workflow  # isort: skip
from .function import WorkflowFunction as WorkflowFunction
from .function import is_workflow as is_workflow
from .function import workflow as workflow
from .root import map_root as map_root
from .root import output_of as output_of
