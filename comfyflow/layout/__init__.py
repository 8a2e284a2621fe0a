"""Where nodes are: a workflow laid out as people lay them out, left to right and none over another."""

from .appearance import NodeAppearance as NodeAppearance
from .appearance import Slot as Slot
from .appearance import Widget as Widget
from .appearance import appearance as appearance
from .appearance import scope_appearance as scope_appearance
from .boundary import boundary_size as boundary_size
from .canvas_layout import Section as Section
from .canvas_layout import layout as layout
from .sheet import Sheet as Sheet
from .sheet import SheetLink as SheetLink
from .sheet import read_sheets as read_sheets
