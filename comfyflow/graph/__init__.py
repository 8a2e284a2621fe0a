"""The one model of a workflow: its nodes and links, how they are walked, and how a prompt is written.

Everything that enters becomes a `Graph`, everything that leaves is written from one.
"""

from .canvas import Canvas as Canvas
from .canvas import Group as Group
from .canvas import Note as Note
from .canvas import Size as Size
from .graph import Graph as Graph
from .graph import GraphNode as GraphNode
from .prompt import Prompt as Prompt
from .prompt import is_link as is_link
from .prompt import read_prompt as read_prompt
from .prompt import to_prompt as to_prompt
from .scope import ROOT as ROOT
from .scope import Link as Link
from .scope import Scope as Scope
from .scope import ScopeInput as ScopeInput
from .scope import ScopeOutput as ScopeOutput

__all__ = [
    "ROOT",
    "Canvas",
    "Graph",
    "GraphNode",
    "Group",
    "Link",
    "Note",
    "Prompt",
    "Scope",
    "ScopeInput",
    "ScopeOutput",
    "Size",
    "is_link",
    "read_prompt",
    "to_prompt",
]
