"""Autogrow: one input that becomes as many slots as are filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..json_types import is_array, is_object
from ..record import replace
from .kind import DynamicInput, GrowthTemplate

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .room import CallFitting, ConstructorPlan, DrawnArguments, EditorNode, GeneratedArgument, NodeCosts

MOST: Final = 100
"""Neither a server (0.4 and later) nor the editor ever makes more slots of one input than this."""


class Autogrow(DynamicInput):
    """It stands for its slots, named ``images.image0``."""

    type: ClassVar[str] = "COMFY_AUTOGROW_V3"
    is_template: ClassVar[bool] = True
    functions: ClassVar[tuple[str, ...]] = ("autogrow",)

    @cached_property
    def growth(self) -> GrowthTemplate | None:
        """Its template, or None if it cannot be used."""
        template = self.entry.options.get("template")
        if not is_object(template):
            return None
        inner = next(iter(self._read(template.get("input"))), None)
        minimum = template.get("min", 1)
        if inner is None or isinstance(minimum, bool) or not isinstance(minimum, int):
            return None
        names = template.get("names")
        if is_array(names):
            known = tuple(name for name in names if isinstance(name, str))[:MOST]
            return GrowthTemplate(known, minimum, inner, None)
        prefix, maximum = template.get("prefix"), template.get("max", 10)
        if not isinstance(prefix, str) or isinstance(maximum, bool) or not isinstance(maximum, int):
            return None
        grown = tuple(f"{prefix}{index}" for index in range(min(maximum, MOST)))
        return GrowthTemplate(grown, minimum, inner, prefix)

    @property
    def inner(self) -> tuple[InputSchema, ...]:
        """What each slot takes."""
        return () if self.growth is None else (self.growth.input,)

    def unfold(self, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
        """All slots that it can have."""
        template = self.growth
        for index, slot in enumerate(template.names if template is not None else ()):
            if template is not None:
                needed = template.input.required and index < template.minimum
                yield replace(template.input, name=f"{name}.{slot}", required=needed)

    def parts(self) -> Iterator[tuple[str, tuple[InputSchema, ...]]]:
        """A slot."""
        if self.growth is not None:
            slots = ", ".join([*self.growth.names[:2], "…"])
            yield f"{self.growth.minimum} to {len(self.growth.names)} of {slots}", (self.growth.input,)

    def argument(self, plan: ConstructorPlan) -> GeneratedArgument:
        """A list of values; by slot name, too, where the server lists these."""
        template = self.growth
        if template is None:
            return plan.argument([plan.use("AnyValue")])
        inner = plan.use("AnyValue") if template.input.is_dynamic else plan.types(template.input)
        listed = f"{plan.use('Sequence')}[{inner}]"
        needed = self.entry.required and template.input.required and template.minimum > 0
        default = None if needed else "()"
        if template.prefix is not None:
            value = plan.call("autogrow", plan.name, plan.text(template.prefix))
            return plan.argument([listed], default, value)
        names = plan.literal(template.names) if template.names else plan.builtin("str")
        named = f"{plan.use('Mapping')}[{names}, {inner}]"
        value = plan.call("autogrow", plan.name, '""', plan.texts(template.names))
        return plan.argument([named, listed], default, value)

    def fitted(self, call: CallFitting, parameter: Any, name: str) -> Any:
        """A list, or a dictionary where slots between the filled ones are empty."""
        template, element = self.growth, parameter.accepted.element
        if template is None:
            return call.plain(parameter, name)
        given = call.take_below(name)
        if not given:
            return None if parameter.may_be_left_out else call.listed([])
        if element is None or template.input.is_dynamic:
            raise call.unfit()
        prefix = template.prefix
        names = template.names if prefix is None else [f"{prefix}{index}" for index in range(len(given))]
        values = {slot: call.leaf(element, f"{name}.{slot}", given[slot]) for slot in names if slot in given}
        if len(values) != len(given):
            raise call.unfit()
        if all(slot in values for slot in list(names)[: len(values)]):
            return call.listed(list(values.values()))
        return call.named(values)

    def linkable(self) -> Iterator[InputSchema]:
        """Its first slot."""
        template = self.growth
        if template is not None and template.names:
            needed = template.minimum > 0 and template.input.required
            yield replace(template.input, name=f"{self.entry.name}.{template.names[0]}", required=needed)

    def _needed(self, template: GrowthTemplate) -> int:
        return min(max(template.minimum, 0), len(template.names)) if template.input.required else 0

    def cost(self, costs: NodeCosts, bound: Any, depth: int) -> float:
        """That of the slots that must be filled."""
        needed = self._needed(self.growth) if self.growth is not None else 0
        if self.growth is None or needed == 0:
            return 0
        return needed * costs.of_given(self.growth.input, bound, depth + 1)

    def drawn(self, arguments: DrawnArguments, name: str) -> list[Any]:
        """The slots that must be filled or are linked, or more."""
        if self.growth is None:
            return []
        names = [f"{name}.{slot}" for slot in self.growth.names]
        linked = max((index + 1 for index, each in enumerate(names) if arguments.is_linked(each)), default=0)
        count = max(self._needed(self.growth), linked)
        count += arguments.more_slots(len(names) - count, self.growth.input)
        return [arguments.given(self.growth.input, each) for each in names[:count]]

    def add_socket(self, node: EditorNode, spec: Any) -> None:
        """The slots that it starts with."""
        template = spec.options.get("template")
        if is_object(template):
            node.start_growing(
                spec, spec.grown or GrownSlots(spec.name, template, self._read(template.get("input")))
            )
        else:
            node.socket(spec.name, spec.type)


class GrownSlots:
    """The slots of an input that grows, as the editor sees them: one more than are linked.

    Attributes:
        name: The input's own name, in front of the dot.
        minimum: How many slots it starts with.
        maximum: How many it can have.
        names: The slots' names where the server lists them.
        prefix: What their names start with otherwise.
        inputs: What each slot consists of; nearly always one input.
    """

    __slots__ = ("inputs", "maximum", "minimum", "name", "names", "prefix")

    def __init__(self, name: str, template: Mapping[str, Any], inputs: tuple[InputSchema, ...]) -> None:
        names, prefix = template.get("names"), template.get("prefix")
        minimum, maximum = template.get("min"), template.get("max")
        self.name: str = name
        self.names: Final = [n for n in names if isinstance(n, str)][:MOST] if is_array(names) else None
        self.prefix: Final = prefix if isinstance(prefix, str) else ""
        self.minimum: Final = min(minimum, MOST) if isinstance(minimum, int) else 1
        limit = min(maximum, MOST) if isinstance(maximum, int) else MOST
        self.maximum: Final = len(self.names) if self.names is not None else limit
        self.inputs: tuple[InputSchema, ...] = inputs

    def slot_names(self, ordinal: int) -> list[str]:
        """The whole names of the inputs that make up one slot."""
        if self.names is not None:
            return [f"{self.name}.{self.names[ordinal]}"] * len(self.inputs)
        if len(self.inputs) == 1:
            return [f"{self.name}.{self.prefix}{ordinal}"]
        return [f"{self.name}.{entry.name}{ordinal}" for entry in self.inputs]

    def ordinal(self, name: str) -> int | None:
        """Which slot an input of that whole name belongs to, or None."""
        own = name[len(self.name) + 1 :]
        if self.names is not None:
            return self.names.index(own) if own in self.names else None
        digits = own[len(own.rstrip("0123456789")) :]
        return int(digits) if digits and len(digits) < 10 else None
