"""What a node class gives its nodes in the editor: slots and widgets, in the editor's order."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping
from copy import copy
from functools import partial
from typing import Any, Final

from ..bounds import DYNAMIC_NESTING
from ..dynamic.autogrow import GrownSlots
from ..json_types import is_object
from ..schema import InputSchema, NodeSchema, Schema
from .dynamic_inputs import NewNode
from .editor_rules import EditorRules
from .frontend_widgets import PACK_WIDGET, SEED_NAMES, added_inputs, added_widgets, widget_types
from .javascript import truthy
from .live_graph import INodeInputSlot, InputSpec, IWidget


def _never(_: str) -> bool:
    return False


class NodeShape:
    """What a class gives each of its nodes.

    A node of a plain class gets copies of `inputs` and `widgets`. One with dynamic inputs starts
    so and then changes with its values (see `dynamic_inputs`).

    Attributes:
        class_type: The class.
        title: What the editor calls it.
        module: The ``python_module`` that it comes from.
        sent_as: What the prompt calls it: the ``name`` of its description, which differs in rare packs.
        core: Whether it comes with ComfyUI, not with a custom node pack.
        is_output: Whether it gives something to the client.
        entries: Its inputs as the server describes them, with those that the editor adds.
        specs: Its inputs by name, without those that a dynamic input brings.
        inputs: The slots that a new node has, in the editor's order: sockets, then widgets.
        widgets: The widgets that it has.
        outputs: Name and type of what it gives.
        dynamic: Whether its inputs depend on values or links.
        is_steady: Whether they do not, and each slot that stands for a widget has that.
        growing: The inputs that grow of a new node, by name.
        match_groups: For each template: the inputs that share a type, with what each
            allows.
        match_outputs: For each output: the template that it follows, or None.
        forced: Which saved values belong to inputs that were widgets once, or None if none.
        forced_count: How many values must have been saved for that to count.
        marks: For each value that is saved of an input, whether it is of one that was a widget once.
        is_given: Whether some class of the server has an output of a type.
        text_name: The name by which ``%Node.widget%`` finds a node that was saved without one.
    """

    def __init__(
        self, node: NodeSchema, rules: EditorRules, is_given: Callable[[str], bool] = _never
    ) -> None:
        self.is_given = is_given
        self.class_type: Final = node.class_type
        self.title: str = node.display_name
        self.module: Final = node.python_module
        named = node.raw.get("name")
        self.sent_as: Final = named if isinstance(named, str) and named else node.class_type
        self.core: Final = not node.python_module.startswith("custom_nodes")
        self.is_output: Final = node.is_output_node
        self.rules = rules
        self.inputs: list[INodeInputSlot] = []
        self.widgets: list[IWidget] = []
        self.outputs: Final = [(o.name, "*" if o.is_wild else o.type) for o in node.outputs]
        self.dynamic: bool = False
        self.is_steady: bool = False
        self.growing: dict[str, GrownSlots] = {}
        self.specs: dict[str, InputSpec] = {}
        self._grown_specs: dict[tuple[str, int], InputSpec] = {}
        self.match_groups: dict[str, dict[str, str]] = {}
        self.match_outputs: Final = [o.match_template if rules.match_outputs else None for o in node.outputs]
        self.text_name: Final = None if node.class_type in rules.save_classes else node.class_type
        self._makers = widget_types(rules)
        entries = _ordered(node, rules)
        self.entries = entries
        specs = [self._spec(entry, entry.name) for entry in entries]
        self.specs = {spec.name: spec for spec in specs}
        self._note_model_file(specs)
        self._fill(specs)
        self.widgets.extend(added_widgets(node.class_type, rules))
        self.forced: list[bool] | None
        self.forced_count: int
        self.marks: list[bool]
        self._note_forced(specs)
        self._variants: dict[tuple[str, ...], NodeShape] = {}

    def with_widgets(self, names: tuple[str, ...]) -> NodeShape:
        """This shape, but with widgets for inputs that were taken for sockets [C3b].

        Args:
            names: The inputs, in the editor's order.
        """
        known = self._variants.get(names)
        if known is None:
            known = self._variants[names] = copy(self)
            specs = [copy(spec) for spec in self.specs.values()]
            for spec in specs:
                if spec.name in names:
                    spec.widgets = tuple(PACK_WIDGET(spec, self.rules))
            known.specs = {spec.name: spec for spec in specs}
            known._fill(specs)
            known.widgets.extend(added_widgets(self.class_type, self.rules))
            known._note_forced(specs)
        return known

    def grown_spec(self, entry: InputSchema, name: str) -> InputSpec:
        """A slot of an input that grows; what it consists of is worked out once."""
        key = (name, id(entry.options))  # the options live as long as the specs that hold them
        known = self._grown_specs.get(key)
        if known is None or known.type != entry.type:
            known = self._grown_specs[key] = self._spec(entry, name)
        return known

    def _spec(self, entry: InputSchema, name: str, depth: int = 0) -> InputSpec:
        made = InputSpec(entry, name, self.class_type, depth)
        if entry.dynamic_options and self.rules.dynamic_inputs and depth < DYNAMIC_NESTING:
            group = "" if self.rules.short_option_names else f"{name}."
            made.brings = {
                option.key: tuple(self._spec(e, f"{group}{e.name}", depth + 1) for e in option.inputs)
                for option in entry.dynamic_options
            }
        if not made.force_input:
            maker = self._makers.get(made.widget_type)
            if maker is None and made.widget_type != made.type and not self.core:
                maker = (
                    PACK_WIDGET  # [C3a]: the server says that it is a widget, and its pack knows of what kind
                )
            made.widgets = tuple(maker(made, self.rules)) if maker is not None else ()
        return made

    def _note_model_file(self, specs: list[InputSpec]) -> None:
        """Tell the 3D loaders of old whether they are behind a list of files."""
        if not any(spec.name == "model_file" and spec.widgets for spec in specs):
            return
        maker = self._makers.get("LOAD_3D")
        for spec in specs:
            if spec.type == "LOAD_3D" and maker is not None:
                spec.beside_model_file = True
                spec.widgets = tuple(maker(spec, self.rules))

    def _fill(self, specs: list[InputSpec]) -> None:
        new = NewNode(self)
        for spec in specs:
            new.add_socket(spec)
        for spec in specs:
            new.add_widget(spec)
        self.inputs = new.inputs
        self.widgets = new.widgets
        self.dynamic = (
            bool(self.growing)
            or any(spec.brings for spec in specs)
            or (self.class_type == "CustomCombo" and self.rules.custom_combos)
        )

    def _note_forced(self, specs: list[InputSpec]) -> None:
        self.forced, self.forced_count = self._forced(specs)
        self.marks = _marks(specs, {widget.name for widget in self.widgets if widget.saved})
        names = {widget.name for widget in self.widgets}
        self.is_steady = not self.dynamic and names.issuperset(
            slot.widget for slot in self.inputs if slot.widget is not None
        )

    def _forced(self, specs: list[InputSpec]) -> tuple[list[bool] | None, int]:
        if not any(spec.force_input for spec in specs):
            return None, 0
        names = {widget.name for widget in self.widgets}
        if not self.rules.forced_by_input:
            marks = _marks(specs, names)
            return marks, len(marks)
        saved = [spec for spec in specs if spec.name in names or spec.force_input]
        count = sum(2 if _is_controlled(spec) or spec.name in SEED_NAMES else 1 for spec in saved)
        return [spec.force_input for spec in saved], count


def _marks(specs: list[InputSpec], names: Collection[str]) -> list[bool]:
    """For each value of these widgets, and of inputs that were widgets once, whether it is of the latter."""
    marks: list[bool] = []
    for spec in specs:
        if spec.name in names or spec.force_input:
            marks += [spec.force_input, False] if _is_controlled(spec) else [spec.force_input]
    return marks


def _is_controlled(spec: InputSpec) -> bool:
    return truthy(spec.options.get("control_after_generate"))


def _ordered(node: NodeSchema, rules: EditorRules) -> list[InputSchema]:
    """The inputs with those that the editor adds.

    These are at the end where the server gives an order of inputs, else behind the required ones.
    """
    required = {entry.name: entry for entry in node.inputs if entry.required}
    optional = [entry for entry in node.inputs if not entry.required]
    given = {name: _definition(entry) for name, entry in required.items()}
    added = {
        name: InputSchema(name, kind, True) for name, kind in added_inputs(node.class_type, given, rules)
    }
    if not is_object(node.raw.get("input_order")):
        return [*{**required, **added}.values(), *optional]
    kept = [added.pop(entry.name, entry) for entry in required.values()]
    return [*kept, *optional, *added.values()]


def _definition(entry: InputSchema) -> tuple[Any, Mapping[str, Any]]:
    return (list(entry.legacy_choices) if entry.legacy_combo else entry.type, entry.options)


class NodeShapes:
    """The shapes of a server's classes under one version of the editor, made when first wanted."""

    def __init__(self, schema: Schema, rules: EditorRules) -> None:
        self._schema = schema
        self._rules = rules
        self._shapes: dict[str, NodeShape | None] = {}
        self.roles: dict[str, str] = {}
        """What nodes of a type are, where neither the file nor a pack decides it."""
        self._given: set[str] | None = None

    def get(self, class_type: str) -> NodeShape | None:
        """The shape of that class, or None if the server does not know it."""
        if class_type in self._shapes:
            return self._shapes[class_type]
        node = self._schema.get(class_type)
        shape = NodeShape(node, self._rules, self._is_given) if isinstance(node, NodeSchema) else None
        self._shapes[class_type] = shape
        return shape

    def _is_given(self, type_: str) -> bool:
        if self._given is None:
            self._given = {
                output.type
                for class_type in self._schema
                if isinstance(node := self._schema.get(class_type), NodeSchema)
                for output in node.outputs
            }
        return type_ in self._given


_Cache = dict[int, tuple[weakref.ref[Schema], dict[str, NodeShapes]]]
_cache: _Cache = {}


def _forget(cache: _Cache, key: int, _: weakref.ref[Schema]) -> None:
    """Drop the shapes of a schema that is gone; it is given the cache, which outlives this module's names."""
    cache.pop(key, None)


def node_shapes(schema: Schema, rules: EditorRules) -> NodeShapes:
    """The shapes for a schema; one schema's are made once and live as long as it does."""
    key = id(schema)
    holder, by_version = _cache.get(key, (None, dict[str, NodeShapes]()))
    if holder is None or holder() is not schema:
        by_version = {}
        _cache[key] = (weakref.ref(schema, partial(_forget, _cache, key)), by_version)
    if rules.name not in by_version:
        by_version[rules.name] = NodeShapes(schema, rules)
    return by_version[rules.name]
