"""Programs that were written for an older package of node classes, brought up to today's."""

from __future__ import annotations

from .name_changes import NameChanges
from .program import Migrated, migrate

__all__ = ["Migrated", "NameChanges", "migrate"]
