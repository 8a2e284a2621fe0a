"""A batch to be looked at: a page with a thumbnail of every picture that its rows gave."""

from .sheet import ContactSheet as ContactSheet
from .sheet import contact_sheet as contact_sheet
