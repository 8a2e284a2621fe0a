"""The warnings of a conversion: what the editor does that would surprise, and what cannot be known."""

from __future__ import annotations

from typing import Any

from ..problem import Problem
from .javascript import json_value, loses_digits, shown_json
from .live_graph import LGraphNode
from .prompt_text import has_choice, loses_text


class ConversionReport:
    """Collects the warnings of one conversion, each about one node or input, once.

    Attributes:
        muted: Whether what is found now does not matter: a link takes the place of the value.
        seed: The seed of the random choices, for the message about them.
        repair: Whether the conversion repairs what the editor spoils.
    """

    def __init__(self, seed: int, repair: bool) -> None:
        self.seed = seed
        self.muted = False
        self.repair = repair
        self._problems: dict[tuple[str, str | None, str | None], Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        """The warnings, in the order in which they were found."""
        return list(self._problems.values())

    def add(
        self,
        type_: str,
        message: str,
        key: str | None = None,
        node: LGraphNode | None = None,
        input_name: str | None = None,
        **extra: Any,
    ) -> None:
        """Add a warning, unless there is one of that kind about the same input."""
        if self.muted:
            return
        self._problems.setdefault(
            (type_, key, input_name),
            Problem(
                type=type_,
                message=message,
                severity="warning",
                node_id=key,
                class_type=_class_name(node),
                input_name=input_name or "",
                title=node.title or None if node is not None else None,
                extra_info=extra,
            ),
        )

    def unknown_class(self, key: str, node: LGraphNode) -> None:
        """The server does not have that class, and it is not a virtual node of a pack that is known here."""
        self.add(
            "unknown_class",
            f"the server does not know the class {shown_json(node.type)}{_home(node)}. Its values have no "
            "names, so the prompt cannot run",
            key,
            node,
        )

    def note_left_out(self, key: str, node: LGraphNode) -> None:
        """A class that the server does not know, of a node that nothing is linked to."""
        self.add(
            "note_left_out",
            f"the server does not know the class {shown_json(node.type)}{_home(node)}. No node is linked to "
            "it, as with a note or a label, so it is left out of the prompt",
            key,
            node,
        )

    def inactive_host_runs(self, key: str, node: LGraphNode) -> None:
        """The editor expands a muted or bypassed subgraph node inside another subgraph [14]."""
        state = "muted" if node.mode == 2 else "bypassed"
        self.add(
            "inactive_subgraph_runs",
            f"this subgraph is {state}, but inside another subgraph the editor still sends its nodes; repair "
            "leaves them out",
            key,
            node,
        )

    def option_reset(self, node: LGraphNode, name: str, lost: list[str]) -> None:
        """Values of a dynamic combo's option that the editor drops inside a subgraph [20]."""
        self.add(
            "option_values_reset",
            f"the subgraph exposes {shown_json(name)}, so the editor sends the defaults of "
            f"{', '.join(map(shown_json, lost[:5]))} instead of the saved values; repair keeps the saved "
            "values",
            node.key,
            node,
            name,
        )

    def broken_link(self, key: str, node: LGraphNode, index: int, reason: str) -> None:
        """A link was left out that the editor fails at."""
        self.add("broken_link", f"left out: {reason}", key, node, node.inputs[index].name)

    def rendered(self, key: str, node: LGraphNode, name: str) -> None:
        """A value that only the editor can make [frontend-only widgets]."""
        self.add(
            "value_made_by_editor",
            "the editor itself makes this value (a scene or webcam image, a camera position) and uploads "
            "it if it is an image; here it is empty or the saved value",
            key,
            node,
            name,
        )

    def rewritten(self, key: str, node: LGraphNode, name: str, before: str, after: str) -> None:
        """A string that is not sent as it was typed [10]."""
        if has_choice(before, keep=self.repair):
            self.add(
                "random_choice",
                f"one of the alternatives in braces was chosen at random, with seed {self.seed}",
                key,
                node,
                name,
                seed=self.seed,
            )
        if not self.repair and loses_text(before):
            self.add(
                "text_rewritten",
                "the editor reads // and /* as comments and braces as choices, and changes this text; "
                "repair keeps it",
                key,
                node,
                name,
                before=before,
                after=after,
            )

    def integer(self, key: str, node: LGraphNode, name: str, value: int) -> None:
        """An integer that JavaScript cannot hold [1]."""
        if not self.repair and loses_digits(value):
            self.add(
                "integer_loses_digits",
                f"the editor sends {json_value(value)} for {shown_json(value)}: JavaScript has no exact "
                "integers above 2**53; repair keeps the exact one",
                key,
                node,
                name,
            )


def _class_name(node: LGraphNode | None) -> str | None:
    if node is None:
        return None
    return node.type if node.role != "host" else "subgraph"


def _home(node: LGraphNode) -> str:
    """Where a class that the server does not know comes from, as far as the file says it."""
    pack, version = node.properties.get("cnr_id"), node.properties.get("ver")
    if pack == "comfy-core":
        return f", which comes with ComfyUI ({shown_json(version)} saved it): this server may be older"
    if isinstance(pack, str) and pack:
        return f", which comes with the pack {shown_json(pack)}: it may not be installed"
    return "; it may not be installed, or may exist only in its pack's JavaScript"
