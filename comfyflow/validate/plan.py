"""What there is to check of a node class, worked out once and kept with the schema."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..bounds import DYNAMIC_NESTING
from ..dynamic import wrong_input
from ..json_types import is_array, is_object
from ..schema import (
    InputSchema,
    NodeSchema,
    OutputSchema,
    Schema,
    is_pack,
    lists_files,
    unfold_inputs,
)
from ..schema.catalogue import Outline, outlines
from ..schema.input_schema import ANY_FILE
from .core_checks import own_check
from .input_files import listed_files
from .own_check import OwnCheck
from .pack_checks import EndlessOutputs, has_endless_outputs, pack_check
from .rules import ServerRules
from .server_error import INVALID_DYNAMIC_INPUT, ErrorEntry

if TYPE_CHECKING:
    from .last_prompt import LastPrompt

SOCKET: Final = 0
INT: Final = 1
FLOAT: Final = 2
STRING: Final = 3
BOOLEAN: Final = 4
CHOICE: Final = 5
_WIDGETS: Final = {"INT": INT, "FLOAT": FLOAT, "STRING": STRING, "BOOLEAN": BOOLEAN}

Check = tuple[int, bool, Any, Any, set[str]]
"""What the fast pass needs of an input: its kind, whether it is required, the least and the
greatest value (or the choices), and the types known to fit it."""

_KEPT_SELECTIONS: Final = 1000
_LARGEST: Final = sys.float_info.max


class InputPlan:
    """One input, ready to be checked.

    Attributes:
        entry: What the schema says about it, under its full dotted name.
        input_type: The type as the server has it: a string, or a V1 combo's list.
        options: The input's options.
        limited: Whether range and choices are checked: the class may do so itself, and what is
            installed on the server may be unknown.
        leaf: The name as the server shows it when it is missing.
        check: See `Check`.
    """

    __slots__ = ("check", "entry", "input_type", "leaf", "limited", "options")

    def __init__(self, entry: InputSchema, rules: ServerRules, own: OwnCheck | None, is_inner: bool) -> None:
        self.entry: InputSchema = entry
        self.input_type: str | list[Any] = list(entry.legacy_choices) if entry.legacy_combo else entry.type
        self.options: Final = entry.options
        self.limited: Final = (own is None or not own.takes(entry.name)) and not _unlisted(entry, rules)
        self.leaf: Final = entry.name.rsplit(".", 1)[-1] if is_inner and rules.checks_combos else entry.name
        self.check: Check = (*_kind(entry, self.limited), set())

    @property
    def name(self) -> str:
        """The full dotted name in a prompt."""
        return self.entry.name

    @property
    def config(self) -> list[Any]:
        """The ``input_config`` of the server's errors."""
        return [self.input_type, self.options]

    @property
    def accepted(self) -> set[str]:
        """Output types that are known to fit; the fast pass looks nowhere else."""
        return self.check[4]


def _unlisted(entry: InputSchema, rules: ServerRules) -> bool:
    """Whether it chooses among installed files, and which are installed is unknown.

    A simulator declares that for lists of models: it takes every name, for it loads none.
    """
    if entry.options.get(ANY_FILE) is True:
        return entry.is_combo
    return not rules.files_known and entry.is_combo and (not entry.choices or lists_files(entry))


def _kind(entry: InputSchema, limited: bool) -> tuple[int, bool, Any, Any]:
    required = entry.required
    if entry.is_combo and not limited and entry.upload is None:
        return STRING, required, None, None  # any text is as good as one of its choices
    kind = CHOICE if entry.is_choice else _WIDGETS.get(entry.type, SOCKET)
    low, high = entry.options.get("min", -_LARGEST), entry.options.get("max", _LARGEST)
    if kind == CHOICE:
        texts = frozenset(choice for choice in entry.offered or () if isinstance(choice, str))
        return (kind, required, texts, None) if low == -_LARGEST and high == _LARGEST else _slow(required)
    if kind in (INT, FLOAT):
        return (kind, required, low, high) if _is_bound(low) and _is_bound(high) else _slow(required)
    if kind in (STRING, BOOLEAN) and (low != -_LARGEST or high != _LARGEST):
        return _slow(required)
    return kind, required, None, None


def _slow(required: bool) -> tuple[int, bool, Any, Any]:
    return SOCKET, required, None, None


