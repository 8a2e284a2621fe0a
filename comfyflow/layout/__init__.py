"""Where nodes stand: a workflow laid out as people lay them out, left to right and none over another."""

from .canvas_layout import Section as Section
from .canvas_layout import layout as layout
from .node_shape import NodeShape as NodeShape
from .node_shape import Slot as Slot
from .node_shape import Widget as Widget
from .node_shape import node_shape as node_shape
from .node_shape import scope_shape as scope_shape
from .sheet import Sheet as Sheet
from .sheet import SheetLink as SheetLink
from .sheet import read_sheets as read_sheets
