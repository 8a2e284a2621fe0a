"""One input of a node class, as a server's /object_info describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from ..json_types import is_array, is_number, is_object, object_or_empty, text_or_empty

DYNAMIC_COMBO: Final = "COMFY_DYNAMICCOMBO_V3"
AUTOGROW: Final = "COMFY_AUTOGROW_V3"
DYNAMIC_SLOT: Final = "COMFY_DYNAMICSLOT_V3"
DYNAMIC_GROUP: Final = "COMFY_DYNAMICGROUP_V3"
MATCH_TYPE: Final = "COMFY_MATCHTYPE_V3"
COMBO: Final = "COMBO"
ANY: Final = "*"
PRIMITIVES: Final = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN"})
DYNAMIC: Final = frozenset({DYNAMIC_COMBO, AUTOGROW, DYNAMIC_SLOT, DYNAMIC_GROUP})

_UPLOAD: Final = "_upload"
UPLOAD_FLAGS: Final = {
    f"{kind}{_UPLOAD}": kind for kind in ("image", "animated_image", "audio", "video", "file")
}
"""Options that let the editor upload a file, and its kind."""

AUTOGROW_LIMIT: Final = 100
"""A server never makes more slots of one Autogrow input than this (0.4 and later)."""

GROUP_LIMIT: Final = 20
"""A DynamicGroup never has more rows than this (after 0.36)."""

ANY_FILE: Final = "comfyflow_any_file"
"""The option by which a server says that a list of models is not all that it takes: a simulator does."""

MAX_NESTING: Final = 32
"""How deep dynamic inputs may stand in one another. Real schemas reach 3."""


class _Missing:
    """The default of an input that has none. `None` can be a default of its own."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


@dataclass(frozen=True)
class DynamicOption:
    """One choice of a DynamicCombo, and the inputs that it brings.

    Attributes:
        key: The value that selects it.
        inputs: What it adds, under names that are relative to the combo's.
    """

    key: str
    inputs: tuple[InputSchema, ...]


@dataclass(frozen=True)
class Autogrow:
    """The template of an input that grows: one slot a value.

    Attributes:
        names: The slots' own names, in order: what stands behind the dot in a prompt.
        minimum: How many of the first slots must be filled (if the template is required).
        input: What each slot takes; its ``required`` is the template's.
        prefix: What the names start with, or None where the server lists them by hand.
    """

    names: tuple[str, ...]
    minimum: int
    input: InputSchema
    prefix: str | None


