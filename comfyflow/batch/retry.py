"""What happens to a row whose attempt failed, by the class of failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from .record import Ending

Verdict: TypeAlias = Literal["again", "alone", "aside"]
"""``again``: it waits for any free server. ``alone``: it is sent once more, to a server that was freed and
does nothing else meanwhile. ``aside``: it is not sent again until someone retries it.
"""

_MOST: Final[Mapping[str, int]] = {"lost": 5, "abandoned": 5, "server_gone": 5, "download": 3}
"""How often a row may end in each way. A row that brings a server down must not go from server to server."""


def verdict(ending: Ending, earlier: Mapping[str, int]) -> Verdict:
    """What to do with a row.

    Args:
        ending: How its attempt ended.
        earlier: How often each ending ended an earlier attempt of this row.
    """
    if ending in ("unsent", "cancelled"):
        return "again"
    if ending == "out_of_memory":
        return "alone" if not earlier.get(ending) else "aside"
    most = _MOST.get(ending)
    return "again" if most is not None and earlier.get(ending, 0) + 1 < most else "aside"