def _is_bound(value: object) -> bool:
    """Whether all numbers can be compared with it; NaN is not even equal to itself."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


class Unfolded(NamedTuple):
    """The inputs that a node has, given what was chosen in its dynamic ones.

    Attributes:
        inputs: By full name, those that are required first, else in the schema's order.
        checks: The same, for the fast pass.
        needed: How many of them are required.
        open_choices: Inputs whose key must be chosen and is not.
    """

    inputs: Mapping[str, InputPlan]
    checks: Mapping[str, Check]
    needed: int
    open_choices: Sequence[str]


class ClassPlan:
    """What there is to check of one node class.

    Attributes:
        class_type: Its name.
        node: Its schema; None if the schema's entry cannot be read. The class exists on
            the server, but nothing can be said about its nodes.
        is_output: Whether its nodes are what a prompt is run for.
        output_types: The type of each output, for the fast pass; a list's is not a string.
        own: The check that the class makes itself, or None.
        fixed: The inputs of all its nodes, where they do not depend on what is chosen.
    """

    def __init__(self, class_type: str, node: NodeSchema | None, is_output: bool, rules: ServerRules) -> None:
        self.class_type = class_type
        self.node = node
        self.is_output = is_output
        self.rules = rules
        self.own: Final = (own_check(node, rules) or pack_check(node)) if node is not None else None
        outputs = node.outputs if node is not None else ()
        self.output_types: Final = tuple(_output_type(output) for output in outputs)
        self._dynamic = node is not None and any(entry.is_dynamic for entry in node.inputs)
        self._selections: dict[tuple[Any, ...], Unfolded] = {}
        self.fixed: Final = None if self._dynamic else self._unfold({})

    @cached_property
    def return_types(self) -> list[Any] | tuple[Any, ...]:
        """The outputs as the server indexes them: a list for V3 classes, else a tuple."""
        if self.node is not None and has_endless_outputs(self.node):
            return EndlessOutputs(self.output_types)
        kinds: list[Any] = [[*kind] if is_array(kind) else kind for kind in self.output_types]
        return kinds if self.node is not None and self.node.is_v3 else tuple(kinds)

    @property
    def is_dynamic(self) -> bool:
        """Whether its inputs depend on what it is given."""
        return self._dynamic

    @cached_property
    def flags(self) -> Sequence[tuple[str, str]]:
        """What users should know about all its nodes: our word for it, and a sentence."""
        node = self.node
        if node is None:
            return [("unreadable_class", "has a class that is not in the schema; it is not checked")]
        flags: list[tuple[str, str]] = []
        if node.deprecated:
            flags.append(("deprecated_node", "is deprecated"))
        if node.experimental:
            flags.append(("experimental_node", "is experimental: it may change or disappear"))
        if node.api_node:
            flags.append(("paid_node", "calls a paid service, which needs an account"))
        return flags

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Names that are not inputs for a user."""
        return frozenset(self.node.hidden) if self.node is not None else frozenset()

    @cached_property
    def kept(self) -> frozenset[str]:
        """Inputs that it takes from prompts of older servers, in place of those of an option's."""
        return (
            frozenset(entry.name for entry in self.node.inputs if entry.is_kept) if self.node else frozenset()
        )

    @cached_property
    def filled(self) -> frozenset[str]:
        """Names that the server fills itself, whatever is given for them."""
        return self.node.filled if self.node is not None else frozenset()

    def may_grow(self, name: str) -> bool:
        """Whether the pack that brings the class adds inputs of this name to its nodes."""
        if self.node is None:
            return False
        return name in self._added or any(series.holds(name) for series in self.node.series)

    @cached_property
    def _added(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self.node.added_inputs) if self.node else frozenset()

    def unfold(self, given: Mapping[str, Any]) -> Unfolded:
        """The inputs for these values of the dynamic ones."""
        if self.fixed is not None:
            return self.fixed
        key = self._selection(given)
        unfolded = self._selections.get(key)
        if unfolded is None:
            if len(self._selections) >= _KEPT_SELECTIONS:
                self._selections.clear()
            unfolded = self._selections[key] = self._unfold(given)
        return unfolded

    def _unfold(self, given: Mapping[str, Any]) -> Unfolded:
        own_names: Mapping[str, InputSchema] = self.node.by_name if self.node is not None else {}
        inputs: dict[str, InputPlan] = {}
        for entry in unfold_inputs(self.node.inputs if self.node is not None else (), given):
            before = inputs.get(entry.name)
            if before is None or (entry.required and not before.entry.required):
                inputs[entry.name] = InputPlan(entry, self.rules, self.own, entry.name not in own_names)
        ordered = sorted(inputs.items(), key=lambda item: not item[1].entry.required)
        inputs = dict(ordered)
        checks = {name: plan.check for name, plan in inputs.items()}
        open_choices = [
            name
            for name, entry, _ in self.dynamic_inputs(given)
            if entry.is_choice and entry.required and name not in given
        ]
        needed = sum(check[1] for check in checks.values())
        if self._dynamic and self.wrong_rows(given) is not None:
            needed += 1  # which nothing meets: the node must be looked at closely
        return Unfolded(inputs, checks, needed, open_choices)

    def wrong_rows(self, given: Mapping[str, Any]) -> ErrorEntry | None:
        """What is wrong with the names that are below its dynamic inputs; the server then looks
        at nothing else of the node (after 0.36).
        """
        wrong = wrong_input(self.node.inputs, given) if self.node is not None and self._dynamic else None
        if wrong is None:
            return None
        info = {"input_name": wrong.input_name}
        return ErrorEntry(INVALID_DYNAMIC_INPUT, "Invalid dynamic input", wrong.details, info)

    def _selection(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """What decides which inputs there are: what is chosen, in the order it is met."""
        return tuple(chosen for _, _, chosen in self.dynamic_inputs(given))

    def dynamic_inputs(self, given: Mapping[str, Any]) -> Iterator[tuple[str, InputSchema, Any]]:
        """The dynamic inputs that are in effect, nested ones too.

        Args:
            given: The node's inputs.

        Yields:
            The full name, the input, and what is chosen: a key (False where it is not one of its
            keys), the rows, True for a link; None if nothing is given.
        """
        waiting = [("", self.node.inputs if self.node is not None and self._dynamic else (), 0)]
        while waiting:
            prefix, entries, depth = waiting.pop()
            for entry in entries:
                if entry.is_dynamic and entry.dynamic is not None and depth < DYNAMIC_NESTING:
                    name = prefix + entry.name
                    chosen, inner = entry.dynamic.chosen(name, given)
                    yield name, entry, chosen
                    waiting.extend((start, found, depth + 1) for start, found in inner)


def _output_type(output: OutputSchema) -> Any:
    return output.type if output.choices is None else output.choices


class SchemaPlans:
    """The plans of all classes of a schema, made when first asked for.

    Args:
        schema: The schema.

    Attributes:
        known: The plans of the classes that were asked for; None if the server does not have one.
        last: What is kept of the prompt that was validated last, if anything is.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rules: ServerRules = ServerRules(schema.version, schema.files_known)
        self.known: dict[str, ClassPlan | None] = {}
        self.last: LastPrompt | None = None

    @classmethod
    def of(cls, schema: Schema) -> SchemaPlans:
        """The plans of a schema; the same object each time."""
        plans: SchemaPlans | None = schema.derived.get(cls)
        if plans is None:
            plans = schema.derived[cls] = cls(schema)
        return plans

    def get(self, class_type: object) -> ClassPlan | None:
        """The plan of a class, or None if the server does not have it."""
        if not isinstance(class_type, str):
            return None
        if class_type not in self.known:
            self.known[class_type] = self._plan(class_type)
        return self.known[class_type]

    def _plan(self, class_type: str) -> ClassPlan | None:
        node = self.schema.get(class_type)
        if node is not None:
            return ClassPlan(class_type, node, node.is_output_node, self.rules)
        if class_type not in self.schema.raw:
            return None
        raw = self.schema.entry(class_type)
        is_output = is_object(raw) and raw.get("output_node") is True
        return ClassPlan(class_type, None, is_output, self.rules)

    @cached_property
    def files(self) -> frozenset[str]:
        """The files in the server's input folder, as far as its combos list them."""
        return frozenset(listed_files(self.schema))

    @cached_property
    def linkable_types(self) -> frozenset[str]:
        """Every type that some class of the schema puts out."""
        return frozenset(_put_out(outlines(self.schema.raw)))

    @cached_property
    def core_types(self) -> frozenset[str]:
        """Those that a class of ComfyUI's own puts out: packs bring widgets for theirs."""
        nodes = outlines(self.schema.raw)
        return frozenset(_put_out(node for node in nodes if not is_pack(node.python_module)))


def _put_out(nodes: Iterable[Outline]) -> Iterable[str]:
    for node in nodes:
        if is_array(node.output):
            yield from (part for kind in node.output if isinstance(kind, str) for part in kind.split(","))
