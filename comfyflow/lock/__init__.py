"""The lock of what workflows use of a server, and the report of what happened to it."""

from ..problem import Severity as Severity
from .check import check as check
from .checked import Checked as Checked
from .checked import Drift as Drift
from .checked import to_github as to_github
from .checked import to_junit as to_junit
from .checked import to_sarif as to_sarif
from .checked import would_run as would_run
from .lock_file import Lock as Lock
from .lock_file import make_lock as make_lock
from .lock_file import read_lock as read_lock

__all__ = [
    "Checked",
    "Drift",
    "Lock",
    "Severity",
    "check",
    "make_lock",
    "read_lock",
    "to_github",
    "to_junit",
    "to_sarif",
    "would_run",
]
