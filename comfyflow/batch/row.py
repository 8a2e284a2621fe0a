"""A row of a batch: the parameters of one prompt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """The parameters of one prompt.

    Attributes:
        number: Its position in the sweep, from 0.
        parameters: JSON values by name, as the ledger stores them.
    """

    number: int
    parameters: Mapping[str, Any]
