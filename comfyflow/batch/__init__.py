"""Many prompts on many servers: a sweep of rows, and a ledger of what happened to each."""

from ..errors import LedgerError, RowsError
from .driver import Batch
from .ledger import Ledger
from .record import Failure, RowRecord, SavedOutput, State
from .refill import Prepared, Recipe
from .report import BatchEvent, RowEvent, ServerEvent, ServerStanding, Standing, Summary
from .row import Row
from .rows import Rows
from .sheet import ContactSheet, contact_sheet
from .sweep import arun, run, submit

__all__ = [
    "Batch",
    "BatchEvent",
    "ContactSheet",
    "Failure",
    "Ledger",
    "LedgerError",
    "Prepared",
    "Recipe",
    "Row",
    "RowEvent",
    "RowRecord",
    "Rows",
    "RowsError",
    "SavedOutput",
    "ServerEvent",
    "ServerStanding",
    "Standing",
    "State",
    "Summary",
    "arun",
    "contact_sheet",
    "run",
    "submit",
]
