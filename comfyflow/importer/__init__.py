"""Workflows in: files of every kind that the editor loads, and editor JSON turned into a prompt."""

from .conversion import Conversion as Conversion
from .conversion import convert_workflow as convert_workflow
from .workflow_file import WorkflowFile as WorkflowFile
from .workflow_file import read_workflow as read_workflow
