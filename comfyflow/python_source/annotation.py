"""What people wrote around the nodes of a workflow in the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """A note on the canvas.

    Attributes:
        text: What it says.
        group: The group that it stands in, or ``""``.
    """

    text: str
    group: str = ""


@dataclass(frozen=True)
class Annotations:
    """What the editor knows of a workflow that is in no prompt.

    Attributes:
        subgraphs: What the subgraph of each host is called, by the host's id.
        groups: The title of the group that a node or a host stands in, by its id.
        notes: The notes on each canvas, by the host's id; ``""`` is the workflow itself.
    """

    subgraphs: Mapping[str, str] = field(default_factory=dict[str, str])
    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: Mapping[str, Sequence[Note]] = field(default_factory=dict[str, Sequence[Note]])
