"""What people wrote around the nodes of a workflow in the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CanvasGroup:
    """A group on a canvas.

    Attributes:
        title: What it is called.
        canvas: The id of the host whose subgraph the canvas is; ``""`` is the workflow itself.
        number: Its place among the groups of its canvas.
    """

    title: str
    canvas: str = ""
    number: int = 0


@dataclass(frozen=True)
class CanvasNote:
    """A note on a canvas.

    Attributes:
        text: What it says.
        title: What it is called, or ``""``.
        group: The group that it stands in, or None.
    """

    text: str
    title: str = ""
    group: CanvasGroup | None = None


@dataclass(frozen=True)
class Annotations:
    """What the editor knows of a workflow that is in no prompt.

    Attributes:
        subgraphs: What the subgraph of each host is called, by the host's id.
        groups: The group that a node or a host stands in, by its id.
        notes: The notes on each canvas, by the host's id; ``""`` is the workflow itself.
        inputs: What the input of a subgraph is called that feeds an input of a node inside: by
            the host's id, the node's id and the input's name.
    """

    subgraphs: Mapping[str, str] = field(default_factory=dict[str, str])
    groups: Mapping[str, CanvasGroup] = field(default_factory=dict[str, CanvasGroup])
    notes: Mapping[str, Sequence[CanvasNote]] = field(default_factory=dict[str, Sequence[CanvasNote]])
    inputs: Mapping[tuple[str, str, str], str] = field(default_factory=dict[tuple[str, str, str], str])
