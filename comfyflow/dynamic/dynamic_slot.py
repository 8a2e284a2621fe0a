"""DynamicSlot: what is linked to it asks for further inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ..json_types import is_array, is_object, text_or_empty
from ..record import replace
from .kind import Chosen, Counterpart, DynamicInput, unfold_inputs

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .room import CallFitting, ConstructorPlan, DrawnArguments, GeneratedArgument, NodeCosts


class DynamicSlot(DynamicInput):
    """It stands for itself and its inputs once it is given. After 0.27.0 it is there always, and
    may have inputs while nothing is linked to it.
    """

    type: ClassVar[str] = "COMFY_DYNAMICSLOT_V3"
    value_class: ClassVar[str] = "SlotChoice"

    @cached_property
    def _cases(self) -> tuple[Mapping[str, Any], ...]:
        """What it asks for, as servers after 0.27.0 say: ``when`` names the types that are linked
        (None: nothing is), ``inputs`` what it asks for then.
        """
        listed = self.entry.options.get("options")
        return tuple(case for case in (listed if is_array(listed) else ()) if is_object(case))

    @cached_property
    def fields(self) -> tuple[InputSchema, ...]:
        """What it asks for. What flows is not known here: so the inputs of all cases are taken and
        none is required, and one that they do not agree on takes any value.
        """
        found = {entry.name: entry for entry in self._read(self.entry.options.get("inputs"))}
        for case in self._cases:
            for entry in self._read(case.get("inputs")):
                first = found.setdefault(entry.name, replace(entry, required=False))
                if replace(first, required=entry.required) != entry:
                    found[entry.name] = type(entry)(entry.name, "*", required=False)
        return tuple(found.values())

    @property
    def socket_type(self) -> str:
        """The type of what may be linked; ``*`` where the server does not say."""
        return text_or_empty(self.entry.options.get("slotType")) or "*"

    @property
    def compared_type(self) -> Any:
        """Its ``slotType``."""
        return self.entry.options.get("slotType", "*")

    def unfold(self, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
        """Itself and what it asks for."""
        if name in given or self._cases:
            yield replace(self.entry, name=name)
            yield from unfold_inputs(self.fields, given, f"{name}.", depth)

    def chosen(self, name: str, given: Mapping[str, Any]) -> Chosen:
        """Whether it is given."""
        if name in given or self._cases:
            return (True if name in given else None), [(f"{name}.", self.fields)]
        return None, []

    def counterparts(self, now: DynamicInput, name: str) -> Iterator[Counterpart]:
        """What it asks for, for the nodes that are given it."""

        def is_given(given: Mapping[str, Any]) -> bool:
            return name in given

        yield Counterpart(self.fields, now.fields, f"{name}.", is_given)

    def parts(self) -> Iterator[tuple[str, tuple[InputSchema, ...]]]:
        """What it asks for."""
        if self.fields:
            yield "once it is linked", self.fields

    def argument(self, plan: ConstructorPlan) -> GeneratedArgument:
        """A class that takes the link and what it asks for; the link alone where that suffices."""
        source = plan.output(self.socket_type)
        nothing = any(case.get("when") is None for case in self._cases)
        title = f"What is linked to {self.entry.name}, and what it then asks for."
        must_be_given = plan.inner_class(
            self.value_class, self.fields, title, f"{source} | None" if nothing else source
        )
        return plan.argument([plan.group] if must_be_given else [plan.group, source])

    def fitted(self, call: CallFitting, parameter: Any, name: str) -> Any:
        """A call of its class, or the link alone."""
        if parameter.group is None or not call.has(name):
            return call.plain(parameter, name)
        value = call.take(name)
        arguments = call.arguments(parameter.group, self.fields, f"{name}.")
        is_bare = not arguments and parameter.group.may_be_bare
        source = call.leaf(parameter.accepted if is_bare else parameter.group.source, name, value)
        return source if is_bare else call.inner(parameter.group, arguments, source)

    def cost(self, costs: NodeCosts, bound: Any, depth: int) -> float:
        """That of what is linked and of what it asks for."""
        return costs.of_inputs(self.fields, bound, depth + 1) + costs.of_links(self.entry, bound)

    def drawn(self, arguments: DrawnArguments, name: str) -> list[Any]:
        """A link, and what it asks for."""
        arguments.link(self.entry, name)
        return arguments.below(name, self.fields)
