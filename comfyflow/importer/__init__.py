"""Workflows in: files of every kind that the editor loads, and editor JSON turned into a prompt.

Reading a file that holds a prompt is all that most commands do, so the rest is imported when it is used.
"""

from typing import TYPE_CHECKING

from ..lazy_import import lazily_imported

if TYPE_CHECKING:
    from .conversion import Conversion as Conversion
    from .conversion import ValueOrigin as ValueOrigin
    from .conversion import convert_workflow as convert_workflow
    from .editor_rules import saved_by as saved_by
    from .pack import Pack as Pack
    from .pack import PackNode as PackNode
    from .workflow_file import WorkflowFile as WorkflowFile
    from .workflow_file import read_workflow as read_workflow

_EXPORTS = {
    "Conversion": "conversion",
    "Pack": "pack",
    "PackNode": "pack",
    "ValueOrigin": "conversion",
    "WorkflowFile": "workflow_file",
    "convert_workflow": "conversion",
    "read_workflow": "workflow_file",
    "saved_by": "editor_rules",
}

__all__ = list(_EXPORTS)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    return lazily_imported(__name__, _EXPORTS, name)


def __dir__() -> list[str]:
    return sorted(_EXPORTS)
