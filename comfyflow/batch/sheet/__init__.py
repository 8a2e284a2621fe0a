"""The contact sheet of a batch: a page with a thumbnail of every output."""

from .sheet import ContactSheet as ContactSheet
from .sheet import contact_sheet as contact_sheet