@dataclass(frozen=True)
class InputSchema:
    """One input: its wire name, its type, and all that the server says about it.

    Attributes:
        name: The name in a prompt. Inside a dynamic input, relative to it.
        type: The server's type: ``INT``, ``MODEL``, ``COMBO``, ``FLOAT,INT``, ``*``, or one of
            the ``COMFY_…_V3`` forms. A combo in the V1 form (a list in place of a type) has
            the type ``COMBO`` too, and `legacy_combo` set.
        required: Whether the server insists on it.
        options: The second element of the input's definition, untouched.
        legacy_combo: Whether it is a combo in the V1 form. It matters to validation: 0.3.64
            checks only these, and no output type equals a list.
        legacy_choices: The choices of such a combo.
    """

    name: str
    type: str
    required: bool
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    legacy_combo: bool = False
    legacy_choices: tuple[Any, ...] = ()

    @cached_property
    def types(self) -> frozenset[str]:
        """The members of a union type; of any other, itself."""
        return frozenset(part.strip() for part in self.type.split(","))

    @property
    def is_combo(self) -> bool:
        """Whether it is a choice of a list (not a DynamicCombo)."""
        return self.type == COMBO

    @cached_property
    def choices(self) -> tuple[Any, ...] | None:
        """The values of a combo, or None where it is none or the server does not list them."""
        if self.legacy_combo:
            return self.legacy_choices
        listed = self.options.get("options")
        if self.type == COMBO and is_array(listed):
            return tuple(listed)
        return None

    @property
    def default(self) -> Any:
        """The stated default, or `MISSING`. Never the first choice of a list of files."""
        return self.options.get("default", MISSING)

    @property
    def minimum(self) -> int | float | None:
        """The least value, where it is a number."""
        value = self.options.get("min")
        return value if is_number(value) else None

    @property
    def maximum(self) -> int | float | None:
        """The greatest value, where it is a number."""
        value = self.options.get("max")
        return value if is_number(value) else None

    @property
    def tooltip(self) -> str:
        """The server's explanation, or ``""``."""
        return text_or_empty(self.options.get("tooltip"))

    @property
    def multiselect(self) -> bool:
        """Whether a combo takes a list of its choices."""
        return bool(self.options.get("multiselect", False))

    @property
    def upload(self) -> str | None:
        """What kind of file the editor lets one upload here (``image``, ``audio``, ``video``,
        ``file``, ``animated_image``, or what else a pack calls it), or None.
        """
        for flag, kind in UPLOAD_FLAGS.items():
            if self.options.get(flag):
                return kind
        for flag, said in self.options.items():
            if said is True and flag.endswith(_UPLOAD):
                return flag.removesuffix(_UPLOAD)
        return None

    @property
    def match_template(self) -> str | None:
        """The id that ties the MatchType inputs and outputs of one node together, or None."""
        if self.type != MATCH_TYPE:
            return None
        name = object_or_empty(self.options.get("template")).get("template_id")
        return name if isinstance(name, str) else None

    @property
    def match_types(self) -> str:
        """The types that a MatchType input allows, as the server writes them (``*``, ``A,B``)."""
        allowed = object_or_empty(self.options.get("template")).get("allowed_types")
        return allowed if isinstance(allowed, str) else ANY

    @property
    def is_kept(self) -> bool:
        """Whether the editor hides it and nobody need give it: it is kept for prompts of older
        servers (0.33.0 and later).
        """
        return not self.required and self.options.get("hidden") is True

    @property
    def is_dynamic(self) -> bool:
        """Whether it stands for other inputs that depend on what is given."""
        return self.type in DYNAMIC

    @property
    def is_widget(self) -> bool:
        """Whether a value can be typed in: no pure socket. A union counts if a member does."""
        if self.options.get("forceInput"):
            return False
        if self.options.get("widgetType"):
            return True
        return bool(self.types & PRIMITIVES) or self.type in (COMBO, DYNAMIC_COMBO)

    @cached_property
    def dynamic_options(self) -> tuple[DynamicOption, ...]:
        """The choices of a DynamicCombo, in the server's order; of any other input, none."""
        listed = self.options.get("options")
        if self.type != DYNAMIC_COMBO or not is_array(listed):
            return ()
        return tuple(
            DynamicOption(option["key"], read_inputs(option.get("inputs")))
            for option in listed
            if is_object(option) and isinstance(option.get("key"), str)
        )

    @cached_property
    def slot_inputs(self) -> tuple[InputSchema, ...]:
        """What a DynamicSlot asks for once something is linked to it.

        Servers after 0.27.0 list that by the type that is linked, or for no link. What flows is
        not known here: so the inputs of all these options are taken and none is required, and one
        that they do not agree on takes any value.
        """
        if self.type != DYNAMIC_SLOT:
            return ()
        found = {entry.name: entry for entry in read_inputs(self.options.get("inputs"))}
        for option in self.slot_options:
            for entry in read_inputs(option.get("inputs")):
                first = found.setdefault(entry.name, replace(entry, required=False))
                if replace(first, required=entry.required) != entry:
                    found[entry.name] = InputSchema(entry.name, ANY, required=False)
        return tuple(found.values())

    @cached_property
    def slot_options(self) -> tuple[Mapping[str, Any], ...]:
        """What a DynamicSlot of a server after 0.27.0 asks for: ``when`` names the types that are
        linked (None: nothing is), ``inputs`` what it asks for then.
        """
        listed = self.options.get("options")
        if self.type != DYNAMIC_SLOT or not is_array(listed):
            return ()
        return tuple(option for option in listed if is_object(option))

    @cached_property
    def autogrow(self) -> Autogrow | None:
        """The template of an Autogrow input, or None where it is none or cannot be used."""
        template = self.options.get("template")
        if self.type != AUTOGROW or not is_object(template):
            return None
        inner = next(iter(read_inputs(template.get("input"))), None)
        minimum = template.get("min", 1)
        if inner is None or isinstance(minimum, bool) or not isinstance(minimum, int):
            return None
        names = template.get("names")
        if is_array(names):
            known = tuple(name for name in names if isinstance(name, str))[:AUTOGROW_LIMIT]
            return Autogrow(known, minimum, inner, None)
        prefix, maximum = template.get("prefix"), template.get("max", 10)
        if not isinstance(prefix, str) or isinstance(maximum, bool) or not isinstance(maximum, int):
            return None
        grown = tuple(f"{prefix}{index}" for index in range(min(maximum, AUTOGROW_LIMIT)))
        return Autogrow(grown, minimum, inner, prefix)

    @cached_property
    def group(self) -> tuple[InputSchema, ...]:
        """The fields of one row of a DynamicGroup."""
        template = self.options.get("template")
        if self.type != DYNAMIC_GROUP or not is_object(template):
            return ()
        return read_inputs(template.get("input", template))

    @property
    def row_bounds(self) -> tuple[int, int]:
        """How many rows a DynamicGroup has at least and at most."""
        bounds = (self.options.get("min"), self.options.get("max"))
        least, most = (n if isinstance(n, int) and not isinstance(n, bool) else None for n in bounds)
        return max(least or 0, 0), min(GROUP_LIMIT if most is None else most, GROUP_LIMIT)


def read_inputs(groups: object) -> tuple[InputSchema, ...]:
    """The inputs in a ``{"required": …, "optional": …}`` object, in the server's order.

    Hidden inputs are left out: the server fills them. What is no input definition is left out
    too; `read_input` says why, where one must know.

    Args:
        groups: The ``input`` of a node, of a dynamic option or of a template.
    """
    return tuple(
        read_input(name, definition, required)
        for name, definition, required in _definitions(groups)
        if malformed(definition) is None
    )


def malformed(definition: object) -> str | None:
    """What is wrong with an input's definition, or None: it must be ``[type]`` or
    ``[type, options]``, its type a string or a list of choices.
    """
    if not is_array(definition) or not definition:
        return f"expected [type, options], got {definition!r:.80}"
    if not isinstance(definition[0], (str, list, tuple)):
        return f"expected a type name or a list of choices, got {definition[0]!r:.80}"
    if len(definition) > 1 and not isinstance(definition[1], (Mapping, type(None))):
        return f"expected an object of options, got {definition[1]!r:.80}"
    return None


def read_input(name: str, definition: Any, required: bool) -> InputSchema:
    """An input of a definition that is not `malformed`."""
    kind = definition[0]
    options: Mapping[str, Any] = (definition[1] if len(definition) > 1 else None) or {}
    if isinstance(kind, str):
        return InputSchema(name, kind, required, options)
    return InputSchema(name, COMBO, required, options, True, tuple(kind))


def _definitions(groups: object) -> Iterator[tuple[str, Any, bool]]:
    if not is_object(groups):
        return
    seen: set[str] = set()
    for group in ("required", "optional"):
        members = groups.get(group)
        if is_object(members):
            for name, definition in members.items():
                if name not in seen:  # the server looks among the required inputs first
                    yield name, definition, group == "required"
            seen.update(members)
