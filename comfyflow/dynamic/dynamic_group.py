"""DynamicGroup: rows of inputs, each row with the same fields (servers after 0.36)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from ..json_types import is_object
from .kind import Chosen, Counterpart, DynamicInput, WrongInput, unfold_inputs

if TYPE_CHECKING:
    from ..schema.input_schema import InputSchema
    from .room import CallFitting, ConstructorPlan, DrawnArguments, GeneratedArgument, NodeCosts

_MOST: Final = 20
"""A server never takes more rows than this."""

_DIGITS: Final = 5
"""How long the index of a row may be that is unfolded; one this long is wrong in any case."""

_LEAST_DRAWN: Final = 1000
"""A server that asks for more rows than this is not drawn for."""


class DynamicGroup(DynamicInput):
    """It stands for the fields of its rows, named ``group.0.field``."""

    type: ClassVar[str] = "COMFY_DYNAMICGROUP_V3"
    value_class: ClassVar[str] = "GroupRow"
    functions: ClassVar[tuple[str, ...]] = ("autogrow",)

    @cached_property
    def fields(self) -> tuple[InputSchema, ...]:
        """The fields of one row."""
        template = self.entry.options.get("template")
        return self._read(template.get("input", template)) if is_object(template) else ()

    @property
    def bounds(self) -> tuple[int, int]:
        """How many rows there must be at least, and may be at most."""
        stated = (self.entry.options.get("min"), self.entry.options.get("max"))
        least, most = (n if isinstance(n, int) and not isinstance(n, bool) else None for n in stated)
        return max(least or 0, 0), min(_MOST if most is None else most, _MOST)

    def _rows(self, name: str, given: Mapping[str, Any]) -> set[str]:
        start = f"{name}."
        return {key[len(start) :].partition(".")[0] for key in given if key.startswith(start)}

    def unfold(self, name: str, given: Mapping[str, Any], depth: int) -> Iterator[InputSchema]:
        """The fields of the rows that are given."""
        rows = (row for row in self._rows(name, given) if row.isdecimal() and len(row) <= _DIGITS)
        for row in sorted(rows, key=int):
            yield from unfold_inputs(self.fields, given, f"{name}.{row}.", depth)

    def chosen(self, name: str, given: Mapping[str, Any]) -> Chosen:
        """The rows."""
        rows = sorted(self._rows(name, given))
        return tuple(rows), [(f"{name}.{row}.", self.fields) for row in rows]

    def wrong(self, name: str, given: Mapping[str, Any], depth: int) -> WrongInput | None:
        """A key that is not a row's field, a row beyond the last, or too few or too many rows."""
        return self._wrong_key(name, given) or self._wrong_count(name, given)

    def _wrong_key(self, name: str, given: Mapping[str, Any]) -> WrongInput | None:
        fields = {field.name for field in self.fields}
        _, most = self.bounds
        for key in given:
            if key.startswith(f"{name}."):
                index, dot, field = key[len(name) + 1 :].partition(".")
                if not dot or not _is_row(index) or field not in fields:
                    expected = f"expected '{name}.<index>.<template field>'"
                    return WrongInput(key, f"Invalid DynamicGroup input key '{key}'; {expected}.")
                if len(index) > len(str(most)) or int(index) >= most:
                    limit = f"exceeds the index limit of {most - 1} (max={most})"
                    return WrongInput(key, f"DynamicGroup input '{key}' {limit}.")
        return None

    def _wrong_count(self, name: str, given: Mapping[str, Any]) -> WrongInput | None:
        least, most = self.bounds
        count = len(self._rows(name, given))
        if least <= count <= most:
            return None
        said = f"DynamicGroup input '{name}' received {count} rows; expected between {least} and {most}."
        return WrongInput(name, said)

    def counterparts(self, now: DynamicInput, name: str) -> Iterator[Counterpart]:
        """The fields, for the nodes that are given a row."""
        start = f"{name}."

        def has_rows(given: Mapping[str, Any]) -> bool:
            return any(key.startswith(start) for key in given)

        yield Counterpart(self.fields, now.fields, f"{start}*.", has_rows)

    def parts(self) -> Iterator[tuple[str, tuple[InputSchema, ...]]]:
        """A row."""
        least, most = self.bounds
        yield f"{least} to {most} rows of", self.fields

    def argument(self, plan: ConstructorPlan) -> GeneratedArgument:
        """A list of rows."""
        plan.inner_class(self.value_class, self.fields, f"A row of {self.entry.name}.")
        least = self.entry.options.get("min")
        default = None if self.entry.required and isinstance(least, int) and least > 0 else "()"
        value = plan.call("autogrow", plan.name, '""')
        return plan.argument([f"{plan.use('Sequence')}[{plan.group}]"], default, value)

    def fitted(self, call: CallFitting, parameter: Any, name: str) -> Any:
        """A list of calls of the row's class."""
        count = len(self._rows(name, call.left))
        if not count and parameter.may_be_left_out:
            return None
        if parameter.group is None:
            raise call.unfit()
        rows = (call.arguments(parameter.group, self.fields, f"{name}.{row}.") for row in range(count))
        return call.listed([call.inner(parameter.group, row) for row in rows])

    @property
    def _needed(self) -> int:
        needed = self.entry.options.get("min", 0)
        return needed if isinstance(needed, int) and 0 <= needed <= _LEAST_DRAWN else 0

    def cost(self, costs: NodeCosts, bound: Any, depth: int) -> float:
        """That of the rows that there must be."""
        return self._needed * costs.of_inputs(self.fields, bound, depth + 1)

    def drawn(self, arguments: DrawnArguments, name: str) -> list[Any]:
        """The rows that there must be, or more."""
        most = self.entry.options.get("max")
        room = most - self._needed if isinstance(most, int) else None
        count = self._needed + arguments.more(room, self.fields)
        rows = (arguments.below(f"{name}.{row}", self.fields) for row in range(count))
        return [field for row in rows for field in row]


def _is_row(text: str) -> bool:
    """Whether a string is the index of a row: digits, and no zero in front."""
    return text.isascii() and text.isdecimal() and (text == "0" or not text.startswith("0"))
