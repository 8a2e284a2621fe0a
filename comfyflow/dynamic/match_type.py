"""MatchType: inputs and outputs of a node that are of one type, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ..json_types import is_object, object_or_empty, text_of
from .kind import DynamicInput

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .room import EditorNode


class MatchType(DynamicInput):
    """It stands for itself; its type is that of what is linked to any input of its template."""

    type: ClassVar[str] = "COMFY_MATCHTYPE_V3"
    unfolds: ClassVar[bool] = False
    is_wild: ClassVar[bool] = True

    @property
    def template_id(self) -> str | None:
        """The id that ties the inputs and outputs of one node together, or None."""
        return text_of(object_or_empty(self.entry.options.get("template")), "template_id")

    @property
    def socket_type(self) -> str:
        """The types that it allows, as the server writes them (``*``, ``A,B``)."""
        allowed = object_or_empty(self.entry.options.get("template")).get("allowed_types")
        return allowed if isinstance(allowed, str) else "*"

    def linkable(self) -> Iterator[InputSchema]:
        """Itself."""
        yield self.entry

    def add_socket(self, node: EditorNode, spec: Any) -> None:
        """A socket of the allowed types, if the template says which and whose."""
        template = spec.options.get("template")
        if not is_object(template):
            return
        allowed, group = template.get("allowed_types"), template.get("template_id")
        if isinstance(allowed, str) and isinstance(group, str):
            node.socket(spec.name, allowed)
            node.match(group, spec.name, allowed)
