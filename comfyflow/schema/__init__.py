"""What a server's /object_info says: its node classes, their inputs and outputs."""

from typing import TYPE_CHECKING

from ..dynamic import DynamicOption as DynamicOption
from ..dynamic import GrowthTemplate as Autogrow
from ..dynamic import unfold_inputs as unfold_inputs
from ..lazy_import import lazily_imported
from .grown_inputs import Series as Series
from .input_schema import MISSING as MISSING
from .input_schema import InputSchema as InputSchema
from .installed_files import lists_files as lists_files
from .installed_files import takes_file as takes_file
from .node_schema import NodeSchema as NodeSchema
from .node_schema import OutputSchema as OutputSchema
from .node_schema import is_pack as is_pack
from .schema import Schema as Schema
from .version import Version as Version
from .version import required_editor as required_editor

if TYPE_CHECKING:
    from .load import load_schema as load_schema

__all__ = [
    "MISSING",
    "Autogrow",
    "DynamicOption",
    "InputSchema",
    "NodeSchema",
    "OutputSchema",
    "Schema",
    "Series",
    "Version",
    "is_pack",
    "lists_files",
    "load_schema",
    "required_editor",
    "takes_file",
    "unfold_inputs",
]


def __getattr__(name: str) -> object:
    return lazily_imported(__name__, {"load_schema": "load"}, name)
