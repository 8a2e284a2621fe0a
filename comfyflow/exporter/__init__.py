"""Workflows out: a graph as the JSON that the ComfyUI editor loads."""

from .workflow import WrittenWorkflow as WrittenWorkflow
from .workflow import to_workflow as to_workflow
