"""DynamicCombo: a key chooses which inputs a node has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from ..bounds import DYNAMIC_NESTING
from ..record import replace
from .kind import (
    Chosen,
    Counterpart,
    DynamicInput,
    DynamicOption,
    WrongInput,
    read_options,
    unfold_inputs,
    wrong_input,
)

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .room import CallFitting, ConstructorPlan, DrawnArguments, GeneratedArgument, NodeCosts


class DynamicCombo(DynamicInput):
    """It stands for itself and for the inputs of the chosen option, named ``combo.input``."""

    type: ClassVar[str] = "COMFY_DYNAMICCOMBO_V3"
    is_keyed: ClassVar[bool] = True
    value_class: ClassVar[str] = "DynamicChoice"
    functions: ClassVar[tuple[str, ...]] = ("choose",)
    widget_since: ClassVar[str | None] = "1.33"

    @cached_property
    def options(self) -> tuple[DynamicOption, ...]:
        """What its keys bring."""
        return read_options(self.entry.options, self._read)

    def _option(self, name: str, given: Mapping[str, Any]) -> DynamicOption | None:
        if name not in given:
            return None
        key = given[name]
        return next((option for option in self.options if option.key == key), None)

    def unfold(self, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
        """Itself and what is chosen; nothing where nothing is."""
        option = self._option(name, given)
        if option is not None:
            yield replace(self.entry, name=name)
            yield from unfold_inputs(option.inputs, given, f"{name}.", depth)

    def chosen(self, name: str, given: Mapping[str, Any]) -> Chosen:
        """The key."""
        option = self._option(name, given)
        if option is None:
            return (False if name in given else None), []
        return option.key, [(f"{name}.", option.inputs)]

    def wrong(self, name: str, given: Mapping[str, Any], depth: int) -> WrongInput | None:
        """What is wrong within the chosen option."""
        option = self._option(name, given) if depth < DYNAMIC_NESTING else None
        return wrong_input(option.inputs, given, f"{name}.", depth + 1) if option is not None else None

    def counterparts(self, now: DynamicInput, name: str) -> Iterator[Counterpart]:
        """What each option brings, for the nodes that chose it."""
        options = {option.key: option.inputs for option in now.options}
        for option in self.options:
            if option.key in options:

                def concerns(given: Mapping[str, Any], key: str = option.key) -> bool:
                    return bool(given.get(name) == key)

                yield Counterpart(option.inputs, options[option.key], f"{name}.", concerns)

    def argument(self, plan: ConstructorPlan) -> GeneratedArgument:
        """A class for each option; the key alone where an option needs no argument."""
        options = {option.key: option.inputs for option in self.options}
        if not options:
            return plan.argument([plan.builtin("str")])
        types, bare = plan.option_classes(self.value_class, options)
        if not bare:
            return plan.argument(types)
        default = plan.older_default(bare)
        value = plan.call("choose", plan.name, f"self.{plan.group}")
        return plan.argument([*types, plan.literal(bare)], default, value)

    def fitted(self, call: CallFitting, parameter: Any, name: str) -> Any:
        """A call of the option's class, or its key."""
        if not parameter.options or not call.has(name):
            return call.plain(parameter, name)
        value = call.take(name)
        inner = parameter.options.get(value) if isinstance(value, str) else None
        if inner is None:
            raise call.unfit()
        option = next(option for option in self.options if option.key == value)
        arguments = call.arguments(inner, option.inputs, f"{name}.")
        if not arguments and inner.may_be_bare:
            return call.leaf_of(name)
        return call.inner(inner, arguments)

    def cost(self, costs: NodeCosts, bound: Any, depth: int) -> float:
        """That of its cheapest option."""
        return min(
            (costs.of_inputs(one.inputs, bound, depth + 1) for one in self.options), default=costs.never
        )

    def drawn(self, arguments: DrawnArguments, name: str) -> list[Any]:
        """One of the options that there are enough nodes for."""
        option = arguments.option(self.entry, self.options)
        arguments.inputs[name] = option.key
        return arguments.below(name, option.inputs)
