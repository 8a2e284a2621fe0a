"""A function of the program as source: names for its nodes, then its statements."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Final, TypeAlias

from ..graph import GraphNode
from ..schema import NodeSchema, Schema
from .accepted import ANY, SOCKET, python_value
from .annotation import CanvasGroup
from .imports import Imports
from .layout import Blank, Comment, Line, flat
from .name import NameScope, names_for_output, whole_names
from .node_call import ANY_NODE, RAW_NODE, Fitted, Inner, Leaf, ListValue, NodeCall, Value
from .program import WHOLE, CallStep, Local, NodeStep, Paragraph, ParameterUse, Step
from .text import (
    assignment,
    attribute,
    call_expression,
    comment_text,
    dictionary,
    dotted,
    generic,
    item,
    listing,
    name,
)

MAX_UNPACKED: Final = 4
"""A node with more outputs than this is kept whole, and its outputs taken by their names."""

_COMMENT: Final = 76
"""How wide a generated comment is."""

MAX_INLINE: Final = 60
"""How long a call may be that is within another."""

Bound: TypeAlias = "Callable[[int], ast.expr]"
"""How the rest of a function takes a slot of a step."""


class BodyWriter:
    """Writes the statements of one function.

    Args:
        fitted: The function.
        scope: The names that are taken in it.
        schema: The schema of its nodes.
        imports: What the module imports.
        functions: What the functions that it calls are called, by the identity of their bodies.
    """

    def __init__(
        self,
        fitted: Fitted,
        scope: NameScope,
        schema: Schema,
        imports: Imports,
        functions: Mapping[int, str],
    ) -> None:
        self._fitted = fitted
        self._body = fitted.body
        self._scope = scope
        self._schema = schema
        self._imports = imports
        self._functions = functions
        self._bound: dict[str, Bound] = {}
        self._users = _users(fitted)
        self._last: str | None = None

    def statements(
        self, runs: Sequence[Paragraph], comments: Mapping[CanvasGroup | None, Comment]
    ) -> Iterator[Line]:
        """The statements of the body, those of a section under its comments."""
        if self._ends_with_its_result():
            self._last = self._body.results[0].step
        inline = set(self._inline(runs))
        for run in runs:
            if run is not runs[0]:
                yield Blank()
            if run.section is not None and run.section in comments:
                yield comments[run.section]
            for key in run.steps:
                if key in inline or (len(runs) == 1 and self._is_short_result(key)):
                    self._bound[key] = self._inlined(key)
                elif key != self._last:
                    yield self._assigned(key)
        yield from self._told_of_idle()
        yield ast.Return(self._returned())

    def returns(self) -> ast.expr:
        """The type of what the function returns."""
        types = [self._result_type(result) for result in self._body.results]
        return types[0] if len(types) == 1 else generic("tuple", types)

    def carried_type(self, carried: str) -> ast.expr:
        """The annotation of an output that carries something."""
        self._imports.comfyflow.add("Output")
        inner = self._imports.socket(ANY if carried == SOCKET else carried)
        return generic("Output", [name(inner)])

    def _result_type(self, result: Local) -> ast.expr:
        found = self._fitted.result(result)
        if not found.node:
            return self.carried_type(found.carried)
        if found.node == RAW_NODE:
            self._imports.node_module.add(RAW_NODE)
        elif found.node == ANY_NODE:
            self._imports.comfyflow.add(ANY_NODE)
        return name(found.node)

    def _inline(self, runs: Sequence[Paragraph]) -> Iterator[str]:
        """The steps that are within the one that uses them: short ones, of constants."""
        section = {key: number for number, run in enumerate(runs) for key in run.steps}
        for key, step in self._body.steps.items():
            made = self._fitted.calls.get(key)
            users = self._users.get((key, 0), [])
            if made is None or not isinstance(step, NodeStep) or len(made.outputs) != 1:
                continue
            plain = not any(map(self._is_link, step.inputs.values()))
            alone = self._fitted.uses[key] == {0: 1} and len(users) == 1
            loads = "load" in step.node.class_type.casefold()
            if not (plain and alone) or loads or self._title(step) or section[users[0][0]] != section[key]:
                continue
            if len(flat(self._made(key))) <= MAX_INLINE:
                yield key

    def _told_of_idle(self) -> Iterator[Comment]:
        """Which nodes are returned only to be kept: a server runs what an output needs."""
        idle = [result for result in self._body.results if self._is_idle(result)]
        if idle and len(idle) < len(self._body.results) and not self._body.unit:
            names = ", ".join(self._called(result.step) for result in idle)
            yield Comment([f"# {line}" for line in wrap(f"No output needs these: {names}.", _COMMENT)])

    def _called(self, key: str) -> str:
        """A node as a comment names it: its variable, or its class where it has none."""
        bound = self._bound[key](WHOLE)
        return (
            bound.id if isinstance(bound, ast.Name) else comment_text(self._origin(key, WHOLE)[0].class_type)
        )

    def _is_idle(self, result: Local) -> bool:
        step = self._body.steps[result.step]
        known = self._known(step) if isinstance(step, NodeStep) else None
        return known is not None and not known.is_output_node

    def _ends_with_its_result(self) -> bool:
        """Whether all that the function returns is what its last step gives."""
        results = self._body.results
        if len(results) != 1 or sum(self._fitted.uses[results[0].step].values()) != 1:
            return False
        step = self._body.steps[results[0].step]
        return isinstance(step, NodeStep) or len(step.body.results) == 1

    def _is_short_result(self, key: str) -> bool:
        """Whether a node that is run for is made where it is returned."""
        step = self._body.steps[key]
        if not isinstance(step, NodeStep) or self._fitted.uses.get(key) != {WHOLE: 1}:
            return False
        return not self._title(step) and len(flat(self._made(key))) <= MAX_INLINE

    def _is_link(self, value: Any) -> bool:
        """Whether a value is an output, of a node or given to the function."""
        if isinstance(value, ParameterUse):
            return bool(self._body.parameters[value.name].carried)
        return isinstance(value, Local)

    def _inlined(self, key: str) -> Bound:
        made = self._made(key)
        return lambda _slot: made

    def _returned(self) -> ast.expr:
        if self._last is not None:
            return self._picked(self._body.results[0])
        values = [self._bound[result.step](result.slot) for result in self._body.results]
        return values[0] if len(values) == 1 else ast.Tuple(values, ast.Load())

    def _picked(self, result: Local) -> ast.expr:
        """The last step of a function of one result, which needs no name."""
        made = self._made(result.step)
        step = self._body.steps[result.step]
        if result.slot == WHOLE or isinstance(step, CallStep):
            return made
        known = self._fitted.calls.get(result.step)
        if known is None:
            return item(made, result.slot)
        outputs = known.node_class.outputs
        return made if len(outputs) == 1 else attribute(made, outputs[result.slot].name)

    def _assigned(self, key: str) -> ast.stmt:
        """The statement that makes a node; from then on its outputs have names."""
        step, made = self._body.steps[key], self._made(key)
        used = self._fitted.uses.get(key, {})
        if isinstance(step, CallStep):
            return self._unpacked(key, made, len(step.body.results))
        known = self._fitted.calls.get(key)
        slots = [slot for slot in used if slot != WHOLE]
        if known is None:
            if len(slots) == 1 and WHOLE not in used:
                return self._single(key, item(made, slots[0]), slots[0])
            variable = self._scope.claim(*whole_names(step.node, self._known(step)))
            self._bound[key] = lambda slot: name(variable) if slot == WHOLE else item(name(variable), slot)
            return assignment([variable], made)
        outputs = known.node_class.outputs
        if len(outputs) <= 1 and slots:
            return self._single(key, made, 0)
        if len(slots) == 1 and WHOLE not in used:
            return self._single(key, attribute(made, outputs[slots[0]].name), slots[0])
        if slots and WHOLE not in used and len(outputs) <= MAX_UNPACKED and known.node_class.is_tuple:
            return self._unpacked(key, made, len(outputs))
        variable = self._scope.claim(*whole_names(step.node, known.node_class.schema))
        self._bound[key] = lambda slot: (
            name(variable) if slot == WHOLE else attribute(name(variable), outputs[slot].name)
        )
        return assignment([variable], made)

    def _single(self, key: str, made: ast.expr, slot: int) -> ast.stmt:
        variable = self._scope.claim(*self._names(key, slot))
        self._bound[key] = lambda _slot: name(variable)
        return assignment([variable], made)

    def _unpacked(self, key: str, made: ast.expr, count: int) -> ast.stmt:
        used = self._fitted.uses.get(key, {})
        if count == 1:
            return self._single(key, made, 0)
        names = [self._scope.claim(*self._names(key, slot)) if slot in used else "_" for slot in range(count)]
        self._bound[key] = lambda slot: name(names[slot])
        return assignment(names, made)

    def _names(self, key: str, slot: int) -> list[str]:
        users = [user for _, user in self._users.get((key, slot), [])]
        node, inner = self._origin(key, slot)
        known: NodeSchema | None = self._schema.get(node.class_type)
        if inner == WHOLE:
            return whole_names(node, known)
        return names_for_output(node, known, inner, self._fitted.carried(Local(key, slot)), users)

    def _origin(self, key: str, slot: int) -> tuple[GraphNode, int]:
        """The node that a slot of a step comes from, through however many functions."""
        step = self._body.steps[key]
        while isinstance(step, CallStep):
            result = step.body.results[slot]
            step, slot = step.body.steps[result.step], result.slot
        return step.node, slot

    def _known(self, step: NodeStep) -> NodeSchema | None:
        known: NodeSchema | None = self._schema.get(step.node.class_type)
        return known

    def _title(self, step: NodeStep) -> str:
        """The title that has to be said, because it is not the usual one."""
        title, known = step.node.title, self._known(step)
        usual = (step.node.class_type, known.display_name if known is not None else "")
        return title if title and title not in usual else ""

    def _made(self, key: str) -> ast.expr:
        """The call that makes a node, with its title."""
        step = self._body.steps[key]
        if isinstance(step, CallStep):
            arguments = {
                key: self._value(_whole(value) if step.body.parameters[key].type == "int" else value)
                for key, value in step.arguments.items()
            }
            return call_expression(name(self._functions[id(step.body)]), (), arguments)
        known = self._fitted.calls.get(key)
        made = self._raw(step) if known is None else self._typed(step, known)
        title = self._title(step)
        if not title:
            return made
        self._imports.comfyflow.add("titled")
        return call_expression(name("titled"), [made, ast.Constant(title)])

    def _typed(self, step: NodeStep, known: NodeCall) -> ast.expr:
        self._imports.nodes.add(known.node_class.name)
        arguments = {key: self._argument(step, value) for key, value in known.arguments.items()}
        made = call_expression(name(known.node_class.name), (), arguments)
        if not known.extra:
            return made
        self._imports.comfyflow.add("with_inputs")
        extra = dictionary({key: self._value(step.inputs[key]) for key in known.extra})
        return call_expression(name("with_inputs"), [made, extra])

    def _raw(self, step: NodeStep) -> ast.expr:
        self._imports.comfyflow.add("raw_node")
        inputs = {key: self._value(value) for key, value in step.inputs.items()}
        class_type = ast.Constant(step.node.class_type)
        return call_expression(name("raw_node"), [class_type, dictionary(inputs)] if inputs else [class_type])

    def _argument(self, step: NodeStep, value: Value) -> ast.expr:
        if isinstance(value, Leaf):
            given = step.inputs[value.wire]
            return self._value(_whole(given) if value.whole else given)
        if isinstance(value, ListValue):
            return listing(self._argument(step, element) for element in value.values)
        if isinstance(value, Inner):
            source = [self._argument(step, value.source)] if value.source is not None else []
            named = {key: self._argument(step, inner) for key, inner in value.arguments.items()}
            return call_expression(dotted(value.path), source, named)
        return dictionary({key: self._argument(step, element) for key, element in value.values.items()})

    def _value(self, value: Any) -> ast.expr:
        if isinstance(value, Local):
            return self._bound[value.step](value.slot)
        return (
            name(value.name)
            if isinstance(value, ParameterUse)
            else self._imports.constant(python_value(value))
        )


def _whole(value: Any) -> Any:
    """A number without a fraction as an int."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _users(fitted: Fitted) -> Mapping[tuple[str, int], list[tuple[str, str]]]:
    """The steps that use each output, with the names of the inputs that they take it for."""
    users: defaultdict[tuple[str, int], list[tuple[str, str]]] = defaultdict(list)
    for key, step in fitted.body.steps.items():
        for taken, value in _taken(step):
            if isinstance(value, Local):
                users[value.step, value.slot].append((key, taken.rpartition(".")[2] or taken))
    return users


def _taken(step: Step) -> Iterator[tuple[str, Any]]:
    yield from (step.inputs if isinstance(step, NodeStep) else step.arguments).items()
