"""Workflows in: files of every kind that the editor loads, and editor JSON turned into a prompt."""

from .conversion import Conversion as Conversion
from .conversion import convert_workflow as convert_workflow
from .editor_choice import saved_by as saved_by
from .explanation import ValueOrigin as ValueOrigin
from .pack import Pack as Pack
from .pack import PackNode as PackNode
from .workflow_file import WorkflowFile as WorkflowFile
from .workflow_file import read_workflow as read_workflow
