"""One input of a node class, as a server's /object_info describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, Final

from ..dynamic import KEYED, KINDS, UNFOLDING, DynamicInput, DynamicOption, GrowthTemplate
from ..json_types import is_array, is_number, is_object, text_or_empty
from ..record import Record

COMBO: Final = "COMBO"
ANY: Final = "*"
PRIMITIVES: Final = frozenset({"INT", "FLOAT", "STRING", "BOOLEAN"})

_UPLOAD: Final = "_upload"
UPLOAD_FLAGS: Final = {
    f"{kind}{_UPLOAD}": kind for kind in ("image", "animated_image", "audio", "video", "file")
}
"""Options that let the editor upload a file, and its kind."""

ANY_FILE: Final = "comfyflow_any_file"
"""The option by which a server says that a list of models is not all that it takes: a simulator does."""


class _Missing:
    """The default of an input that has none. `None` can itself be a default."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


class InputSchema(Record):
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
        legacy_choices: The choices of a dynamic combo.
    """

    name: str
    type: str
    required: bool
    options: Mapping[str, Any]
    legacy_combo: bool
    legacy_choices: tuple[Any, ...]

    _names: ClassVar[tuple[str, ...]] = (
        "name",
        "type",
        "required",
        "options",
        "legacy_combo",
        "legacy_choices",
    )

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002  # the server's word
        required: bool,
        options: Mapping[str, Any] | None = None,
        legacy_combo: bool = False,
        legacy_choices: tuple[Any, ...] = (),
    ) -> None:
        self.__dict__.update(
            name=name,
            type=type,
            required=required,
            options={} if options is None else options,
            legacy_combo=legacy_combo,
            legacy_choices=legacy_choices,
        )

    @cached_property
    def types(self) -> frozenset[str]:
        """The members of a union type; of any other, itself."""
        return frozenset(part.strip() for part in self.type.split(","))

    @property
    def is_combo(self) -> bool:
        """Whether it is a choice of a list (not of what it brings)."""
        return self.type == COMBO

    @property
    def is_choice(self) -> bool:
        """Whether it is a choice of a list, or of what it brings."""
        return self.type == COMBO or self.type in KEYED

    @property
    def offered(self) -> tuple[Any, ...] | None:
        """What a choice offers, or None if it is not one or the server does not say."""
        return self.dynamic.keys if self.dynamic is not None else self.choices

    @cached_property
    def choices(self) -> tuple[Any, ...] | None:
        """The values of a combo, or None if it is not one or the server does not list them."""
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

    @cached_property
    def upload(self) -> str | None:
        """What kind of file the editor lets one upload here (``image``, ``audio``, ``video``,
        ``file``, ``animated_image``, or a pack's own word), or None.
        """
        for flag, kind in UPLOAD_FLAGS.items():
            if self.options.get(flag):
                return kind
        for flag, said in self.options.items():
            if said is True and flag.endswith(_UPLOAD):
                return flag.removesuffix(_UPLOAD)
        return None

    @cached_property
    def dynamic(self) -> DynamicInput | None:
        """What its kind of dynamic input says about it; None if it is of none."""
        kind = KINDS.get(self.type)
        return None if kind is None else kind(self, read_inputs)

    @property
    def match_template(self) -> str | None:
        """The id that ties the inputs and outputs of one node together that are of one type, or None."""
        return self.dynamic.template_id if self.dynamic is not None else None

    @property
    def match_types(self) -> str:
        """The types that the input allows, as the server writes them (``*``, ``A,B``)."""
        allowed = self.dynamic.socket_type if self.dynamic is not None else None
        return ANY if allowed is None else allowed

    @property
    def is_kept(self) -> bool:
        """Whether the editor hides it and it may be omitted: it is kept for prompts of older
        servers (0.33.0 and later).
        """
        return not self.required and self.options.get("hidden") is True

    @property
    def is_dynamic(self) -> bool:
        """Whether it stands for other inputs that depend on what is given."""
        return self.type in UNFOLDING

    @property
    def is_widget(self) -> bool:
        """Whether a value can be typed in: no pure socket. A union counts if a member does."""
        if self.options.get("forceInput"):
            return False
        if self.options.get("widgetType"):
            return True
        return bool(self.types & PRIMITIVES) or self.is_choice

    @property
    def dynamic_options(self) -> tuple[DynamicOption, ...]:
        """The choices of an input that a key unfolds, in the server's order; of any other, none."""
        return self.dynamic.options if self.dynamic is not None else ()

    @property
    def slot_inputs(self) -> tuple[InputSchema, ...]:
        """What a link asks for once it is there, or what each row consists of."""
        return self.dynamic.fields if self.dynamic is not None else ()

    @property
    def autogrow(self) -> GrowthTemplate | None:
        """The template of an input that grows, or None if it does not or cannot be used."""
        return self.dynamic.growth if self.dynamic is not None else None


def read_inputs(groups: object) -> tuple[InputSchema, ...]:
    """The inputs in a ``{"required": …, "optional": …}`` object, in the server's order.

    Hidden inputs are left out: the server fills them. What is not an input definition is left out
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
